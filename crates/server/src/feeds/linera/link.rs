//! The driver of the WebSocket link: a task that connects, reads and writes, each with a deadline. It knows nothing of the
//! protocol but the name of the subprotocol; everything that arrives becomes an event.
//!
//! Events wait in a bounded queue. Full means: the socket is not read until there is room again.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::task::TaskTracker;

use super::wire::SUBPROTOCOL;
use crate::feeds::clock::Clock;

/// Connecting, TLS and the upgrade must be done within this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A message must be written within this.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// A close frame is given this long to leave.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Messages that wait to be written. Full means: the link is as good as dead.
const OUTGOING: usize = 1_024;
/// A frame that is larger ends the link.
const MAX_FRAME: usize = 1 << 20;
const READ_BUFFER: usize = 16 << 10;

/// What happened on an opening of the link.
#[derive(Debug)]
pub(crate) struct Event {
    /// Which opening: events of earlier ones are recognised by it.
    pub(crate) opening: u64,
    /// What.
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    /// The link is open.
    Opened,
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame.
    Binary,
    /// It ended, or could not be opened: why, in words that may be shown.
    Ended(String),
}

/// Holds a link open. Dropping it closes the link.
#[derive(Debug)]
#[must_use = "dropping it closes the link"]
pub(crate) struct Link {
    outgoing: mpsc::Sender<String>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a link in a task of its own.
pub(crate) fn open(
    opening: u64,
    url: &str,
    clock: Clock,
    events: mpsc::Sender<Event>,
    tracker: &TaskTracker,
) -> Link {
    let (outgoing, messages) = mpsc::channel(OUTGOING);
    let url = url.to_owned();
    tracker.spawn(async move {
        let events = Events { opening, events };
        match connect(&url, clock).await {
            Ok(socket) => {
                if events.send(What::Opened).await {
                    run(socket, clock, &events, messages).await;
                }
            }
            Err(reason) => {
                events.send(What::Ended(reason)).await;
            }
        }
    });
    Link { outgoing }
}

impl Link {
    /// Sends a text. False if it cannot be: the link is dead or takes nothing.
    pub(crate) fn send(&self, text: String) -> bool {
        self.outgoing.try_send(text).is_ok()
    }
}

struct Events {
    opening: u64,
    events: mpsc::Sender<Event>,
}

impl Events {
    /// False when nobody listens any more.
    async fn send(&self, what: What) -> bool {
        let opening = self.opening;
        self.events.send(Event { opening, what }).await.is_ok()
    }
}

async fn connect(url: &str, clock: Clock) -> Result<Socket, String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
        .read_buffer_size(READ_BUFFER);
    let mut request = url.into_client_request().map_err(|error| reason(&error))?;
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let connecting = connect_async_with_config(request, Some(config), true);
    match timeout(clock.deadline(CONNECT_WITHIN), connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err("the node did not answer in time".to_owned()),
    }
}

async fn run(mut socket: Socket, clock: Clock, events: &Events, mut messages: mpsc::Receiver<String>) {
    loop {
        let what = tokio::select! {
            arrived = socket.next() => match arrived {
                Some(Ok(Message::Text(text))) => What::Text(text),
                Some(Ok(Message::Binary(_))) => What::Binary,
                // The library answers pings itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    let said = frame.map(|frame| format!("{} {}", u16::from(frame.code), frame.reason));
                    What::Ended(format!("the node closed the connection ({})", said.as_deref().unwrap_or("no reason").trim_end()))
                }
                Some(Err(error)) => What::Ended(reason(&error)),
                None => What::Ended("the connection ended".to_owned()),
            },
            message = messages.recv() => match message {
                Some(text) => match timeout(clock.deadline(WRITE_WITHIN), socket.send(Message::text(text))).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => What::Ended(reason(&error)),
                    Err(_) => What::Ended("the node takes nothing".to_owned()),
                },
                None => {
                    let _ = timeout(CLOSE_WITHIN, socket.close(None)).await;
                    return;
                }
            },
        };
        let is_over = matches!(what, What::Ended(_));
        if !events.send(what).await || is_over {
            return;
        }
    }
}

/// What went wrong, in words that may be shown to anybody: no addresses, no bodies.
fn reason(error: &Error) -> String {
    match error {
        Error::Http(response) => format!(
            "the node refused the connection with status {}",
            response.status().as_u16()
        ),
        Error::Io(error) => format!("the connection failed: {}", error.kind()),
        Error::Tls(_) => "the connection could not be secured".to_owned(),
        Error::Capacity(_) => "the node sent a frame that is too large".to_owned(),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "the connection ended".to_owned(),
        Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => {
            "the node broke the WebSocket protocol".to_owned()
        }
        Error::WriteBufferFull(_) => "the node takes nothing".to_owned(),
        Error::Url(_) | Error::HttpFormat(_) => "the node's address is wrong".to_owned(),
    }
}
