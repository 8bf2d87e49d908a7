//! Logs: what, and how they are written. They go to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, Settings};

/// Logs: what, and how they are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// What is logged. `NEXUS_LOG`.
    pub filter: String,
    /// How. `NEXUS_LOG_FORMAT`.
    pub format: LogFormat,
}

/// How a log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogConfig {
    pub(super) fn from_settings(settings: &mut Settings) -> Result<Self, ConfigError> {
        let filter = settings.text("log");
        if let Err(error) = EnvFilter::try_new(&filter) {
            return Err(settings.wrong("log", error));
        }
        let format = match settings.text("log_format").trim() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err(settings.wrong("log_format", "must be `text` or `json`")),
        };
        Ok(LogConfig { filter, format })
    }

    /// Starts logging to standard error. Only the first call in a process counts.
    pub fn start(&self) {
        let filter = EnvFilter::new(&self.filter);
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let _ = match self.format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }
}
