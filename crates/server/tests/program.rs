//! The program itself: what it prints, how it starts, refuses to start, and ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-server"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEXUS_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn start(mut command: Command) -> Running {
    let mut child = command.args(["--bind", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = timeout(DEADLINE, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .expect("it says where it listens");
    let url = first
        .strip_prefix("listening on ")
        .expect("the first line is the contract's")
        .to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    Running { child, lines, url }
}

impl Running {
    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Its end: the exit code, what else it wrote on standard output, and its log.
    async fn end(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        while let Some(line) = timeout(DEADLINE, self.lines.next_line())
            .await
            .expect("it ends")
            .unwrap()
        {
            out.push_str(&line);
        }
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .await
            .unwrap();
        let status = timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap();
        (status.code(), out, log)
    }
}

/// A WebSocket that was greeted, and then never reads nor answers again: it keeps a drain waiting.
async fn stubborn(url: &str) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let handshake = "GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(11).any(|part| part == b"\"connected\"") {
        let mut piece = [0; 4096];
        let read = timeout(DEADLINE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    stream
}

#[tokio::test]
async fn it_starts_without_settings_makes_its_secret_once_and_ends_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(command(dir.path())).await;
    let ready = reqwest::get(format!("{}/health/ready", running.url))
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    running.signal("TERM");
    let (code, out, log) = running.end().await;
    assert_eq!((code, out.as_str()), (Some(0), ""), "{log}");
    assert!(log.contains("stopped"), "{log}");
    let secret = std::fs::read_to_string(dir.path().join("nexus-data/jwt-secret")).unwrap();
    assert!(!log.contains(&secret));
    let running = start(command(dir.path())).await;
    running.signal("INT");
    assert_eq!(running.end().await.0, Some(0));
    assert_eq!(
        std::fs::read_to_string(dir.path().join("nexus-data/jwt-secret")).unwrap(),
        secret
    );
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(command(dir.path())).await;
    let client = stubborn(&running.url).await;
    running.signal("TERM");
    // It drains: the client is told, and does not go.
    let mut client = client;
    let mut piece = [0; 4096];
    let told = timeout(DEADLINE, client.read(&mut piece)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&piece[..told]).contains("shutdown"));
    running.signal("TERM");
    let (code, _, log) = running.end().await;
    assert_eq!(code, Some(1));
    assert!(log.contains("told to stop twice"), "{log}");
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_plain_sentence() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("nexus.toml"), "bindd = \"127.0.0.1:1\"\n").unwrap();
    for (args, variables, says) in [
        (
            &["--config", "nexus.toml"][..],
            &[][..],
            "nexus.toml sets `bindd`, and there is no such setting",
        ),
        (&["--config", "missing.toml"], &[], "missing.toml cannot be read"),
        (&["--bind", "nowhere"], &[], "must be an address with a port"),
        (
            &["--set", "subscriptions=none"],
            &[],
            "--set subscriptions: must be a whole number",
        ),
        (&[], &[("NEXUS_TYPO", "1")], "there is no setting NEXUS_TYPO"),
        (&[], &[("NEXUS_JWT_SECRET", "too short")], "at least 32 bytes"),
    ] {
        let output = command(dir.path())
            .args(args)
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(says), "`{error}` does not say `{says}`");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(output.stdout.is_empty(), "nothing was bound");
    }
    assert!(!dir.path().join("nexus-data").exists(), "nothing was made");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_plainly() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(dir.path())
        .args(["--bind", &address])
        .output()
        .await
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
}

#[tokio::test]
async fn the_log_is_json_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path());
    command.env("NEXUS_LOG_FORMAT", "json").env("NEXUS_LOG", "debug");
    let running = start(command).await;
    let client = stubborn(&running.url).await;
    drop(client);
    running.signal("TERM");
    let (code, _, log) = running.end().await;
    assert_eq!(code, Some(0));
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(
        lines.iter().any(|line| line["fields"]["message"] == "connected"),
        "{log}"
    );
}

#[test]
fn every_setting_is_in_the_operators_manual_as_it_is_in_the_code() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md");
    let text = std::fs::read_to_string(manual).unwrap();
    let rows: Vec<String> = nexus_server::config::SETTINGS
        .iter()
        .map(|setting| {
            let default = if setting.default.is_empty() {
                String::new()
            } else {
                format!("`{}`", setting.default)
            };
            format!("| `{}` | {default} | {} |", setting.name, setting.meaning)
        })
        .collect();
    let (begin, end) = (
        "<!-- settings: a test compares them with the code -->\n",
        "\n<!-- end of settings -->",
    );
    let shown = text
        .split_once(begin)
        .and_then(|(_, rest)| rest.split_once(end))
        .expect("the marks are there")
        .0;
    let expected = format!(
        "\n| name | default | meaning |\n|---|---|---|\n{}\n",
        rows.join("\n")
    );
    assert!(shown == expected, "docs/OPERATING.md should have\n{expected}");
}
