//! The program under test.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nexus_client::script::Connection;
use nexus_protocol::{MessageId, Reply, Request};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Whatever a test waits for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of `nexus`. Killed when dropped.
pub(crate) struct Nexus {
    child: Child,
    /// None once nobody reads it any more.
    stdout: Option<BufReader<ChildStdout>>,
    /// None if nobody reads it.
    stderr: Option<BufReader<ChildStderr>>,
}

/// What a run left behind.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Nexus {
    /// Runs it with these arguments, and without any setting of whoever runs the tests.
    pub(crate) fn run(args: &[&str]) -> Self {
        Self::run_with(args, &[], Path::new("."))
    }

    /// Runs it with this on its standard input.
    pub(crate) async fn run_fed(args: &[&str], input: &str) -> Self {
        let mut nexus = Self::spawn(args, &[], Path::new("."), [Stdio::piped(), Stdio::piped()]);
        let mut stdin = nexus.child.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).await.unwrap();
        nexus
    }

    /// Runs it with variables of its own, in a directory.
    pub(crate) fn run_with(args: &[&str], variables: &[(&str, &str)], dir: &Path) -> Self {
        Self::spawn(args, variables, dir, [Stdio::null(), Stdio::piped()])
    }

    /// Runs it where nobody reads its standard error any more.
    pub(crate) fn run_unheard(args: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Self::spawn(args, &[], Path::new("."), [Stdio::null(), writer.into()])
    }

    fn spawn(args: &[&str], variables: &[(&str, &str)], dir: &Path, [stdin, stderr]: [Stdio; 2]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        for name in [
            "NEXUS_SERVER",
            "NEXUS_TOKEN",
            "NEXUS_DATA_DIR",
            "NEXUS_JWT_SECRET",
        ] {
            command.env_remove(name);
        }
        let mut child = command
            .args(args)
            .envs(variables.iter().copied())
            .current_dir(dir)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = child.stderr.take().map(BufReader::new);
        Nexus {
            child,
            stdout,
            stderr,
        }
    }

    /// The next line of its standard output.
    pub(crate) async fn line(&mut self) -> String {
        next_line(self.stdout.as_mut().unwrap()).await
    }

    /// The next line of its standard error.
    pub(crate) async fn error_line(&mut self) -> String {
        next_line(self.stderr.as_mut().unwrap()).await
    }

    /// Nobody reads its standard output any more.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end. What it said is what was not read line by line.
    pub(crate) async fn done(mut self) -> Done {
        let end = async { tokio::join!(self.child.wait(), rest(self.stdout), rest(self.stderr)) };
        let (status, stdout, stderr) = tokio::time::timeout(PATIENCE, end).await.expect("it ends");
        Done {
            code: status.unwrap().code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }
}

async fn next_line(stream: &mut (impl AsyncBufRead + Unpin)) -> String {
    let mut line = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_line(&mut line));
    read.await.expect("a line comes").unwrap();
    line.trim_end().to_owned()
}

async fn rest(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut rest = String::new();
    if let Some(mut stream) = stream {
        stream.read_to_string(&mut rest).await.unwrap();
    }
    rest
}

/// The next request that is no ping; pings are answered.
pub(crate) async fn next_request(connection: &mut Connection) -> (MessageId, Request) {
    loop {
        match connection.request().await {
            (id, Request::Ping) => connection.reply(&id, &Reply::Pong).await,
            other => return other,
        }
    }
}
