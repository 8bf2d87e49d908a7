//! The server under test: the program as it ships, on a free port, with a data directory of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cable::FAR_NAME;
use crate::log::Log;
use crate::process::{Process, Recipe, Signal};
use crate::until::until;
use crate::wire::{Knock, Refused, Wire};

/// How long a server may take until it is ready; a busy machine is slow.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What a server is started with, beside what every test needs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    variables: Vec<(String, String)>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    recipe: Recipe,
    log: Log,
    address: SocketAddr,
    http: reqwest::Client,
}

impl Settings {
    /// With a variable, as an operator sets it.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl ToString) -> Self {
        self.variables.push((variable.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, OsString)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.clone(), OsString::from(value)))
    }
}

impl Server {
    pub(crate) async fn start(recipe: Recipe, log: Log) -> anyhow::Result<Self> {
        let process = Process::start(&bound_to(&recipe, "127.0.0.1:0"), &log).await?;
        let address = process
            .greeted_with()
            .parse()
            .context("the server printed no address")?;
        let server = Server {
            process,
            recipe,
            log,
            address,
            http: reqwest::Client::new(),
        };
        server.ready().await?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same for a browser, under a name that does not say that it is this machine; see [`Cable::url`](crate::Cable).
    pub fn far_url(&self) -> String {
        format!("http://{FAR_NAME}:{}", self.address.port())
    }

    /// What it wrote.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The program itself.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Connects as a program does.
    ///
    /// # Errors
    /// If the server does not take it.
    pub async fn connect(&self) -> anyhow::Result<Wire> {
        Wire::connect(self.address).await
    }

    /// Connects in any way; the inner error is the server's refusal.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub async fn knock(&self, knock: Knock) -> anyhow::Result<Result<Wire, Refused>> {
        Wire::knock(self.address, &knock).await
    }

    /// Status and body of a path.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let answer = self.http.get(format!("{}{path}", self.url())).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// What `/health` says.
    ///
    /// # Errors
    /// If it says nothing.
    pub async fn health(&self) -> anyhow::Result<Value> {
        let (status, body) = self.get("/health").await?;
        ensure!(status == 200, "/health answered {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Waits until it takes clients.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn ready(&self) -> anyhow::Result<()> {
        until("the server is ready", READY_LIMIT, async || {
            let (status, body) = self.get("/health/ready").await?;
            ensure!(status == 200, "/health/ready answered {status}: {body}");
            Ok(())
        })
        .await
    }

    /// Kills it as `kill -9` does, and starts it again on the same port after what the test does meanwhile.
    ///
    /// # Errors
    /// If it does not start, or what the test does fails.
    pub async fn kill_and_restart(
        self,
        meanwhile: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        self.process.kill().await?;
        meanwhile().await?;
        self.start_again().await
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Errors
    /// If it has ended already.
    pub async fn terminate(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::Terminate).await
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// If it does not within the limit.
    pub async fn ended(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.process.ended(limit).await
    }

    /// Starts a server that has ended again, on the same port.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(self) -> anyhow::Result<Self> {
        let process = Process::start(&bound_to(&self.recipe, &self.address.to_string()), &self.log).await?;
        let server = Server { process, ..self };
        server.ready().await?;
        Ok(server)
    }
}

fn bound_to(recipe: &Recipe, address: &str) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.envs.push(("NEXUS_BIND".to_owned(), address.into()));
    recipe
}
