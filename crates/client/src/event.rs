//! What leaves a session: orders for the driver, and events for the application.

use std::fmt;
use std::time::Duration;

use nexus_protocol::{
    ChannelStatus, CloseCode, CommandOrder, Mode, Offset, Position, PresenceUpdate, Publication, Refusal,
    Reply, Timestamp, Topic, UserId,
};

use crate::{AskId, ServerUrl, Wire};

/// What [`Session::poll_output`](crate::Session::poll_output) gives.
#[derive(Clone, PartialEq)]
pub enum Output {
    /// Open a WebSocket and report under `link` what becomes of it.
    Connect {
        /// Names the connection; each is a new one.
        link: LinkId,
        /// Where to.
        url: ServerUrl,
        /// How messages travel on it; its subprotocol is the one to offer.
        wire: Wire,
    },
    /// Send a message.
    Send {
        /// On this connection.
        link: LinkId,
        /// The message as JSON.
        text: String,
    },
    /// Close the connection and let go of it, without waiting for the other side.
    Close {
        /// Which.
        link: LinkId,
        /// 1000, or from 3000 to 4999: what browsers allow.
        code: u16,
        /// For the server's log.
        reason: &'static str,
    },
    /// Something for the application.
    Event(Event),
    /// Nothing more until something is handed in, or until then `handle_timer` is due.
    Wait(Option<Wake>),
}

/// Names one connection of a session. What is reported under an old one is ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub(crate) u64);

/// When a session wants to be woken, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wake {
    /// When, on the clock of `now`.
    pub at: Duration,
    /// What for; for logs.
    pub timer: Timer,
}

/// The timers of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The connection did not open in time.
    Connect,
    /// The server did not greet or sign in in time.
    Greet,
    /// It is time for the next attempt to connect.
    Retry,
    /// A ping is due.
    Ping,
    /// Nothing came since a ping was sent; the link is dead.
    Silence,
    /// The link did not prove in time that it survived a sleep.
    Probe,
    /// The link has been live long enough for the back-off to start over.
    Healthy,
    /// The token will expire soon.
    Token,
    /// The server's limits allow the next message.
    Pace,
    /// A subscription that was refused for now is tried again.
    Resubscribe,
    /// A request was not answered in time.
    Answer,
    /// An ask was not answered in time.
    Ask,
}

/// What an application is told. In the order in which it happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The link turned into this state.
    Link(LinkState),
    /// The link is back, and every topic was asked for again: what that brought. Comes just before
    /// [`LinkState::Live`].
    Back(Back),
    /// How long a ping took just now.
    RoundTrip(Duration),
    /// The server named itself, and its clock.
    Greeted {
        /// This connection's name in the server's logs.
        client: nexus_protocol::ClientId,
        /// The server's clock at this moment, give or take the way here.
        server_time: Timestamp,
    },
    /// Signed in.
    SignedIn {
        /// As whom.
        user: UserId,
        /// When the token ends.
        expires_at: Timestamp,
    },
    /// A new token is wanted: [`Wish::SetToken`](crate::Wish::SetToken).
    TokenNeeded(TokenNeed),
    /// The server is about to end the connection.
    ShuttingDown {
        /// For people.
        message: String,
        /// When the session will come back, counted from now.
        come_back_in: Duration,
    },
    /// A topic is subscribed; publications follow.
    Subscribed {
        /// The topic.
        topic: Topic,
        /// How what follows continues what came before.
        continuity: Continuity,
        /// The mode in force.
        mode: Mode,
        /// The throttle in force, in milliseconds.
        throttle_ms: Option<u32>,
        /// The field of the payload by which the newest is kept, in mode `latest`.
        key: Option<String>,
    },
    /// A publication. Each comes once, in order.
    Publication {
        /// The publication. If its `snapshot` is set it replaces all that came before; on topics that
        /// [have keys](Topic::has_keys), all that came before for its key.
        publication: Publication,
        /// How many between the publication before and this one were left out because what is newer stands for them
        /// (mode `latest`, key, throttle). Of filtered subscriptions, only those that pass are counted, and not what a
        /// snapshot stands for.
        conflated: u64,
    },
    /// How fresh a topic's source is, or that it has a gap.
    Status {
        /// The topic.
        topic: Topic,
        /// The status, as the server said it.
        status: ChannelStatus,
    },
    /// Something is missing, for good.
    Lost {
        /// Of this topic.
        topic: Topic,
        /// What.
        loss: Loss,
    },
    /// A topic cannot be subscribed, or the server has ended the subscription by itself.
    Refused {
        /// The topic.
        topic: Topic,
        /// Why.
        refusal: Refusal,
        /// What the session does about it.
        next: AfterRefusal,
    },
    /// A room cannot be joined, or its topic cannot be subscribed, or the server has ended the membership by itself.
    JoinRefused {
        /// The room.
        topic: Topic,
        /// Why.
        refusal: Refusal,
        /// What the session does about it.
        next: AfterRefusal,
    },
    /// To a device: do this.
    Order(CommandOrder),
    /// Who is on a topic: all of them (`members`, which replaces what one knew; each time that a room was joined), or
    /// who came and went. Comes for rooms that are joined and for topics that are subscribed.
    Presence {
        /// The topic.
        topic: Topic,
        /// Who.
        update: PresenceUpdate,
    },
    /// An ask goes on.
    Progress {
        /// Which.
        id: AskId,
        /// How far.
        reply: Reply,
    },
    /// An ask has its answer, or will never have one.
    Answer {
        /// Which.
        id: AskId,
        /// The answer.
        result: Result<Reply, AskError>,
    },
}

/// What a session's link is doing; what the connection chip shows, but for the freshness of the data.
#[derive(Clone, PartialEq, Debug)]
pub enum LinkState {
    /// A connection is being opened, greeted and signed in.
    Connecting {
        /// 1 for the first attempt since the link was last healthy.
        attempt: u32,
    },
    /// The next attempt comes later.
    Waiting {
        /// When, on the clock of `now`.
        until: Duration,
        /// Which attempt that will be.
        attempt: u32,
        /// Why the last one ended.
        trouble: Trouble,
    },
    /// No attempt is made while nobody looks at the page.
    Hidden,
    /// No attempt is made while the machine has no network.
    Offline,
    /// Connected; not every topic is confirmed and caught up yet.
    Resyncing,
    /// Connected, and every topic is confirmed, but for those that were refused.
    Live,
    /// Stopped, until someone does something.
    Stopped(Stop),
}

/// Why a connection ended, or never was.
#[derive(Clone, PartialEq, Debug)]
pub enum Trouble {
    /// The connection did not open in time.
    NoConnection,
    /// The server did not greet or sign in in time.
    NoGreeting,
    /// Nothing came although a ping was sent, or a sleep was not survived.
    Silent,
    /// Too many messages made no sense.
    Malformed,
    /// It was closed by the server, the network, or the driver.
    Closed {
        /// The close code.
        code: CloseCode,
        /// What was said about it.
        reason: String,
    },
    /// The server refused to sign us in for the moment.
    SignInRefused(Refusal),
    /// The application wanted another connection (signed out).
    Wanted,
}

/// Why a session stopped.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// The token was refused or has expired. Goes on with [`Wish::SetToken`](crate::Wish::SetToken) or
    /// [`Wish::SignOut`](crate::Wish::SignOut).
    NeedsToken(String),
    /// The server does not want this client as it is. Goes on with
    /// [`Wish::ReconnectNow`](crate::Wish::ReconnectNow), another token, or signing out.
    NeedsPerson {
        /// The close code.
        code: CloseCode,
        /// What the server said.
        reason: String,
    },
    /// The application wanted the end.
    Ended,
}

/// Why a new token is wanted.
#[derive(Clone, PartialEq, Debug)]
pub enum TokenNeed {
    /// The token in use ends soon. In time for a refresh that nobody notices.
    ExpiresIn(Duration),
    /// The token has expired.
    Expired,
    /// The token was refused.
    Refused(Refusal),
}

/// What a reconnect brought.
#[derive(Clone, PartialEq, Debug)]
pub struct Back {
    /// From the last sign of life of the old link until now.
    pub away: Duration,
    /// Publications that were made meanwhile and came after all.
    pub recovered: u64,
    /// Topics in which something is missing that should not be; each was told as [`Event::Lost`] before. Topics that
    /// skip anyway (mode `latest`, a throttle, filters) are not among them: their newest is there again.
    pub not_recovered: Vec<Topic>,
    /// Topics that the server refuses for now or for good.
    pub refused: usize,
}

/// How what follows on a topic continues what came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continuity {
    /// Nothing came before.
    New,
    /// Everything behind the last position follows.
    Recovered,
    /// Something between is missing, and was just told as [`Event::Lost`].
    Reloaded,
}

/// What is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The publications behind `after` up to and with `upto`.
    Range {
        /// The last one had.
        after: Position,
        /// The last one missed, in the same epoch.
        upto: Offset,
    },
    /// Everything behind `after` of its epoch, however much that was, and of the epoch that took its place everything
    /// up to and with `now.offset`: the order began anew.
    NewOrder {
        /// The last one had.
        after: Position,
        /// Where the new order goes on from.
        now: Position,
    },
    /// News of the source that never reached the server.
    Source {
        /// The time of the last news before, in Unix milliseconds.
        from: u64,
        /// The time of the first news behind, in Unix milliseconds.
        to: u64,
    },
}

/// What a session does about a refused subscription or membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterRefusal {
    /// Tries again by itself, not before then on the clock of `now`.
    RetryAt(Duration),
    /// Tries again when there is another token.
    WaitForToken,
    /// Tries again when another topic is left.
    WaitForRoom,
    /// Tries again only if the application subscribes again.
    GiveUp,
}

/// Why an ask has no answer.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum AskError {
    /// The server refused.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer in time.
    #[error("no answer came in time")]
    TimedOut,
    /// The link broke, and asking twice could do it twice.
    #[error("the link broke before the answer came; whether it was done is not known")]
    LinkLost,
    /// Too many asks are open.
    #[error("too many questions are open; wait for an answer first")]
    Full,
    /// An ask of this id is open.
    #[error("a question of this id is open")]
    Duplicate,
    /// The session has stopped or ended.
    #[error("the client is not connected and will not connect by itself")]
    Stopped,
}

/// A token must not reach a log, and one message holds it.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Connect { link, url, .. } => write!(f, "Connect({link:?}, {url})"),
            Output::Send { link, text } => write!(f, "Send({link:?}, {} bytes)", text.len()),
            Output::Close { link, code, reason } => write!(f, "Close({link:?}, {code}, {reason})"),
            Output::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Output::Wait(wake) => f.debug_tuple("Wait").field(wake).finish(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NoConnection => f.write_str("the server did not take the connection in time"),
            Trouble::NoGreeting => f.write_str("the server did not greet in time"),
            Trouble::Silent => f.write_str("the server has gone silent"),
            Trouble::Malformed => f.write_str("the server sent too much that makes no sense"),
            Trouble::Closed { code, reason } if reason.is_empty() => match code {
                CloseCode::Abnormal => f.write_str("the connection broke or could not be made"),
                code => write!(f, "the connection was closed ({})", code.code()),
            },
            Trouble::Closed { code, reason } => match code {
                CloseCode::Abnormal => write!(f, "the connection broke or could not be made: {reason}"),
                code => write!(f, "the connection was closed: {reason} ({})", code.code()),
            },
            Trouble::SignInRefused(refusal) => write!(f, "signing in did not work: {}", refusal.message),
            Trouble::Wanted => f.write_str("a new connection was wanted"),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::NeedsToken(reason) => write!(f, "a new token is needed: {reason}"),
            Stop::NeedsPerson { code, reason } if reason.is_empty() => {
                write!(f, "the server closed the connection for good ({})", code.code())
            }
            Stop::NeedsPerson { code, reason } => {
                write!(
                    f,
                    "the server closed the connection for good: {reason} ({})",
                    code.code()
                )
            }
            Stop::Ended => f.write_str("ended"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Range { after, upto } => {
                let missed = upto.0.saturating_sub(after.offset.0);
                write!(
                    f,
                    "{missed} publications lost ({} to {upto})",
                    after.offset.next()
                )
            }
            Loss::NewOrder { after, now } => write!(
                f,
                "everything behind {}:{} is lost; the order began anew as {}:{}",
                after.epoch, after.offset, now.epoch, now.offset
            ),
            Loss::Source { from, to } => write!(
                f,
                "the source has a gap from {} to {}",
                Timestamp::from_millis(*from),
                Timestamp::from_millis(*to)
            ),
        }
    }
}
