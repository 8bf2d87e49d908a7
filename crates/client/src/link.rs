//! One connection, from the moment it opened.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_protocol::{Connected, Join, Timestamp, Topic};

use crate::budget::{Budget, Purpose};
use crate::rooms::RoomKey;
use crate::topics::TopicKey;
use crate::window::Window;
use crate::{AskId, LinkId};

/// What a server may ask for as heartbeat; anything else is cut to it.
const HEARTBEATS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Until the server says otherwise.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(30);

/// One connection, and all that ends with it.
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) phase: Phase,
    pub(crate) budget: Budget,
    /// Requests that were sent and not answered, by their number, which is their id on the wire.
    pub(crate) pending: BTreeMap<u64, Pending>,
    pub(crate) heartbeat: Duration,
    /// When the last frame came.
    pub(crate) heard: Duration,
    /// When the last ping was sent; the moment of opening, if none was.
    pub(crate) pinged: Duration,
    /// Whether the link survived a sleep is being found out.
    pub(crate) probe: Option<Probe>,
    /// When the server, about to end, wants us back.
    pub(crate) come_back_at: Option<Duration>,
    /// The generation of the token that was sent last.
    pub(crate) token: Option<u64>,
    /// When to tell that the token will expire.
    pub(crate) token_ends: Option<TokenEnds>,
    /// What the server is to be told is left.
    pub(crate) leaving: VecDeque<Farewell>,
    pub(crate) malformed: Window,
    /// The server's clock when it greeted: what was published before, was missed.
    pub(crate) greeted_at: Timestamp,
    /// Publications that were missed and came after all.
    pub(crate) recovered: u64,
    /// When the server's limits allow the message that waits, as far as that is known.
    pub(crate) pace_at: Option<Duration>,
}

/// How far a link is.
pub(crate) enum Phase {
    /// Waits for `connected`, and for `authenticated` where there is a token.
    Greeting {
        deadline: Duration,
        connected: bool,
        signed_in: bool,
    },
    /// Topics are asked for; then a ping is sent, whose answer comes behind all that was recovered.
    Resyncing { fence: Option<u64> },
    /// All is confirmed.
    Live { since: Duration, proved: bool },
}

/// A request without an answer.
pub(crate) struct Pending {
    pub(crate) what: What,
    pub(crate) purpose: Purpose,
    pub(crate) sent: Duration,
    /// Whether the server has shown that it took the request, which goes on: a command.
    pub(crate) taken: bool,
}

/// What is left.
pub(crate) enum Farewell {
    /// The membership of a room.
    Room(Join),
    /// A subscription.
    Topic(Topic),
}

/// What a request was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Auth { token: u64 },
    Ping,
    Subscribe(TopicKey),
    Unsubscribe,
    Join(RoomKey),
    Leave,
    Ask(AskId),
}

/// A ping that must be answered, whatever else comes.
pub(crate) struct Probe {
    pub(crate) request: Option<u64>,
    pub(crate) until: Duration,
}

/// The end of a token.
pub(crate) struct TokenEnds {
    pub(crate) at: Duration,
    pub(crate) tell_at: Duration,
}

impl Link {
    /// The connection has just opened.
    pub(crate) fn opened(id: LinkId, now: Duration, deadline: Duration) -> Self {
        Link {
            id,
            phase: Phase::Greeting {
                deadline,
                connected: false,
                signed_in: false,
            },
            budget: Budget::unannounced(),
            pending: BTreeMap::new(),
            heartbeat: DEFAULT_HEARTBEAT,
            heard: now,
            pinged: now,
            probe: None,
            come_back_at: None,
            token: None,
            token_ends: None,
            leaving: VecDeque::new(),
            malformed: Window::new(Duration::from_secs(60)),
            greeted_at: Timestamp::default(),
            recovered: 0,
            pace_at: None,
        }
    }

    /// The server greeted.
    pub(crate) fn greet(&mut self, greeting: &Connected) {
        self.heartbeat = Duration::from_millis(greeting.heartbeat_ms).clamp(HEARTBEATS.0, HEARTBEATS.1);
        self.budget.announce(greeting.limits.clone());
        self.greeted_at = greeting.server_time;
        if let Phase::Greeting { connected, .. } = &mut self.phase {
            *connected = true;
        }
    }

    /// Whether the server has greeted and signed us in, so that requests make sense.
    pub(crate) fn is_ready(&self) -> bool {
        match self.phase {
            Phase::Greeting { .. } => false,
            Phase::Resyncing { .. } | Phase::Live { .. } => true,
        }
    }

    /// Whether the link has proved within the heartbeat that it is alive.
    pub(crate) fn is_alive(&self, now: Duration) -> bool {
        self.is_ready() && self.probe.is_none() && now < self.heard + self.heartbeat * 2
    }

    /// When the link is dead, unless something comes: a heartbeat after a ping since which nothing was heard.
    pub(crate) fn dead_at(&self) -> Option<Duration> {
        let pinged_in_vain = self.pinged >= self.heard && self.ping_is_open();
        pinged_in_vain.then(|| self.pinged + self.heartbeat)
    }

    /// The sending time of the oldest request that must be answered within the answer deadline.
    pub(crate) fn oldest_pending(&self) -> Option<(u64, Duration)> {
        let due = |pending: &Pending| match pending.what {
            // Asks have deadlines of their own.
            What::Ask(_) => false,
            What::Auth { .. }
            | What::Ping
            | What::Subscribe(_)
            | What::Unsubscribe
            | What::Join(_)
            | What::Leave => true,
        };
        self.pending
            .iter()
            .find(|(_, pending)| due(pending))
            .map(|(request, pending)| (*request, pending.sent))
    }

    /// A request was answered, or never will be.
    pub(crate) fn answered(&mut self, now: Duration, pending: &Pending) {
        if !pending.taken {
            self.budget.answered(now, pending.purpose);
        }
    }

    /// The server goes on with a request, however long that lasts: it counts from now, and keeps none from being sent.
    pub(crate) fn taken(&mut self, now: Duration, request: u64) {
        if let Some(pending) = self.pending.get_mut(&request)
            && !pending.taken
        {
            pending.taken = true;
            self.budget.answered(now, pending.purpose);
        }
    }

    /// Whether a sign-in with the current token is under way.
    pub(crate) fn is_signing_in(&self) -> bool {
        self.pending
            .values()
            .any(|pending| matches!(pending.what, What::Auth { .. }))
    }

    fn ping_is_open(&self) -> bool {
        self.pending
            .values()
            .any(|pending| pending.what == What::Ping && pending.sent == self.pinged)
    }
}
