//! A server that does what a test says, over real sockets: for the tests of programs that use this crate. Not part of
//! its promises; whatever goes against the script panics.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use nexus_protocol::{
    ClientId, Connected, Epoch, Filters, HistoryPage, Json, Limits, MessageId, Mode, Offset, Payload,
    Publication, Push, Reply, Request, Subscribed, Timestamp, Topic, decode_request, encode_push,
    encode_reply, msgpack,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use crate::{ServerUrl, Wire};

/// Whatever a test waits for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for clients.
pub struct Script {
    listener: TcpListener,
    pages: &'static [Page],
}

/// What is answered to a plain HTTP request.
pub struct Page {
    /// For this path.
    pub path: &'static str,
    /// Such as `200 OK`.
    pub status: &'static str,
    /// Such as `text/html`.
    pub kind: &'static str,
    /// The whole of it.
    pub body: &'static str,
}

/// One client that came.
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
    wire: Wire,
}

impl Script {
    /// A server without pages.
    pub async fn listen() -> Self {
        Self::with_pages(&[]).await
    }

    /// A server that also has pages.
    pub async fn with_pages(pages: &'static [Page]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Script { listener, pages }
    }

    /// Where it is.
    pub fn url(&self) -> ServerUrl {
        ServerUrl::parse(&self.listener.local_addr().unwrap().to_string()).unwrap()
    }

    /// The next client that opens a WebSocket. Those that want pages get them meanwhile.
    pub async fn accept(&self) -> Connection {
        let accept = async {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                if wants_socket(&stream).await {
                    return Connection::agree(stream).await;
                }
                answer(stream, self.pages).await;
            }
        };
        tokio::time::timeout(PATIENCE, accept)
            .await
            .expect("a client comes")
    }

    /// The next client, with which no subprotocol is agreed on.
    pub async fn accept_without_subprotocol(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        accept_async(stream).await.unwrap();
    }
}

impl Connection {
    /// Agrees on what the client offers.
    async fn agree(stream: TcpStream) -> Self {
        let mut wire = Wire::Json;
        #[allow(
            clippy::result_large_err,
            reason = "the library's signature of a handshake callback"
        )]
        let agree = |request: &Handshake, mut response: Response| -> Result<Response, ErrorResponse> {
            let offered = request.headers()[SEC_WEBSOCKET_PROTOCOL].to_str().unwrap();
            wire = [Wire::Json, Wire::Msgpack]
                .into_iter()
                .find(|wire| wire.subprotocol() == offered)
                .unwrap();
            let agreed = HeaderValue::from_static(wire.subprotocol());
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, agreed);
            Ok(response)
        };
        let socket = accept_hdr_async(stream, agree).await.unwrap();
        Connection { socket, wire }
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> &'static str {
        self.wire.subprotocol()
    }

    /// The first message, with the default limits.
    pub async fn greet(&mut self) {
        let connected = Push::Connected(Connected {
            client_id: ClientId::parse("c-1").unwrap(),
            server_time: Timestamp::from(std::time::SystemTime::now()),
            protocol: self.wire.subprotocol().to_owned(),
            heartbeat_ms: 30_000,
            limits: Limits {
                messages_per_minute: 100,
                errors_per_minute: 10,
                message_bytes: 131_072,
                subscriptions: 256,
                outbox_bytes: 1_048_576,
                sign_in_ms: 10_000,
                idle_ms: 60_000,
            },
        });
        self.send(encode_push(&connected, Timestamp::default())).await;
    }

    /// The next request. A ping counts as one.
    pub async fn request(&mut self) -> (MessageId, Request) {
        self.next_request().await.expect("the client goes on")
    }

    /// The next request; `None` when the client has closed or is gone.
    pub async fn next_request(&mut self) -> Option<(MessageId, Request)> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match message.expect("a request comes") {
                Some(Ok(Message::Text(text))) if self.wire == Wire::Json => {
                    let (id, request) = decode_request(&text, 1 << 20).unwrap();
                    return Some((id.unwrap(), request));
                }
                Some(Ok(Message::Binary(bytes))) if self.wire == Wire::Msgpack => {
                    let (id, request) = msgpack::decode_request(&bytes, 1 << 20).unwrap();
                    return Some((id.unwrap(), request));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Answers the next request, which must be a ping.
    pub async fn pong(&mut self) {
        let (id, request) = self.request().await;
        assert_eq!(request, Request::Ping);
        self.reply(&id, &Reply::Pong).await;
    }

    /// Confirms a subscription of every publication.
    pub async fn subscribed(&mut self, id: &MessageId, topic: &Topic, offset: u64, recovered: Option<bool>) {
        let subscribed = Reply::Subscribed(Subscribed {
            channel: topic.channel_name(),
            params: topic.params(),
            filters: Filters::default(),
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(offset),
            recovered,
            mode: Mode::Every,
            throttle_ms: None,
            key: None,
            contiguous: true,
            status: None,
        });
        self.reply(id, &subscribed).await;
    }

    /// An empty page of history.
    pub async fn history(&mut self, id: &MessageId, topic: &Topic) {
        let page = Reply::History(HistoryPage {
            channel: topic.channel_name(),
            params: topic.params(),
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(0),
            items: Vec::new(),
            more: false,
        });
        self.reply(id, &page).await;
    }

    /// A publication, which says its own offset.
    pub async fn publish(&mut self, topic: &Topic, offset: u64) {
        let push = Push::Publication(Publication {
            topic: topic.clone(),
            offset: Offset(offset),
            snapshot: false,
            conflated: 0,
            timestamp: Timestamp::from_millis(1_800_000_000_000),
            from: None,
            payload: Payload::Json(Json::parse(&format!(r#"{{"n":{offset}}}"#)).unwrap()),
        });
        self.send(encode_push(&push, Timestamp::default())).await;
    }

    /// Gone without a word.
    pub fn cut(self) {
        drop(self.socket);
    }

    /// The code with which the client closes.
    pub async fn close_code(mut self) -> u16 {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => {
                    // Reading on writes our half of it.
                    while self.socket.next().await.is_some() {}
                    return frame.unwrap().code.into();
                }
                Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Any answer.
    pub async fn reply(&mut self, id: &MessageId, reply: &Reply) {
        self.send(encode_reply(Some(id), reply, Timestamp::default()))
            .await;
    }

    /// Any text frame, whatever was agreed on.
    pub async fn text_frame(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Any binary frame, whatever was agreed on.
    pub async fn binary_frame(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Any push.
    pub async fn push(&mut self, push: &Push) {
        self.send(encode_push(push, Timestamp::default())).await;
    }

    /// Closes with a code and a reason.
    pub async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        while self.socket.next().await.is_some() {}
    }

    async fn send(&mut self, text: String) {
        let message = match self.wire {
            Wire::Json => Message::text(text),
            Wire::Msgpack => Message::binary(msgpack::pack(&text).unwrap()),
        };
        self.socket.send(message).await.unwrap();
    }
}

/// A server that answers every request with this status.
pub async fn bare_http(status: &'static str) -> ServerUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            respond(stream, status, "text/plain", "").await;
        }
    });
    ServerUrl::parse(&address.to_string()).unwrap()
}

/// Whether the request that comes is for the native door. Leaves it where it is.
async fn wants_socket(stream: &TcpStream) -> bool {
    let door = b"GET /v1/ws ";
    let mut head = [0; 11];
    loop {
        let read = stream.peek(&mut head).await.unwrap();
        if read == head.len() || head[..read] != door[..read] || read == 0 {
            return head == *door;
        }
        tokio::task::yield_now().await;
    }
}

async fn answer(mut stream: TcpStream, pages: &[Page]) {
    let head = head(&mut stream).await;
    let path = head.split(' ').nth(1).unwrap_or_default();
    match pages.iter().find(|page| page.path == path) {
        Some(page) => respond(stream, page.status, page.kind, page.body).await,
        None => respond(stream, "404 Not Found", "text/plain", "").await,
    }
}

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn respond(mut stream: TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    // Whoever asked may be gone.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    while stream.read_u8().await.is_ok() {}
}
