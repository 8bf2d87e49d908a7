//! The broker in the memory of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nexus_protocol::{ChannelStatus, Epoch, Offset, Position, Timestamp, Topic};

use crate::broker::log::Log;
use crate::broker::{Begin, BrokerError, BrokerLimits, Joined, Page, PageOf, Piece, Snapshot};
use crate::content::Draft;
use crate::hub::Hub;

/// The broker in the memory of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Hub,
    limits: BrokerLimits,
    /// Protects which topics there are. Never held while a topic's lock is waited for.
    topics: Mutex<HashMap<Topic, Topical>>,
    /// The epoch of topics that are not there.
    blank: Epoch,
}

/// One topic. Its lock is held from a publication's offset to its announcement, so that all see one order.
type Topical = Arc<Mutex<Log>>;

impl Embedded {
    /// An empty broker that announces to this hub.
    pub fn new(hub: Hub, limits: BrokerLimits) -> Self {
        Embedded {
            shared: Arc::new(Shared {
                hub,
                limits,
                topics: Mutex::default(),
                blank: new_epoch(),
            }),
        }
    }

    pub(super) fn publish(
        &self,
        topic: &Topic,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Position, BrokerError> {
        self.with_log(topic, |log| {
            let publication = log.append(draft, now, self.shared.limits.of(topic));
            self.shared.hub.deliver(&publication);
            Position {
                epoch: log.epoch().clone(),
                offset: publication.offset,
            }
        })
    }

    pub(super) fn set_status(&self, topic: &Topic, status: ChannelStatus) {
        // A topic that cannot be made has no subscribers either.
        let _ = self.with_log(topic, |log| {
            if let Some(news) = log.set_status(status) {
                self.shared.hub.deliver_status(topic, &news);
            }
        });
    }

    pub(super) fn forget(&self, topic: &Topic) {
        if let Some(topical) = self.find(topic) {
            lock(&topical).forget(new_epoch());
        }
    }

    pub(super) fn join(&self, topic: &Topic, begin: Begin) -> Result<Joined, BrokerError> {
        self.with_log(topic, |log| log.join(begin, self.shared.limits.replay))
    }

    pub(super) fn after(&self, topic: &Topic, offset: Offset, bytes: usize) -> Piece {
        match self.find(topic) {
            Some(topical) => lock(&topical).after(offset, bytes),
            None => Piece {
                missed: 0,
                publications: Vec::new(),
                reaches: offset,
                last: offset,
                status: None,
            },
        }
    }

    pub(super) fn snapshot(&self, topic: &Topic) -> Snapshot {
        self.find(topic)
            .map_or_else(Snapshot::default, |topical| lock(&topical).snapshot())
    }

    pub(super) fn page(&self, topic: &Topic, of: PageOf) -> Option<Page> {
        Some(lock(&self.find(topic)?).page(of))
    }

    pub(super) fn nowhere(&self) -> Position {
        Position {
            epoch: self.shared.blank.clone(),
            offset: Offset::ZERO,
        }
    }

    pub(super) fn has(&self, topic: &Topic) -> bool {
        self.find(topic).is_some()
    }

    pub(super) fn sweep(&self) {
        let now = Instant::now();
        let limits = &self.shared.limits;
        self.all().retain(|topic, topical| {
            // Whoever holds the lock uses the topic.
            let Ok(mut log) = topical.try_lock() else {
                return true;
            };
            let is_used = now.saturating_duration_since(log.last_used()) < limits.forget_after
                || self.shared.hub.has_audience(topic);
            if !is_used {
                log.leave_map();
            }
            is_used
        });
    }

    pub(super) fn topics(&self) -> usize {
        self.all().len()
    }

    /// Does something with a topic's log, which is made if there is none.
    fn with_log<T>(&self, topic: &Topic, act: impl FnOnce(&mut Log) -> T) -> Result<T, BrokerError> {
        loop {
            let topical = self.find_or_make(topic)?;
            let mut log = lock(&topical);
            // Between finding and locking it, a sweep may have forgotten it.
            if !log.is_gone() {
                log.touch(Instant::now());
                return Ok(act(&mut log));
            }
        }
    }

    fn find_or_make(&self, topic: &Topic) -> Result<Topical, BrokerError> {
        let mut topics = self.all();
        if let Some(topical) = topics.get(topic) {
            return Ok(Arc::clone(topical));
        }
        if topics.len() >= self.shared.limits.topics {
            return Err(BrokerError::TooManyTopics);
        }
        let topical = Arc::new(Mutex::new(Log::new(topic, new_epoch(), Instant::now())));
        topics.insert(topic.clone(), Arc::clone(&topical));
        Ok(topical)
    }

    fn find(&self, topic: &Topic) -> Option<Topical> {
        self.all().get(topic).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Topic, Topical>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(topical: &Topical) -> MutexGuard<'_, Log> {
    topical.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_epoch() -> Epoch {
    Epoch::from_random(fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_protocol::{ChannelName, FeedState, Params};

    use super::*;
    use crate::content::Content;
    use crate::outbox::{Outbox, Policy, Work};

    fn topic(name: &str) -> Topic {
        Topic::parse(&ChannelName::parse(name).unwrap(), Params::default())
            .unwrap()
            .topic
    }

    fn broker(limits: BrokerLimits) -> (Hub, Embedded) {
        let hub = Hub::default();
        (hub.clone(), Embedded::new(hub, limits))
    }

    fn publish(broker: &Embedded, name: &str) -> Result<Position, BrokerError> {
        broker.publish(
            &topic(name),
            Content::Whole("1".into()).into(),
            Timestamp::EXAMPLE,
        )
    }

    #[test]
    fn each_topic_has_its_own_order() {
        let (_, broker) = broker(BrokerLimits::default());
        let first = publish(&broker, "room:a").unwrap();
        let second = publish(&broker, "room:a").unwrap();
        let other = publish(&broker, "room:b").unwrap();
        assert_eq!(
            (first.offset, second.offset, other.offset),
            (Offset(1), Offset(2), Offset(1))
        );
        assert_eq!(first.epoch, second.epoch);
        assert_ne!(first.epoch, other.epoch);
    }

    #[test]
    fn the_number_of_topics_is_bounded_and_unused_ones_make_room() {
        let (hub, broker) = broker(BrokerLimits {
            topics: 2,
            forget_after: Duration::ZERO,
            ..BrokerLimits::default()
        });
        publish(&broker, "room:a").unwrap();
        publish(&broker, "room:b").unwrap();
        assert_eq!(publish(&broker, "room:c"), Err(BrokerError::TooManyTopics));
        assert!(
            broker.page(&topic("room:c"), whole()).is_none(),
            "looking makes nothing"
        );
        let outbox = Arc::new(Outbox::new(1000));
        let lane = outbox.open(&topic("room:a"), Policy::Every);
        let seat = hub.take_seat(&topic("room:a"), &outbox, lane);
        let before = publish(&broker, "room:a").unwrap();
        broker.sweep();
        assert_eq!(broker.topics(), 1, "a topic that someone listens to stays");
        assert_eq!(publish(&broker, "room:a").unwrap().epoch, before.epoch);
        publish(&broker, "room:c").unwrap();
        drop(seat);
        broker.sweep();
        assert_eq!(broker.topics(), 0);
        assert_ne!(
            publish(&broker, "room:a").unwrap().epoch,
            before.epoch,
            "it begins anew"
        );
    }

    #[test]
    fn a_status_is_told_when_it_changed_and_a_gap_is_not_kept() {
        let (hub, broker) = broker(BrokerLimits::default());
        let outbox = Arc::new(Outbox::new(10_000));
        let lane = outbox.open(&topic("room:a"), Policy::Every);
        let _seat = hub.take_seat(&topic("room:a"), &outbox, lane);
        let joined = broker.join(&topic("room:a"), Begin::Fresh).unwrap();
        outbox.start(lane, joined.position, None, None);
        let status = |state| ChannelStatus::new(state, Timestamp::EXAMPLE);
        for state in [
            FeedState::Live,
            FeedState::Live,
            FeedState::Gap,
            FeedState::Gap,
            FeedState::Stale,
        ] {
            broker.set_status(&topic("room:a"), status(state));
        }
        let mut told = Vec::new();
        while let Some(Work::Status(_, status)) = outbox.next(tokio::time::Instant::now()) {
            told.push(status.state);
        }
        assert_eq!(
            told,
            [FeedState::Live, FeedState::Gap, FeedState::Gap, FeedState::Stale]
        );
        let later = broker.join(&topic("room:a"), Begin::Fresh).unwrap();
        assert_eq!(later.status.as_deref(), Some(&status(FeedState::Stale)));
    }

    fn whole() -> PageOf {
        PageOf {
            after: Offset::ZERO,
            before: None,
            limit: 10,
            reverse: false,
        }
    }
}
