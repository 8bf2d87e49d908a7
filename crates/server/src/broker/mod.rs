//! Orders, stores and announces publications.
//!
//! Storing and announcing is one atomic act per topic: a publication gets the next offset, joins the history and is
//! offered to every seat of this node before the next one can. The broker does not know who publishes or listens.

mod durable;
mod embedded;
mod keys;
mod known;
mod log;
mod rules;
mod store;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_protocol::{ChannelStatus, Epoch, ErrorCode, Mode, Offset, Position, Refusal, Timestamp, Topic};
use tokio::sync::oneshot;
use tokio::time::{Timeout, timeout};

pub use crate::broker::embedded::Embedded;
use crate::broker::embedded::Wanted;
pub use crate::broker::keys::KeepKeys;
pub use crate::broker::rules::{BrokerLimits, Rules};
pub use crate::broker::store::{StoreError, StoreReport};
use crate::content::{Content, Draft};
use crate::encoded::Publication;
use crate::filters::Predicate;

/// Orders, stores and announces publications. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Broker {
    /// In the memory of this process. Durable topics are written down as well, and go on after a restart.
    Embedded(Embedded),
}

/// Why the broker could not do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BrokerError {
    /// There are as many topics as there may be.
    #[error("the server holds as many topics as it may")]
    TooManyTopics,
    /// More waits to be written down than may. It was not published.
    #[error("the server's disk is slower than what is to be kept; nothing was published")]
    StoreBusy,
    /// The disk takes nothing. It was not published.
    #[error("the server's disk takes nothing; nothing was published")]
    StoreFailed,
    /// The disk did not confirm it in time, or failed meanwhile. Subscribers have it.
    #[error("the server's disk has not confirmed it; it was announced, and may be lost in a restart")]
    NotConfirmed,
}

impl BrokerError {
    /// What a client is told.
    pub fn refusal(self) -> Refusal {
        let wait = match self {
            BrokerError::TooManyTopics | BrokerError::StoreFailed => 60_000,
            BrokerError::StoreBusy | BrokerError::NotConfirmed => 1_000,
        };
        Refusal::new(ErrorCode::Internal, format!("{self}; try again later")).retry_after_ms(wait)
    }
}

/// How long the store may take to end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How long the disk may take to confirm a publication.
const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// From where a subscriber begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begin {
    /// With what is known now.
    Fresh,
    /// With what is known now where the topic has keys, and otherwise with all that its history keeps.
    History,
    /// With what comes, and nothing before it.
    Live,
    /// With what lies behind a position that it has.
    Recover(Position),
    /// With what was published since a time.
    Since(Timestamp),
    /// With what lies behind this offset of a subscription that it has.
    Continue(Offset),
    /// With what stands for each key, where there are keys, and otherwise with what lies behind this offset: a
    /// subscription that it has selects something else from now on.
    Select(Offset),
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
    /// What is known now: one push, or one for each key.
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
    /// Whether the topic is published by keys: then a snapshot can make up for what is gone.
    pub by_key: bool,
    /// How the topic's source is.
    pub status: Option<Arc<ChannelStatus>>,
}

/// What is known of a topic now, or some of it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The offset that it stands for.
    pub offset: Offset,
    /// The pushes; none if nothing is known.
    pub frames: Vec<Bytes>,
    /// How far these pushes reach: to `offset`, unless there are more keys.
    pub reaches: Offset,
    /// The offset of the topic's last publication.
    pub last: Offset,
}

/// Which part of what is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotOf {
    /// Only keys whose newest publication lies behind this; without meaning for topics without keys.
    pub after: Offset,
    /// The offset that the snapshot stands for, where some of it was read before; the topic's last if absent.
    pub until: Option<Offset>,
    /// About so many bytes.
    pub bytes: usize,
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
    /// Only what lies before this.
    pub until: Option<Offset>,
    /// Only what is older than this.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
    /// Newest first.
    pub reverse: bool,
}

/// A publication that has its place in the order, and was announced.
#[derive(Debug)]
pub struct Placed {
    /// Its place.
    pub position: Position,
    /// How to wait for the disk; none where its topic promises nothing more.
    pub storing: Option<Storing>,
}

/// What the disk is to confirm, within five seconds of its order.
#[derive(Debug)]
pub struct Storing(Pin<Box<Timeout<oneshot::Receiver<()>>>>);

impl Storing {
    /// Waits for the disk.
    ///
    /// # Errors
    /// If it has not confirmed it in time, or has failed.
    pub async fn confirmed(self) -> Result<(), BrokerError> {
        match self.0.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(BrokerError::NotConfirmed),
        }
    }
}

impl Broker {
    /// Orders, stores and announces a publication. While what was announced waits for shards that do not keep up, this
    /// waits too, a second at most.
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
            Broker::Embedded(embedded) => {
                embedded.hub().crowd().disperses().await;
                let (position, _) = embedded.publish(topic, content.into(), now, Wanted::Announced)?;
                Ok(position)
            }
        }
    }

    /// The same, of what is to be stored as its topic promises. It comes back when the publication has its place, and says
    /// how to wait for the disk.
    ///
    /// # Errors
    /// If the topic is new and there are too many, or it cannot be stored.
    pub async fn place(&self, topic: &Topic, draft: Draft, now: Timestamp) -> Result<Placed, BrokerError> {
        match self {
            Broker::Embedded(embedded) => {
                embedded.hub().crowd().disperses().await;
                let (position, written) = embedded.publish(topic, draft, now, Wanted::Stored)?;
                let storing = written.map(|written| Storing(Box::pin(timeout(STORE_DEADLINE, written))));
                Ok(Placed { position, storing })
            }
        }
    }

    /// The same, and comes back only when it is stored: behind this, an `ack`.
    ///
    /// # Errors
    /// If the topic is new and there are too many, or it cannot be stored.
    pub async fn publish_stored(
        &self,
        topic: &Topic,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Position, BrokerError> {
        let Placed { position, storing } = self.place(topic, draft, now).await?;
        if let Some(storing) = storing {
            storing.confirmed().await?;
        }
        Ok(position)
    }

    /// Writes down what is to survive, and notes that this was the end. Nothing durable can be published any more.
    pub async fn close(&self) {
        match self {
            Broker::Embedded(embedded) => {
                let embedded = embedded.clone();
                let (done, is_done) = oneshot::channel();
                // On a thread of its own, which a disk that hangs may keep without keeping the process.
                let closing = move || {
                    embedded.close();
                    let _ = done.send(());
                };
                let began = std::thread::Builder::new()
                    .name("store-end".to_owned())
                    .spawn(closing);
                if began.is_err() || timeout(CLOSE_DEADLINE, is_done).await.is_err() {
                    tracing::error!("the store does not end: the next start begins new epochs");
                }
            }
        }
    }

    /// How the store is; none if nothing is to survive a restart.
    pub fn store(&self) -> Option<StoreReport> {
        match self {
            Broker::Embedded(embedded) => embedded.store_report(),
        }
    }

    /// What stands for each key of a topic that is published by [`Content::Keyed`], in the order of their offsets.
    pub async fn standing(&self, topic: &Topic) -> Vec<(Arc<str>, Arc<str>)> {
        match self {
            Broker::Embedded(embedded) => embedded.standing(topic),
        }
    }

    /// The mode of a subscriber that does not ask for one.
    pub fn default_mode(&self, topic: &Topic) -> Mode {
        match self {
            Broker::Embedded(embedded) => embedded.default_mode(topic),
        }
    }

    /// Notes how fresh a topic's source is. Every subscriber is told when it changed, and each new one at the start.
    /// A gap is an event and not a state: it is announced and not kept.
    pub async fn set_status(&self, topic: &Topic, status: ChannelStatus) {
        match self {
            Broker::Embedded(embedded) => embedded.set_status(topic, status),
        }
    }

    /// Forgets a topic's history; its order goes on. For a source whose series broke.
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

    /// What is known of a topic now: one push, or one for each key.
    pub async fn snapshot(&self, topic: &Topic, of: SnapshotOf, filter: Option<&Predicate>) -> Snapshot {
        match self {
            Broker::Embedded(embedded) => embedded.snapshot(topic, of, filter),
        }
    }

    /// A page of the past; none if the topic is not there. Looking does not make it.
    pub async fn page(&self, topic: &Topic, of: PageOf) -> Option<Page> {
        self.page_of(topic, of, None).await
    }

    /// The same of what passes a filter. Of telemetry that is filtered by device, it reaches back further.
    pub async fn page_of(&self, topic: &Topic, of: PageOf, filter: Option<&Predicate>) -> Option<Page> {
        match self {
            Broker::Embedded(embedded) => embedded.page(topic, of, filter),
        }
    }

    /// Whether a topic's order goes on from a position of one that ended.
    pub async fn goes_on_from(&self, topic: &Topic, position: &Position) -> bool {
        match self {
            Broker::Embedded(embedded) => embedded.goes_on_from(topic, position),
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

    /// What all histories hold in memory, in bytes.
    pub fn held(&self) -> usize {
        match self {
            Broker::Embedded(embedded) => embedded.held(),
        }
    }

    /// Forgets topics that nobody uses.
    pub fn sweep(&self) {
        match self {
            Broker::Embedded(embedded) => embedded.sweep(),
        }
    }

    /// Every topic that there is, and the offset of its last publication.
    pub fn offsets(&self) -> Vec<(Topic, Offset)> {
        match self {
            Broker::Embedded(embedded) => embedded.offsets(),
        }
    }

    /// How many topics there are.
    pub fn topics(&self) -> usize {
        match self {
            Broker::Embedded(embedded) => embedded.topics(),
        }
    }
}

impl PageOf {
    fn wants(&self, publication: &Publication) -> bool {
        self.until.is_none_or(|until| publication.offset < until)
            && self.before.is_none_or(|before| publication.time < before)
    }
}

impl Page {
    /// The first of these, and whether there are more.
    fn cut(position: Position, publications: impl Iterator<Item = Arc<Publication>>, limit: usize) -> Self {
        let mut publications: Vec<_> = publications.take(limit.saturating_add(1)).collect();
        let more = publications.len() > limit;
        publications.truncate(limit);
        Page {
            position,
            publications,
            more,
        }
    }
}

impl Joined {
    /// The epoch that offsets count in.
    pub fn epoch(&self) -> &Epoch {
        &self.position.epoch
    }
}

fn new_epoch() -> Epoch {
    Epoch::from_random(fastrand::u64(..))
}
