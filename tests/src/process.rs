//! A program that runs beside a test: started with a free port, its output kept, ended with the value that holds it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::log::Log;
use crate::until::until;

/// How long a program may take to its first words; a busy machine is slow.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How to start a program; kept, so that it can be started again.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) binary: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) envs: Vec<(String, OsString)>,
    pub(crate) dir: PathBuf,
    /// What stands before the address in the line that says where the program listens.
    pub(crate) greeting: &'static str,
}

/// A running program; it is killed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Process {
    /// Guards the program's end: a signal must not go to whoever got its id after it.
    child: Arc<Mutex<Child>>,
    log: Log,
    greeted_with: String,
}

/// What one can send to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to end: SIGTERM.
    Terminate,
    /// Asks it to end as Ctrl-C does: SIGINT.
    Interrupt,
    /// Freezes it: SIGSTOP.
    Stop,
    /// Lets it go on: SIGCONT.
    Continue,
}

/// Memory of a program, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it holds now.
    pub now: u64,
    /// The most that it ever held.
    pub peak: u64,
}

impl Process {
    /// Starts a program and waits until it says where it listens.
    pub(crate) async fn start(recipe: &Recipe, log: &Log) -> anyhow::Result<Self> {
        let mut command = Command::new(&recipe.binary);
        command.args(&recipe.args).current_dir(&recipe.dir);
        // What configures the programs comes from the test alone.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NEXUS_"))
        {
            command.env_remove(name);
        }
        command.envs(recipe.envs.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);

        let before = log.len();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", recipe.binary.display()))?;
        log.follow(child.stdout.take().context("standard output was not piped")?);
        log.follow(child.stderr.take().context("standard error was not piped")?);

        let awaited = format!("{} says `{}…`", log.name(), recipe.greeting);
        let greeting = until(&awaited, START_LIMIT, async || {
            if let Some(line) = log.find_from(before, recipe.greeting) {
                return Ok(Ok(line));
            }
            match child.try_wait()? {
                Some(status) => Ok(Err(status)),
                None => bail!("it runs and has written {} lines", log.len() - before),
            }
        });
        match greeting.await? {
            Ok(line) => {
                let (_, rest) = line.split_once(recipe.greeting).unwrap_or_default();
                let greeted_with = rest.split_whitespace().next().unwrap_or_default().to_owned();
                Ok(Process {
                    child: Arc::new(Mutex::new(child)),
                    log: log.clone(),
                    greeted_with,
                })
            }
            Err(status) => bail!("{} ended at once ({status})", log.name()),
        }
    }

    /// The word behind the greeting: an address or a port.
    pub fn greeted_with(&self) -> &str {
        &self.greeted_with
    }

    /// Its process id.
    ///
    /// # Errors
    /// If it has ended.
    pub async fn id(&self) -> anyhow::Result<u32> {
        self.child
            .lock()
            .await
            .id()
            .with_context(|| format!("{} has ended", self.log.name()))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the program has ended.
    pub async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let name = match signal {
            Signal::Terminate => "-TERM",
            Signal::Interrupt => "-INT",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        let id = self.id().await?;
        self.log.note(format!("[test] {signal:?}"));
        let sent = Command::new("kill")
            .args([name, &id.to_string()])
            .status()
            .await?;
        ensure!(sent.success(), "kill {name} {id} failed: {sent}");
        Ok(())
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.log.note("[test] kill -9");
        let killed = self.child.lock().await.kill().await;
        killed.with_context(|| format!("cannot kill {}", self.log.name()))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// If it does not within the limit.
    pub async fn ended(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.lock().await;
        timeout(limit, child.wait())
            .await
            .with_context(|| format!("{} still ran after {limit:?}", self.log.name()))?
            .with_context(|| format!("cannot wait for {}", self.log.name()))
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If the system does not tell.
    pub async fn is_running(&self) -> anyhow::Result<bool> {
        Ok(self.child.lock().await.try_wait()?.is_none())
    }

    /// What it holds of memory, in bytes.
    ///
    /// # Errors
    /// If it has ended, or the system does not tell.
    pub async fn memory(&self) -> anyhow::Result<Memory> {
        let path = format!("/proc/{}/status", self.id().await?);
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let bytes = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .with_context(|| format!("no {name}"))?;
            let kilobytes = line
                .split_whitespace()
                .next()
                .with_context(|| format!("{name} is empty"))?;
            anyhow::Ok(kilobytes.parse::<u64>()? * 1024)
        };
        Ok(Memory {
            now: bytes("VmRSS:")?,
            peak: bytes("VmHWM:")?,
        })
    }
}
