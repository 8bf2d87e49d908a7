//! What waits for one socket: a lane per subscription, each with its policy for a link that is slower than its topic.
//!
//! Publishers offer, the connection's task takes. Both only ever hold the lock for a few steps, so a client that does
//! not read cannot delay a publisher or another client. What waits is bounded in bytes over all lanes; a lane that
//! does not fit falls behind: it lets go of what it has, remembers where it stood, and the connection's task catches
//! it up from the broker when the socket drains. A publication never leaves a lane in any other way than being sent,
//! replaced by what is newer (`latest`), or caught up on.
//!
//! A lane on which nothing waits may step in with the others of its shard that want the same: then it holds nothing but
//! the clock of their cohort, and is offered nothing, until it steps out again because its client is slower than they.

mod cohort;
mod lane;
mod presence;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::Duration;

use nexus_protocol::{ChannelStatus, MessageId, Offset, Position, Push, Reply, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::conflate::Pending;
use crate::encoded::Publication;
use crate::filters::{FieldPath, Predicate};
use crate::mailbox::{ConnId, Mailbox, Parcel};
pub use crate::outbox::cohort::{Clock, Idle, Reached};
use crate::outbox::lane::{Lane, Offered, Turn};
pub use crate::outbox::presence::PresenceWork;
use crate::outbox::presence::Watches;

/// What waits for one socket. Shared by the hub, which offers, and the connection's task, which takes.
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

/// How a lane treats what waits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Policy {
    /// Keep all, in order; fall back to the history when there is too much.
    Every,
    /// Keep what is newest, by key where there are keys, and send no oftener than this.
    Latest {
        /// The least time between two pushes.
        throttle: Duration,
        /// The field of the payload that is the key; the topic's own keys if absent.
        key: Option<FieldPath>,
    },
}

impl Policy {
    /// The field of the payload by which the newest is kept, where the subscription has named one.
    pub fn key(&self) -> Option<&FieldPath> {
        match self {
            Policy::Every => None,
            Policy::Latest { key, .. } => key.as_ref(),
        }
    }

    /// Nothing that waits yet, to be kept as this says.
    pub fn pending(&self) -> Pending {
        Pending::by(self.key())
    }
}

/// How a lane that is behind is to be caught up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CatchUp {
    /// By what lies behind this offset.
    After(Offset),
    /// By what is known now: one push, or of a topic with keys one for each that has changed behind an offset.
    Snapshot {
        /// Only keys that have changed behind this.
        after: Offset,
        /// The offset that the snapshot stands for, where some of it was sent before.
        until: Option<Offset>,
    },
}

impl CatchUp {
    /// By all that is known now.
    pub const WHOLE: CatchUp = CatchUp::Snapshot {
        after: Offset::ZERO,
        until: None,
    };
}

/// What the connection's task has to do next.
#[derive(Debug)]
pub enum Work {
    /// Send this publication.
    Publication(Arc<Publication>),
    /// Send these publications as one.
    Merged(Pending),
    /// Tell how a topic's source is.
    Status(Topic, Arc<ChannelStatus>),
    /// Tell who is there.
    Presence(PresenceWork),
    /// Catch a lane up.
    CatchUp(Behind),
    /// Send this to this client.
    Note(Note),
    /// Close: more notes wait than may.
    Overrun,
}

/// Something for this client alone that belongs to no lane.
#[derive(Clone, PartialEq, Debug)]
pub enum Note {
    /// A further answer to a request of this id.
    Answer(Option<MessageId>, Reply),
    /// Something unasked: a command for a device.
    Push(Box<Push>),
}

impl Note {
    /// Whether this makes one that waits worthless: how far a command is, where it has gone on meanwhile. Each step stands
    /// on the channel `commands`.
    fn replaces(&self, waiting: &Note) -> bool {
        match (self, waiting) {
            (
                Note::Answer(id, Reply::CommandStatus(status)),
                Note::Answer(waiting_id, Reply::CommandStatus(before)),
            ) => id == waiting_id && status.command_id == before.command_id,
            (Note::Answer(..) | Note::Push(_), _) => false,
        }
    }
}

/// The most notes that wait; a client that lets more pile up is closed as slow, and comes back.
pub const MOST_NOTES: usize = 256;
/// While fewer wait, each is sent, even if a later one makes it worthless.
const MANY_NOTES: usize = 64;

/// There is no room for another note, or the client is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the client takes nothing, or is gone")]
pub struct NotTaken;

/// A lane that is behind: read from the broker what is missing, send it, and say so by [`Outbox::caught_up`].
#[derive(Debug)]
pub struct Behind {
    /// Which lane.
    pub lane: LaneId,
    /// Its topic.
    pub topic: Topic,
    /// By what it is to be caught up.
    pub by: CatchUp,
    /// Whether what is missing may be replaced by what is known now.
    pub latest: bool,
    /// The field of the payload by which the newest is kept: then the history says what is missing, and no snapshot does.
    pub key: Option<FieldPath>,
    /// Whether the client is to be told first that it is behind.
    pub tell: bool,
    /// What the lane selects; everything if absent.
    pub filter: Option<Arc<Predicate>>,
}

/// A lane that was closed.
#[derive(Clone, PartialEq, Debug)]
pub struct Closed {
    /// How far it got: up to here, all that it selects was sent.
    pub sent: Offset,
    /// What it selected.
    pub filter: Option<Arc<Predicate>>,
}

impl Behind {
    /// Whether the lane selects a publication.
    pub fn selects(&self, publication: &Publication) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| publication.passes(filter))
    }
}

/// Whether a lane that was caught up now gets live publications.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caught {
    /// It does. If the client was told that it was behind, it is to be told that it no longer is.
    Live {
        /// Whether the client was told.
        told: bool,
    },
    /// More was published meanwhile; the lane gets another turn.
    Behind,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<LaneId, Lane>,
    /// Lanes that have something to do, each at most once, in the order of their turns.
    turns: VecDeque<LaneId>,
    /// Lanes that wait for their throttle, and until when.
    held: Vec<(Instant, LaneId)>,
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
            .insert(id, Lane::joining(topic.clone(), policy, filter));
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

    /// Closes a lane. What waits in it is not sent.
    pub fn close(&self, id: LaneId) -> Option<Closed> {
        let closed = {
            let mut state = self.lock();
            let lane = state.lanes.remove(&id)?;
            state.bytes -= lane.bytes();
            state.held.retain(|(_, held)| *held != id);
            state.presence.close(id);
            lane.into_closed()
        };
        if let Home::Shard {
            mailbox, connection, ..
        } = &self.home
        {
            mailbox.post(Parcel::Closed(*connection, id));
        }
        Some(closed)
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
