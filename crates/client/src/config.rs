//! What a session is told once, when it is made.

use std::time::Duration;

use nexus_protocol::{JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL};

use crate::{Backoff, ServerUrl};

/// What a session is told once. Everything but the server has a default that suits dashboards and programs alike.
#[derive(Clone)]
pub struct Config {
    /// The server to try first.
    pub server: ServerUrl,
    /// Others that serve the same, tried in turn by their health when the first does not do.
    pub others: Vec<ServerUrl>,
    /// How messages travel.
    pub wire: Wire,
    /// A JSON Web Token to sign in with; without one the session stays anonymous.
    pub token: Option<String>,
    /// The delays between attempts to connect.
    pub backoff: Backoff,
    /// The most attempts to connect in any minute, whoever asks for them. Servers count too.
    pub attempts_per_minute: usize,
    /// How long a connection may take to open, and as long again to greet and to sign in.
    pub connect_deadline: Duration,
    /// How long the server may take to answer a subscribe.
    pub answer_deadline: Duration,
    /// How long after a sleep the link may take to prove that it is alive.
    pub probe_deadline: Duration,
    /// How long a link must have been live before the back-off starts over.
    pub healthy_after: Duration,
    /// The most topics that may be wanted at a time; one more is refused.
    pub max_topics: usize,
    /// The most asks (history and the like) that may be open at a time; one more is refused.
    pub max_asks: usize,
    /// Messages that are none, within a minute, after which the link is given up.
    pub max_malformed: usize,
}

impl Config {
    /// The defaults, with this server.
    pub fn new(server: ServerUrl) -> Self {
        Config {
            server,
            others: Vec::new(),
            wire: Wire::Json,
            token: None,
            backoff: Backoff::standard(),
            attempts_per_minute: 10,
            connect_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(30),
            probe_deadline: Duration::from_secs(5),
            healthy_after: Duration::from_secs(10),
            max_topics: 1024,
            max_asks: 64,
            max_malformed: 10,
        }
    }
}

/// How messages travel. A session writes and reads JSON; on another wire, its driver has them transcribed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wire {
    /// JSON in text frames.
    #[default]
    Json,
    /// The same in MessagePack, in binary frames; see [`nexus_protocol::msgpack`]. The native driver speaks it.
    Msgpack,
}

impl Wire {
    /// The subprotocol that stands for it.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Wire::Json => JSON_SUBPROTOCOL,
            Wire::Msgpack => MSGPACK_SUBPROTOCOL,
        }
    }
}

/// A token must not reach a log.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}
