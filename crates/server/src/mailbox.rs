//! What waits for one shard: publications and news for the topics that are listened to there, who takes a seat and who
//! leaves one, and which of its connections have something to do.
//!
//! Whoever posts only pushes to a list under a lock that is held for a few steps, and wakes the shard if it sleeps. A
//! publication is posted once for all connections of the shard. The mailbox is bounded: beyond the bound publications are let
//! go, and the shard is told, so that every subscription there is caught up from the history. Nothing else is ever let go.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_protocol::{ChannelStatus, Topic};

use crate::encoded::Publication;
use crate::outbox::LaneId;
use crate::presence::changes::News;

/// What publications may hold while they wait for a shard; it reads them in far less time than this takes to fill.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// What a publication counts beyond its frame.
const ENTRY_BYTES: usize = 128;

/// A connection of a shard: its place, and how often the place was used before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnId {
    /// The place.
    pub slot: u32,
    /// How often it was used before.
    pub generation: u32,
}

/// One thing that waits. The order among them is kept.
#[derive(Debug)]
pub enum Parcel {
    /// A publication, for all that listen to its topic here.
    Publication(Arc<Publication>),
    /// News of a topic's source.
    Status(Topic, Arc<ChannelStatus>),
    /// News of who is on a topic.
    Presence(Arc<News>),
    /// A connection takes a seat.
    Seated(Seated),
    /// A lane was closed: its seat gets nothing more, even while somebody still holds it.
    Closed(ConnId, LaneId),
    /// A lane knows all news of who is there that were posted before this.
    Superseded(ConnId, LaneId),
    /// A seat is left.
    Left(u64),
}

/// A connection takes a seat: it gets every publication that is posted behind this.
#[derive(Debug)]
pub struct Seated {
    /// The seat's number.
    pub seat: u64,
    /// Of which topic.
    pub topic: Topic,
    /// Who sits there.
    pub connection: ConnId,
    /// Which of its lanes.
    pub lane: LaneId,
}

/// What waited.
#[derive(Debug, Default)]
pub struct Post {
    /// In order.
    pub parcels: Vec<Parcel>,
    /// Connections that have something to do.
    pub wakes: Vec<ConnId>,
    /// Publications were let go.
    pub overran: bool,
}

/// What waits for one shard.
#[derive(Debug)]
pub struct Mailbox {
    /// Protects what waits; no other lock is taken while it is held.
    waiting: Mutex<Waiting>,
    /// Whether the shard sleeps, or is about to.
    sleeps: AtomicBool,
    waker: mio::Waker,
}

#[derive(Debug, Default)]
struct Waiting {
    post: Post,
    bytes: usize,
}

impl Mailbox {
    /// An empty mailbox, whose shard is woken by `waker`.
    pub fn new(waker: mio::Waker) -> Self {
        Mailbox {
            waiting: Mutex::default(),
            sleeps: AtomicBool::new(false),
            waker,
        }
    }

    /// Posts something.
    pub fn post(&self, parcel: Parcel) {
        {
            let mut waiting = self.lock();
            if let Parcel::Publication(publication) = &parcel {
                let cost = publication.frame.len() + ENTRY_BYTES;
                if waiting.bytes + cost > MOST_BYTES {
                    waiting.post.overran = true;
                    return;
                }
                waiting.bytes += cost;
            }
            waiting.post.parcels.push(parcel);
        }
        self.wake();
    }

    /// Says that a connection has something to do.
    pub fn wake_connection(&self, connection: ConnId) {
        self.lock().post.wakes.push(connection);
        self.wake();
    }

    /// Wakes the shard, if it sleeps.
    pub fn wake(&self) {
        if self.sleeps.swap(false, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            // The kernel has no memory for eight bytes; the shard wakes by its timers.
            tracing::error!(%error, "a shard cannot be woken");
        }
    }

    /// Takes everything; `spent` is what was taken before, whose memory is used again.
    pub fn take(&self, mut spent: Post) -> Post {
        spent.parcels.clear();
        spent.wakes.clear();
        spent.overran = false;
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::swap(&mut waiting.post, &mut spent);
        spent
    }

    /// The shard is about to sleep. Says whether it may: nothing waits, and whoever posts from now on wakes it.
    #[must_use]
    pub fn may_sleep(&self) -> bool {
        self.sleeps.store(true, Ordering::SeqCst);
        let waiting = self.lock();
        let is_empty =
            waiting.post.parcels.is_empty() && waiting.post.wakes.is_empty() && !waiting.post.overran;
        drop(waiting);
        if !is_empty {
            self.sleeps.store(false, Ordering::SeqCst);
        }
        is_empty
    }

    /// The shard is awake.
    pub fn woke_up(&self) {
        self.sleeps.store(false, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waker of a new event loop, under a token that no connection has.
///
/// # Errors
/// If the system has no descriptor left.
pub fn waker(poll: &mio::Poll) -> io::Result<mio::Waker> {
    mio::Waker::new(poll.registry(), WAKER)
}

/// The waker's token.
pub const WAKER: mio::Token = mio::Token(usize::MAX);
