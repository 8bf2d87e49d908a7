//! A client of the stand-in for tests: sends texts, waits for frames, and tells how a connection ended.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use nexus_standin::exchange::{Config, Exchange, ExchangeHandle};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A small exchange that lives `speed` times as fast as the wall clock.
pub(crate) async fn exchange(speed: f64) -> ExchangeHandle {
    start(Config {
        speed,
        ..Config::small()
    })
    .await
}

pub(crate) async fn start(config: Config) -> ExchangeHandle {
    Exchange::start(config).await.expect("a loopback port is free")
}

pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// What arrives on a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Text(String),
    Binary(Vec<u8>),
    Pong,
    Closed {
        code: u16,
        reason: String,
    },
    /// The line broke without a close frame.
    Broken,
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn connect(exchange: &ExchangeHandle) -> Self {
        Self::try_connect(exchange)
            .await
            .expect("the upgrade is accepted")
    }

    pub(crate) async fn try_connect(exchange: &ExchangeHandle) -> Result<Self, Error> {
        let (socket, _) = patiently("an upgrade", connect_async(exchange.ws_url())).await?;
        Ok(Self { socket })
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket
            .send(Message::text(text))
            .await
            .expect("the connection takes a message");
    }

    pub(crate) async fn send_protocol_ping(&mut self) {
        self.socket
            .send(Message::Ping(Default::default()))
            .await
            .expect("the connection takes a ping");
    }

    pub(crate) async fn request(&mut self, method: &str, subscription: Value) {
        self.send(&json!({ "method": method, "subscription": subscription }).to_string())
            .await;
    }

    /// Subscribes and waits for the ack.
    pub(crate) async fn subscribe(&mut self, subscription: Value) -> Value {
        self.request("subscribe", subscription).await;
        self.frame("subscriptionResponse").await
    }

    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let message = patiently("a frame", self.socket.next()).await;
            return match message {
                Some(Ok(Message::Text(text))) => Event::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => Event::Binary(bytes.to_vec()),
                Some(Ok(Message::Pong(_))) => Event::Pong,
                Some(Ok(Message::Close(Some(frame)))) => Event::Closed {
                    code: frame.code.into(),
                    reason: frame.reason.to_string(),
                },
                Some(Ok(Message::Ping(_) | Message::Frame(_) | Message::Close(None))) => continue,
                Some(Err(_)) | None => Event::Broken,
            };
        }
    }

    /// The next text, whatever it is.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Event::Text(text) => text,
            other => panic!("expected a text, got {other:?}"),
        }
    }

    /// The next frame of a channel; those of other channels are passed over.
    pub(crate) async fn frame(&mut self, channel: &str) -> Value {
        serde_json::from_str(&self.text_of(channel).await).expect("the frame is JSON")
    }

    /// The text of the next frame of a channel.
    pub(crate) async fn text_of(&mut self, channel: &str) -> String {
        let start = format!(r#"{{"channel":"{channel}""#);
        patiently(channel, async {
            loop {
                let text = self.text().await;
                if text.starts_with(&start) {
                    return text;
                }
            }
        })
        .await
    }

    /// How the connection ends; whatever arrives before is passed over.
    pub(crate) async fn end(&mut self) -> Event {
        patiently("the end of the connection", async {
            loop {
                match self.next().await {
                    Event::Text(_) | Event::Binary(_) | Event::Pong => {}
                    end @ (Event::Closed { .. } | Event::Broken) => return end,
                }
            }
        })
        .await
    }

    /// Whether nothing arrives for a while of the wall clock.
    pub(crate) async fn is_silent_for(&mut self, wall: Duration) -> bool {
        tokio::time::timeout(wall, self.socket.next()).await.is_err()
    }
}

/// POSTs to `/info`; status and body.
pub(crate) async fn info(exchange: &ExchangeHandle, body: Value) -> (u16, String) {
    post(exchange, "/info", body.to_string()).await
}

/// POSTs JSON text; status and body.
pub(crate) async fn post(exchange: &ExchangeHandle, path: &str, body: String) -> (u16, String) {
    let request = reqwest::Client::new()
        .post(format!("{}{path}", exchange.url()))
        .header("content-type", "application/json")
        .body(body);
    let response = patiently(path, request.send()).await.expect("the venue answers");
    let status = response.status().as_u16();
    (status, response.text().await.expect("the body arrives"))
}

/// A sample of `tests/fixtures`, without the newline at its end.
pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .trim_end()
        .to_owned()
}
