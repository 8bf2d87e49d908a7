//! Orders, stores and announces publications.
//!
//! Storing and announcing is one atomic act per topic: a publication gets the next offset, joins the history and is
//! offered to every seat of this node before the next one can. The broker does not know who publishes or listens.

mod embedded;
mod log;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_protocol::{ChannelStatus, Epoch, Mode, Offset, Position, Timestamp, Topic};

pub use crate::broker::embedded::Embedded;
use crate::content::{Content, Draft};
use crate::encoded::Publication;
use crate::history::Keep;

/// Orders, stores and announces publications. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Broker {
    /// In the memory of this process. Its order ends with the process: a restart begins new epochs.
    Embedded(Embedded),
}

/// How much the embedded broker keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BrokerLimits {
    /// The most topics that there may be at a time.
    pub topics: usize,
    /// What the history of one topic keeps.
    pub history: Keep,
    /// How many publications a new subscriber of an `every` topic gets.
    pub replay: usize,
    /// A topic that nobody listens to and nothing was published on for so long is forgotten.
    pub forget_after: Duration,
}

/// Why the broker could not do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BrokerError {
    /// There are as many topics as there may be.
    #[error("the server holds as many topics as it may")]
    TooManyTopics,
}

/// From where a subscriber begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begin {
    /// With what is known now.
    Fresh,
    /// With what comes, and nothing before it.
    Live,
    /// With what lies behind a position that it has.
    Recover(Position),
    /// With what was published since a time.
    Since(Timestamp),
    /// With what lies behind this offset of a subscription that it has.
    Continue(Offset),
}

/// Where a subscriber stands who just begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// The order, and the offset that pushes go on from.
    pub position: Position,
    /// What is to be sent first.
    pub first: Option<First>,
    /// Whether everything behind the position that was given follows. Only in answer to [`Begin::Recover`].
    pub recovered: Option<bool>,
    /// How the topic's source is.
    pub status: Option<Arc<ChannelStatus>>,
}

/// What a subscriber who just begins gets first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// What lies behind its position.
    Missed,
    /// What is known now, as one push.
    Snapshot,
}

/// A piece of the past, oldest first.
#[derive(Clone, Debug)]
pub struct Piece {
    /// How many publications are gone that lie between the offset asked for and the first of these.
    pub missed: u64,
    /// The publications.
    pub publications: Vec<Arc<Publication>>,
    /// The offset that the piece reaches.
    pub reaches: Offset,
    /// The offset of the topic's last publication.
    pub last: Offset,
    /// How the topic's source is.
    pub status: Option<Arc<ChannelStatus>>,
}

/// What is known of a topic now.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The offset that it stands for.
    pub offset: Offset,
    /// The push; none if nothing is known.
    pub frame: Option<Bytes>,
}

/// A page of the past, for `history`.
#[derive(Clone, Debug)]
pub struct Page {
    /// The order, and the newest offset.
    pub position: Position,
    /// The publications, in the order asked for.
    pub publications: Vec<Arc<Publication>>,
    /// Whether there is more in the direction asked for.
    pub more: bool,
}

/// Which page of the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageOf {
    /// Only what lies behind this.
    pub after: Offset,
    /// Only what is older than this.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
    /// Newest first.
    pub reverse: bool,
}

impl Broker {
    /// Orders, stores and announces a publication.
    ///
    /// # Errors
    /// If the topic is new and there are too many.
    pub async fn publish(
        &self,
        topic: &Topic,
        content: Content,
        now: Timestamp,
    ) -> Result<Position, BrokerError> {
        match self {
            Broker::Embedded(embedded) => embedded.publish(topic, content.into(), now),
        }
    }

    /// The same, and comes back only when the publication is stored as its topic promises: behind this, an `ack`.
    ///
    /// # Errors
    /// If the topic is new and there are too many, or it cannot be stored.
    pub async fn publish_stored(
        &self,
        topic: &Topic,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Position, BrokerError> {
        match self {
            Broker::Embedded(embedded) => embedded.publish(topic, draft, now),
        }
    }

    /// What stands for each key of a topic that is published by [`Content::Keyed`], in the order of their offsets.
    pub async fn standing(&self, topic: &Topic) -> Vec<(Arc<str>, Arc<str>)> {
        let _ = topic;
        Vec::new()
    }

    /// Notes how fresh a topic's source is. Every subscriber is told when it changed, and each new one at the start.
    /// A gap is an event and not a state: it is announced and not kept.
    pub async fn set_status(&self, topic: &Topic, status: ChannelStatus) {
        match self {
            Broker::Embedded(embedded) => embedded.set_status(topic, status),
        }
    }

    /// Forgets a topic's history and begins a new epoch; offsets go on. For a source whose series broke.
    pub async fn forget(&self, topic: &Topic) {
        match self {
            Broker::Embedded(embedded) => embedded.forget(topic),
        }
    }

    /// Where a new subscriber stands. It has its seat already, so whatever this does not see is offered to it.
    ///
    /// # Errors
    /// If the topic is new and there are too many.
    pub async fn join(&self, topic: &Topic, begin: Begin) -> Result<Joined, BrokerError> {
        match self {
            Broker::Embedded(embedded) => embedded.join(topic, begin),
        }
    }

    /// What lies behind an offset, up to about so many bytes, but at least one publication if there is one.
    pub async fn after(&self, topic: &Topic, offset: Offset, bytes: usize) -> Piece {
        match self {
            Broker::Embedded(embedded) => embedded.after(topic, offset, bytes),
        }
    }

    /// What is known of a topic now, as one push.
    pub async fn snapshot(&self, topic: &Topic) -> Snapshot {
        match self {
            Broker::Embedded(embedded) => embedded.snapshot(topic),
        }
    }

    /// A page of the past; none if the topic is not there. Looking does not make it.
    pub async fn page(&self, topic: &Topic, of: PageOf) -> Option<Page> {
        match self {
            Broker::Embedded(embedded) => embedded.page(topic, of),
        }
    }

    /// Where a topic stands that is not there.
    pub fn nowhere(&self) -> Position {
        match self {
            Broker::Embedded(embedded) => embedded.nowhere(),
        }
    }

    /// Whether anything was published on a topic lately, or said about it.
    pub async fn has(&self, topic: &Topic) -> bool {
        match self {
            Broker::Embedded(embedded) => embedded.has(topic),
        }
    }

    /// Forgets topics that nobody uses.
    pub fn sweep(&self) {
        match self {
            Broker::Embedded(embedded) => embedded.sweep(),
        }
    }

    /// How many topics there are.
    pub fn topics(&self) -> usize {
        match self {
            Broker::Embedded(embedded) => embedded.topics(),
        }
    }
}

impl Default for BrokerLimits {
    fn default() -> Self {
        BrokerLimits {
            topics: 10_000,
            history: Keep {
                publications: 1_000,
                bytes: 1 << 20,
            },
            replay: 200,
            forget_after: Duration::from_secs(300),
        }
    }
}

/// Where only the latest counts, a short history is enough: behind it, a snapshot is the better thing to send.
const LATEST_KEEPS: usize = 100;

impl BrokerLimits {
    /// What the history of a topic keeps.
    pub fn of(&self, topic: &Topic) -> Keep {
        match topic.default_mode() {
            Mode::Every => self.history,
            Mode::Latest => Keep {
                publications: self.history.publications.min(LATEST_KEEPS),
                ..self.history
            },
        }
    }
}

impl Joined {
    /// The epoch that offsets count in.
    pub fn epoch(&self) -> &Epoch {
        &self.position.epoch
    }
}
