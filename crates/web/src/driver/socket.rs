//! One WebSocket of the browser.
//!
//! No subprotocol is offered: JSON is what the server speaks to whoever names none, and development proxies lose the
//! answer, upon which browsers hang up.
//!
//! `gloo-net` reads; everything else goes past it to a clone of the browser's own handle, because the stream cannot tell
//! when the connection opened, cannot be closed once it is being read, and accepts what it then does not send.

use std::pin::pin;

use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::future::{Fuse, FusedFuture, FutureExt};
use gloo_events::EventListener;
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, WebSocketError};
use nexus_client::LinkId;
use wasm_bindgen::JsCast;
use web_sys::WebSocket as RawWebSocket;

use super::first;

/// What a client sees when the connection broke or could not be made.
const ABNORMAL: u16 = 1006;

/// One connection. Dropping it lets go of it.
pub(super) struct Socket {
    link: LinkId,
    /// Absent where the browser did not even try.
    open: Option<Open>,
    /// Why it did not.
    refusal: String,
}

struct Open {
    raw: RawWebSocket,
    stream: WebSocket,
    opened: Fuse<oneshot::Receiver<()>>,
    _listener: EventListener,
}

/// What comes from a connection.
pub(super) enum Incoming {
    /// It is open.
    Opened,
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary,
    /// It is over.
    Closed {
        /// The close code.
        code: u16,
        /// What was said about it.
        reason: String,
    },
}

impl Socket {
    /// Begins to connect.
    pub(super) fn open(link: LinkId, url: &str) -> Self {
        match Open::new(url) {
            Ok(open) => Socket {
                link,
                open: Some(open),
                refusal: String::new(),
            },
            Err(refusal) => Socket {
                link,
                open: None,
                refusal,
            },
        }
    }

    /// The connection's name.
    pub(super) fn link(&self) -> LinkId {
        self.link
    }

    /// Sends a text. On a connection that is closing the browser would drop it in silence: then nothing is sent, and
    /// the close that follows says so. A session sends some dozen messages a minute, so nothing piles up here.
    pub(super) fn send(&self, text: &str) {
        if let Some(open) = &self.open
            && open.raw.ready_state() == RawWebSocket::OPEN
        {
            // It fails only where the state is not open.
            let _ = open.raw.send_with_str(text);
        }
    }

    /// Closes, and waits for nobody.
    pub(super) fn close(self, code: u16, reason: &str) {
        if let Some(open) = self.open {
            // The session uses only codes that browsers allow.
            let _ = open.raw.close_with_code_and_reason(code, reason);
        }
    }

    /// The next thing that comes. Can be dropped and called again without losing anything.
    pub(super) async fn next(&mut self) -> Incoming {
        let Some(open) = &mut self.open else {
            return Incoming::Closed {
                code: ABNORMAL,
                reason: std::mem::take(&mut self.refusal),
            };
        };
        loop {
            if !open.opened.is_terminated() {
                let opened = pin!((&mut open.opened).map(|_| None));
                let message = open.stream.next().map(Some);
                if let Some(message) = first(opened, message).await {
                    if let Some(incoming) = incoming(message) {
                        return incoming;
                    }
                    continue;
                }
                return Incoming::Opened;
            }
            if let Some(incoming) = incoming(open.stream.next().await) {
                return incoming;
            }
        }
    }
}

impl Open {
    fn new(url: &str) -> Result<Self, String> {
        let raw = RawWebSocket::new(url).map_err(|error| {
            // A page that came over https may not open ws://, and the browser says so.
            error
                .dyn_into::<js_sys::Error>()
                .map_or_else(|_| String::new(), |error| error.message().into())
        })?;
        let (sender, opened) = oneshot::channel();
        let listener = EventListener::once(&raw, "open", move |_| {
            // The receiver is gone only together with the listener.
            let _ = sender.send(());
        });
        let stream = WebSocket::try_from(raw.clone()).map_err(|error| error.to_string())?;
        Ok(Open {
            raw,
            stream,
            opened: opened.fuse(),
            _listener: listener,
        })
    }
}

/// What an item of the stream means; `None` for the bare error that stands before each unclean close.
fn incoming(item: Option<Result<Message, WebSocketError>>) -> Option<Incoming> {
    Some(match item {
        Some(Ok(Message::Text(text))) => Incoming::Text(text),
        Some(Ok(Message::Bytes(_))) => Incoming::Binary,
        Some(Err(WebSocketError::ConnectionClose(event))) => Incoming::Closed {
            code: event.code,
            reason: event.reason,
        },
        Some(Err(_)) => return None,
        None => Incoming::Closed {
            code: ABNORMAL,
            reason: String::new(),
        },
    })
}
