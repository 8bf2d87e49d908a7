//! A raw client of the native door: sends whatever bytes a test wants, and reads what comes back to the close code.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use nexus_protocol::{FromServer, JSON_SUBPROTOCOL, decode_server};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How long any one answer may take; a busy machine is slow.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A raw connection.
#[derive(Debug)]
pub struct Wire {
    socket: WebSocketStream<TcpStream>,
    requests: u64,
    /// Pushes that came while an answer was awaited; handed out first.
    passed_over: std::collections::VecDeque<Value>,
}

/// How to knock.
#[derive(Clone, Debug, Default)]
pub struct Knock {
    path_and_query: Option<String>,
    headers: Vec<(&'static str, String)>,
    receive_buffer: Option<u32>,
}

/// An upgrade that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The close code; 1006 if the connection broke without one.
    pub code: u16,
    /// The reason given.
    pub reason: String,
}

impl Knock {
    /// With another path, or a query.
    #[must_use]
    pub fn at(mut self, path_and_query: impl Into<String>) -> Self {
        self.path_and_query = Some(path_and_query.into());
        self
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With so little room for what the server sends that it soon has to wait.
    #[must_use]
    pub fn reading_slowly(mut self) -> Self {
        self.receive_buffer = Some(4 * 1024);
        self
    }
}

impl Wire {
    /// Connects as a program does: no origin, no token.
    ///
    /// # Errors
    /// If the server does not take it.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        match Self::knock(address, &Knock::default()).await? {
            Ok(wire) => Ok(wire),
            Err(refused) => bail!("the upgrade was refused: {refused:?}"),
        }
    }

    /// Connects in any way; the inner error is the server's refusal.
    ///
    /// # Errors
    /// If there is no HTTP answer.
    pub async fn knock(address: SocketAddr, knock: &Knock) -> anyhow::Result<Result<Self, Refused>> {
        let path = knock.path_and_query.as_deref().unwrap_or("/v1/ws");
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(JSON_SUBPROTOCOL),
        );
        for (name, value) in &knock.headers {
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value.parse()?);
        }
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = knock.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = timeout(ANSWER_LIMIT, socket.connect(address))
            .await
            .context("no TCP connection")??;
        stream.set_nodelay(true)?;
        // The limits under test are the server's.
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .max_message_size(None)
            .max_frame_size(None);
        let upgrading = client_async_with_config(request, stream, Some(config));
        match timeout(ANSWER_LIMIT, upgrading)
            .await
            .context("no answer to the upgrade")?
        {
            Ok((socket, _)) => Ok(Ok(Wire {
                socket,
                requests: 0,
                passed_over: Default::default(),
            })),
            Err(tungstenite::Error::Http(response)) => {
                ensure!(
                    response.status() != StatusCode::SWITCHING_PROTOCOLS,
                    "refused with 101"
                );
                let body = response.body().as_deref().unwrap_or_default();
                Ok(Err(Refused {
                    status: response.status().as_u16(),
                    body: String::from_utf8_lossy(body).into_owned(),
                }))
            }
            Err(error) => Err(error).context("the upgrade failed"),
        }
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send_text(&mut self, text: impl Into<String>) -> anyhow::Result<()> {
        self.send(Message::text(text.into())).await
    }

    /// Sends bytes in a binary frame.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.send(Message::binary(bytes)).await
    }

    /// Sends bytes in a text frame, whether they are text or not.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn send_as_text(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.send(Message::Frame(Frame::message(
            bytes,
            OpCode::Data(Data::Text),
            true,
        )))
        .await
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        timeout(ANSWER_LIMIT, self.socket.send(message))
            .await
            .context("the server takes nothing")?
            .context("cannot send")
    }

    /// Sends a request and returns the id that it was given.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn request(&mut self, kind: &str, payload: Value) -> anyhow::Result<String> {
        self.requests += 1;
        let id = format!("t{}", self.requests);
        let mut message = json!({"type": kind, "id": id});
        if !payload.is_null() {
            message["payload"] = payload;
        }
        self.send_text(message.to_string()).await?;
        Ok(id)
    }

    /// Sends a request and waits for what carries its id. Pushes that come before are kept for later.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn ask(&mut self, kind: &str, payload: Value) -> anyhow::Result<Value> {
        let id = self.request(kind, payload).await?;
        self.answer(&id)
            .await
            .with_context(|| format!("the answer to `{kind}`"))
    }

    /// Waits for the answer to a request that was sent. Pushes that come before are kept for later.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn answer(&mut self, id: &str) -> anyhow::Result<Value> {
        timeout(ANSWER_LIMIT, async {
            loop {
                let message = self.receive().await?;
                if message["id"] == *id {
                    return Ok(message);
                }
                self.passed_over.push_back(message);
            }
        })
        .await
        .with_context(|| format!("no message with id {id}"))?
    }

    /// Signs in.
    ///
    /// # Errors
    /// If no answer comes.
    pub async fn auth(&mut self, token: &str) -> anyhow::Result<Value> {
        self.ask("auth", json!({"token": token})).await
    }

    /// Subscribes.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn subscribe(&mut self, channel: &str, params: Value) -> anyhow::Result<Value> {
        let answer = self
            .ask("subscribe", json!({"channel": channel, "params": params}))
            .await?;
        ensure!(
            answer["type"] == "subscribed",
            "the subscription was refused: {answer}"
        );
        Ok(answer)
    }

    /// The next message.
    ///
    /// # Errors
    /// If none comes, or the connection ends.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        if let Some(message) = self.passed_over.pop_front() {
            return Ok(message);
        }
        timeout(ANSWER_LIMIT, self.receive())
            .await
            .context("no message came")?
    }

    /// The next message of a type; others are passed over for good.
    ///
    /// # Errors
    /// If none comes, or the connection ends.
    pub async fn next_of(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            let message = self
                .next()
                .await
                .with_context(|| format!("waiting for `{kind}`"))?;
            if message["type"] == kind {
                return Ok(message);
            }
        }
    }

    /// The next message as the protocol's types read it.
    ///
    /// # Errors
    /// If none comes, or it is none of the protocol.
    pub async fn next_typed(&mut self) -> anyhow::Result<FromServer> {
        let message = self.next().await?;
        decode_server(&message.to_string()).with_context(|| format!("cannot read {message}"))
    }

    /// Waits for the end, whatever comes before it.
    ///
    /// # Errors
    /// If the connection does not end.
    pub async fn end(&mut self, limit: Duration) -> anyhow::Result<End> {
        let ending = async {
            loop {
                if let Some(end) = self.step(|_| ()).await {
                    return end;
                }
            }
        };
        timeout(limit, ending)
            .await
            .with_context(|| format!("the connection was still open after {limit:?}"))
    }

    /// Closes in order, as a client does that has what it wants.
    pub async fn close(mut self) {
        // A peer that is gone already has what we want.
        let _ = timeout(ANSWER_LIMIT, self.socket.close(None)).await;
    }

    async fn receive(&mut self) -> anyhow::Result<Value> {
        let mut text = None;
        loop {
            if let Some(end) = self.step(|received| text = Some(received)).await {
                bail!("the connection ended with {end:?}");
            }
            if let Some(text) = text.take() {
                return serde_json::from_str(&text)
                    .with_context(|| format!("the server sent no JSON: {text}"));
            }
        }
    }

    /// Reads one frame.
    async fn step(&mut self, take: impl FnOnce(String)) -> Option<End> {
        let broken = |reason: String| End { code: 1006, reason };
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => take(text.to_string()),
            Some(Ok(Message::Close(Some(frame)))) => {
                return Some(End {
                    code: frame.code.into(),
                    reason: frame.reason.to_string(),
                });
            }
            Some(Ok(Message::Close(None))) => return Some(broken("a close frame without a code".to_owned())),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
            Some(Err(error)) => return Some(broken(error.to_string())),
            None => return Some(broken("the stream ended".to_owned())),
        }
        None
    }
}
