//! What every command that talks to a server takes: where it is, and who we are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nexus_client::{Config, ServerUrl, Wire};

use crate::failure::Failure;

/// Options of a connection.
#[derive(clap::Args)]
pub(crate) struct Connection {
    /// The server: http://host:port, or ws(s)://…
    #[arg(
        long,
        value_name = "URL",
        env = "NEXUS_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_parser = |text: &str| ServerUrl::parse(text)
    )]
    pub(crate) server: ServerUrl,

    /// Sign in with this token; others on this machine can see it in the list of processes
    #[arg(long, value_name = "TOKEN", env = "NEXUS_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Sign in with the token in this file
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,

    /// How messages travel; what is printed and read here is JSON either way
    #[arg(long, value_name = "WIRE", value_enum, default_value_t = WireName::Json)]
    wire: WireName,
}

/// The name of a wire.
#[derive(Clone, Copy, clap::ValueEnum)]
enum WireName {
    /// Text frames of JSON
    Json,
    /// Binary frames of MessagePack, where bytes are not a third longer
    Msgpack,
}

impl Connection {
    /// The token, wherever it comes from.
    pub(crate) fn token(&self) -> Result<Option<String>, Failure> {
        match (&self.token_file, &self.token) {
            (Some(file), _) => read_token(file).map(Some),
            (None, Some(token)) => trimmed(token).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// How messages travel.
    pub(crate) fn wire(&self) -> Wire {
        match self.wire {
            WireName::Json => Wire::Json,
            WireName::Msgpack => Wire::Msgpack,
        }
    }

    /// What a session is told.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::new(self.server.clone());
        config.token = self.token()?;
        config.wire = self.wire();
        Ok(config)
    }
}

/// The token in a file.
pub(crate) fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the token file {} cannot be read", file.display()))?;
    trimmed(&text)
}

fn trimmed(text: &str) -> Result<String, Failure> {
    match text.trim() {
        "" => Err(Failure::Because("the token is empty".to_owned())),
        token => Ok(token.to_owned()),
    }
}

/// Options of a question that has one answer.
#[derive(clap::Args)]
pub(crate) struct Patience {
    /// How long the answer may take, connecting included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

/// Returns when someone wants this to end.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without signals there is nothing to wait for, and the process ends the hard way.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Runs a command that waits for the network.
pub(crate) fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    // Two: a terminal that is slow to take a line must not keep the link from its heartbeat.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?;
    let done = runtime.block_on(command);
    // Whatever still waits, for a name to be resolved perhaps, is not waited for.
    runtime.shutdown_background();
    done
}
