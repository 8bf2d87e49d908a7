//! One WebSocket connection, from the upgrade to its end, as the node's own library serves it: with all its deviations
//! from the protocol that it names. One task owns it: sole reader, sole writer, owner of its subscriptions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::chain::faults::{Order, Standing};
use crate::chain::frames::{self, ACK, PONG};
use crate::chain::graphql::{self, Error, Kind, Request};
use crate::chain::node::{Node, Seat, Told};

/// A peer that takes nothing for so long is given up.
const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// Late notifications that wait; behind them the oldest go out early.
const LATE: usize = 4_096;

/// The connection is over.
struct End;

/// What a client may send. The order of the names is that of the node's own error text.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromClient {
    #[serde(rename = "connection_init")]
    Init {
        #[serde(default)]
        #[serde(rename = "payload")]
        _payload: Option<Value>,
    },
    #[serde(alias = "subscribe")]
    Start { id: String, payload: Request },
    #[serde(alias = "stop")]
    Complete { id: String },
    #[serde(rename = "connection_terminate")]
    Terminate,
    Ping {
        #[serde(default)]
        #[serde(rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
    Pong {
        #[serde(default)]
        #[serde(rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
}

/// Serves a connection until it ends.
pub(crate) async fn serve(node: Arc<Node>, seat: Seat, socket: WebSocket) {
    let mut connection = Connection {
        standing: node.standing.subscribe(),
        socket,
        streams: BTreeMap::new(),
        late: VecDeque::new(),
        is_greeted: false,
        seat,
        node,
    };
    let id = connection.seat.id;
    tracing::debug!(connection.id = id, "connected");
    while connection.step().await.is_ok() {}
    tracing::debug!(connection.id = id, "gone");
}

struct Connection {
    node: Arc<Node>,
    seat: Seat,
    socket: WebSocket,
    standing: watch::Receiver<Arc<Standing>>,
    /// Chains that are followed, by the id of the subscription.
    streams: BTreeMap<String, String>,
    /// Notifications that are to come late.
    late: VecDeque<Told>,
    is_greeted: bool,
}

impl Connection {
    async fn step(&mut self) -> Result<(), End> {
        if self.standing.borrow().stall_all {
            return tokio::select! {
                changed = self.standing.changed() => changed.map_err(|_| End),
                // Nobody reads, so nobody else would notice.
                () = self.seat.grip.until_cut() => Err(End),
            };
        }
        let due = self.late.front().map(|told| told.due);
        tokio::select! {
            // A fault holds for everything that comes after it.
            biased;
            _ = self.standing.changed() => Ok(()),
            Some(order) = self.seat.orders.recv() => self.handle_order(order).await,
            message = self.socket.recv() => match message {
                Some(Ok(message)) => self.handle_message(message).await,
                Some(Err(_)) | None => Err(End),
            },
            told = self.seat.notices.recv() => match told {
                Ok(told) => {
                    self.late.push_back(told);
                    self.send_due().await
                }
                // Lost, as a slow listener of the real node loses them.
                Err(RecvError::Lagged(_)) => Ok(()),
                Err(RecvError::Closed) => Err(End),
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.send_due().await,
        }
    }

    async fn send_due(&mut self) -> Result<(), End> {
        let now = Instant::now();
        while let Some(told) = self
            .late
            .pop_front_if(|told| told.due <= now)
            .or_else(|| (self.late.len() > LATE).then(|| self.late.pop_front()).flatten())
        {
            let followers: Vec<String> = self
                .streams
                .iter()
                .filter(|(_, chain)| **chain == *told.chain_id)
                .map(|(id, _)| id.clone())
                .collect();
            for id in followers {
                self.send(frames::next(&id, &told.payload)).await?;
            }
        }
        Ok(())
    }

    async fn handle_message(&mut self, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text.to_string(),
            Message::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // The WebSocket layer answers pings itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
        };
        self.seat.remember(&text);
        match serde_json::from_str::<FromClient>(&text) {
            Ok(FromClient::Init { .. }) if self.is_greeted => {
                self.close(4_429, "Too many initialisation requests.").await
            }
            Ok(FromClient::Init { .. }) => {
                if self.standing.borrow().no_ack {
                    return Ok(());
                }
                self.is_greeted = true;
                self.send(ACK.to_owned()).await
            }
            Ok(FromClient::Start { id, payload }) if self.is_greeted => self.subscribe(id, &payload).await,
            Ok(FromClient::Start { .. }) => self.close(1_011, "The handshake is not completed.").await,
            Ok(FromClient::Complete { id }) => {
                if self.streams.remove(&id).is_none() {
                    return Ok(());
                }
                self.show_streams();
                self.send(frames::complete(&id)).await
            }
            Ok(FromClient::Terminate) => Err(End),
            Ok(FromClient::Ping { .. }) => self.send(PONG.to_owned()).await,
            Ok(FromClient::Pong { .. }) => Ok(()),
            Err(error) => self.close(1_002, &error.to_string()).await,
        }
    }

    /// An id that is taken gets the new stream in place of the old one, without a word.
    async fn subscribe(&mut self, id: String, request: &Request) -> Result<(), End> {
        match open(&self.node, request) {
            Ok(Opened::Stream(chain)) => {
                self.streams.insert(id, chain);
                self.show_streams();
                Ok(())
            }
            Ok(Opened::Answer(answer)) | Err(answer) => {
                self.send(frames::next(&id, &answer)).await?;
                self.send(frames::complete(&id)).await
            }
        }
    }

    async fn handle_order(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Close { code, reason } => self.close(code, &reason).await,
            Order::Text(text) => self.send(text).await,
            Order::Binary => self.send_raw(Message::Binary(vec![0, 1, 2].into())).await,
            Order::BreakFrame => {
                // Opcode 3 is reserved. The ping behind it is only there to push it out.
                self.seat.grip.slip(&[0x83, 0x00]);
                self.send_raw(Message::Ping(Default::default())).await
            }
            Order::Notify(reason) => {
                for (id, chain) in self.streams.clone() {
                    let payload = frames::notification(&chain, reason.clone());
                    self.send(frames::next(&id, &payload)).await?;
                }
                Ok(())
            }
            Order::End { as_error, message } => self.end_streams(as_error, message).await,
        }
    }

    async fn end_streams(&mut self, as_error: bool, message: Option<String>) -> Result<(), End> {
        for id in std::mem::take(&mut self.streams).into_keys() {
            let shown = message.as_ref().map(|message| {
                serde_json::json!({
                    "message": message, "locations": [{"line": 1, "column": 36}], "path": ["notifications"],
                })
            });
            match shown {
                Some(error) if as_error => {
                    let error = serde_json::json!({"type": "error", "id": id, "payload": [error]});
                    self.send(error.to_string()).await?;
                    continue;
                }
                Some(error) => {
                    let payload = serde_json::json!({"data": null, "errors": [error]});
                    self.send(frames::next(&id, &payload)).await?;
                }
                None => {}
            }
            self.send(frames::complete(&id)).await?;
        }
        self.show_streams();
        Ok(())
    }

    fn show_streams(&self) {
        self.seat.update(|view| view.subscriptions = self.streams.clone());
    }

    /// Closes with a close frame and waits for the peer's, within a bound.
    async fn close(&mut self, code: u16, reason: &str) -> Result<(), End> {
        // The frame has room for 123 bytes.
        let reason: String = reason.chars().take(120).filter(char::is_ascii).collect();
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        self.send_raw(Message::Close(Some(frame))).await?;
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), answered).await;
        Err(End)
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.send_raw(Message::Text(text.into())).await
    }

    async fn send_raw(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(SEND_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End),
        }
    }
}

/// What a request over the WebSocket comes to.
enum Opened {
    /// The notifications of this chain.
    Stream(String),
    /// One answer.
    Answer(Value),
}

/// Opens what a request asks for; the answer to it if that is nothing but errors.
fn open(node: &Node, request: &Request) -> Result<Opened, Value> {
    let one = |error: Error| Error::answer(&[error]);
    let operation = graphql::parse(request).map_err(one)?;
    if operation.kind != Kind::Subscription {
        return Ok(Opened::Answer(crate::chain::queries::execute(node, &operation)));
    }
    let Some(field) = operation.fields.first() else {
        return Err(Error::answer(&[]));
    };
    if field.name != "notifications" {
        return Err(one(field.unknown(Kind::Subscription)));
    }
    if !field.selection.is_empty() {
        return Err(Error::answer(&field.no_subfields("Notification")));
    }
    // A chain that the node does not follow gets a stream all the same, on which nothing ever comes.
    let chain = field.hash("chainId", "ChainId").map_err(one)?;
    Ok(Opened::Stream(chain.to_owned()))
}
