//! What lanes do with what waits, and what they hand out to be done.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ChannelStatus, MessageId, Offset, Push, Reply, Topic};

use crate::conflate::Pending;
use crate::encoded::Publication;
use crate::filters::{FieldPath, Predicate};
use crate::outbox::{LaneId, PresenceWork};

/// How a lane treats what waits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Policy {
    /// Keep all, in order; fall back to the history when there is too much.
    Every,
    /// Keep what is newest, by key where there are keys, and send no oftener than this.
    Latest {
        /// The least time between two pushes.
        throttle: Duration,
        /// The field of the payload that is the key; the topic's own keys if absent.
        key: Option<FieldPath>,
    },
}

impl Policy {
    /// The field of the payload by which the newest is kept, where the subscription has named one.
    pub fn key(&self) -> Option<&FieldPath> {
        match self {
            Policy::Every => None,
            Policy::Latest { key, .. } => key.as_ref(),
        }
    }

    /// Nothing that waits yet, to be kept as this says.
    pub fn pending(&self) -> Pending {
        Pending::by(self.key())
    }
}

/// How a lane that is behind is to be caught up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CatchUp {
    /// By what lies behind this offset.
    After(Offset),
    /// By what is known now: one push, or of a topic with keys one for each that has changed behind an offset.
    Snapshot {
        /// Only keys that have changed behind this.
        after: Offset,
        /// The offset that the snapshot stands for, where some of it was sent before.
        until: Option<Offset>,
    },
}

impl CatchUp {
    /// By all that is known now.
    pub const WHOLE: CatchUp = CatchUp::Snapshot {
        after: Offset::ZERO,
        until: None,
    };
}

/// What the connection's task has to do next.
#[derive(Debug)]
pub enum Work {
    /// Send this publication.
    Publication(Arc<Publication>),
    /// Send these publications as one.
    Merged(Pending),
    /// Tell how a topic's source is.
    Status(Topic, Arc<ChannelStatus>),
    /// Tell who is there.
    Presence(PresenceWork),
    /// Catch a lane up.
    CatchUp(Behind),
    /// Send this to this client.
    Note(Note),
    /// Close: more notes wait than may.
    Overrun,
}

/// Something for this client alone that belongs to no lane.
#[derive(Clone, PartialEq, Debug)]
pub enum Note {
    /// A further answer to a request of this id.
    Answer(Option<MessageId>, Reply),
    /// Something unasked: a command for a device.
    Push(Box<Push>),
}

impl Note {
    /// Whether this makes one that waits worthless: how far a command is, where it has gone on meanwhile. Each step stands
    /// on the channel `commands`.
    pub(super) fn replaces(&self, waiting: &Note) -> bool {
        match (self, waiting) {
            (
                Note::Answer(id, Reply::CommandStatus(status)),
                Note::Answer(waiting_id, Reply::CommandStatus(before)),
            ) => id == waiting_id && status.command_id == before.command_id,
            (Note::Answer(..) | Note::Push(_), _) => false,
        }
    }
}

/// The most notes that wait; a client that lets more pile up is closed as slow, and comes back.
pub const MOST_NOTES: usize = 256;
/// While fewer wait, each is sent, even if a later one makes it worthless.
pub(super) const MANY_NOTES: usize = 64;

/// There is no room for another note, or the client is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the client takes nothing, or is gone")]
pub struct NotTaken;

/// A lane that is behind: read from the broker what is missing, send it, and say so by [`Outbox::caught_up`](crate::outbox::Outbox::caught_up).
#[derive(Debug)]
pub struct Behind {
    /// Which lane.
    pub lane: LaneId,
    /// Its topic.
    pub topic: Topic,
    /// By what it is to be caught up.
    pub by: CatchUp,
    /// Whether what is missing may be replaced by what is known now.
    pub latest: bool,
    /// The field of the payload by which the newest is kept: then the history says what is missing, and no snapshot does.
    pub key: Option<FieldPath>,
    /// Whether the client is to be told first that it is behind.
    pub tell: bool,
    /// What the lane selects; everything if absent.
    pub filter: Option<Arc<Predicate>>,
}

/// A lane that was closed.
#[derive(Clone, PartialEq, Debug)]
pub struct Closed {
    /// How far it got: up to here, all that it selects was sent.
    pub sent: Offset,
    /// What it selected.
    pub filter: Option<Arc<Predicate>>,
}

impl Behind {
    /// Whether the lane selects a publication.
    pub fn selects(&self, publication: &Publication) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| publication.passes(filter))
    }
}

/// Whether a lane that was caught up now gets live publications.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caught {
    /// It does. If the client was told that it was behind, it is to be told that it no longer is.
    Live {
        /// Whether the client was told.
        told: bool,
    },
    /// More was published meanwhile; the lane gets another turn.
    Behind,
}
