//! How old what one sees is.

use std::time::Duration;

/// How fresh a topic's data is, all things considered: the link, the subscription, and the server's source.
///
/// Never [`Freshness::Live`] unless the link has proved within the heartbeat that it is alive, the topic is subscribed
/// on that link, and the server does not say otherwise of its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freshness {
    /// As new as it gets.
    Live {
        /// How long ago the last publication, or the confirmation that there was none, came.
        age: Duration,
    },
    /// The server's source has gone quiet.
    Stale {
        /// How long ago its last news came.
        age: Duration,
    },
    /// Being asked for, also again and again, or being caught up with.
    Resyncing,
    /// The server cannot reach its source; the topic may even be refused for that.
    Down {
        /// For how long.
        age: Duration,
    },
    /// The link to the server is down, or not known to be up.
    Offline {
        /// How long ago the link was last known to be up; since the session began, if it never was.
        age: Duration,
    },
    /// The server refuses the topic, until something changes.
    Refused,
}

impl Freshness {
    /// Whether it is as new as it gets.
    pub fn is_live(self) -> bool {
        match self {
            Freshness::Live { .. } => true,
            Freshness::Stale { .. }
            | Freshness::Resyncing
            | Freshness::Down { .. }
            | Freshness::Offline { .. }
            | Freshness::Refused => false,
        }
    }
}
