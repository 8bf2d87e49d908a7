//! Who listens to what on this node.
//!
//! A [`Seat`] is one subscription: it exists as long as someone holds it, and dropping it leaves. The hub hands each
//! publication to the outbox of every seat of its topic, and says to one listener of its own, the demand hook, when a
//! topic got its first seat and when it lost its last. It does not know what a connection is.
//!
//! Seats whose outboxes are emptied by the same shard get everything through its mailbox, posted once for all of them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_protocol::{ChannelStatus, Topic};

use crate::encoded::Publication;
use crate::mailbox::{Crowd, Mailbox, Parcel, Seated};
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
    /// Where it is served, if by a shard.
    mailbox: Option<Arc<Mailbox>>,
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
    crowd: Arc<Crowd>,
}

/// The audience of one topic, once it was found: whoever publishes on the topic again need not look for it.
#[derive(Clone, Default)]
pub struct Listeners(Option<Arc<Audience>>);

/// The seats of one topic. Its lock is held while something is handed out, so that all get it in the same order.
#[derive(Default)]
struct Audience(Mutex<Seats>);

#[derive(Default)]
struct Seats {
    /// Those that are offered everything one by one.
    single: BTreeMap<u64, Listener>,
    /// Where the others are, and how many.
    shards: Vec<(Arc<Mailbox>, usize)>,
    /// All have left, and who comes now finds another audience.
    is_gone: bool,
}

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
        let mut topics = self.topics();
        let audience = topics.entry(topic.clone()).or_default();
        let mut seats = audience.seats();
        let mailbox = match outbox.shard() {
            Some((mailbox, connection)) => {
                seats.count_in(mailbox);
                mailbox.post(Parcel::Seated(Seated {
                    seat: id,
                    topic: topic.clone(),
                    connection,
                    lane,
                }));
                Some(Arc::clone(mailbox))
            }
            None => {
                let listener = Listener {
                    outbox: Arc::clone(outbox),
                    lane,
                };
                seats.single.insert(id, listener);
                None
            }
        };
        if seats.len() == 1 {
            self.tell(Demand::Wanted(topic.clone()));
        }
        self.shared.seats.fetch_add(1, Ordering::Relaxed);
        Seat {
            hub: self.clone(),
            topic: topic.clone(),
            id,
            mailbox,
        }
    }

    /// Offers a publication to everyone who listens to its topic.
    pub fn deliver(&self, publication: &Arc<Publication>) {
        self.deliver_to(&mut Listeners::default(), publication);
    }

    /// The same, where the audience may be known from last time.
    pub fn deliver_to(&self, known: &mut Listeners, publication: &Arc<Publication>) {
        if let Listeners(Some(audience)) = known
            && audience.seats().offer(publication)
        {
            return;
        }
        *known = Listeners(self.audience(&publication.head.topic));
        if let Listeners(Some(audience)) = known {
            audience.seats().offer(publication);
        }
    }

    /// Offers news of a topic's source to everyone who listens to it.
    pub fn deliver_status(&self, topic: &Topic, status: &Arc<ChannelStatus>) {
        let Some(audience) = self.audience(topic) else {
            return;
        };
        let seats = audience.seats();
        for (mailbox, _) in &seats.shards {
            mailbox.post(Parcel::Status(topic.clone(), Arc::clone(status)));
        }
        for listener in seats.single.values() {
            listener.outbox.offer_status(listener.lane, status);
        }
    }

    /// Offers news of who is on a topic to everyone who listens to it and watches.
    pub fn deliver_presence(&self, news: &Arc<News>) {
        let Some(audience) = self.audience(&news.topic) else {
            return;
        };
        let seats = audience.seats();
        for (mailbox, _) in &seats.shards {
            mailbox.post(Parcel::Presence(Arc::clone(news)));
        }
        for listener in seats.single.values() {
            listener.outbox.offer_presence(listener.lane, news);
        }
    }

    /// How crowded the mailboxes are through which it posts. Whoever publishes a lot waits for it to disperse.
    pub fn crowd(&self) -> &Arc<Crowd> {
        &self.shared.crowd
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

    fn leave(&self, topic: &Topic, id: u64, mailbox: Option<&Arc<Mailbox>>) {
        let mut topics = self.topics();
        let Some(audience) = topics.get(topic) else {
            return;
        };
        let left_empty = {
            let mut seats = audience.seats();
            match mailbox {
                Some(mailbox) => {
                    seats.count_out(mailbox);
                    mailbox.post(Parcel::Left(id));
                }
                None => {
                    seats.single.remove(&id);
                }
            }
            seats.is_gone = seats.len() == 0;
            seats.is_gone
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
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Offers a publication to all. Says whether there is anyone, which of an audience that was gone is never so.
    fn offer(&self, publication: &Arc<Publication>) -> bool {
        for (mailbox, _) in &self.shards {
            mailbox.post(Parcel::Publication(Arc::clone(publication)));
        }
        for listener in self.single.values() {
            listener.outbox.offer(listener.lane, publication);
        }
        !self.is_gone
    }

    fn len(&self) -> usize {
        self.single.len() + self.shards.iter().map(|(_, count)| count).sum::<usize>()
    }

    fn count_in(&mut self, mailbox: &Arc<Mailbox>) {
        match self
            .shards
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, mailbox))
        {
            Some((_, count)) => *count += 1,
            None => self.shards.push((Arc::clone(mailbox), 1)),
        }
    }

    fn count_out(&mut self, mailbox: &Arc<Mailbox>) {
        if let Some((_, count)) = self
            .shards
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, mailbox))
        {
            *count -= 1;
        }
        self.shards.retain(|(_, count)| *count > 0);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.leave(&self.topic, self.id, self.mailbox.as_ref());
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("seats", &self.seats())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listeners").field(&self.0.is_some()).finish()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.topic).finish()
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Epoch, Offset, Params, Position, Timestamp};

    use super::*;
    use crate::content::Content;
    use crate::encoded::TopicHead;
    use crate::outbox::Policy;

    fn topic(name: &str) -> Topic {
        Topic::parse(&ChannelName::parse(name).unwrap(), Params::default())
            .unwrap()
            .topic
    }

    #[test]
    fn an_audience_that_was_found_is_found_anew_when_it_has_gone() {
        let hub = Hub::default();
        let head = Arc::new(TopicHead::of(&topic("room:a")));
        let publish = |found: &mut Listeners, offset| {
            let content = Content::Whole("1".into());
            let publication = Publication::new(&head, Offset(offset), Timestamp::EXAMPLE, content);
            hub.deliver_to(found, &Arc::new(publication));
        };
        let outbox = Arc::new(Outbox::new(10_000));
        let sit = |at| {
            let lane = outbox.open(&topic("room:a"), Policy::Every);
            let seat = hub.take_seat(&topic("room:a"), &outbox, lane);
            let position = Position {
                epoch: Epoch::from_random(1),
                offset: Offset(at),
            };
            outbox.start(lane, position, None, None);
            seat
        };
        let waiting = || outbox.waiting();
        let mut found = Listeners::default();
        publish(&mut found, 1);
        assert_eq!(waiting(), 0);

        let seat = sit(1);
        publish(&mut found, 2);
        let one = waiting();
        assert!(one > 0, "who came later is found");
        publish(&mut found, 3);
        assert_eq!(waiting(), 2 * one);
        drop(seat);
        publish(&mut found, 4);
        assert_eq!(waiting(), 2 * one, "who has left gets nothing");
        let seat = sit(4);
        publish(&mut found, 5);
        assert_eq!(waiting(), 3 * one, "who comes after all had left is found");
        drop(seat);
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
