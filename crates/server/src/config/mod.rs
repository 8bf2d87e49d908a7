//! Every setting, read once before anything is bound. The only place that reads the environment.
//!
//! A setting has one name, written `name` in `nexus.toml`, `NEXUS_NAME` in the environment and `--set name=value` as a
//! flag. Flags win over the environment, the environment over the file. A setting that is unknown or wrong stops the
//! start with one sentence.

mod auth;
mod compression;
mod http;
mod limits;
mod list;
mod log;
mod namespaces;
mod secret;
mod settings;
#[cfg(test)]
mod tests;

pub use auth::{AuthConfig, TokenKey};
pub use http::HttpConfig;
pub use list::{SETTINGS, Setting};
pub use log::{LogConfig, LogFormat};
pub use settings::{ConfigError, Settings};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::ChannelPattern;
use crate::broker::BrokerLimits;
use crate::deflate::Compression;
use crate::feeds::hyperliquid::HyperliquidConfig;
use crate::feeds::linera::LineraConfig;
use crate::history::Keep;
use crate::limits::ClientLimits;
use crate::namespaces::Namespaces;
use crate::presence::PresenceLimits;

/// Every setting.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub bind: SocketAddr,
    /// What is kept on disk.
    pub data_dir: PathBuf,
    /// Pages, origins, proxies.
    pub http: HttpConfig,
    /// What the channels of namespaces keep, and who may do what on them.
    pub namespaces: Arc<Namespaces>,
    /// Tokens and who may what.
    pub auth: AuthConfig,
    /// What one client may do.
    pub limits: ClientLimits,
    /// How messages are compressed for clients that offer it; none if they are not.
    pub compression: Option<Compression>,
    /// What the broker keeps.
    pub broker: BrokerLimits,
    /// Whether durable channels survive a restart.
    pub store: bool,
    /// How long lost connections are waited for, and how many may be in rooms.
    pub presence: PresenceLimits,
    /// Commands to devices that want a confirmation. `NEXUS_DANGEROUS_COMMANDS`.
    pub dangerous_commands: Vec<ChannelPattern>,
    /// The exchange, if there is one.
    pub hyperliquid: Option<HyperliquidConfig>,
    /// The chain node, if there is one.
    pub linera: Option<LineraConfig>,
    /// Logs.
    pub log: LogConfig,
    /// How long a planned end may take.
    pub grace: Duration,
}

impl Config {
    /// Reads every setting. Touches nothing on disk.
    ///
    /// # Errors
    /// If one is unknown or wrong.
    pub fn from_settings(mut settings: Settings) -> Result<Self, ConfigError> {
        let config = Config {
            bind: settings.parse("bind", "an address with a port, like 127.0.0.1:8080")?,
            data_dir: settings.text("data_dir").into(),
            http: HttpConfig::from_settings(&mut settings)?,
            namespaces: namespaces::from_settings(&mut settings)?,
            auth: AuthConfig::from_settings(&mut settings)?,
            limits: limits::from_settings(&mut settings)?,
            compression: compression::from_settings(&mut settings)?,
            broker: broker(&mut settings)?,
            store: settings.switch("store")?,
            presence: presence(&mut settings)?,
            dangerous_commands: dangerous_commands(&mut settings)?,
            hyperliquid: hyperliquid(&mut settings)?,
            linera: linera(&mut settings)?,
            log: LogConfig::from_settings(&mut settings)?,
            grace: settings.seconds("grace_secs")?,
        };
        debug_assert_eq!(settings.unread(), None, "a setting that nothing reads");
        Ok(config)
    }

    /// The settings that hold when nobody says anything.
    pub fn defaults() -> Self {
        Config::from_settings(Settings::default()).expect("the defaults are right: a test reads them")
    }
}

fn broker(settings: &mut Settings) -> Result<BrokerLimits, ConfigError> {
    Ok(BrokerLimits {
        topics: settings.number("topics", 1)?,
        history: Keep {
            publications: settings.number("history_publications", 1)?,
            bytes: settings.number("history_bytes", 1)?,
        },
        telemetry_history: settings.number("telemetry_history", 1)?,
        total_bytes: settings.number("history_total_bytes", 1)?,
        replay: settings.number("replay", 0)?,
        forget_after: settings.seconds("forget_secs")?,
    })
}

fn dangerous_commands(settings: &mut Settings) -> Result<Vec<ChannelPattern>, ConfigError> {
    let patterns = settings.list("dangerous_commands");
    let parse = |text: &String| {
        ChannelPattern::parse(text).map_err(|_| {
            let why = format!("`{text}` is no command: write a name, a prefix like `firmware.*`, or `*`");
            settings.wrong("dangerous_commands", why)
        })
    };
    patterns.iter().map(parse).collect()
}

fn presence(settings: &mut Settings) -> Result<PresenceLimits, ConfigError> {
    Ok(PresenceLimits {
        grace: settings.seconds("presence_grace_secs")?,
        topics: settings.number("topics", 1)?,
        ..PresenceLimits::default()
    })
}

fn hyperliquid(settings: &mut Settings) -> Result<Option<HyperliquidConfig>, ConfigError> {
    let simulated = settings.switch("hyperliquid_simulated")?;
    let Some(url) = settings.optional_text("hyperliquid_url") else {
        return Ok(None);
    };
    let config = HyperliquidConfig::new(&url).map_err(|error| settings.wrong("hyperliquid_url", error))?;
    Ok(Some(HyperliquidConfig { simulated, ..config }))
}

fn linera(settings: &mut Settings) -> Result<Option<LineraConfig>, ConfigError> {
    let simulated = settings.switch("linera_simulated")?;
    let Some(url) = settings.optional_text("linera_url") else {
        return Ok(None);
    };
    let config = LineraConfig::new(&url).map_err(|error| settings.wrong("linera_url", error))?;
    Ok(Some(LineraConfig { simulated, ..config }))
}
