//! The program itself, killed without a word while clients publish: whatever it acknowledged is there when it is back,
//! in order and without a hole, and a subscriber that comes back misses nothing of it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const DEADLINE: Duration = Duration::from_secs(30);
const SECRET: &str = "the secret of these tests, 32 bytes or more";

struct Program {
    child: Child,
    address: String,
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
}

async fn start(dir: &Path) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-server"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NEXUS_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(dir)
        .args(["--bind", "127.0.0.1:0", "--data-dir", "data"])
        .args([
            "--set",
            "messages_per_minute=1000000",
            "--set",
            "exempt_loopback=true",
        ])
        .args([
            "--set",
            "history_publications=100000",
            "--set",
            "history_bytes=100000000",
        ])
        .env("NEXUS_JWT_SECRET", SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    let first = first.expect("it says where it listens");
    let address = first.strip_prefix("listening on http://").unwrap().to_owned();
    Program { child, address }
}

impl Program {
    async fn connect(&self) -> Client {
        let expires = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + DEADLINE * 20;
        let claims = json!({"sub": "anna", "role": "admin", "exp": expires.as_secs()});
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = encode(&Header::default(), &claims, &key).unwrap();
        let url = format!("ws://{}/v1/ws", self.address);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut client = Client { socket, asked: 0 };
        assert_eq!(client.next().await.unwrap()["type"], "connected");
        let answer = client.ask("auth", json!({"token": token})).await.unwrap();
        assert_eq!(answer["type"], "authenticated", "{answer}");
        client
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

impl Client {
    /// The next message; none if the connection ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(DEADLINE, self.socket.next())
                .await
                .expect("nothing came in time")
            {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Asks, and waits for the answer; none if the connection ended before it came.
    async fn ask(&mut self, kind: &str, payload: Value) -> Option<Value> {
        self.asked += 1;
        let id = format!("m{}", self.asked);
        let text = json!({"type": kind, "id": id, "payload": payload}).to_string();
        self.socket.send(Message::text(text)).await.ok()?;
        loop {
            let message = self.next().await?;
            if message["id"] == id.as_str() {
                return Some(message);
            }
        }
    }

    /// The whole history: offsets and data.
    async fn history(&mut self, channel: &str) -> Vec<(u64, Value)> {
        let mut all = Vec::new();
        let mut since = Value::Null;
        loop {
            let mut payload = json!({"channel": channel});
            if !since.is_null() {
                payload["since"] = since;
            }
            let answer = self.ask("history", payload).await.unwrap();
            let page = &answer["payload"];
            for item in page["items"].as_array().unwrap() {
                all.push((item["offset"].as_u64().unwrap(), item["payload"].clone()));
            }
            if page["more"] != true {
                return all;
            }
            since = json!({"epoch": page["epoch"], "offset": all.last().unwrap().0});
        }
    }
}

/// Publishes until the connection ends; gives back what was acknowledged, and where.
async fn publish_until_killed(mut client: Client, channel: &'static str, name: String) -> Vec<(u64, Value)> {
    let mut acknowledged = Vec::new();
    for number in 0_u64.. {
        let data = json!({"by": name, "n": number});
        let Some(answer) = client
            .ask("publish", json!({"channel": channel, "data": data}))
            .await
        else {
            break;
        };
        assert_eq!(answer["type"], "ack", "{answer}");
        acknowledged.push((answer["payload"]["offset"].as_u64().unwrap(), data));
    }
    acknowledged
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_kill() {
    const CHANNELS: [&str; 2] = ["events", "room:a"];
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(&str, u64, Value)> = Vec::new();
    let mut stood: Option<Value> = None;
    let mut dice = fastrand::Rng::new();
    for round in 0..4 {
        let program = start(dir.path()).await;
        let mut reader = program.connect().await;
        for channel in CHANNELS {
            let history = reader.history(channel).await;
            let offsets: Vec<u64> = history.iter().map(|(offset, _)| *offset).collect();
            let expected: Vec<u64> = (offsets.first().copied().unwrap_or(1)..)
                .take(offsets.len())
                .collect();
            assert_eq!(offsets, expected, "round {round}: {channel} has no hole");
            let reaches = offsets.first().copied().unwrap_or(1);
            for (_, offset, data) in acknowledged
                .iter()
                .filter(|(its, offset, _)| *its == channel && *offset >= reaches)
            {
                let found = history.get((offset - reaches) as usize).map(|(_, data)| data);
                assert_eq!(
                    found,
                    Some(data),
                    "round {round}: {channel} {offset} was acknowledged"
                );
            }
        }
        if let Some(recover) = stood.take() {
            let answer = reader
                .ask("subscribe", json!({"channel": "events", "recover": recover}))
                .await
                .unwrap();
            assert_eq!(answer["payload"]["recovered"], true, "round {round}: {answer}");
            let last = acknowledged
                .iter()
                .filter(|(its, ..)| *its == "events")
                .map(|(_, offset, _)| *offset)
                .max();
            for offset in recover["offset"].as_u64().unwrap() + 1..=last.unwrap() {
                assert_eq!(reader.next().await.unwrap()["offset"], offset, "round {round}");
            }
        }
        let mut publishers = Vec::new();
        for (number, channel) in CHANNELS.into_iter().cycle().take(6).enumerate() {
            let client = program.connect().await;
            let name = format!("r{round}p{number}");
            publishers.push((channel, tokio::spawn(publish_until_killed(client, channel, name))));
        }
        // A subscriber that has seen some, and comes back from there.
        let mut subscriber = program.connect().await;
        let subscribed = subscriber
            .ask("subscribe", json!({"channel": "events", "snapshot": false}))
            .await
            .unwrap();
        let enough = dice.u64(20..120);
        let mut seen = 0;
        while seen < enough {
            let push = subscriber.next().await.unwrap();
            if push["type"] == "events.update" {
                seen += 1;
                if seen == enough / 2 {
                    stood = Some(json!({"epoch": subscribed["payload"]["epoch"], "offset": push["offset"]}));
                }
            }
        }
        program.kill().await;
        for (channel, publisher) in publishers {
            let said = timeout(DEADLINE, publisher).await.unwrap().unwrap();
            acknowledged.extend(said.into_iter().map(|(offset, data)| (channel, offset, data)));
        }
        assert!(acknowledged.len() > 20 * (round + 1));
    }
}
