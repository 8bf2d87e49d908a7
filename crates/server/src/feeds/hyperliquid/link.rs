//! The driver of one WebSocket link: a task that connects, reads and writes, each with a deadline. It knows nothing of
//! the protocol; everything that arrives becomes an event.
//!
//! Events wait in a bounded queue. Full means: the socket is not read until there is room again.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::session::Ending;

/// Connecting, TLS and the upgrade must be done within this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A message must be written within this.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// A close frame is given this long to leave.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Messages that wait to be written. Full means: the link is as good as dead.
const OUTGOING: usize = 64;
/// A frame that is larger ends the link. The largest that is right (all mid prices) has about 25 kB.
const MAX_FRAME: usize = 16 << 20;
const READ_BUFFER: usize = 32 << 10;

/// What happened on a link.
#[derive(Debug)]
pub(crate) struct Event {
    /// Which link, as it was given to [`open`].
    pub(crate) id: LinkId,
    /// What.
    pub(crate) what: What,
}

/// One opening of one link. Events of an earlier opening are recognised by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkId {
    /// Which link.
    pub(crate) place: usize,
    /// Which of its openings.
    pub(crate) opening: u64,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    /// The link is open.
    Opened,
    /// It could not be opened.
    Failed(String),
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame.
    Binary,
    /// It ended.
    Ended(Ending),
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
    id: LinkId,
    url: &str,
    clock: Clock,
    events: mpsc::Sender<Event>,
    tracker: &TaskTracker,
) -> Link {
    let (outgoing, messages) = mpsc::channel(OUTGOING);
    let url = url.to_owned();
    tracker.spawn(async move {
        let events = Events { id, events };
        let Some(socket) = connect(&url, clock, &events).await else {
            return;
        };
        if events.send(What::Opened).await {
            run(socket, clock, &events, messages).await;
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
    id: LinkId,
    events: mpsc::Sender<Event>,
}

impl Events {
    /// False when nobody listens any more.
    async fn send(&self, what: What) -> bool {
        self.events.send(Event { id: self.id, what }).await.is_ok()
    }
}

async fn connect(url: &str, clock: Clock, events: &Events) -> Option<Socket> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
        .read_buffer_size(READ_BUFFER);
    let connecting = connect_async_with_config(url, Some(config), true);
    let failure = match timeout(clock.deadline(CONNECT_WITHIN), connecting).await {
        Ok(Ok((socket, _))) => return Some(socket),
        Ok(Err(error)) => reason(&error),
        Err(_) => "the exchange did not answer in time".to_owned(),
    };
    events.send(What::Failed(failure)).await;
    None
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
                    What::Ended(Ending::Closed(format!("the exchange closed the connection ({})", said.as_deref().unwrap_or("no reason"))))
                }
                Some(Err(error)) => What::Ended(Ending::Cut(reason(&error))),
                None => What::Ended(Ending::Cut("the connection ended".to_owned())),
            },
            message = messages.recv() => match message {
                Some(text) => match timeout(clock.deadline(WRITE_WITHIN), socket.send(Message::text(text))).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => What::Ended(Ending::Cut(reason(&error))),
                    Err(_) => What::Ended(Ending::Cut("the exchange takes nothing".to_owned())),
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
            "the exchange refused the connection with status {}",
            response.status().as_u16()
        ),
        Error::Io(error) => format!("the connection failed: {}", error.kind()),
        Error::Tls(_) => "the connection could not be secured".to_owned(),
        Error::Capacity(_) => "the exchange sent a frame that is too large".to_owned(),
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection ended".to_owned(),
        Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => {
            "the exchange broke the WebSocket protocol".to_owned()
        }
        Error::WriteBufferFull(_) => "the exchange takes nothing".to_owned(),
        Error::Url(_) | Error::HttpFormat(_) => "the exchange's address is wrong".to_owned(),
    }
}
