//! What waits for one socket: a lane per subscription, each with its policy for a link that is slower than its topic.
//!
//! Publishers offer, the connection takes. Both only ever hold the lock for a few steps, so a client that does
//! not read cannot delay a publisher or another client. What waits is bounded in bytes over all lanes; a lane that
//! does not fit falls behind: it lets go of what it has, remembers where it stood, and its connection catches it
//! up from the broker when the socket drains. A publication never leaves a lane in any other way than being sent,
//! replaced by what is newer (`latest`), or caught up on.
//!
//! A lane on which nothing waits may step in with the others of its shard that want the same: then it holds nothing but
//! the clock of their cohort, and is offered nothing, until it steps out again because its client is slower than they.

mod cohort;
mod lane;
mod notices;
mod presence;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use nexus_protocol::{ChannelStatus, Offset, Position, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::encoded::Publication;
use crate::filters::Predicate;
use crate::mailbox::{ConnId, Mailbox};
pub use crate::outbox::cohort::{Clock, Idle, Reached};
use crate::outbox::lane::{Lane, Offered, Turn};
pub use crate::outbox::presence::PresenceWork;
use crate::outbox::presence::Watches;
use crate::outbox::work::MANY_NOTES;
pub use crate::outbox::work::{Behind, CatchUp, Caught, Closed, MOST_NOTES, NotTaken, Note, Policy, Work};

/// What waits for one socket. Shared by those who offer and the connection, which takes.
#[derive(Debug)]
pub struct Outbox {
    /// Protects the lanes and their order; no other lock is taken while it is held.
    state: Mutex<State>,
    home: Home,
    /// The most bytes that may wait.
    limit: usize,
    /// What the connection's task took and the socket has not taken yet.
    on_the_wire: AtomicUsize,
}

/// Who empties an outbox.
#[derive(Debug)]
enum Home {
    /// A task, which waits for it to change.
    Task(Notify),
    /// A shard, for one of its connections. It is told once until it looks.
    Shard {
        mailbox: Arc<Mailbox>,
        connection: ConnId,
        is_told: AtomicBool,
    },
}

/// Names a lane of one outbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LaneId(u32);

#[derive(Debug, Default)]
struct State {
    /// Each apart, because most have one, and a map keeps room for four.
    lanes: HashMap<LaneId, Box<Lane>>,
    /// Lanes that have something to do, each at most once, in the order of their turns.
    turns: VecDeque<LaneId>,
    /// Lanes that wait for their throttle, and until when.
    held: Vec<(Instant, LaneId)>,
    /// Lanes that were closed, until the shard looks.
    closed: Vec<LaneId>,
    /// What waits in all lanes.
    bytes: usize,
    /// What waits for this client alone, at most [`MOST_NOTES`].
    notes: VecDeque<Note>,
    end: NoteEnd,
    /// Who came and went, for lanes that watch.
    presence: Watches,
    next_id: u32,
}

/// Whether notes are still taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum NoteEnd {
    /// They are.
    #[default]
    Open,
    /// There were too many.
    Overrun,
    /// The connection has ended.
    Gone,
}

impl Outbox {
    /// An empty outbox that holds at most `limit` bytes, and that a task empties.
    pub fn new(limit: usize) -> Self {
        Outbox::with_home(limit, Home::Task(Notify::new()))
    }

    /// An empty outbox of a connection that a shard serves.
    pub fn at_shard(limit: usize, mailbox: Arc<Mailbox>, connection: ConnId) -> Self {
        let home = Home::Shard {
            mailbox,
            connection,
            is_told: AtomicBool::new(false),
        };
        Outbox::with_home(limit, home)
    }

    fn with_home(limit: usize, home: Home) -> Self {
        Outbox {
            state: Mutex::default(),
            home,
            limit,
            on_the_wire: AtomicUsize::new(0),
        }
    }

    /// The shard that empties it, and for which connection.
    pub fn shard(&self) -> Option<(&Arc<Mailbox>, ConnId)> {
        match &self.home {
            Home::Task(_) => None,
            Home::Shard {
                mailbox, connection, ..
            } => Some((mailbox, *connection)),
        }
    }

    /// Opens a lane. It notes what is offered, and gets nothing until it is [started](Self::start).
    pub fn open(&self, topic: &Topic, policy: Policy) -> LaneId {
        self.open_filtered(topic, policy, None)
    }

    /// The same for a lane that takes only what passes a filter.
    pub fn open_filtered(&self, topic: &Topic, policy: Policy, filter: Option<Arc<Predicate>>) -> LaneId {
        let mut state = self.lock();
        let id = LaneId(state.next_id);
        state.next_id = state.next_id.wrapping_add(1);
        state
            .lanes
            .insert(id, Box::new(Lane::joining(topic.clone(), policy, filter)));
        id
    }

    /// Starts a lane at a position, with what it is to be caught up by. `seen` is the status that the client knows.
    pub fn start(&self, id: LaneId, position: Position, by: Option<CatchUp>, seen: Option<&ChannelStatus>) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.get_mut(&id) {
            lane.start(position, by, seen);
            state.give_turn(id);
            state.presence.start(id);
        }
    }

    /// Closes a lane. What waits in it is not sent. The shard of its connection is told by [`take_closed`](Self::take_closed).
    pub fn close(&self, id: LaneId) -> Option<Closed> {
        let closed = {
            let mut state = self.lock();
            let lane = state.lanes.remove(&id)?;
            state.bytes -= lane.bytes();
            state.held.retain(|(_, held)| *held != id);
            state.presence.close(id);
            if let Home::Shard { .. } = self.home {
                state.closed.push(id);
            }
            lane.into_closed()
        };
        self.wake();
        Some(closed)
    }

    /// The lanes that were closed since it was asked last. Their seats get nothing more, even while somebody still holds them.
    pub fn take_closed(&self) -> Vec<LaneId> {
        std::mem::take(&mut self.lock().closed)
    }

    /// How far a lane got, if it was started.
    pub fn position(&self, id: LaneId) -> Option<Position> {
        self.lock().lanes.get(&id)?.position()
    }

    /// Offers a publication to a lane.
    pub fn offer(&self, id: LaneId, publication: &Arc<Publication>) {
        self.hand_in(id, |lane, room| lane.offer(publication, room));
    }

    /// Offers news of how the topic's source is.
    pub fn offer_status(&self, id: LaneId, status: &Arc<ChannelStatus>) {
        self.hand_in(id, |lane, room| lane.offer_status(status, room));
    }

    /// Queues something for this client alone. Never blocks.
    ///
    /// # Errors
    /// If too much waits, and then the client is closed as slow; or if it is gone.
    pub fn post(&self, note: Note) -> Result<(), NotTaken> {
        let taken = {
            let mut state = self.lock();
            if state.end == NoteEnd::Open
                && state.notes.len() >= MANY_NOTES
                && let Some(place) = state.notes.iter().position(|waiting| note.replaces(waiting))
            {
                state.notes[place] = note;
                return Ok(());
            }
            if state.end == NoteEnd::Open && state.notes.len() >= MOST_NOTES {
                state.end = NoteEnd::Overrun;
                state.notes.clear();
            }
            if state.end == NoteEnd::Open {
                state.notes.push_back(note);
                Ok(())
            } else {
                Err(NotTaken)
            }
        };
        self.wake();
        taken
    }

    /// Takes no more notes: the connection has ended.
    pub fn end_notes(&self) {
        let mut state = self.lock();
        state.end = NoteEnd::Gone;
        state.notes.clear();
    }

    /// Lets a lane take something into the room that is left, and wakes the connection's task if it now has work.
    fn hand_in(&self, id: LaneId, take: impl FnOnce(&mut Lane, usize) -> Offered) {
        let wakes = {
            let mut state = self.lock();
            let room = self.limit.saturating_sub(state.bytes);
            let Some(lane) = state.lanes.get_mut(&id) else {
                return;
            };
            let before = lane.bytes();
            let offered = take(lane, room);
            let after = lane.bytes();
            state.bytes = state.bytes + after - before;
            offered == Offered::HasWork && state.give_turn(id)
        };
        if wakes {
            self.wake();
        }
    }

    /// The next thing to do, lane by lane in turn; none if nothing is to be done now.
    pub fn next(&self, now: Instant) -> Option<Work> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(note) = state.notes.pop_front() {
            return Some(Work::Note(note));
        }
        if state.end == NoteEnd::Overrun {
            return Some(Work::Overrun);
        }
        if let Some(work) = state.presence.next() {
            return Some(work);
        }
        while let Some(id) = state.turns.pop_front() {
            let Some(lane) = state.lanes.get_mut(&id) else {
                continue;
            };
            let before = lane.bytes();
            let turn = lane.take_turn(id, now);
            state.bytes = state.bytes + lane.bytes() - before;
            match turn {
                Turn::Nothing => {}
                Turn::Held(until) => state.held.push((until, id)),
                Turn::Last(work) => return Some(work),
                Turn::More(work) => {
                    state.give_turn(id);
                    return Some(work);
                }
            }
        }
        None
    }

    /// A lane was caught up as far as `position`, at a time when the topic's last publication was `last`.
    pub fn caught_up(&self, id: LaneId, position: Offset, last: Offset) -> Caught {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(&id) else {
            return Caught::Behind;
        };
        let caught = lane.caught_up(position, last);
        // Either there is more to catch up on, or news of the source may wait.
        state.give_turn(id);
        caught
    }

    /// Some of a snapshot was sent, and the rest is to follow in further turns.
    pub fn goes_on(&self, id: LaneId, by: CatchUp) {
        let mut state = self.lock();
        if let Some(lane) = state.lanes.get_mut(&id) {
            lane.goes_on(by);
            state.give_turn(id);
        }
    }

    /// When the first lane that waits for its throttle may go on.
    pub fn held_until(&self) -> Option<Instant> {
        self.lock().held.iter().map(|(until, _)| *until).min()
    }

    /// Lets the lanes go on whose throttle is over.
    pub fn release(&self, now: Instant) {
        let mut state = self.lock();
        let (due, held): (Vec<_>, Vec<_>) = state.held.drain(..).partition(|(until, _)| *until <= now);
        state.held = held;
        for (_, id) in due {
            if let Some(lane) = state.lanes.get_mut(&id) {
                lane.let_go();
                state.give_turn(id);
            }
        }
    }

    /// Waits until something was offered since the last time. Of an outbox that a shard empties, for ever.
    pub async fn changed(&self) {
        match &self.home {
            Home::Task(notify) => notify.notified().await,
            Home::Shard { .. } => std::future::pending().await,
        }
    }

    /// Wakes whoever empties it, without offering anything.
    pub fn wake(&self) {
        match &self.home {
            Home::Task(notify) => notify.notify_one(),
            Home::Shard {
                mailbox,
                connection,
                is_told,
            } => {
                if !is_told.swap(true, Ordering::AcqRel) {
                    mailbox.wake_connection(*connection);
                }
            }
        }
    }

    /// The shard looks: what is offered from here on is told again.
    pub fn looks(&self) {
        if let Home::Shard { is_told, .. } = &self.home {
            is_told.store(false, Ordering::Release);
        }
    }

    /// Notes what the connection's task took and the socket has not taken yet.
    pub fn note_on_the_wire(&self, bytes: usize) {
        self.on_the_wire.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes wait for the client, here and before its socket.
    pub fn waiting(&self) -> usize {
        self.lock().bytes + self.on_the_wire.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if something did, the lanes would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that takes time wakes its connection.
impl Wake for Outbox {
    fn wake(self: Arc<Self>) {
        Outbox::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Outbox::wake(self);
    }
}

impl State {
    /// Queues a lane for its turn; says whether it was not queued yet.
    fn give_turn(&mut self, id: LaneId) -> bool {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        let is_new = lane.queue_for_turn();
        if is_new {
            self.turns.push_back(id);
        }
        is_new
    }
}
