//! Pages, origins and proxies.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{ConfigError, Settings};
use crate::doors::addresses::Network;
use crate::doors::origin::{Origins, is_origin};

/// Pages, origins and proxies.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The dashboard's files, if they are served. `NEXUS_WEB_DIR`.
    pub web_dir: Option<PathBuf>,
    /// Pages that may connect. None: the server's own. `NEXUS_ALLOWED_ORIGINS`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose word about their clients is believed. `NEXUS_TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<Network>,
}

impl HttpConfig {
    pub(super) fn from_settings(settings: &mut Settings) -> Result<Self, ConfigError> {
        let allowed_origins = settings.list("allowed_origins");
        if let Some(wrong) = allowed_origins
            .iter()
            .find(|origin| *origin != "*" && !is_origin(origin))
        {
            let why =
                format!("`{wrong}` is no origin; write https://host or https://host:port, without a path");
            return Err(settings.wrong("allowed_origins", why));
        }
        let networks = settings.list("trusted_proxies");
        let trusted_proxies = networks
            .iter()
            .map(|network| Network::parse(network))
            .collect::<Result<_, _>>();
        Ok(HttpConfig {
            web_dir: settings.optional_text("web_dir").map(PathBuf::from),
            allowed_origins,
            trusted_proxies: trusted_proxies.map_err(|error| settings.wrong("trusted_proxies", error))?,
        })
    }

    /// Which pages may connect to a server that listens there.
    pub fn origins(&self, bound_to: SocketAddr) -> Origins {
        if self.allowed_origins.iter().any(|origin| origin == "*") {
            return Origins::Any;
        }
        if self.allowed_origins.is_empty() {
            return Origins::Own {
                loopback: bound_to.ip().is_loopback(),
            };
        }
        Origins::Listed(self.allowed_origins.clone())
    }
}
