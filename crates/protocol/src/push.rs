//! What a server sends unasked.

use serde::{Deserialize, Serialize};

use crate::{
    Book, Candles, ClientId, CommandOrder, Json, Member, Offset, Prices, Timestamp, Topic, Trades, UserId,
};

/// A push.
#[derive(Clone, PartialEq, Debug)]
pub enum Push {
    /// The first message of a connection.
    Connected(Connected),
    /// A publication on a topic that is subscribed.
    Publication(Publication),
    /// Someone came or went.
    Presence(Topic, PresenceUpdate),
    /// How fresh a topic's source is, or that something is missing.
    Status(Topic, ChannelStatus),
    /// To a device: do this.
    Command(CommandOrder),
    /// The server is about to end the connection.
    Shutdown(Shutdown),
}

/// Payload of `connected`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connected {
    /// This connection's name in the server's logs and lists.
    pub client_id: ClientId,
    /// The server's clock.
    pub server_time: Timestamp,
    /// The subprotocol in force.
    pub protocol: String,
    /// Send `ping` when nothing came for so long; consider the link dead after twice that.
    pub heartbeat_ms: u64,
    /// What this connection may do.
    pub limits: Limits,
}

/// What one connection may do. Announced, so that nobody finds out by being cut.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Messages that the client may send in any 60 seconds; more are refused with `RATE_LIMITED`.
    pub messages_per_minute: u32,
    /// Refusals that the client may earn in any 60 seconds; one more closes with 1008.
    pub errors_per_minute: u32,
    /// The largest message, in bytes; a larger one closes with 1009.
    pub message_bytes: u32,
    /// Subscriptions of one connection.
    pub subscriptions: u32,
    /// What may wait for a client that reads slowly, in bytes.
    pub outbox_bytes: u32,
    /// How long a client may take to sign in where it must, in milliseconds.
    pub sign_in_ms: u32,
    /// A connection on which nothing arrived for so long is closed, in milliseconds.
    pub idle_ms: u32,
}

/// A publication, as a subscriber gets it.
#[derive(Clone, PartialEq, Debug)]
pub struct Publication {
    /// The topic.
    pub topic: Topic,
    /// Its place in the topic's order.
    pub offset: Offset,
    /// Whether it stands for everything up to `offset`, and replaces what the client had.
    pub snapshot: bool,
    /// How many publications between the push before and this one are not sent, because what is newer stands for them. Of a
    /// subscription with filters, only those that pass are counted. A snapshot has no count: it stands for everything.
    pub conflated: u64,
    /// When it was published.
    pub timestamp: Timestamp,
    /// Who published it, where that was a user and the server vouches for it.
    pub from: Option<UserId>,
    /// What was published.
    pub payload: Payload,
}

/// What a publication carries, by channel.
#[derive(Clone, PartialEq, Debug)]
pub enum Payload {
    /// On `prices`.
    Prices(Prices),
    /// On `orderbook`.
    Book(Book),
    /// On `trades`.
    Trades(Trades),
    /// On `candles`.
    Candles(Candles),
    /// On every other channel: what the publisher wrote.
    Json(Json),
}

/// Payload of `presence.update`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PresenceUpdate {
    /// Who came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Member>,
    /// Who went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Member>,
    /// Everyone who is there: replaces what one knew. Sent where single comings and goings were too many to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
    /// Who is typing now; it holds for [`TYPING_HOLDS_MS`] unless said again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typing: Vec<UserId>,
    /// Who is typing no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<UserId>,
}

/// How long one is shown as typing after having said so, in milliseconds.
pub const TYPING_HOLDS_MS: u64 = 5_000;

/// Payload of `channel.status`, and the `status` of `subscribed`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// How the topic's source is.
    pub state: FeedState,
    /// Since when it is so. For `stale`: when the last news came.
    pub since: Timestamp,
    /// A short reason for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is missing, when `state` is `gap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// Whether the source is a stand-in and not the real one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// How a topic's source is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// News comes as it should.
    Live,
    /// Nothing came for longer than it should; the link may be up.
    Stale,
    /// The link is back; what was missed is being fetched.
    Resyncing,
    /// The source cannot be reached.
    Down,
    /// Something is missing and could not be fetched. The topic itself goes on; its state is the one before.
    Gap,
}

/// What is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Gap {
    /// Publications of this topic, which this client did not get and the history no longer has.
    Publications {
        /// How many.
        missed: u64,
        /// The offset to go on from.
        offset: Offset,
    },
    /// News of the source, which never reached the server.
    Source {
        /// The time of the last news before, in Unix milliseconds.
        from: u64,
        /// The time of the first news behind, in Unix milliseconds.
        to: u64,
    },
}

/// Payload of `shutdown`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shutdown {
    /// For people.
    pub message: String,
    /// When this client shall come back, in milliseconds from now. Each client gets its own.
    pub reconnect_after_ms: u64,
}

impl Push {
    /// The `type` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Push::Connected(_) => "connected",
            Push::Publication(publication) => publication.topic.push_type(),
            Push::Presence(..) => "presence.update",
            Push::Status(..) => "channel.status",
            Push::Command(_) => "command",
            Push::Shutdown(_) => "shutdown",
        }
    }
}

impl ChannelStatus {
    /// A state since a moment, with nothing more to say.
    pub fn new(state: FeedState, since: Timestamp) -> Self {
        ChannelStatus {
            state,
            since,
            reason: None,
            gap: None,
            simulated: false,
        }
    }
}
