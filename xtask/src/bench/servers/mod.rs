//! The servers of a run: each started fresh for each measurement, on a free port of this machine, and ended with it.

mod floor;
mod mosquitto;
mod nats;
mod nexus;
mod nginx;
mod node;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::cores::Cores;
use super::peer::Peer;
use crate::service::Service;
use crate::tools::peers;
use crate::{interrupt, process};

const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Whether messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Off,
    On,
}

/// A server that can be started.
pub(super) struct Server {
    pub(super) peer: Peer,
    pub(super) version: String,
    kind: Kind,
}

enum Kind {
    Nexus(nexus::Nexus),
    Floor {
        program: PathBuf,
        mode: &'static str,
    },
    Nginx {
        program: peers::Program,
        module: PathBuf,
    },
    Nats(peers::Program),
    Mosquitto(peers::Program),
    Node {
        node: peers::Node,
        script: &'static str,
    },
}

/// Programs of this checkout.
pub(super) struct Ours {
    pub(super) server: PathBuf,
    pub(super) cli: PathBuf,
    pub(super) floor: PathBuf,
}

/// A server that runs; dropping it ends it.
#[must_use]
pub(super) struct Running {
    service: Service,
    pub(super) url: String,
    /// The process that does the work.
    pub(super) pid: u32,
    /// With which a client may publish, where that is asked for.
    pub(super) token: Option<String>,
}

impl Server {
    /// Gets what the server needs.
    pub(super) fn find_or_install(peer: Peer, ours: &Ours) -> anyhow::Result<Self> {
        let (kind, version) = match peer {
            Peer::FloorByWakeup | Peer::FloorByMessage => {
                let mode = if peer == Peer::FloorByWakeup {
                    "wakeup"
                } else {
                    "message"
                };
                let program = ours.floor.clone();
                (
                    Kind::Floor { program, mode },
                    "`crates/cli/examples/floor.rs`".to_owned(),
                )
            }
            Peer::Nexus => {
                let nexus = nexus::Nexus::new(ours);
                let version = nexus.version();
                (Kind::Nexus(nexus), version)
            }
            Peer::Nchan => {
                let (program, module) = peers::nginx()?;
                let version = nginx::version(&program, &module);
                (Kind::Nginx { program, module }, version)
            }
            Peer::Nats => {
                let program = peers::nats()?;
                let version = said(program.command().arg("--version"));
                (Kind::Nats(program), version)
            }
            Peer::Mosquitto => {
                let program = peers::mosquitto()?;
                let version = mosquitto::version(&program);
                (Kind::Mosquitto(program), version)
            }
            Peer::Ws | Peer::SocketIo => {
                let node = peers::node()?;
                let (script, package) = match peer {
                    Peer::Ws => ("ws.js", "ws"),
                    _ => ("socketio.js", "socket.io"),
                };
                let version = node.version_of(package).unwrap_or_default();
                let interpreter = said(node.program.command().arg("--version"));
                (
                    Kind::Node { node, script },
                    format!("{version}, node {interpreter}"),
                )
            }
        };
        Ok(Self { peer, version, kind })
    }

    /// Starts it; `dir` is its own and empty.
    pub(super) fn start(
        &self,
        dir: &Path,
        cores: &Cores,
        compression: Compression,
    ) -> anyhow::Result<Running> {
        match &self.kind {
            Kind::Nexus(nexus) => nexus.start(dir, cores),
            Kind::Floor { program, mode } => floor::start(program, mode, dir, cores),
            Kind::Nginx { program, module } => nginx::start(program, module, dir, cores, compression),
            Kind::Nats(program) => nats::start(program, dir, cores, compression),
            Kind::Mosquitto(program) => mosquitto::start(program, dir, cores),
            Kind::Node { node, script } => node::start(node, script, dir, cores, compression),
        }
    }
}

impl Running {
    /// A server that says where it listens.
    fn that_says_where(
        name: &'static str,
        command: Command,
        dir: &Path,
        cores: &Cores,
    ) -> anyhow::Result<Self> {
        let service = Service::start(name, &mut cores.for_server(command), &dir.join("log"))?;
        let (service, url) = service.listening(START_LIMIT)?;
        Self::of(service, url, 1)
    }

    /// A server that was told where to listen, and whose work is done by the process this deep below its first.
    fn told_where(
        name: &'static str,
        command: Command,
        dir: &Path,
        cores: &Cores,
        address: SocketAddr,
        depth: usize,
    ) -> anyhow::Result<Self> {
        let mut service = Service::start(name, &mut cores.for_server(command), &dir.join("log"))?;
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect_timeout(&address, START_LIMIT).is_err() {
            interrupt::check()?;
            service.check_alive()?;
            if Instant::now() > deadline {
                bail!(
                    "{name} does not listen on {address}: see {}",
                    dir.join("log").display()
                );
            }
            interrupt::pause(POLL);
        }
        Self::of(service, format!("http://{address}"), depth)
    }

    fn of(mut service: Service, url: String, depth: usize) -> anyhow::Result<Self> {
        let deadline = Instant::now() + START_LIMIT;
        let pid = loop {
            if let Some(pid) = (0..depth).try_fold(service.leash_id(), |parent, _| child_of(parent)) {
                break pid;
            }
            service.check_alive()?;
            if Instant::now() > deadline {
                bail!("the process of {} is not to be found", service.name());
            }
            interrupt::pause(POLL);
        };
        Ok(Self {
            service,
            url,
            pid,
            token: None,
        })
    }

    /// Fails when it has ended by itself.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        self.service.check_alive()
    }
}

/// An address of this machine that nobody listens on.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port")?;
    Ok(listener.local_addr()?)
}

/// A process that was started by `parent`.
fn child_of(parent: u32) -> Option<u32> {
    std::fs::read_dir("/proc").ok()?.find_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may have anything in it; behind it stand the state and the parent.
        let behind = stat.rsplit_once(')')?.1;
        let its_parent: u32 = behind.split_whitespace().nth(1)?.parse().ok()?;
        (its_parent == parent).then_some(pid)
    })
}

/// The last word of the first line that a program answers; where versions stand.
fn said(command: &mut Command) -> String {
    let answer = process::answer(command).unwrap_or_default();
    let word = answer
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().last());
    word.unwrap_or("of unknown version")
        .trim_start_matches('v')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_children_are_found() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let mut found = None;
        for _ in 0..1000 {
            found = child_of(std::process::id());
            if found.is_some() {
                break;
            }
        }
        assert!(found.is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_version_is_the_last_word_of_the_first_line() {
        assert_eq!(said(Command::new("echo").arg("nats-server: v2.9.10")), "2.9.10");
        assert_eq!(said(&mut Command::new("false")), "of unknown version");
    }
}
