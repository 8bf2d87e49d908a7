//! Who came and who went, on its way to one socket. Beside each lane that watches: nothing, one piece of news that is
//! shared with all others, what was merged meanwhile, or, beyond a bound, the word that the whole list is to be sent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use nexus_protocol::Topic;

use crate::mailbox::Parcel;
use crate::outbox::{LaneId, Outbox, Work};
use crate::presence::changes::{Changes, News};

/// When more people than this are waiting to be told of, the whole list is sent in their place.
const MOST_CHANGES: usize = 64;

/// Tell the client who is there.
#[derive(Debug)]
pub enum PresenceWork {
    /// By this piece of news, whose frame is shared.
    News(Arc<News>),
    /// By these changes.
    Merged(Topic, Changes),
    /// By the whole list, as it is when it is sent.
    Whole(Topic),
}

/// The lanes that watch who is there.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_lane: HashMap<LaneId, Watch>,
    /// Lanes that have news, each at most once.
    turns: VecDeque<LaneId>,
}

#[derive(Debug)]
struct Watch {
    topic: Topic,
    waiting: Waiting,
    /// Before its lane is started, nothing may be sent: the answer to the request comes first.
    is_started: bool,
    /// What is offered now is older than the list that the client gets.
    is_ahead: bool,
    is_queued: bool,
}

#[derive(Debug)]
enum Waiting {
    Nothing,
    One(Arc<News>),
    Merged(Changes),
    Whole,
}

impl Outbox {
    /// From here on, who comes to the lane's topic and who goes is told.
    pub fn watch_presence(&self, id: LaneId, topic: &Topic) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get(&id) else {
            return;
        };
        let is_started = lane.is_started();
        state.presence.by_lane.entry(id).or_insert_with(|| Watch {
            topic: topic.clone(),
            waiting: Waiting::Nothing,
            is_started,
            is_ahead: false,
            is_queued: false,
        });
    }

    /// No longer tells who comes and goes.
    pub fn unwatch_presence(&self, id: LaneId) {
        self.lock().presence.close(id);
    }

    /// Lets go of the news that wait for a lane: its client gets a list that knows them.
    pub fn supersede_presence(&self, id: LaneId) {
        let shard = self.shard();
        if let Some(watch) = self.lock().presence.by_lane.get_mut(&id) {
            watch.waiting = Waiting::Nothing;
            watch.is_ahead = shard.is_some();
        }
        // What was posted before this is still on its way.
        if let Some((mailbox, connection)) = shard {
            mailbox.post(Parcel::Superseded(connection, id));
        }
    }

    /// What is offered from here on is newer than the list that the client got.
    pub fn hear_presence(&self, id: LaneId) {
        if let Some(watch) = self.lock().presence.by_lane.get_mut(&id) {
            watch.is_ahead = false;
        }
    }

    /// Offers news to a lane, which takes them if it watches.
    pub fn offer_presence(&self, id: LaneId, news: &Arc<News>) {
        let wakes = self.lock().presence.offer(id, news);
        if wakes {
            self.wake();
        }
    }
}

impl Watches {
    pub(super) fn start(&mut self, id: LaneId) {
        if let Some(watch) = self.by_lane.get_mut(&id) {
            watch.is_started = true;
            self.queue(id);
        }
    }

    pub(super) fn close(&mut self, id: LaneId) {
        if self.by_lane.remove(&id).is_some() {
            self.turns.retain(|waiting| *waiting != id);
        }
    }

    /// The next thing to tell.
    pub(super) fn next(&mut self) -> Option<Work> {
        while let Some(id) = self.turns.pop_front() {
            let Some(watch) = self.by_lane.get_mut(&id) else {
                continue;
            };
            watch.is_queued = false;
            let work = match std::mem::replace(&mut watch.waiting, Waiting::Nothing) {
                Waiting::Nothing => continue,
                Waiting::One(news) => PresenceWork::News(news),
                Waiting::Merged(changes) => PresenceWork::Merged(watch.topic.clone(), changes),
                Waiting::Whole => PresenceWork::Whole(watch.topic.clone()),
            };
            return Some(Work::Presence(work));
        }
        None
    }

    /// Returns whether the connection's task is to be woken.
    fn offer(&mut self, id: LaneId, news: &Arc<News>) -> bool {
        let Some(watch) = self.by_lane.get_mut(&id).filter(|watch| !watch.is_ahead) else {
            return false;
        };
        let waiting = std::mem::replace(&mut watch.waiting, Waiting::Nothing);
        watch.waiting = match waiting {
            Waiting::Nothing => Waiting::One(Arc::clone(news)),
            Waiting::One(earlier) => merged(earlier.changes.clone(), &news.changes),
            Waiting::Merged(earlier) => merged(earlier, &news.changes),
            Waiting::Whole => Waiting::Whole,
        };
        self.queue(id)
    }

    fn queue(&mut self, id: LaneId) -> bool {
        let Some(watch) = self.by_lane.get_mut(&id) else {
            return false;
        };
        let has_news = !matches!(watch.waiting, Waiting::Nothing);
        if !watch.is_started || watch.is_queued || !has_news {
            return false;
        }
        watch.is_queued = true;
        self.turns.push_back(id);
        true
    }
}

fn merged(mut earlier: Changes, later: &Changes) -> Waiting {
    if earlier.len() + later.len() > MOST_CHANGES {
        return Waiting::Whole;
    }
    earlier.merge(later);
    Waiting::Merged(earlier)
}
