//! A shard: one thread that owns its connections and who of them listens to what. Nobody else touches them, so it needs no
//! locks but the one of its mailbox.
//!
//! Each turn it learns what happened (sockets, mailbox, alarms), attends to the connections concerned, and then has every
//! topic say what came for it: what came together goes out together, each socket is written once. A turn that finds nothing to
//! do sleeps; one that finds little is short, so waiting for company costs nothing when there is none.

#[cfg(test)]
mod tests;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use tokio::runtime::Handle as Runtime;
use tokio::time::Instant;

use crate::connection::wire::Leaving;
use crate::connection::{Attended, Connection, Departing, End, Tools, wire};
use crate::deflate::Inflate;
use crate::engine::audience::Audiences;
use crate::engine::clients::{Client, Clients};
use crate::engine::wheel::Wheel;
use crate::engine::{Arrival, Door};
use crate::frames::Decoder;
use crate::mailbox::{ConnId, Parcel, Post};
use crate::metrics::Metrics;
use crate::outbox::{LaneId, Outbox};

/// So much is read at once.
const SCRATCH_BYTES: usize = 64 * 1024;
/// So many sockets are told of at once.
const EVENTS: usize = 1024;
/// Publications of about so many bytes are taken in one turn; then they are sent before more are taken.
const TURN_BYTES: usize = 256 * 1024;
/// How often in one turn it looks whether what it did made more to do: a client that publishes is heard by those beside
/// it in the same turn.
const ROUNDS: usize = 4;
/// How often alarms are put on the wheel, and how far ahead: further than until the next time.
const SWEEP: Duration = Duration::from_secs(1);
const SWEEP_AHEAD: Duration = Duration::from_secs(3);
/// It looks around at least so often, whatever it was told.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// One thread's connections.
pub(super) struct Shard {
    poll: Poll,
    door: Arc<Door>,
    /// Requests may use what the runtime has: its timers.
    runtime: Runtime,
    clients: Clients,
    audiences: Audiences,
    /// Alarms up to `swept_until`.
    wheel: Wheel<ConnId>,
    swept_until: Instant,
    next_sweep: Instant,
    tools: Tools,
    /// The server's, once somebody has come.
    metrics: Option<Metrics>,
    /// Lists whose memory is used again.
    post: Post,
    called: Vec<u32>,
    dirty: Vec<u32>,
    /// Those who were attended to in this turn.
    answered: Vec<u32>,
}

impl Shard {
    pub(super) fn new(poll: Poll, door: Arc<Door>, runtime: Runtime) -> Self {
        let now = Instant::now();
        Shard {
            poll,
            door,
            runtime,
            clients: Clients::default(),
            audiences: Audiences::default(),
            wheel: Wheel::new(now),
            swept_until: now,
            next_sweep: now,
            tools: Tools {
                scratch: vec![0; SCRATCH_BYTES],
                inflate: Inflate::new(),
            },
            metrics: None,
            post: Post::default(),
            called: Vec::new(),
            dirty: Vec::new(),
            answered: Vec::new(),
        }
    }

    /// Serves until the engine is stopped.
    pub(super) fn run(mut self) {
        let runtime = self.runtime.clone();
        let _inside = runtime.enter();
        let mut events = Events::with_capacity(EVENTS);
        while !self.door.is_closed() {
            let sleep = self.sleep();
            let polled = self.poll.poll(&mut events, Some(sleep));
            self.door.mailbox.woke_up();
            if let Err(error) = polled
                && error.kind() != io::ErrorKind::Interrupted
            {
                // The arguments are right, and the kernel has no other reason.
                tracing::error!(%error, "a shard cannot wait for its sockets");
                return;
            }
            for event in &events {
                self.note_ready(event);
            }
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn(Instant::now())));
            if turned.is_err() {
                self.begin_anew();
            }
        }
    }

    /// Something panicked that was not one connection's: nothing that is known here is to be relied on. All are cut, and come
    /// back and recover.
    fn begin_anew(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.panics.inc();
        }
        tracing::error!("a shard panicked; its clients were cut");
        let clients = std::mem::take(&mut self.clients);
        self.door.load.fetch_sub(clients.len(), Ordering::Relaxed);
        self.audiences = Audiences::default();
        self.wheel = Wheel::new(Instant::now());
        self.swept_until = Instant::now();
        self.next_sweep = self.swept_until;
        self.answered.clear();
        drop(clients);
    }

    /// How long it may sleep.
    fn sleep(&self) -> Duration {
        if self.clients.has_called() {
            return Duration::ZERO;
        }
        let sweep = (!self.clients.is_empty()).then_some(self.next_sweep);
        let next = self
            .wheel
            .next()
            .into_iter()
            .chain(self.audiences.held_until())
            .chain(sweep)
            .min();
        let sleep = next.map_or(LONGEST_SLEEP, |next| {
            next.saturating_duration_since(Instant::now()).min(LONGEST_SLEEP)
        });
        if sleep > Duration::ZERO && self.door.may_sleep() {
            sleep
        } else {
            Duration::ZERO
        }
    }

    fn note_ready(&mut self, event: &Event) {
        let Ok(slot) = u32::try_from(event.token().0) else {
            // The waker has woken it, and that is all.
            return;
        };
        match self.clients.at(slot).and_then(|place| place.client.as_mut()) {
            Some(Client::Served(connection)) => connection.wire().note_ready(event),
            Some(Client::Departing(departing)) => departing.leaving.wire().note_ready(event),
            None => return,
        }
        self.clients.call(slot);
    }

    fn turn(&mut self, now: Instant) {
        for arrival in self.door.take_arrivals() {
            self.welcome(arrival, now);
        }
        if now >= self.next_sweep {
            self.sweep(now);
        }
        let Shard { wheel, clients, .. } = self;
        wheel.ring(now, |id| {
            if let Some(place) = clients.place(id)
                && place.alarm.is_some_and(|alarm| alarm <= now)
            {
                place.alarm = None;
                clients.call(id.slot);
            }
        });
        let mut budget = TURN_BYTES;
        for _ in 0..ROUNDS {
            self.read_post(&mut budget);
            if !self.clients.has_called() {
                break;
            }
            self.attend(now);
        }
        self.read_post(&mut budget);
        let now = Instant::now();
        self.audiences
            .flush(now, &mut self.clients, self.metrics.as_ref());
        self.audiences.settle(&mut self.clients);
        // Those who asked come last: whoever publishes is not woken before those who listen.
        for slot in self.answered.drain(..) {
            self.clients.note_dirty(slot);
        }
        self.write(now);
    }

    /// Somebody has come through a door.
    fn welcome(&mut self, arrival: Arrival, now: Instant) {
        let Arrival {
            gateway,
            stream,
            read,
            entrance,
        } = arrival;
        self.metrics.get_or_insert_with(|| gateway.metrics.clone());
        let id = self.clients.reserve();
        let mut stream = mio::net::TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self
            .poll
            .registry()
            .register(&mut stream, Token(id.slot as usize), interest)
        {
            tracing::warn!(%error, "a connection cannot be watched");
            return self.leave_place(id.slot);
        }
        let client = match entrance {
            Ok(entrance) => {
                let limit = gateway.limits.outbox_bytes as usize;
                let outbox = Arc::new(Outbox::at_shard(limit, Arc::clone(&self.door.mailbox), id));
                let connection = Connection::new(gateway, stream, &read, outbox, entrance);
                Client::Served(Box::new(connection))
            }
            Err(away) => {
                gateway.metrics.count_close(Some(away.code));
                let wire = wire::Wire::new(stream, &[], Decoder::new(0, false));
                let leaving = Leaving::close(wire, away.code, away.reason, now);
                Client::Departing(Box::new(Departing::sent_away(leaving, away.tracked)))
            }
        };
        if let Some(place) = self.clients.at(id.slot) {
            place.client = Some(client);
        }
        self.clients.call(id.slot);
    }

    /// Reads what the mailbox has, as far as the budget of this turn goes.
    fn read_post(&mut self, budget: &mut usize) {
        let mut post = self.door.mailbox.take(std::mem::take(&mut self.post), *budget);
        *budget = budget.saturating_sub(post.bytes);
        for parcel in post.parcels.drain(..) {
            match parcel {
                Parcel::Publication(publication) => {
                    self.audiences.publication(&publication, &mut self.clients);
                }
                Parcel::Status(topic, status) => {
                    self.audiences.status(&topic, &status, &mut self.clients);
                }
                Parcel::Presence(news) => self.audiences.presence(&news, &mut self.clients),
                Parcel::Seated(seated) => self.audiences.seated(seated, &mut self.clients),
                Parcel::Superseded(connection, lane) => {
                    if let Some(place) = self.clients.place(connection)
                        && let Some(Client::Served(connection)) = &place.client
                    {
                        connection.outbox().hear_presence(lane);
                    }
                }
                Parcel::Left(seat) => self.audiences.left(seat, &mut self.clients),
                Parcel::Overran => {
                    tracing::warn!(
                        "a shard was offered more than it could take; its subscriptions are caught up"
                    );
                    self.audiences.overrun(&mut self.clients);
                }
            }
        }
        for id in post.wakes.drain(..) {
            self.clients.call_by_id(id);
        }
        self.post = post;
    }

    /// Attends to those who were called.
    fn attend(&mut self, now: Instant) {
        let called = self.clients.take_called(std::mem::take(&mut self.called));
        for slot in &called {
            self.attend_to(*slot, now);
        }
        self.called = called;
    }

    fn attend_to(&mut self, slot: u32, now: Instant) {
        let tools = &mut self.tools;
        let Some(place) = self.clients.at(slot) else {
            return;
        };
        match &mut place.client {
            None => {}
            Some(Client::Departing(departing)) => {
                if departing.leaving.attend(&mut tools.scratch, now) {
                    return self.leave_place(slot);
                }
                let until = departing.leaving.until();
                if departing.leaving.has_more() {
                    self.clients.call(slot);
                }
                self.set_alarm(slot, until);
            }
            Some(Client::Served(connection)) => {
                // A panic is our fault, and ends this connection alone; somebody must look.
                let attended = catch_unwind(AssertUnwindSafe(|| connection.attend(tools, now)));
                let closed = connection.outbox().take_closed();
                match attended {
                    Ok(Attended::Again) => {
                        self.answered.push(slot);
                        self.leave_seats(slot, closed);
                        self.clients.call(slot);
                    }
                    Ok(Attended::Until(at)) => {
                        self.answered.push(slot);
                        self.audiences.attended(&place.seats);
                        self.leave_seats(slot, closed);
                        self.set_alarm(slot, at);
                    }
                    Ok(Attended::Ends(end)) => self.part(slot, end, now),
                    Err(_) => {
                        if let Some(metrics) = &self.metrics {
                            metrics.panics.inc();
                        }
                        tracing::error!("a connection panicked; only its client was cut");
                        self.part(slot, End::Theirs(wire::Ended::Broken), now);
                    }
                }
            }
        }
    }

    /// Gives up the seats of lanes that were closed: at once, before anything more is said there. Whoever closed one was told
    /// that nothing follows, or goes on from where it stood.
    fn leave_seats(&mut self, slot: u32, closed: Vec<LaneId>) {
        let connection = self.clients.id(slot);
        for lane in closed {
            self.audiences.closed(connection, lane, &mut self.clients);
        }
    }

    /// Takes leave of a client.
    fn part(&mut self, slot: u32, end: End, now: Instant) {
        let Some(place) = self.clients.at(slot) else {
            return;
        };
        let seats = std::mem::take(&mut place.seats);
        if let Some(Client::Served(connection)) = place.client.take() {
            place.client = connection
                .into_leaving(end, now)
                .map(|departing| Client::Departing(Box::new(departing)));
        }
        let has_left = place.client.is_none();
        self.audiences.gone(seats, &mut self.clients);
        if has_left {
            return self.leave_place(slot);
        }
        self.clients.call(slot);
    }

    fn leave_place(&mut self, slot: u32) {
        self.clients.release(slot);
        self.door.note_left();
    }

    fn set_alarm(&mut self, slot: u32, at: Instant) {
        let id = self.clients.id(slot);
        if let Some(place) = self.clients.at(slot)
            && place.alarm.is_none_or(|alarm| at < alarm)
        {
            place.alarm = Some(at);
            if at <= self.swept_until {
                self.wheel.set(at, id);
            }
        }
    }

    /// Puts the alarms of the next seconds on the wheel. Those that are further away stand in their places alone, so that
    /// who comes and goes leaves nothing on the wheel.
    fn sweep(&mut self, now: Instant) {
        let until = now + SWEEP_AHEAD;
        for (id, alarm) in self.clients.alarms() {
            if alarm > self.swept_until && alarm <= until {
                self.wheel.set(alarm, id);
            }
        }
        self.swept_until = until;
        self.next_sweep = now + SWEEP;
    }

    /// Writes to everybody for whom something was put out.
    fn write(&mut self, now: Instant) {
        let dirty = self.clients.take_dirty(std::mem::take(&mut self.dirty));
        for slot in &dirty {
            let Some(connection) = self.clients.served(*slot) else {
                continue;
            };
            if connection.flush(now) {
                self.clients.call(*slot);
            }
        }
        self.dirty = dirty;
    }
}
