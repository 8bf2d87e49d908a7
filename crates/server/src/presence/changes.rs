//! Who came, who went, who is typing: what changed on a topic, joined so that the last word about each person counts.
//! Pure. Applied in order to a list, changes always end with the right list, whatever was merged on the way.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_protocol::{Member, PresenceUpdate, Push, Timestamp, Topic, UserId, encode_push};

use crate::encoded::text_frame;

/// What changed on a topic: at most one word about each person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    people: BTreeMap<UserId, Change>,
    typing: BTreeMap<UserId, Hands>,
}

/// What became of someone. Each carries since when they were there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Came(Timestamp),
    Went(Timestamp),
}

/// What someone's hands do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hands {
    /// They type.
    Typing,
    /// They rest.
    Resting,
}

/// Changes on their way to everyone who watches the topic, encoded once for all.
#[derive(Debug)]
pub struct News {
    /// Where.
    pub topic: Topic,
    /// What.
    pub changes: Changes,
    /// The text frame of the native JSON protocol.
    pub frame: Bytes,
}

impl News {
    /// Encodes changes.
    pub fn new(topic: &Topic, changes: Changes, now: Timestamp) -> Self {
        let push = Push::Presence(topic.clone(), changes.update());
        News {
            topic: topic.clone(),
            changes,
            frame: text_frame(&encode_push(&push, now)),
        }
    }
}

impl Changes {
    /// Someone is there now.
    pub(super) fn came(&mut self, user: &UserId, since: Timestamp) {
        let before = self.people.insert(user.clone(), Change::Came(since));
        // Going would have said that they type no longer; now that nobody hears of it, this must.
        if let Some(Change::Went(_)) = before {
            self.hands(user, Hands::Resting);
        }
    }

    /// Someone is there no longer, and so types no longer.
    pub(super) fn went(&mut self, user: &UserId, since: Timestamp) {
        self.people.insert(user.clone(), Change::Went(since));
        self.typing.remove(user);
    }

    /// Someone types now, or no longer.
    pub(super) fn hands(&mut self, user: &UserId, hands: Hands) {
        self.typing.insert(user.clone(), hands);
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.typing.is_empty()
    }

    /// About how many people something is said.
    pub fn len(&self) -> usize {
        self.people.len() + self.typing.len()
    }

    /// Joins what changed later.
    pub fn merge(&mut self, later: &Changes) {
        for (user, change) in &later.people {
            match change {
                Change::Came(since) => self.came(user, *since),
                Change::Went(since) => self.went(user, *since),
            }
        }
        for (user, hands) in &later.typing {
            self.hands(user, *hands);
        }
    }

    /// The changes as they are sent.
    pub fn update(&self) -> PresenceUpdate {
        let mut update = PresenceUpdate::default();
        for (user, change) in &self.people {
            let (side, since) = match change {
                Change::Came(since) => (&mut update.joined, *since),
                Change::Went(since) => (&mut update.left, *since),
            };
            side.push(Member {
                user: user.clone(),
                since,
            });
        }
        for (user, hands) in &self.typing {
            match hands {
                Hands::Typing => update.typing.push(user.clone()),
                Hands::Resting => update.paused.push(user.clone()),
            }
        }
        update
    }
}
