//! Params of a channel as they stand on the wire: a flat JSON object. [`Topic`](crate::Topic) gives them meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Params by name, in the order of their names, so that equal params have equal text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Value>);

/// Why a channel name with params is no topic.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicError {
    /// The protocol has no such channel.
    #[error("there is no channel `{0}`; namespaces of an operator look like `name:rest`")]
    UnknownChannel(String),
    /// The channel is there, but not with these params.
    #[error("{0}")]
    InvalidParams(String),
}

impl Params {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With one more; replaces one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a param out. `null` is as good as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a param out that must be a string.
    pub(crate) fn take_text(&mut self, name: &str) -> Result<Option<String>, TopicError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TopicError::InvalidParams(format!("`{name}` must be a string"))),
        }
    }

    /// The name of any param that is still there, which then is one that the channel does not have.
    pub(crate) fn first_left(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, value)| !value.is_null())
            .map(|(name, _)| name.as_str())
    }
}
