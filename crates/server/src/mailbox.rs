//! What waits for one shard: publications and news for the topics that are listened to there, who takes a seat and who
//! leaves one, and which of its connections have something to do.
//!
//! Whoever posts only pushes to a list under a lock that is held for a few steps, and wakes the shard if it sleeps. A
//! publication is posted once for all connections of the shard. Publishers wait while a mailbox is crowded. It is bounded for
//! those that do not: beyond the bound publications are let go, and the shard is told, so that every subscription there is
//! caught up from the history. Nothing else is ever let go.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_protocol::{ChannelStatus, Topic};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::encoded::Publication;
use crate::outbox::LaneId;
use crate::presence::changes::News;

/// What publications may hold while they wait for a shard.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// While publications hold so much, publishers wait.
const CROWDED_BYTES: usize = 256 * 1024;
/// So long a publisher waits for crowded shards at most.
const CROWD_DEADLINE: Duration = Duration::from_secs(1);
/// So many things are taken at once.
const MOST_PARCELS: usize = 1024;
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
    /// A lane knows all news of who is there that were posted before this.
    Superseded(ConnId, LaneId),
    /// A seat is left.
    Left(u64),
    /// Publications were let go here: what they were, each reads from the history.
    Overran,
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
    /// What the publications hold.
    pub bytes: usize,
}

/// What waits for one shard.
#[derive(Debug)]
pub struct Mailbox {
    /// Protects what waits; no other lock is taken while it is held.
    waiting: Mutex<Waiting>,
    /// Whether the shard sleeps, or is about to.
    sleeps: AtomicBool,
    waker: mio::Waker,
    crowd: Arc<Crowd>,
}

#[derive(Debug, Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    wakes: Vec<ConnId>,
    /// What the publications hold.
    bytes: usize,
    is_crowded: bool,
}

/// How many mailboxes are crowded, for publishers to wait.
#[derive(Debug, Default)]
pub struct Crowd {
    mailboxes: AtomicUsize,
    fewer: Notify,
}

impl Crowd {
    /// Waits until no mailbox is crowded, or for a second.
    pub async fn disperses(&self) {
        if self.mailboxes.load(Ordering::Acquire) == 0 {
            return;
        }
        // Apart, so that whoever publishes carries no timer about that is seldom used.
        Box::pin(self.wait()).await;
    }

    async fn wait(&self) {
        let dispersed = async {
            loop {
                let fewer = self.fewer.notified();
                if self.mailboxes.load(Ordering::Acquire) == 0 {
                    return;
                }
                fewer.await;
            }
        };
        // Then it is the mailbox's bound that answers.
        let _ = timeout(CROWD_DEADLINE, dispersed).await;
    }

    fn grow(&self) {
        self.mailboxes.fetch_add(1, Ordering::AcqRel);
    }

    fn shrink(&self) {
        if self.mailboxes.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.fewer.notify_waiters();
        }
    }
}

impl Mailbox {
    /// An empty mailbox, whose shard is woken by `waker`.
    pub fn new(waker: mio::Waker, crowd: Arc<Crowd>) -> Self {
        Mailbox {
            waiting: Mutex::default(),
            sleeps: AtomicBool::new(false),
            waker,
            crowd,
        }
    }

    /// Posts something.
    pub fn post(&self, parcel: Parcel) {
        {
            let mut waiting = self.lock();
            if let Parcel::Publication(publication) = &parcel {
                let cost = publication.frame.len() + ENTRY_BYTES;
                if waiting.bytes + cost > MOST_BYTES {
                    return waiting.note_overrun();
                }
                waiting.bytes += cost;
                if waiting.bytes > CROWDED_BYTES && !waiting.is_crowded {
                    waiting.is_crowded = true;
                    self.crowd.grow();
                }
            }
            waiting.parcels.push_back(parcel);
        }
        self.wake();
    }

    /// Says that a connection has something to do.
    pub fn wake_connection(&self, connection: ConnId) {
        self.lock().wakes.push(connection);
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

    /// Takes what waits, publications of about so many bytes at most. `spent` is what was taken before, whose memory is used
    /// again.
    pub fn take(&self, mut spent: Post, most_bytes: usize) -> Post {
        spent.parcels.clear();
        spent.wakes.clear();
        spent.bytes = 0;
        let mut waiting = self.lock();
        std::mem::swap(&mut waiting.wakes, &mut spent.wakes);
        while spent.bytes < most_bytes && spent.parcels.len() < MOST_PARCELS {
            let Some(parcel) = waiting.parcels.pop_front() else {
                break;
            };
            if let Parcel::Publication(publication) = &parcel {
                spent.bytes += publication.frame.len() + ENTRY_BYTES;
            }
            spent.parcels.push(parcel);
        }
        waiting.bytes -= spent.bytes;
        let disperses = waiting.is_crowded && waiting.bytes <= CROWDED_BYTES / 2;
        waiting.is_crowded &= !disperses;
        drop(waiting);
        if disperses {
            // Whoever waits for it may be a connection of this very shard, and is woken through this mailbox.
            self.crowd.shrink();
        }
        spent
    }

    /// The shard is about to sleep. Says whether it may: nothing waits, and whoever posts from now on wakes it.
    #[must_use]
    pub fn may_sleep(&self) -> bool {
        self.sleeps.store(true, Ordering::SeqCst);
        let waiting = self.lock();
        let is_empty = waiting.parcels.is_empty() && waiting.wakes.is_empty();
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

impl Waiting {
    /// A publication is let go. It is told in its place, so that whoever took a seat before it hears of it; what waits is
    /// full of publications, so the shard is awake.
    fn note_overrun(&mut self) {
        if !matches!(self.parcels.back(), Some(Parcel::Overran)) {
            self.parcels.push_back(Parcel::Overran);
        }
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

impl Drop for Mailbox {
    fn drop(&mut self) {
        let waiting = self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_crowded {
            self.crowd.shrink();
        }
    }
}
