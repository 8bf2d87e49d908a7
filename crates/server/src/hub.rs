//! Who listens to what on this node.
//!
//! A [`Seat`] is one subscription: it exists as long as someone holds it, and dropping it leaves. The hub hands each
//! publication to the outbox of every seat of its topic, and says to one listener of its own, the demand hook, when a
//! topic got its first seat and when it lost its last. It does not know what a connection is.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_protocol::{ChannelStatus, Topic};

use crate::encoded::Publication;
use crate::outbox::{LaneId, Outbox};
use crate::presence::changes::News;

/// Who listens to what on this node. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// One subscription. Dropping it leaves the topic.
#[must_use = "dropping a seat leaves the topic"]
pub struct Seat {
    hub: Hub,
    topic: Topic,
    id: u64,
}

/// A topic began or ceased to be wanted on this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Demand {
    /// The first seat was taken.
    Wanted(Topic),
    /// The last seat was left.
    Unwanted(Topic),
}

/// What is told of demand. It is called under the hub's lock, so that the order is right: it must not block, nor call
/// the hub.
pub type DemandHook = Box<dyn Fn(Demand) + Send + Sync>;

#[derive(Default)]
struct Shared {
    /// Protects which topics have an audience, and who joins or leaves one. Taken before an audience's own lock.
    topics: Mutex<HashMap<Topic, Arc<Audience>>>,
    demand: OnceLock<DemandHook>,
    next_id: AtomicU64,
    seats: AtomicU64,
}

/// The seats of one topic. Its lock is held while something is handed out, so that all get it in the same order.
#[derive(Default)]
struct Audience(Mutex<BTreeMap<u64, Listener>>);

struct Listener {
    outbox: Arc<Outbox>,
    lane: LaneId,
}

impl Hub {
    /// Sets who is told of demand. Only the first call counts.
    pub fn on_demand(&self, hook: DemandHook) {
        let _ = self.shared.demand.set(hook);
    }

    /// Takes a seat: from here on, every publication of the topic is offered to the lane.
    pub fn take_seat(&self, topic: &Topic, outbox: &Arc<Outbox>, lane: LaneId) -> Seat {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let listener = Listener {
            outbox: Arc::clone(outbox),
            lane,
        };
        let mut topics = self.topics();
        let audience = topics.entry(topic.clone()).or_default();
        let mut seats = audience.seats();
        seats.insert(id, listener);
        if seats.len() == 1 {
            self.tell(Demand::Wanted(topic.clone()));
        }
        self.shared.seats.fetch_add(1, Ordering::Relaxed);
        Seat {
            hub: self.clone(),
            topic: topic.clone(),
            id,
        }
    }

    /// Offers a publication to everyone who listens to its topic.
    pub fn deliver(&self, publication: &Arc<Publication>) {
        let Some(audience) = self.audience(&publication.head.topic) else {
            return;
        };
        for listener in audience.seats().values() {
            listener.outbox.offer(listener.lane, publication);
        }
    }

    /// Offers news of a topic's source to everyone who listens to it.
    pub fn deliver_status(&self, topic: &Topic, status: &Arc<ChannelStatus>) {
        let Some(audience) = self.audience(topic) else {
            return;
        };
        for listener in audience.seats().values() {
            listener.outbox.offer_status(listener.lane, status);
        }
    }

    /// Offers news of who is on a topic to everyone who listens to it and watches.
    pub fn deliver_presence(&self, news: &Arc<News>) {
        let Some(audience) = self.audience(&news.topic) else {
            return;
        };
        for listener in audience.seats().values() {
            listener.outbox.offer_presence(listener.lane, news);
        }
    }

    /// Whether anyone listens to a topic.
    pub fn has_audience(&self, topic: &Topic) -> bool {
        self.topics().contains_key(topic)
    }

    /// Every topic that has an audience, and how many seats it has.
    pub fn audiences(&self) -> Vec<(Topic, usize)> {
        let topics = self.topics();
        topics
            .iter()
            .map(|(topic, audience)| (topic.clone(), audience.seats().len()))
            .collect()
    }

    /// How many seats are taken.
    pub fn seats(&self) -> u64 {
        self.shared.seats.load(Ordering::Relaxed)
    }

    /// How many topics have an audience.
    pub fn topics_wanted(&self) -> usize {
        self.topics().len()
    }

    fn leave(&self, topic: &Topic, id: u64) {
        let mut topics = self.topics();
        let Some(audience) = topics.get(topic) else {
            return;
        };
        let left_empty = {
            let mut seats = audience.seats();
            seats.remove(&id);
            seats.is_empty()
        };
        self.shared.seats.fetch_sub(1, Ordering::Relaxed);
        if left_empty {
            topics.remove(topic);
            self.tell(Demand::Unwanted(topic.clone()));
        }
    }

    fn tell(&self, demand: Demand) {
        if let Some(hook) = self.shared.demand.get() {
            hook(demand);
        }
    }

    fn audience(&self, topic: &Topic) -> Option<Arc<Audience>> {
        self.topics().get(topic).cloned()
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Arc<Audience>>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience {
    fn seats(&self) -> MutexGuard<'_, BTreeMap<u64, Listener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(&self.topic, self.id);
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("seats", &self.seats())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.topic).finish()
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params};

    use super::*;
    use crate::outbox::Policy;

    fn topic(name: &str) -> Topic {
        Topic::parse(&ChannelName::parse(name).unwrap(), Params::default())
            .unwrap()
            .topic
    }

    #[test]
    fn demand_is_told_of_the_first_seat_and_of_the_last() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hub = Hub::default();
        let heard = Arc::clone(&told);
        hub.on_demand(Box::new(move |demand| heard.lock().unwrap().push(demand)));
        let outbox = Arc::new(Outbox::new(1000));
        let sit = |name: &str| {
            let lane = outbox.open(&topic(name), Policy::Every);
            hub.take_seat(&topic(name), &outbox, lane)
        };
        let first = sit("room:a");
        let second = sit("room:a");
        let other = sit("room:b");
        assert_eq!((hub.seats(), hub.topics_wanted()), (3, 2));
        drop(first);
        assert!(hub.has_audience(&topic("room:a")));
        drop(second);
        assert!(!hub.has_audience(&topic("room:a")));
        drop(other);
        assert_eq!((hub.seats(), hub.topics_wanted()), (0, 0));
        let a_again = sit("room:a");
        assert_eq!(
            *told.lock().unwrap(),
            [
                Demand::Wanted(topic("room:a")),
                Demand::Wanted(topic("room:b")),
                Demand::Unwanted(topic("room:a")),
                Demand::Unwanted(topic("room:b")),
                Demand::Wanted(topic("room:a")),
            ]
        );
        drop(a_again);
    }
}
