//! Who is on one topic. Pure: time comes in, changes go out.
//!
//! Each member is one user, however many connections they have. A lost connection leaves after a grace, an ended one at
//! once. What changed is handed out by [`Room::poll`], at once while the room is small, and paced beyond that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_protocol::{Member, PresenceUpdate, TYPING_HOLDS_MS, Timestamp, UserId};
use tokio::time::Instant;

use crate::presence::changes::{Changes, Hands};

/// From so many members on, changes are announced together.
const PACED_FROM: usize = 32;
/// The least time between two announcements of a room that is paced.
const PACE: Duration = Duration::from_millis(50);
/// Saying again so soon that one is typing says nothing.
const TYPING_REPEAT: Duration = Duration::from_secs(1);
const TYPING_HOLDS: Duration = Duration::from_millis(TYPING_HOLDS_MS);

/// Who is on one topic.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: BTreeMap<UserId, Here>,
    /// Those whose last connection was lost, by when they are taken to have left.
    missed: BTreeSet<(Instant, UserId)>,
    typing: BTreeMap<UserId, Typist>,
    /// What was not announced yet.
    changes: Changes,
    announced: Option<Instant>,
}

/// A member.
#[derive(Debug)]
struct Here {
    since: Timestamp,
    connections: u32,
    /// Set while there is no connection, and they may still come back.
    missed_until: Option<Instant>,
}

#[derive(Debug)]
struct Typist {
    said: Instant,
    until: Instant,
}

/// There are as many members as there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RoomIsFull;

impl Room {
    /// A connection of a user comes. Someone who was already there goes on being there.
    pub(super) fn enter(&mut self, user: &UserId, since: Timestamp, most: usize) -> Result<(), RoomIsFull> {
        if let Some(here) = self.members.get_mut(user) {
            here.connections = here.connections.saturating_add(1);
            if let Some(until) = here.missed_until.take() {
                self.missed.remove(&(until, user.clone()));
            }
            return Ok(());
        }
        if self.members.len() >= most {
            return Err(RoomIsFull);
        }
        let here = Here {
            since,
            connections: 1,
            missed_until: None,
        };
        self.members.insert(user.clone(), here);
        self.changes.came(user, since);
        Ok(())
    }

    /// A connection of a user was lost; if it was their last, they are there until then.
    pub(super) fn lose(&mut self, user: &UserId, until: Instant) {
        let Some(here) = self.members.get_mut(user) else {
            return;
        };
        here.connections = here.connections.saturating_sub(1);
        if here.connections == 0 && here.missed_until.is_none() {
            here.missed_until = Some(until);
            self.missed.insert((until, user.clone()));
        }
    }

    /// A connection of a user leaves; if it was their last, they go at once.
    pub(super) fn leave(&mut self, user: &UserId) {
        let Some(here) = self.members.get_mut(user) else {
            return;
        };
        here.connections = here.connections.saturating_sub(1);
        if here.connections == 0 {
            self.remove(user);
        }
    }

    /// A member types, or no longer. Returns whether they are a member.
    pub(super) fn set_typing(&mut self, user: &UserId, is_typing: bool, now: Instant) -> bool {
        if !self.members.contains_key(user) {
            return false;
        }
        let said = self.typing.get(user).map(|typist| typist.said);
        match (said, is_typing) {
            (Some(said), true) if now.saturating_duration_since(said) < TYPING_REPEAT => {}
            (_, true) => {
                let typist = Typist {
                    said: now,
                    until: now + TYPING_HOLDS,
                };
                self.typing.insert(user.clone(), typist);
                self.changes.hands(user, Hands::Typing);
            }
            (Some(_), false) => self.rest(user),
            (None, false) => {}
        }
        true
    }

    /// Does what is due by now, and hands out what is to be announced now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Changes> {
        while let Some((until, user)) = self.missed.first().cloned()
            && until <= now
        {
            self.remove(&user);
        }
        let rested: Vec<UserId> = self
            .typing
            .iter()
            .filter(|(_, typist)| typist.until <= now)
            .map(|(user, _)| user.clone())
            .collect();
        for user in rested {
            self.rest(&user);
        }
        if self.changes.is_empty() || self.held_until().is_some_and(|until| until > now) {
            return None;
        }
        self.announced = Some(now);
        Some(std::mem::take(&mut self.changes))
    }

    /// When [`Self::poll`], which was called just now, has something to do again.
    pub(super) fn due(&self) -> Option<Instant> {
        let missed = self.missed.first().map(|(until, _)| *until);
        let rested = self.typing.values().map(|typist| typist.until).min();
        let held = self.held_until().filter(|_| !self.changes.is_empty());
        [missed, rested, held].into_iter().flatten().min()
    }

    /// Who is there.
    pub(super) fn list(&self) -> Vec<Member> {
        let members = self.members.iter().map(|(user, here)| Member {
            user: user.clone(),
            since: here.since,
        });
        members.collect()
    }

    /// Everything that there is to know.
    pub(super) fn whole(&self) -> PresenceUpdate {
        PresenceUpdate {
            members: Some(self.list()),
            typing: self.typing.keys().cloned().collect(),
            ..PresenceUpdate::default()
        }
    }

    /// Whether a user is there.
    pub(super) fn has(&self, user: &UserId) -> bool {
        self.members.contains_key(user)
    }

    /// How many are there.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody, and nothing more to say.
    pub(super) fn is_over(&self) -> bool {
        self.members.is_empty() && self.changes.is_empty()
    }

    /// Until when what changed waits for more; none if it does not.
    fn held_until(&self) -> Option<Instant> {
        // A crowd that leaves is as loud as one that comes.
        let crowd = self.members.len().max(self.changes.len());
        let announced = self.announced.filter(|_| crowd > PACED_FROM);
        announced.map(|announced| announced + PACE)
    }

    fn rest(&mut self, user: &UserId) {
        if self.typing.remove(user).is_some() {
            self.changes.hands(user, Hands::Resting);
        }
    }

    fn remove(&mut self, user: &UserId) {
        let Some(here) = self.members.remove(user) else {
            return;
        };
        if let Some(until) = here.missed_until {
            self.missed.remove(&(until, user.clone()));
        }
        self.typing.remove(user);
        self.changes.went(user, here.since);
    }
}
