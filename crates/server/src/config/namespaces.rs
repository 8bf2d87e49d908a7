//! The operator's namespaces, out of the settings.

use std::sync::Arc;

use crate::config::{ConfigError, Settings};
use crate::namespaces::Namespaces;

pub(super) fn from_settings(settings: &mut Settings) -> Result<Arc<Namespaces>, ConfigError> {
    let lines = settings.list("namespaces");
    let namespaces = Namespaces::parse(&lines).map_err(|error| settings.wrong("namespaces", error))?;
    Ok(Arc::new(namespaces))
}
