//! Nexus as it ships, with a namespace that anyone may listen to. It compresses for whoever asks for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

use super::{Ours, POLL, Running, START_LIMIT};
use crate::bench::cores::Cores;
use crate::demo::http;
use crate::{interrupt, process};

const NAMESPACE: &str = "bench history=64 subscribe=anyone publish=operators";

/// The programs of Nexus.
pub(super) struct Nexus {
    server: PathBuf,
    cli: PathBuf,
}

impl Nexus {
    pub(super) fn new(ours: &Ours) -> Self {
        Self {
            server: ours.server.clone(),
            cli: ours.cli.clone(),
        }
    }

    pub(super) fn version(&self) -> String {
        let version = super::said(Command::new(&self.server).arg("--version"));
        let commit = process::answer(
            Command::new("git")
                .args(["rev-parse", "--short", "HEAD"])
                .current_dir(crate::workspace::root()),
        );
        match commit {
            Some(commit) => format!("{version} ({})", commit.trim()),
            None => version,
        }
    }

    pub(super) fn start(&self, dir: &Path, cores: &Cores) -> anyhow::Result<Running> {
        let data = dir.join("data");
        let mut command = Command::new(&self.server);
        without_our_settings(&mut command);
        command
            .env("NEXUS_BIND", "127.0.0.1:0")
            .env("NEXUS_DATA_DIR", &data)
            .env("NEXUS_NAMESPACES", NAMESPACE)
            .env("NEXUS_EXEMPT_LOOPBACK", "true")
            // The claim of a token goes to a million; one publisher alone may saturate more.
            .env("NEXUS_MESSAGES_PER_MINUTE", u32::MAX.to_string())
            .env("NEXUS_LOG", "warn")
            .current_dir(dir);
        let mut running = Running::that_says_where("nexus-server", command, dir, cores)?;
        let deadline = Instant::now() + START_LIMIT;
        while !matches!(http::get(&running.url, "/health/ready"), Ok(answer) if answer.status == 200) {
            interrupt::check()?;
            running.check_alive()?;
            if Instant::now() > deadline {
                bail!(
                    "nexus-server is up but not ready: see {}",
                    dir.join("log").display()
                );
            }
            interrupt::pause(POLL);
        }
        running.token = Some(self.token(&data)?);
        Ok(running)
    }

    fn token(&self, data: &Path) -> anyhow::Result<String> {
        let mut command = Command::new(&self.cli);
        without_our_settings(&mut command);
        command
            .args(["token", "--sub", "bench", "--role", "operator"])
            .env("NEXUS_DATA_DIR", data);
        let token = process::answer(&mut command)
            .with_context(|| format!("no token: run `{}` by hand and see why", process::shown(&command)))?;
        Ok(token.trim().to_owned())
    }
}

/// What is set for another server of this machine does not count here.
fn without_our_settings(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(b"NEXUS_")) {
        command.env_remove(name);
    }
}
