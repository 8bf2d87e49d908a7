//! The world of these tests: a server on a free port of this machine, clients that speak the wire, and a witness that
//! must see everything whatever others do.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header, encode};
use nexus_protocol::msgpack::pack;
use nexus_protocol::{ChannelName, ChannelStatus, MSGPACK_SUBPROTOCOL, Params, Position, Timestamp, Topic};
use nexus_server::Server;
use nexus_server::broker::Broker;
use nexus_server::config::{Config, Settings};
use nexus_server::content::Content;
use nexus_server::gateway::Gateway;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{Error, Message};

#[path = "bytes.rs"]
mod bytes;

#[allow(unused_imports, reason = "those who share this file use their part of it")]
pub(crate) use bytes::{frame, unpacked};

/// Nothing that is due takes longer; reaching it fails the test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Signs the tokens of these tests.
pub(crate) const SECRET: &str = "the secret of these tests, 32 bytes or more";

/// A running server.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) broker: Broker,
    pub(crate) gateway: Arc<Gateway>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// A client that speaks the wire.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// Whether MessagePack was agreed on.
    is_packed: bool,
    asked: u64,
    /// Pushes that came while an answer was waited for.
    pushes: std::collections::VecDeque<Value>,
}

/// How to knock at the door.
#[derive(Clone, Default)]
pub(crate) struct Knock {
    /// Another door than the native one.
    pub(crate) path: Option<&'static str>,
    pub(crate) query: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What the kernel keeps for this client before it reads.
    pub(crate) receive_buffer: Option<u32>,
}

/// What came at the end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Closed(u16, String),
    Broken,
}

/// The settings of these tests: anyone may read rooms, and this machine may connect as often as it likes.
pub(crate) fn settings() -> Settings {
    Settings::default()
        .with("data_dir", own_directory())
        .with("jwt_secret", SECRET)
        .with("anonymous", "room:*,prices,events")
        .with("exempt_loopback", true)
        .with("store", false)
}

/// What a server keeps on disk must not concern another.
fn own_directory() -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let base = env!("CARGO_TARGET_TMPDIR");
    format!("{base}/world-{}-{number}", std::process::id())
}

pub(crate) fn topic(channel: &str) -> Topic {
    let name = ChannelName::parse(channel).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// A token that holds for so long.
pub(crate) fn token(sub: &str, role: &str, holds: Duration) -> String {
    let expires = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + holds;
    signed(
        &json!({"sub": sub, "role": role, "exp": expires.as_secs_f64()}),
        SECRET,
    )
}

pub(crate) fn expired_token(sub: &str) -> String {
    signed(&json!({"sub": sub, "exp": 1_000_000}), SECRET)
}

pub(crate) fn signed(claims: &Value, secret: &str) -> String {
    encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

impl World {
    pub(crate) async fn start(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::new(Config::from_settings(settings).unwrap(), listener).unwrap();
        let (stop, stopped) = oneshot::channel();
        World {
            address: server.address().unwrap(),
            broker: server.broker(),
            gateway: server.gateway(),
            stop: Some(stop),
            running: tokio::spawn(server.run(async {
                let _ = stopped.await;
            })),
        }
    }

    /// Tells the server to end. It goes on until its clients are gone.
    pub(crate) fn begin_to_end(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the server to be gone.
    pub(crate) async fn ended(self) {
        timeout(DEADLINE, self.running)
            .await
            .expect("the server does not end")
            .unwrap();
    }

    /// Publishes a text on a channel, as JSON.
    pub(crate) async fn publish(&self, channel: &str, payload: &str) -> Position {
        let content = Content::Whole(payload.into());
        self.broker
            .publish(&topic(channel), content, now())
            .await
            .unwrap()
    }

    pub(crate) async fn set_status(&self, channel: &str, status: ChannelStatus) {
        self.broker.set_status(&topic(channel), status).await;
    }

    /// A client that was greeted.
    pub(crate) async fn connect(&self) -> Client {
        let mut client = self.knock(Knock::default()).await.unwrap();
        assert_eq!(client.next().await["type"], "connected");
        client
    }

    /// A client that was greeted in MessagePack. What it says and hears here is JSON, as everybody's.
    pub(crate) async fn connect_packed(&self) -> Client {
        let knock = Knock {
            headers: vec![("sec-websocket-protocol", MSGPACK_SUBPROTOCOL.to_owned())],
            ..Knock::default()
        };
        let mut client = self.knock(knock).await.unwrap();
        let connected = client.next().await;
        assert_eq!(
            connected["payload"]["protocol"], MSGPACK_SUBPROTOCOL,
            "{connected}"
        );
        client
    }

    /// A client that was greeted and has signed in.
    pub(crate) async fn connect_as(&self, sub: &str, role: &str) -> Client {
        let mut client = self.connect().await;
        let answer = client
            .ask("auth", json!({"token": token(sub, role, DEADLINE * 100)}))
            .await;
        assert_eq!(answer["type"], "authenticated", "{answer}");
        client
    }

    /// Knocks; nothing is read yet. What is no WebSocket is the answer in HTTP.
    pub(crate) async fn knock(&self, knock: Knock) -> Result<Client, Response<Option<Vec<u8>>>> {
        let path = knock.path.unwrap_or("/v1/ws");
        let mut request = format!("ws://{}{path}{}", self.address, knock.query)
            .into_client_request()
            .unwrap();
        for (name, value) in knock.headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = knock.receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, response)) => Ok(Client {
                socket,
                is_packed: response
                    .headers()
                    .get("sec-websocket-protocol")
                    .is_some_and(|agreed| agreed == MSGPACK_SUBPROTOCOL),
                asked: 0,
                pushes: Default::default(),
            }),
            Err(Error::Http(response)) => Err(*response),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// Knocks, and is sent away with a code and nothing else.
    pub(crate) async fn is_sent_away(&self, knock: Knock, code: u16) {
        let mut client = self
            .knock(knock)
            .await
            .expect("the handshake is accepted, so that the code can be seen");
        assert_eq!(client.code().await, code);
    }

    /// A GET; what came back as status, headers in small letters, and body.
    pub(crate) async fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let mut request = reqwest::Client::new().get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = timeout(DEADLINE, request.send()).await.unwrap().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.bytes().await.unwrap().to_vec())
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, _, body) = self.get("/metrics", &[]).await;
        let text = String::from_utf8(body).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
            .parse()
            .unwrap()
    }

    /// Lets someone misbehave while a witness listens to a room where somebody talks without a pause. Afterwards the
    /// witness must have heard every word, in order, and the server must still greet and end.
    pub(crate) async fn disturbed(settings: Settings, misbehave: impl AsyncFnOnce(&World)) {
        let mut world = World::start(settings).await;
        let mut witness = world.connect().await;
        witness.subscribe("room:witness").await;
        let (enough, mut is_enough) = oneshot::channel::<()>();
        let broker = world.broker.clone();
        let talking = tokio::spawn(async move {
            let topic = topic("room:witness");
            let mut ticks = tokio::time::interval(Duration::from_millis(2));
            for word in 1.. {
                ticks.tick().await;
                let content = Content::Whole(word.to_string().into());
                broker.publish(&topic, content, now()).await.unwrap();
                if is_enough.try_recv().is_ok() {
                    return word;
                }
            }
            unreachable!()
        });
        let listening = tokio::spawn(async move {
            let mut heard = Vec::new();
            loop {
                let push = witness.next().await;
                heard.push(push["payload"].as_u64().expect("only the words come"));
                if world_is_over(&push) {
                    return (heard, witness);
                }
            }
        });

        misbehave(&world).await;

        enough.send(()).unwrap();
        let said = talking.await.unwrap();
        world.publish("room:witness", &u64::MAX.to_string()).await;
        let (heard, mut witness) = timeout(DEADLINE, listening)
            .await
            .expect("the witness lost the end")
            .unwrap();
        let expected: Vec<u64> = (1..=said).chain([u64::MAX]).collect();
        assert_eq!(
            heard, expected,
            "the witness must hear every word once and in order"
        );
        assert_eq!(witness.ask("ping", Value::Null).await["type"], "pong");
        assert_eq!(world.metric("nexus_task_panics_total").await, 0);
        drop(world.connect().await);
        witness.leave().await;
        world.begin_to_end();
        world.ended().await;
    }
}

fn world_is_over(push: &Value) -> bool {
    push["payload"].as_u64() == Some(u64::MAX)
}

impl Client {
    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        if let Some(push) = self.pushes.pop_front() {
            return push;
        }
        match self.receive().await {
            Ok(message) => message,
            Err(end) => panic!("a message was due, and the connection ended: {end:?}"),
        }
    }

    /// The next message as it stands on the wire.
    pub(crate) async fn next_text(&mut self) -> String {
        loop {
            match timeout(DEADLINE, self.socket.next())
                .await
                .expect("nothing came in time")
            {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a message was due, and came {other:?}"),
            }
        }
    }

    /// The next message as it stands on the wire of MessagePack.
    pub(crate) async fn next_bytes(&mut self) -> Vec<u8> {
        loop {
            match timeout(DEADLINE, self.socket.next())
                .await
                .expect("nothing came in time")
            {
                Some(Ok(Message::Binary(bytes))) => return bytes.to_vec(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("bytes were due, and came {other:?}"),
            }
        }
    }

    /// The next message that is no publication before it.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Whether no push came with the answers that were waited for.
    pub(crate) fn has_nothing_waiting(&self) -> bool {
        self.pushes.is_empty()
    }

    /// What comes next, or how the connection ended.
    pub(crate) async fn receive(&mut self) -> Result<Value, End> {
        loop {
            match timeout(DEADLINE, self.socket.next())
                .await
                .expect("nothing came in time")
            {
                Some(Ok(Message::Text(text))) if !self.is_packed => {
                    return Ok(serde_json::from_str(&text).expect("messages are JSON"));
                }
                Some(Ok(Message::Binary(bytes))) if self.is_packed => {
                    return Ok(serde_json::from_str(&unpacked(&bytes)).expect("messages are JSON"));
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(End::Closed(close.code.into(), close.reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("the server sent {other:?}"),
                Some(Err(_)) | None => return Err(End::Broken),
            }
        }
    }

    /// Reads until the connection ends.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.receive().await {
                return end;
            }
        }
    }

    /// Reads until the connection is closed, and says with which code.
    pub(crate) async fn code(&mut self) -> u16 {
        match self.end().await {
            End::Closed(code, reason) => {
                assert!(!reason.is_empty(), "a close says why");
                code
            }
            End::Broken => panic!("the connection broke without a close code"),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        let message = match self.is_packed {
            true => Message::binary(pack(text).unwrap()),
            false => Message::text(text),
        };
        self.socket.send(message).await.unwrap();
    }

    /// Sends a binary frame.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Writes bytes past the WebSocket.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        // The server may have closed already; what counts is what it says.
        let _ = self.socket.get_mut().write_all_buf(&mut Cursor::new(bytes)).await;
    }

    /// Sends a request without waiting for the answer; its id comes back.
    pub(crate) async fn request(&mut self, kind: &str, payload: Value) -> String {
        self.asked += 1;
        let id = format!("m{}", self.asked);
        self.send(&json!({"type": kind, "id": id, "payload": payload}).to_string())
            .await;
        id
    }

    /// Asks, and waits for the answer. Pushes that come before it are kept.
    pub(crate) async fn ask(&mut self, kind: &str, payload: Value) -> Value {
        let id = self.request(kind, payload).await;
        loop {
            let message = self
                .receive()
                .await
                .unwrap_or_else(|end| panic!("no answer to {kind}: {end:?}"));
            if message["id"] == id.as_str() {
                return message;
            }
            self.pushes.push_back(message);
        }
    }

    pub(crate) async fn subscribe(&mut self, channel: &str) -> Value {
        self.subscribe_with(json!({"channel": channel})).await
    }

    pub(crate) async fn subscribe_with(&mut self, payload: Value) -> Value {
        let answer = self.ask("subscribe", payload).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
        answer["payload"].clone()
    }

    /// The error code of an answer that must be one.
    pub(crate) async fn is_refused(&mut self, kind: &str, payload: Value) -> String {
        let answer = self.ask(kind, payload).await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().len() > 10,
            "a refusal says what to do: {answer}"
        );
        answer["error"]["code"].as_str().unwrap().to_owned()
    }

    /// Closes, if it was not closed yet.
    pub(crate) async fn end_or_leave(mut self) {
        let _ = self.socket.close(None).await;
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// Closes as one should.
    pub(crate) async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
