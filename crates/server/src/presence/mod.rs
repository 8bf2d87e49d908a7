//! Who is on which topic of this node: the members of rooms, and the devices.
//!
//! An [`Attendance`] is one connection's part in it: it exists as long as someone holds it. Dropping it says that the
//! connection was lost, and its user is still there for the grace; [`Attendance::leave`] says that they go. What changes
//! is announced to every seat of the topic that watches, in one order with the lists that are read here: a list, and all
//! news that come after it, always end with who is there. When the server starts, nobody is.

pub mod changes;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_protocol::{Member, PresenceUpdate, Topic, UserId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use crate::presence::changes::{Changes, News};

use crate::clock::wall_clock;
use crate::hub::Hub;
use crate::presence::room::Room;

/// Who is on which topic. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    shared: Arc<Shared>,
}

/// How much presence there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PresenceLimits {
    /// How long someone whose connection was lost is still taken to be there.
    pub grace: Duration,
    /// Members of one topic.
    pub members: usize,
    /// Topics on which someone is.
    pub topics: usize,
}

/// One connection's part in its user's being on a topic. Dropping it says that the connection was lost.
#[must_use = "dropping it says that the connection was lost"]
pub struct Attendance {
    presence: Presence,
    topic: Topic,
    user: UserId,
    is_over: bool,
}

/// Why someone cannot be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PresenceError {
    /// There are as many members as there may be.
    #[error("as many are there as there may be")]
    TooManyMembers,
    /// There are as many topics with members as there may be.
    #[error("the server holds as many rooms as it may")]
    TooManyTopics,
}

struct Shared {
    hub: Hub,
    limits: PresenceLimits,
    /// Protects which topics someone is on. Never held while a topic's own lock is waited for.
    topics: Mutex<HashMap<Topic, Arc<Present>>>,
    /// Protects when which topic has something to do: one entry a topic. Taken after a topic's own lock.
    due: Mutex<BTreeMap<(Instant, u64), Topic>>,
    /// Wakes the clock when something is due earlier than it thought.
    sooner: Notify,
    next_id: AtomicU64,
}

/// Who is on one topic.
struct Present {
    id: u64,
    /// Protects the members. Held while changes are announced, so that all see them in one order.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    room: Room,
    scheduled: Option<Instant>,
    /// Nobody is there, and the map has let go of it.
    is_gone: bool,
}

impl Presence {
    /// Nobody is anywhere. What changes is announced to this hub.
    pub fn new(hub: Hub, limits: PresenceLimits) -> Self {
        Presence {
            shared: Arc::new(Shared {
                hub,
                limits,
                topics: Mutex::default(),
                due: Mutex::default(),
                sooner: Notify::new(),
                next_id: AtomicU64::new(0),
            }),
        }
    }

    /// A connection of a user comes to a topic.
    ///
    /// # Errors
    /// If there are as many members, or topics with members, as there may be.
    pub fn enter(&self, topic: &Topic, user: &UserId) -> Result<Attendance, PresenceError> {
        loop {
            let present = self.find_or_make(topic)?;
            let most = self.shared.limits.members;
            let entered = self.with(topic, &present, |room, _| room.enter(user, wall_clock(), most));
            // Between finding and locking it, the last member may have left.
            let Some(entered) = entered else { continue };
            entered.map_err(|_| PresenceError::TooManyMembers)?;
            return Ok(Attendance {
                presence: self.clone(),
                topic: topic.clone(),
                user: user.clone(),
                is_over: false,
            });
        }
    }

    /// Who is on a topic.
    pub fn members(&self, topic: &Topic) -> Vec<Member> {
        self.look(topic, |room| room.list()).unwrap_or_default()
    }

    /// Everything that there is to know of a topic, for whoever could not follow the changes.
    pub fn whole(&self, topic: &Topic) -> PresenceUpdate {
        let nobody = || PresenceUpdate {
            members: Some(Vec::new()),
            ..PresenceUpdate::default()
        };
        self.look(topic, Room::whole).unwrap_or_else(nobody)
    }

    /// Whether a user is on a topic.
    pub fn is_member(&self, topic: &Topic, user: &UserId) -> bool {
        self.look(topic, |room| room.has(user)).unwrap_or_default()
    }

    /// How many users are on a topic.
    pub fn count(&self, topic: &Topic) -> usize {
        self.look(topic, Room::len).unwrap_or_default()
    }

    /// On how many topics someone is.
    pub fn topics(&self) -> usize {
        self.all().len()
    }

    /// Notes that a member types, or no longer. Returns whether they are a member.
    pub fn set_typing(&self, topic: &Topic, user: &UserId, is_typing: bool) -> bool {
        self.find(topic)
            .and_then(|present| self.with(topic, &present, |room, now| room.set_typing(user, is_typing, now)))
            .unwrap_or_default()
    }

    /// Does what happens by itself: graces end, typing ends, held changes are announced. Returns when `stop` is
    /// cancelled.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let next = self.due().first_key_value().map(|((at, _), _)| *at);
            let alarm = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = alarm => self.tick(Instant::now()),
                () = self.shared.sooner.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    fn tick(&self, now: Instant) {
        let topics: Vec<Topic> = {
            let mut due = self.due();
            let later = due.split_off(&(now, u64::MAX));
            std::mem::replace(&mut *due, later).into_values().collect()
        };
        for topic in topics {
            if let Some(present) = self.find(&topic) {
                self.with(&topic, &present, |_, _| ());
            }
        }
    }

    /// Changes a room, announces what is to be announced, and notes when it has something to do by itself. None if the
    /// room is gone.
    fn with<T>(
        &self,
        topic: &Topic,
        present: &Present,
        act: impl FnOnce(&mut Room, Instant) -> T,
    ) -> Option<T> {
        let mut guard = present.lock();
        let state = &mut *guard;
        if state.is_gone {
            return None;
        }
        let now = Instant::now();
        let result = act(&mut state.room, now);
        if let Some(changes) = state.room.poll(now) {
            let news = Arc::new(News::new(topic, changes, wall_clock()));
            self.shared.hub.deliver_presence(&news);
        }
        let due = state.room.due();
        if due != state.scheduled {
            self.schedule(topic, present.id, state.scheduled, due);
            state.scheduled = due;
        }
        if state.room.is_over() {
            state.is_gone = true;
            self.all().remove(topic);
        }
        Some(result)
    }

    fn schedule(&self, topic: &Topic, id: u64, before: Option<Instant>, after: Option<Instant>) {
        let mut due = self.due();
        if let Some(before) = before {
            due.remove(&(before, id));
        }
        let Some(after) = after else { return };
        due.insert((after, id), topic.clone());
        let is_first = due
            .first_key_value()
            .is_some_and(|(first, _)| *first == (after, id));
        drop(due);
        if is_first {
            self.shared.sooner.notify_one();
        }
    }

    fn look<T>(&self, topic: &Topic, see: impl FnOnce(&Room) -> T) -> Option<T> {
        let present = self.find(topic)?;
        let state = present.lock();
        Some(see(&state.room))
    }

    fn find(&self, topic: &Topic) -> Option<Arc<Present>> {
        self.all().get(topic).cloned()
    }

    fn find_or_make(&self, topic: &Topic) -> Result<Arc<Present>, PresenceError> {
        let mut topics = self.all();
        if let Some(present) = topics.get(topic) {
            return Ok(Arc::clone(present));
        }
        if topics.len() >= self.shared.limits.topics {
            return Err(PresenceError::TooManyTopics);
        }
        let present = Arc::new(Present {
            id: self.shared.next_id.fetch_add(1, Ordering::Relaxed),
            state: Mutex::default(),
        });
        topics.insert(topic.clone(), Arc::clone(&present));
        Ok(present)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Topic, Arc<Present>>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Topic>> {
        self.shared.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attendance {
    /// On which topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Who.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Goes at once, without a grace.
    pub fn leave(mut self) {
        self.end(|room, user, _| room.leave(user));
    }

    fn end(&mut self, act: impl FnOnce(&mut Room, &UserId, Instant)) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if let Some(present) = self.presence.find(&self.topic) {
            self.presence
                .with(&self.topic, &present, |room, now| act(room, &self.user, now));
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let grace = self.presence.shared.limits.grace;
        self.end(|room, user, now| room.lose(user, now + grace));
    }
}

impl Present {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PresenceLimits {
    fn default() -> Self {
        PresenceLimits {
            grace: Duration::from_secs(5),
            members: 10_000,
            topics: 10_000,
        }
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("topics", &self.topics())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attendance")
            .field(&self.topic)
            .field(&self.user)
            .finish()
    }
}
