//! Clients of other people: programs around WebSocket libraries that know nothing of Nexus.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nexus_e2e::Programs;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Nothing that is due takes longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program around somebody else's WebSocket library.
pub(crate) struct Foreign {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// What the program is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    /// npm's `ws`, at the classic door.
    NpmWs,
    /// Python's `websockets`, at the classic door.
    PythonWebsockets,
    /// The same with Python's `msgpack`, at the native door.
    PythonMsgpack,
}

impl Foreign {
    /// Starts one, which connects to this.
    pub(crate) async fn start(library: Library, url: &str) -> anyhow::Result<Self> {
        let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let mut command = match library {
            Library::NpmWs => {
                let mut command = Command::new(Programs::tool("NEXUS_NODE")?);
                command.env("NODE_PATH", Programs::tool("NEXUS_NODE_PATH")?);
                command.arg(clients.join("classic.js"));
                command
            }
            Library::PythonWebsockets => {
                let mut command = Command::new(Programs::tool("NEXUS_PYTHON")?);
                command.arg(clients.join("classic.py"));
                command
            }
            Library::PythonMsgpack => {
                let mut command = Command::new(Programs::tool("NEXUS_PYTHON")?);
                command.arg(clients.join("packed.py"));
                command
            }
        };
        let mut process = command
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{library:?} does not start"))?;
        let output = process.stdout.take().context("no standard output")?;
        Ok(Foreign {
            input: process.stdin.take().context("no standard input")?,
            output: BufReader::new(output).lines(),
            _process: process,
        })
    }

    /// Has it send this.
    pub(crate) async fn say(&mut self, message: Value) -> anyhow::Result<()> {
        self.input.write_all(format!("{message}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// The next message, or the end.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Value> {
        let line = timeout(DEADLINE, self.output.next_line())
            .await
            .context("nothing came in time")??;
        let line = line.context("the client ended")?;
        serde_json::from_str(&line).with_context(|| line.clone())
    }

    /// The next message of this type; what comes before it is passed over.
    pub(crate) async fn hear_of(&mut self, kind: &str) -> anyhow::Result<Value> {
        for _ in 0..1000 {
            let message = self.hear().await?;
            ensure!(
                message.get("closed").is_none() && message.get("failed").is_none(),
                "{kind} was due, and came {message}"
            );
            if message["type"] == kind {
                return Ok(message);
            }
        }
        bail!("{kind} did not come among a thousand messages")
    }
}
