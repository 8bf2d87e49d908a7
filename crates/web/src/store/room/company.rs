//! Who is in a room and who is typing.

use std::rc::Rc;

use nexus_protocol::{Member, PresenceUpdate, TYPING_HOLDS_MS};

use crate::state::feed::Moment;
use crate::state::rooms::Turn;

/// The most members that are kept by name.
const MEMBERS: usize = 2_000;
/// The most that are shown as typing.
const TYPISTS: usize = 16;

/// Someone who is in the room.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Present {
    /// Who.
    pub(crate) user: Rc<str>,
    /// Since when.
    pub(crate) since: Moment,
}

/// Who is there.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// By name; absent until the server told.
    members: Option<Vec<Present>>,
    /// Who is typing, and until when that holds.
    typing: Vec<(Rc<str>, Moment)>,
}

impl Company {
    /// Takes who came, went, types, or no longer does; gives the others who came and went.
    pub(super) fn update(
        &mut self,
        update: &PresenceUpdate,
        me: Option<&str>,
        now: Moment,
    ) -> Vec<(Rc<str>, Turn)> {
        let mut turns = Vec::new();
        if let Some(members) = &update.members {
            self.members = Some(members.iter().take(MEMBERS).map(Present::of).collect());
        }
        if let Some(members) = &mut self.members {
            for present in update.joined.iter().map(Present::of) {
                let is_known = members.iter().any(|known| known.user == present.user);
                if !is_known && members.len() < MEMBERS {
                    turns.push((present.user.clone(), Turn::Joined));
                    members.push(present);
                }
            }
            for user in update.left.iter().map(|member| member.user.as_str()) {
                if let Some(place) = members.iter().position(|known| *known.user == *user) {
                    turns.push((members.remove(place).user, Turn::Left));
                }
            }
            members.sort_by(|one, other| one.user.cmp(&other.user));
        }
        let gone = update.left.iter().map(|member| &member.user);
        for user in gone.chain(&update.paused).chain(&update.typing) {
            self.spoke(user.as_str());
        }
        for user in update.typing.iter().map(|user| user.as_str()) {
            if me != Some(user) && self.typing.len() < TYPISTS {
                self.typing.push((user.into(), now + TYPING_HOLDS_MS));
            }
        }
        turns.retain(|(who, _)| me != Some(&**who));
        turns
    }

    /// Who spoke types no longer.
    pub(super) fn spoke(&mut self, user: &str) {
        self.typing.retain(|(who, _)| **who != *user);
    }

    /// Who is there, by name; `None` before the server told.
    pub(super) fn members(&self) -> Option<&[Present]> {
        self.members.as_deref()
    }

    /// Who is typing.
    pub(super) fn typing(&self, now: Moment) -> Vec<Rc<str>> {
        let holds = |(_, until): &&(Rc<str>, Moment)| *until > now;
        let typing = self.typing.iter().filter(holds);
        typing.map(|(who, _)| who.clone()).collect()
    }
}

impl Present {
    fn of(member: &Member) -> Self {
        Present {
            user: member.user.as_str().into(),
            since: member.since.as_millis(),
        }
    }
}
