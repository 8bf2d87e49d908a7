//! The rooms that one wants to be a member of. Membership stands on a subscription: a room is entered when its topic is
//! confirmed on the link, so that the server never makes a second subscription for it, and positions are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{ErrorCode, Refusal, Topic};

use crate::topics::after_parking;
use crate::{AfterRefusal, Backoff};

/// Names a wanted membership within one session, in the order in which they were wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RoomKey(u64);

/// All rooms that one wants to be a member of. Not more than there are topics.
#[derive(Default)]
pub(crate) struct Rooms {
    wanted: BTreeMap<RoomKey, Room>,
    next_key: u64,
}

struct Room {
    topic: Topic,
    phase: Phase,
    backoff: Backoff,
    // Whether the application wants the subscription for its own sake, too.
    also_subscribed: bool,
    // Whether the server may count us as a member on this link: also where its answer is late.
    may_be_member: bool,
}

/// How far a membership is.
#[derive(Clone, PartialEq, Debug)]
enum Phase {
    /// To be asked for once the topic is subscribed on this link.
    Queued,
    /// Asked for.
    Asked { request: u64 },
    /// The server confirmed it on this link.
    Member,
    /// Refused for now.
    Retrying { until: Duration },
    /// Refused, until something changes.
    Parked { code: ErrorCode, token: u64 },
}

/// What the end of a membership leaves to be done.
pub(crate) struct Ended {
    /// The server may count us as a member on this link.
    pub(crate) may_be_member: bool,
    /// The application wants the subscription all the same.
    pub(crate) also_subscribed: bool,
}

/// The room's name as `join` wants it: without `room:`, where what is left cannot be taken for a whole channel. `None`
/// if the topic cannot be joined.
pub(crate) fn room_name(topic: &Topic) -> Option<&str> {
    let Topic::Named(name) = topic else {
        return None;
    };
    let name = name.as_str();
    let short = name.strip_prefix("room:").filter(|short| !short.contains(':'));
    Some(short.unwrap_or(name))
}

/// Whether the server means this topic by this name of a room.
fn is_named(topic: &Topic, room: &str) -> bool {
    let channel = topic.channel();
    channel == room || channel.strip_prefix("room:") == Some(room)
}

impl Rooms {
    /// A membership is wanted; if it was refused for good, again.
    pub(crate) fn want(&mut self, topic: Topic, also_subscribed: bool) {
        if let Some(room) = self.room_mut(&topic) {
            if let Phase::Parked { .. } = room.phase {
                room.backoff.reset();
                room.phase = Phase::Queued;
            }
            return;
        }
        let key = RoomKey(self.next_key);
        self.next_key += 1;
        self.wanted.insert(
            key,
            Room {
                topic,
                phase: Phase::Queued,
                backoff: Backoff::standard(),
                also_subscribed,
                may_be_member: false,
            },
        );
    }

    /// A membership is wanted no longer. `None` if it was not.
    pub(crate) fn leave(&mut self, topic: &Topic) -> Option<Ended> {
        let key = self.key(topic)?;
        let room = self.wanted.remove(&key)?;
        Some(Ended {
            may_be_member: room.may_be_member,
            also_subscribed: room.also_subscribed,
        })
    }

    /// The application wants the topic's subscription for its own sake, or no longer does. Whether a membership needs
    /// it anyway.
    pub(crate) fn set_also_subscribed(&mut self, topic: &Topic, also: bool) -> bool {
        match self.room_mut(topic) {
            Some(room) => {
                room.also_subscribed = also;
                true
            }
            None => false,
        }
    }

    /// Whether membership of this room is wanted.
    pub(crate) fn wants(&self, topic: &Topic) -> bool {
        self.key(topic).is_some()
    }

    /// Whether the server has confirmed on this link that one is a member.
    pub(crate) fn is_member(&self, topic: &Topic) -> bool {
        self.wanted
            .values()
            .any(|room| room.topic == *topic && room.phase == Phase::Member)
    }

    /// The next room to ask for, among those whose topic is subscribed, and whether it was refused before.
    pub(crate) fn next_to_ask(&self, subscribed: impl Fn(&Topic) -> bool) -> Option<(RoomKey, bool)> {
        self.wanted
            .iter()
            .find(|(_, room)| room.phase == Phase::Queued && subscribed(&room.topic))
            .map(|(key, room)| (*key, room.backoff.failures() > 0))
    }

    /// Whether one waits for an answer.
    pub(crate) fn any_asked(&self) -> bool {
        self.wanted
            .values()
            .any(|room| matches!(room.phase, Phase::Asked { .. }))
    }

    /// A room is asked for by this request; gives its topic.
    pub(crate) fn asked(&mut self, key: RoomKey, request: u64) -> Option<&Topic> {
        let room = self.wanted.get_mut(&key)?;
        room.phase = Phase::Asked { request };
        room.may_be_member = true;
        Some(&room.topic)
    }

    /// The server confirmed the membership that this request asked for. `None` if the answer is out of date.
    pub(crate) fn joined(&mut self, key: RoomKey, request: u64, name: &str) -> Option<Topic> {
        let room = self.asked_mut(key, request)?;
        if !is_named(&room.topic, name) {
            return None;
        }
        room.phase = Phase::Member;
        room.backoff.reset();
        Some(room.topic.clone())
    }

    /// The server refused the membership that this request asked for. `None` if the answer is out of date.
    pub(crate) fn refused(
        &mut self,
        key: RoomKey,
        request: u64,
        refusal: &Refusal,
        now: Duration,
        token: u64,
        rng: &mut Rng,
    ) -> Option<(Topic, AfterRefusal)> {
        let room = self.asked_mut(key, request)?;
        let code = refusal.code;
        // It may also mean that no answer came.
        room.may_be_member = code == ErrorCode::Internal;
        let next = if code.is_transient() {
            let announced = Duration::from_millis(refusal.retry_after_ms.unwrap_or(0));
            let until = now + room.backoff.fail(rng).max(announced);
            room.phase = Phase::Retrying { until };
            AfterRefusal::RetryAt(until)
        } else {
            room.phase = Phase::Parked { code, token };
            after_parking(code)
        };
        Some((room.topic.clone(), next))
    }

    /// The server ended the membership of the room of this name, unasked. `None` if one was no member.
    pub(crate) fn ended(&mut self, name: &str, token: u64) -> Option<Topic> {
        let room = self
            .wanted
            .values_mut()
            .find(|room| room.phase == Phase::Member && is_named(&room.topic, name))?;
        let code = ErrorCode::Forbidden;
        room.phase = Phase::Parked { code, token };
        room.may_be_member = false;
        Some(room.topic.clone())
    }

    /// The subscription that a membership was asked for on is gone: its answer will mean nothing. Whether one waited.
    pub(crate) fn forfeit(&mut self, topic: &Topic, token: u64) -> bool {
        let Some(room) = self.room_mut(topic) else {
            return false;
        };
        let waited = matches!(room.phase, Phase::Asked { .. });
        if waited {
            let code = ErrorCode::Forbidden;
            room.phase = Phase::Parked { code, token };
            room.may_be_member = false;
        }
        waited
    }

    /// The server has had too many messages: the room waits for its turn again, as if nothing had been asked.
    pub(crate) fn postponed(&mut self, key: RoomKey, request: u64) {
        if let Some(room) = self.asked_mut(key, request) {
            room.phase = Phase::Queued;
        }
    }

    /// The link is gone, and with it every membership on it.
    pub(crate) fn link_lost(&mut self) {
        for room in self.wanted.values_mut() {
            room.may_be_member = false;
            let stays = match room.phase {
                Phase::Queued => true,
                Phase::Asked { .. } | Phase::Member | Phase::Retrying { .. } => false,
                // Another server may have more room.
                Phase::Parked { code, .. } => code != ErrorCode::TooManySubscriptions,
            };
            if !stays {
                room.phase = Phase::Queued;
            }
        }
    }

    /// Signed in with another token, or signed out: what was refused for lack of permission is asked for again.
    pub(crate) fn token_changed(&mut self, token: u64) {
        self.unpark(|code, parked_at| {
            after_parking(code) == AfterRefusal::WaitForToken && parked_at != token
        });
    }

    /// A topic was left: what was refused because there were too many is asked for again.
    pub(crate) fn make_room(&mut self) {
        self.unpark(|code, _| code == ErrorCode::TooManySubscriptions);
    }

    /// Queues the rooms whose time to be tried again has come.
    pub(crate) fn retry_due(&mut self, now: Duration) {
        for room in self.wanted.values_mut() {
            if matches!(room.phase, Phase::Retrying { until } if until <= now) {
                room.phase = Phase::Queued;
            }
        }
    }

    /// When the next room is to be tried again.
    pub(crate) fn next_retry(&self) -> Option<Duration> {
        let until = |room: &Room| match room.phase {
            Phase::Retrying { until } => Some(until),
            Phase::Queued | Phase::Asked { .. } | Phase::Member | Phase::Parked { .. } => None,
        };
        self.wanted.values().filter_map(until).min()
    }

    /// The rooms in which one shall be a member, in the order in which they were wanted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.wanted.values().map(|room| &room.topic)
    }

    fn unpark(&mut self, which: impl Fn(ErrorCode, u64) -> bool) {
        for room in self.wanted.values_mut() {
            if matches!(room.phase, Phase::Parked { code, token } if which(code, token)) {
                room.phase = Phase::Queued;
            }
        }
    }

    fn asked_mut(&mut self, key: RoomKey, request: u64) -> Option<&mut Room> {
        self.wanted
            .get_mut(&key)
            .filter(|room| room.phase == Phase::Asked { request })
    }

    fn room_mut(&mut self, topic: &Topic) -> Option<&mut Room> {
        self.wanted.values_mut().find(|room| room.topic == *topic)
    }

    fn key(&self, topic: &Topic) -> Option<RoomKey> {
        let (key, _) = self.wanted.iter().find(|(_, room)| room.topic == *topic)?;
        Some(*key)
    }
}
