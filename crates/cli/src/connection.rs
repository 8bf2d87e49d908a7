//! What every command that talks to a server takes: where it is, and who we are.

use std::env::VarError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
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

    #[command(flatten)]
    credentials: Credentials,

    /// How messages travel; what is printed and read here is JSON either way
    #[arg(long, value_name = "WIRE", value_enum, default_value_t = WireName::Json)]
    wire: WireName,
}

/// Options of who we are.
#[derive(clap::Args)]
pub(crate) struct Credentials {
    /// Sign in with this token; others on this machine can see it in the list of processes. Without it and
    /// --token-file, the environment's NEXUS_TOKEN is taken
    // Not by `env`: a variable counts there as if it were typed, and would contradict --token-file.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,

    /// Sign in with the token in this file
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
}

/// The name of a wire.
#[derive(Clone, Copy, clap::ValueEnum)]
enum WireName {
    /// Text frames of JSON
    Json,
    /// Binary frames of MessagePack, where bytes are not a third longer
    Msgpack,
}

impl Credentials {
    /// The token, wherever it comes from.
    pub(crate) fn token(&self) -> anyhow::Result<Option<String>> {
        match (&self.token_file, &self.token) {
            (Some(file), _) => read_token(file).map(Some),
            (None, Some(token)) => trimmed(token).map(Some),
            (None, None) => match std::env::var("NEXUS_TOKEN") {
                Ok(token) => trimmed(&token).context("NEXUS_TOKEN is no good").map(Some),
                Err(VarError::NotPresent) => Ok(None),
                // What it is instead is nobody else's business.
                Err(VarError::NotUnicode(_)) => bail!("NEXUS_TOKEN is no good: it is no text"),
            },
        }
    }
}

impl Connection {
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
        config.token = self.credentials.token()?;
        config.wire = self.wire();
        Ok(config)
    }
}

/// The token in a file.
pub(crate) fn read_token(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the token file {} cannot be read", file.display()))?;
    trimmed(&text).with_context(|| format!("the token file {} is no good", file.display()))
}

fn trimmed(text: &str) -> anyhow::Result<String> {
    let token = text.trim();
    ensure!(!token.is_empty(), "the token is empty");
    Ok(token.to_owned())
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
