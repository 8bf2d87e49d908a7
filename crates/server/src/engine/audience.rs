//! Who listens to what on this shard, and what they get. Of each topic there are cohorts, who get the same bytes, and
//! strays: who has just come, is being caught up, or is slower than the others. A stray's lane works for itself, as if there
//! were no cohorts, and steps in when nothing waits on it and it has seen what a cohort has seen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use nexus_protocol::{ChannelStatus, Offset, Topic};
use slab::Slab;
use tokio::time::Instant;

use crate::encoded::{Publication, TopicHead};
use crate::engine::batch::Said;
use crate::engine::clients::Clients;
use crate::engine::cohort::Cohort;
use crate::mailbox::{ConnId, Seated};
use crate::outbox::LaneId;
use crate::presence::changes::News;

/// Who listens to what on this shard.
#[derive(Debug, Default)]
pub(super) struct Audiences {
    pub(super) by_topic: HashMap<Topic, usize>,
    /// The same by where the head of a topic's publications lies, which is cheaper to find. The audience holds the head, so
    /// that nothing else comes to lie there.
    pub(super) by_head: HashMap<usize, usize, BuildHasherDefault<PlaceHasher>>,
    pub(super) audiences: Slab<Audience>,
    pub(super) seats: Slab<Seat>,
    pub(super) by_id: HashMap<u64, u32>,
    /// Audiences that have something to say.
    pub(super) due: Vec<usize>,
    /// Audiences of which strays may step in.
    pub(super) unsettled: Vec<usize>,
    /// Cohorts that wait for their throttle.
    pub(super) held: BinaryHeap<Reverse<(Instant, usize, usize)>>,
}

/// Who listens to a topic.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) topic: Topic,
    /// The head of its last publication.
    pub(super) head: Option<Arc<TopicHead>>,
    /// The newest publication that came; none before the first stray stepped in.
    pub(super) newest: Option<Offset>,
    pub(super) cohorts: Slab<Cohort>,
    /// The numbers of the seats that are in no cohort.
    pub(super) strays: Vec<u32>,
    pub(super) is_due: bool,
    pub(super) is_unsettled: bool,
}

/// One subscription of a connection of this shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) id: u64,
    pub(super) connection: ConnId,
    pub(super) lane: LaneId,
    pub(super) audience: usize,
    pub(super) place: Place,
}

/// Where a seat is in its audience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Stray(usize),
    Member(usize, usize),
}

impl Audiences {
    /// Somebody takes a seat. They begin as a stray.
    pub(super) fn seated(&mut self, seated: Seated, clients: &mut Clients) {
        let Some(place) = clients.place(seated.connection) else {
            return;
        };
        let key = match self.by_topic.get(&seated.topic) {
            Some(key) => *key,
            None => {
                let key = self.audiences.insert(Audience::of(seated.topic.clone()));
                self.by_topic.insert(seated.topic, key);
                key
            }
        };
        let audience = &mut self.audiences[key];
        let number = self.seats.insert(Seat {
            id: seated.seat,
            connection: seated.connection,
            lane: seated.lane,
            audience: key,
            place: Place::Stray(audience.strays.len()),
        });
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        audience.strays.push(number);
        self.by_id.insert(seated.seat, number);
        place.seats.push(number);
        self.unsettle(key);
    }

    /// A seat is left.
    pub(super) fn left(&mut self, id: u64, clients: &mut Clients) {
        if let Some(number) = self.by_id.get(&id) {
            self.remove(*number, clients);
        }
    }

    /// A lane was closed.
    pub(super) fn closed(&mut self, connection: ConnId, lane: LaneId, clients: &mut Clients) {
        let Some(place) = clients.place(connection) else {
            return;
        };
        let seats = &self.seats;
        let number = place.seats.iter().find(|number| {
            let seat = seats.get(**number as usize);
            seat.is_some_and(|seat| seat.lane == lane)
        });
        if let Some(number) = number.copied() {
            self.remove(number, clients);
        }
    }

    /// A connection has gone, and these were its seats.
    pub(super) fn gone(&mut self, seats: Vec<u32>, clients: &mut Clients) {
        for number in seats {
            self.remove(number, clients);
        }
    }

    fn remove(&mut self, number: u32, clients: &mut Clients) {
        let Some(seat) = self.seats.try_remove(number as usize) else {
            return;
        };
        self.by_id.remove(&seat.id);
        if let Some(place) = clients.place(seat.connection) {
            place.seats.retain(|held| *held != number);
        }
        self.take_from_place(&seat);
        let audience = &mut self.audiences[seat.audience];
        if audience.strays.is_empty() && audience.cohorts.is_empty() {
            let audience = self.audiences.remove(seat.audience);
            self.by_topic.remove(&audience.topic);
            self.by_head.remove(&place_of(audience.head.as_ref()));
        }
    }

    /// Takes a seat out of where it is; who comes into its place is told.
    pub(super) fn take_from_place(&mut self, seat: &Seat) {
        let audience = &mut self.audiences[seat.audience];
        match seat.place {
            Place::Stray(at) => {
                audience.strays.swap_remove(at);
                if let Some(moved) = audience.strays.get(at) {
                    self.seats[*moved as usize].place = Place::Stray(at);
                }
            }
            Place::Member(cohort, at) => {
                let members = &mut audience.cohorts[cohort].members;
                members.swap_remove(at);
                if let Some(moved) = members.get(at) {
                    self.seats[moved.seat as usize].place = Place::Member(cohort, at);
                }
                if members.is_empty() {
                    audience.cohorts.remove(cohort);
                }
            }
        }
    }

    /// Who listens to the topic of a publication.
    fn key_of(&mut self, head: &Arc<TopicHead>) -> Option<usize> {
        if let Some(key) = self.by_head.get(&place_of(Some(head))) {
            return Some(*key);
        }
        let key = self.by_topic.get(&head.topic).copied()?;
        // A topic that was let go of and began anew has another head.
        let before = self.audiences[key].head.replace(Arc::clone(head));
        self.by_head.remove(&place_of(before.as_ref()));
        self.by_head.insert(place_of(Some(head)), key);
        Some(key)
    }

    /// A publication came.
    pub(super) fn publication(&mut self, publication: &Arc<Publication>, clients: &mut Clients) {
        let Some(key) = self.key_of(&publication.head) else {
            return;
        };
        let audience = &mut self.audiences[key];
        let follows = match audience.newest {
            Some(newest) if publication.offset <= newest => {
                // The members have it already.
                return self.offer_to_strays(key, publication, clients);
            }
            Some(newest) => publication.offset == newest.next(),
            None => true,
        };
        if !follows {
            self.dissolve(key, clients);
        }
        let audience = &mut self.audiences[key];
        audience.newest = Some(publication.offset);
        let overfull: Vec<usize> = audience
            .cohorts
            .iter_mut()
            .filter_map(|(cohort, it)| it.push(publication).is_err().then_some(cohort))
            .collect();
        self.say(key);
        self.offer_to_strays(key, publication, clients);
        for cohort in overfull {
            self.leave_behind(key, cohort, publication.offset, clients);
        }
    }

    pub(super) fn offer_to_strays(
        &mut self,
        key: usize,
        publication: &Arc<Publication>,
        clients: &mut Clients,
    ) {
        for number in &self.audiences[key].strays {
            let seat = &self.seats[*number as usize];
            if let Some(connection) = clients.served(seat.connection.slot) {
                connection.outbox().offer(seat.lane, publication);
            }
        }
    }

    /// News of the topic's source came.
    pub(super) fn status(&mut self, topic: &Topic, status: &Arc<ChannelStatus>, clients: &mut Clients) {
        let Some(key) = self.by_topic.get(topic).copied() else {
            return;
        };
        let audience = &mut self.audiences[key];
        for (_, cohort) in &mut audience.cohorts {
            cohort.push_status(Said::Status(Arc::clone(status)));
        }
        for number in &audience.strays {
            let seat = &self.seats[*number as usize];
            if let Some(connection) = clients.served(seat.connection.slot) {
                connection.outbox().offer_status(seat.lane, status);
            }
        }
        self.say(key);
    }

    /// News came of who is on a topic.
    pub(super) fn presence(&self, news: &Arc<News>, clients: &mut Clients) {
        let Some(key) = self.by_topic.get(&news.topic) else {
            return;
        };
        let audience = &self.audiences[*key];
        let members = audience.cohorts.iter().flat_map(|(_, cohort)| &cohort.members);
        for number in members
            .map(|member| member.seat)
            .chain(audience.strays.iter().copied())
        {
            let seat = &self.seats[number as usize];
            if let Some(connection) = clients.served(seat.connection.slot) {
                connection.outbox().offer_presence(seat.lane, news);
            }
        }
    }

    /// Publications were let go before they came: everybody is to read what they lack.
    pub(super) fn overrun(&mut self, clients: &mut Clients) {
        let keys: Vec<usize> = self.audiences.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.dissolve(key, clients);
            let audience = &mut self.audiences[key];
            audience.newest = None;
            for number in &audience.strays {
                let seat = &self.seats[*number as usize];
                if let Some(connection) = clients.served(seat.connection.slot) {
                    connection.outbox().fall_behind(seat.lane);
                }
            }
        }
    }

    pub(super) fn say(&mut self, key: usize) {
        if let Some(audience) = self.audiences.get_mut(key)
            && !std::mem::replace(&mut audience.is_due, true)
        {
            self.due.push(key);
        }
    }

    pub(super) fn unsettle(&mut self, key: usize) {
        if let Some(audience) = self.audiences.get_mut(key)
            && !std::mem::replace(&mut audience.is_unsettled, true)
        {
            self.unsettled.push(key);
        }
    }
}

impl Audience {
    fn of(topic: Topic) -> Self {
        Audience {
            topic,
            head: None,
            newest: None,
            cohorts: Slab::new(),
            strays: Vec::new(),
            is_due: false,
            is_unsettled: false,
        }
    }
}

/// Where a head lies; nowhere if there is none.
fn place_of(head: Option<&Arc<TopicHead>>) -> usize {
    head.map_or(0, |head| Arc::as_ptr(head).addr())
}

/// Spreads addresses, which nobody outside chooses, over a map.
#[derive(Default, Debug)]
pub(super) struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        // The golden ratio of 2^64: neighbours come to lie far apart, in the high bits as in the low.
        let spread = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}
