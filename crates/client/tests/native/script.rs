//! A server that does what a test says, over real sockets.

use futures_util::{SinkExt, StreamExt};
use nexus_client::ServerUrl;
use nexus_protocol::{
    ClientId, Connected, Epoch, Filters, HistoryPage, JSON_SUBPROTOCOL, Json, Limits, MessageId, Mode,
    Offset, Payload, Publication, Push, Reply, Request, Subscribed, Timestamp, Topic, decode_request,
    encode_push, encode_reply,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

/// Waits for clients.
pub(crate) struct Script {
    listener: TcpListener,
}

/// One client that came.
pub(crate) struct Connection {
    socket: WebSocketStream<TcpStream>,
}

impl Script {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Script { listener }
    }

    pub(crate) fn url(&self) -> ServerUrl {
        ServerUrl::parse(&self.listener.local_addr().unwrap().to_string()).unwrap()
    }

    pub(crate) async fn accept(&self) -> Connection {
        let (stream, _) = self.listener.accept().await.unwrap();
        #[allow(
            clippy::result_large_err,
            reason = "the library's signature of a handshake callback"
        )]
        let agree = |request: &Handshake, mut response: Response| -> Result<Response, ErrorResponse> {
            assert_eq!(request.uri().path(), "/v1/ws");
            assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], JSON_SUBPROTOCOL);
            let agreed = HeaderValue::from_static(JSON_SUBPROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, agreed);
            Ok(response)
        };
        Connection {
            socket: accept_hdr_async(stream, agree).await.unwrap(),
        }
    }

    pub(crate) async fn accept_without_subprotocol(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        accept_async(stream).await.unwrap();
    }
}

impl Connection {
    pub(crate) async fn greet(&mut self) {
        let connected = Push::Connected(Connected {
            client_id: ClientId::parse("c-1").unwrap(),
            server_time: Timestamp::from_millis(1_800_000_000_000),
            protocol: JSON_SUBPROTOCOL.to_owned(),
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
    pub(crate) async fn request(&mut self) -> (MessageId, Request) {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Text(text) => {
                    let (id, request) = decode_request(&text, 1 << 20).unwrap();
                    return (id.unwrap(), request);
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn pong(&mut self) {
        let (id, request) = self.request().await;
        assert_eq!(request, Request::Ping);
        self.reply(&id, &Reply::Pong).await;
    }

    pub(crate) async fn subscribed(
        &mut self,
        id: &MessageId,
        topic: &Topic,
        offset: u64,
        recovered: Option<bool>,
    ) {
        let subscribed = Reply::Subscribed(Subscribed {
            channel: topic.channel_name(),
            params: topic.params(),
            filters: Filters::default(),
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(offset),
            recovered,
            mode: Mode::Every,
            throttle_ms: None,
            contiguous: true,
            status: None,
        });
        self.reply(id, &subscribed).await;
    }

    pub(crate) async fn history(&mut self, id: &MessageId, topic: &Topic) {
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

    pub(crate) async fn publish(&mut self, topic: &Topic, offset: u64) {
        let push = Push::Publication(Publication {
            topic: topic.clone(),
            offset: Offset(offset),
            snapshot: false,
            timestamp: Timestamp::from_millis(1_800_000_000_000),
            payload: Payload::Json(Json::parse(&format!(r#"{{"n":{offset}}}"#)).unwrap()),
        });
        self.send(encode_push(&push, Timestamp::default())).await;
    }

    /// Gone without a word.
    pub(crate) fn cut(self) {
        drop(self.socket);
    }

    /// The code with which the client closes.
    pub(crate) async fn close_code(mut self) -> u16 {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => {
                    // Reading on writes our half of it.
                    while self.socket.next().await.is_some() {}
                    return frame.unwrap().code.into();
                }
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn reply(&mut self, id: &MessageId, reply: &Reply) {
        self.send(encode_reply(Some(id), reply, Timestamp::default()))
            .await;
    }

    async fn send(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }
}

/// A server that answers every request with this status.
pub(crate) async fn bare_http(status: &'static str) -> ServerUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 2048];
            let _ = stream.read(&mut head).await;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    ServerUrl::parse(&address.to_string()).unwrap()
}
