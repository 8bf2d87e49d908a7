//! Who listens to what on this shard, and what they get. Of each topic there are cohorts, who get the same bytes, and
//! strays: who has just come, is being caught up, or is slower than the others. A stray's lane works for itself, as if there
//! were no cohorts, and steps in when nothing waits on it and it has seen what a cohort has seen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use nexus_protocol::{ChannelStatus, Offset, Topic};
use slab::Slab;
use tokio::time::Instant;

use crate::clock::wall_clock;
use crate::encoded::Publication;
use crate::engine::batch::{Batch, Said};
use crate::engine::clients::Clients;
use crate::engine::cohort::{Cohort, Due, Member};
use crate::mailbox::{ConnId, Seated};
use crate::metrics::Metrics;
use crate::outbox::{LaneId, Reached};
use crate::presence::changes::News;

/// Who listens to what on this shard.
#[derive(Debug, Default)]
pub(super) struct Audiences {
    by_topic: HashMap<Topic, usize>,
    audiences: Slab<Audience>,
    seats: Slab<Seat>,
    by_id: HashMap<u64, u32>,
    /// Audiences that have something to say.
    due: Vec<usize>,
    /// Audiences of which strays may step in.
    unsettled: Vec<usize>,
    /// Cohorts that wait for their throttle.
    held: BinaryHeap<Reverse<(Instant, usize, usize)>>,
}

/// Who listens to a topic.
#[derive(Debug)]
struct Audience {
    topic: Topic,
    /// The newest publication that came; none before the first stray stepped in.
    newest: Option<Offset>,
    cohorts: Slab<Cohort>,
    /// The numbers of the seats that are in no cohort.
    strays: Vec<u32>,
    is_due: bool,
    is_unsettled: bool,
}

/// One subscription of a connection of this shard.
#[derive(Clone, Copy, Debug)]
struct Seat {
    id: u64,
    connection: ConnId,
    lane: LaneId,
    audience: usize,
    place: Place,
}

/// Where a seat is in its audience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
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
        }
    }

    /// Takes a seat out of where it is; who comes into its place is told.
    fn take_from_place(&mut self, seat: &Seat) {
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

    /// A publication came.
    pub(super) fn publication(&mut self, publication: &Arc<Publication>, clients: &mut Clients) {
        let Some(key) = self.by_topic.get(&publication.head.topic).copied() else {
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

    fn offer_to_strays(&mut self, key: usize, publication: &Arc<Publication>, clients: &mut Clients) {
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

    /// Something was published that did not come: all members step out where they are, and find the gap themselves.
    fn dissolve(&mut self, key: usize, clients: &mut Clients) {
        let cohorts: Vec<usize> = self.audiences[key]
            .cohorts
            .iter()
            .map(|(cohort, _)| cohort)
            .collect();
        for cohort in cohorts {
            while let Some(member) = self.first_member(key, cohort) {
                self.step_out(key, cohort, member, clients);
            }
        }
    }

    fn first_member(&self, key: usize, cohort: usize) -> Option<Member> {
        self.audiences[key].cohorts.get(cohort)?.members.last().copied()
    }

    /// A member steps out with what the cohort has not said yet.
    fn step_out(&mut self, key: usize, cohort: usize, member: Member, clients: &mut Clients) {
        let seat = self.seats[member.seat as usize];
        let waits = &self.audiences[key].cohorts[cohort];
        let at = waits.reached();
        if let Some(connection) = clients.served(member.slot) {
            let outbox = connection.outbox();
            match waits.pending() {
                Some(pending) => {
                    outbox.step_out_with(seat.lane, at, pending.offset().max(at.offset), pending.clone())
                }
                None => outbox.step_out(seat.lane, at),
            }
            for said in waits.said() {
                match said {
                    Said::Publication(publication) => outbox.offer(seat.lane, publication),
                    Said::Status(status) => outbox.offer_status(seat.lane, status),
                }
            }
        }
        self.become_stray(member.seat);
    }

    /// The members of a cohort fall behind, because what stands now is the better thing to send.
    fn leave_behind(&mut self, key: usize, cohort: usize, newest: Offset, clients: &mut Clients) {
        while let Some(member) = self.first_member(key, cohort) {
            let waits = &self.audiences[key].cohorts[cohort];
            self.fall_behind(member, waits.reached(), newest, waits.said(), clients);
            self.become_stray(member.seat);
        }
    }

    /// A member steps out where its cohort is, and reads from the broker what comes.
    fn fall_behind(
        &self,
        member: Member,
        at: Reached,
        newest: Offset,
        untold: &[Said],
        clients: &mut Clients,
    ) {
        let seat = &self.seats[member.seat as usize];
        let states = untold.iter().filter_map(|said| match said {
            Said::Status(status) => Some(status),
            Said::Publication(_) => None,
        });
        if let Some(connection) = clients.served(member.slot) {
            connection.outbox().step_out_behind(seat.lane, at, newest, states);
        }
    }

    fn become_stray(&mut self, number: u32) {
        let seat = self.seats[number as usize];
        self.take_from_place(&seat);
        let strays = &mut self.audiences[seat.audience].strays;
        strays.push(number);
        self.seats[number as usize].place = Place::Stray(strays.len() - 1);
    }

    /// When the first cohort that waits for its throttle may go on.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse((at, ..))| *at)
    }

    /// Has every cohort say what it has to say: hands it to the sockets of its members.
    pub(super) fn flush(&mut self, now: Instant, clients: &mut Clients, metrics: Option<&Metrics>) {
        while let Some(Reverse((at, key, cohort))) = self.held.peek().copied() {
            if at > now {
                break;
            }
            self.held.pop();
            if let Some(audience) = self.audiences.get_mut(key) {
                if let Some(cohort) = audience.cohorts.get_mut(cohort) {
                    cohort.is_held = false;
                }
                self.say(key);
            }
        }
        let mut due = std::mem::take(&mut self.due);
        for key in due.drain(..) {
            if self.audiences.get(key).is_some_and(|audience| audience.is_due) {
                self.flush_audience(key, now, clients, metrics);
            }
        }
        self.due = due;
    }

    fn flush_audience(&mut self, key: usize, now: Instant, clients: &mut Clients, metrics: Option<&Metrics>) {
        let audience = &mut self.audiences[key];
        audience.is_due = false;
        let newest = audience.newest;
        let cohorts: Vec<usize> = audience.cohorts.iter().map(|(cohort, _)| cohort).collect();
        for cohort in cohorts {
            self.part_with_the_slow(key, cohort, now, clients);
            let Some(waits) = self.audiences[key].cohorts.get_mut(cohort) else {
                continue;
            };
            let news = waits.take_news();
            if !news.is_empty() {
                self.tell(key, cohort, &news, clients, metrics);
            }
            let Some(waits) = self.audiences[key].cohorts.get_mut(cohort) else {
                continue;
            };
            match waits.take_due(now) {
                Due::Nothing => {}
                Due::Now(said, replaced) => {
                    if let Some(metrics) = metrics {
                        metrics.conflated.inc_by(replaced * waits.members.len() as u64);
                    }
                    self.tell(key, cohort, &said, clients, metrics);
                }
                Due::Later(until) if !waits.is_held => {
                    waits.is_held = true;
                    self.held.push(Reverse((until, key, cohort)));
                }
                Due::Later(_) => {}
            }
            if let (Some(waits), Some(newest)) = (self.audiences[key].cohorts.get_mut(cohort), newest) {
                waits.note(newest);
            }
        }
        if !self.audiences[key].strays.is_empty() {
            self.unsettle(key);
        }
    }

    /// Of those who get what is newest only, a member whose socket takes nothing steps out: what waits for it is replaced for
    /// as long as it does not read.
    fn part_with_the_slow(&mut self, key: usize, cohort: usize, now: Instant, clients: &mut Clients) {
        let waits = &self.audiences[key].cohorts[cohort];
        if !waits.is_latest() || !waits.has_due(now) {
            return;
        }
        let mut is_slow = |member: &Member| {
            clients
                .served(member.slot)
                .is_some_and(|connection| connection.wire().blocked_since().is_some())
        };
        let slow: Vec<Member> = waits.members.iter().copied().filter(&mut is_slow).collect();
        for member in slow {
            self.step_out(key, cohort, member, clients);
        }
    }

    /// Hands what is said to the socket of each member. Of those who get every publication, one for which too much waits
    /// steps out.
    fn tell(
        &mut self,
        key: usize,
        cohort: usize,
        said: &[Said],
        clients: &mut Clients,
        metrics: Option<&Metrics>,
    ) {
        let audience = &self.audiences[key];
        let members = &audience.cohorts[cohort];
        let mut batch = Batch::new(&audience.topic, said, wall_clock());
        let mut slow: Vec<Member> = Vec::new();
        let (mut frames, mut bytes) = (0, 0);
        for member in &members.members {
            let Some(connection) = clients.served(member.slot) else {
                continue;
            };
            let written = batch.written(connection.class());
            let more = written.bytes.len();
            if more == 0 {
                continue;
            }
            let is_blocked = connection.wire().blocked_since().is_some();
            let waiting = connection.wire().waiting();
            if is_blocked && !connection.outbox().has_room(waiting, more) {
                slow.push(*member);
                continue;
            }
            frames += written.frames;
            bytes += more as u64;
            connection.wire().push(written.bytes.clone());
            clients.note_dirty(member.slot);
        }
        if let Some(metrics) = metrics {
            metrics.frames_sent.inc_by(frames);
            metrics.bytes_sent.inc_by(bytes);
            for said in said {
                if let Said::Publication(publication) = said {
                    metrics.delivery.note(publication.made.elapsed());
                }
            }
        }
        for member in slow {
            self.step_aside(key, cohort, member, said, clients);
        }
    }

    /// Too much waits for a member: it steps out before what is said now.
    fn step_aside(
        &mut self,
        key: usize,
        cohort: usize,
        member: Member,
        said: &[Said],
        clients: &mut Clients,
    ) {
        let audience = &self.audiences[key];
        let waits = &audience.cohorts[cohort];
        let (at, newest) = (waits.reached(), audience.newest.unwrap_or_default());
        self.fall_behind(member, at, newest, said, clients);
        self.become_stray(member.seat);
    }

    /// A connection has written what waited: its strays may step in.
    pub(super) fn attended(&mut self, seats: &[u32]) {
        for number in seats {
            if let Some(seat) = self.seats.get(*number as usize)
                && matches!(seat.place, Place::Stray(_))
            {
                let key = seat.audience;
                self.unsettle(key);
            }
        }
    }

    /// Lets strays step in that have got what a cohort has got. To be called when all that came was said, before it is written.
    pub(super) fn settle(&mut self, clients: &mut Clients) {
        let mut unsettled = std::mem::take(&mut self.unsettled);
        for key in unsettled.drain(..) {
            if let Some(audience) = self.audiences.get_mut(key)
                && std::mem::replace(&mut audience.is_unsettled, false)
            {
                for at in (0..self.audiences[key].strays.len()).rev() {
                    self.try_to_step_in(key, at, clients);
                }
            }
        }
        self.unsettled = unsettled;
    }

    fn try_to_step_in(&mut self, key: usize, at: usize, clients: &mut Clients) {
        let audience = &mut self.audiences[key];
        let number = audience.strays[at];
        let seat = self.seats[number as usize];
        let Some(connection) = clients.served(seat.connection.slot) else {
            return;
        };
        if connection.wire().blocked_since().is_some() {
            return;
        }
        let Some(idle) = connection.outbox().idle_lane(seat.lane) else {
            return;
        };
        // The first who steps in says how far the topic is here; what comes and is older, they have.
        let newest = *audience.newest.get_or_insert(idle.newest);
        let found = audience.cohorts.iter().find(|(_, cohort)| cohort.is_like(&idle));
        let cohort = match found {
            Some((cohort, members)) if members.is_in_step(&idle) => cohort,
            Some(_) => return,
            None if idle.newest == newest && !idle.has_waiting => {
                audience.cohorts.insert(Cohort::of(idle.clone()))
            }
            None => return,
        };
        if idle.has_waiting
            && let Some(pending) = connection.outbox().take_held_back(seat.lane)
        {
            connection.send_pending(pending);
            clients.note_dirty(seat.connection.slot);
        }
        let Some(connection) = clients.served(seat.connection.slot) else {
            return;
        };
        let members = &mut audience.cohorts[cohort];
        connection.outbox().step_in(seat.lane, &members.clock);
        self.take_from_place(&seat);
        let members = &mut self.audiences[key].cohorts[cohort].members;
        members.push(Member {
            slot: seat.connection.slot,
            seat: number,
        });
        self.seats[number as usize].place = Place::Member(cohort, members.len() - 1);
    }

    fn say(&mut self, key: usize) {
        if let Some(audience) = self.audiences.get_mut(key)
            && !std::mem::replace(&mut audience.is_due, true)
        {
            self.due.push(key);
        }
    }

    fn unsettle(&mut self, key: usize) {
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
            newest: None,
            cohorts: Slab::new(),
            strays: Vec::new(),
            is_due: false,
            is_unsettled: false,
        }
    }
}
