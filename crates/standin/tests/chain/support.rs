//! A client of the stand-in for tests: sends texts, waits for frames, and tells how a connection ended.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use nexus_standin::chain::{Chain, ChainHandle, Config};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node whose chains grow only when told to.
pub(crate) async fn node() -> ChainHandle {
    start(Config::still()).await
}

pub(crate) async fn start(config: Config) -> ChainHandle {
    Chain::start(config).await.expect("a loopback port is free")
}

/// The id of a chain, counted from 0.
pub(crate) fn id(node: &ChainHandle, place: usize) -> String {
    node.chains().swap_remove(place).chain_id
}

pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What arrives on a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Text(String),
    Binary,
    Closed(u16, String),
    /// The line broke without a close frame.
    Broken,
}

impl Client {
    /// Knocks, offering a subprotocol.
    pub(crate) async fn knock(node: &ChainHandle, offers: Option<&'static str>) -> Result<Self, Error> {
        let mut request = node.ws_url().into_client_request().unwrap();
        if let Some(offers) = offers {
            request
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(offers));
        }
        let (socket, _) = patiently("an upgrade", connect_async(request)).await?;
        Ok(Client { socket })
    }

    /// Connected, and not greeted yet.
    pub(crate) async fn connect(node: &ChainHandle) -> Self {
        Self::knock(node, Some("graphql-transport-ws")).await.unwrap()
    }

    /// Connected and taken in.
    pub(crate) async fn greeted(node: &ChainHandle) -> Self {
        let mut client = Self::connect(node).await;
        client.send(r#"{"type":"connection_init","payload":{}}"#).await;
        assert_eq!(client.text().await, r#"{"type":"connection_ack"}"#);
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Subscribes to a chain and waits until the node has taken it. The chain must be still.
    pub(crate) async fn follow(&mut self, id: &str, chain: &str) {
        self.subscribe(id, chain).await;
        self.settle().await;
    }

    /// Subscribes to a chain.
    pub(crate) async fn subscribe(&mut self, id: &str, chain: &str) {
        let message = json!({"id": id, "type": "subscribe", "payload": {
            "query": "subscription Notifications($chainId: ChainId!) { notifications(chainId: $chainId) }",
            "variables": {"chainId": chain},
            "operationName": "Notifications",
        }});
        self.send(&message.to_string()).await;
    }

    /// Waits until everything that was sent is done: nothing may come before the pong.
    pub(crate) async fn settle(&mut self) {
        self.send(r#"{"type":"ping","payload":{"x":1}}"#).await;
        assert_eq!(self.text().await, r#"{"type":"pong"}"#);
    }

    pub(crate) async fn next(&mut self) -> Event {
        loop {
            return match patiently("a frame", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => Event::Text(text.to_string()),
                Some(Ok(Message::Binary(_))) => Event::Binary,
                Some(Ok(Message::Close(Some(frame)))) => {
                    Event::Closed(frame.code.into(), frame.reason.to_string())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(None))) => {
                    continue;
                }
                Some(Err(_)) | None => Event::Broken,
            };
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Event::Text(text) => text,
            other => panic!("expected a text, got {other:?}"),
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The reason of the next notification, which must be for this subscription.
    pub(crate) async fn notice(&mut self, id: &str) -> Value {
        let frame = self.json().await;
        assert_eq!(
            (&frame["type"], &frame["id"]),
            (&json!("next"), &json!(id)),
            "{frame}"
        );
        frame["payload"]["data"]["notifications"]["reason"].clone()
    }

    /// Notifications until one of this kind.
    pub(crate) async fn until(&mut self, id: &str, kind: &str) -> Value {
        loop {
            let reason = self.notice(id).await;
            if let Some(body) = reason.get(kind) {
                return body.clone();
            }
        }
    }
}

/// Asks over HTTP.
pub(crate) async fn ask(node: &ChainHandle, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables});
    let request = reqwest::Client::new().post(node.url()).json(&body);
    let response = patiently("an answer", request.send()).await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}
