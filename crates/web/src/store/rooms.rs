//! The rooms that one is in, whichever view is shown, and what people do in them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use nexus_client::{Ask, AskError, Wish};
use nexus_protocol::{
    ErrorCode, History, IdempotencyKey, Json, Payload, PresenceUpdate, Publication, Publish, Refusal, Reply,
    Topic, Typing, UserId,
};
use serde::Serialize;

use super::room::{Access, Bound, Outgoing, Past, Room};
use super::{News, Store};
use crate::canvas::live::Live;
use crate::state::face::sentence;
use crate::state::feed::{Moment, Stage};
use crate::state::rooms::{RoomName, Said};

/// Messages that are asked for at a time.
const PAGE: u32 = 50;
/// How long a page may take.
const PAGE_WITHIN: Duration = Duration::from_secs(30);
/// How long a message may take, a reconnect included.
const SAID_WITHIN: Duration = Duration::from_secs(20);
/// Whether one is typing is soon out of date.
const TYPING_WITHIN: Duration = Duration::from_secs(2);

/// The rooms.
#[derive(Default)]
pub(super) struct Rooms {
    /// As many as were ever looked at; those that one is not in are empty.
    rooms: RefCell<BTreeMap<RoomName, Live<Room>>>,
    /// Those that one wants to be in.
    kept: RefCell<BTreeSet<RoomName>>,
    me: RefCell<Option<Rc<str>>>,
    unread: Live<u64>,
}

/// What is published as a message.
#[derive(Serialize)]
struct Words<'a> {
    text: &'a str,
}

impl Store {
    /// A room; an empty one that nobody fills, while one is not in it. Asked again it is the same.
    pub(crate) fn room(&self, name: &RoomName) -> Live<Room> {
        let mut rooms = self.shared.rooms.rooms.borrow_mut();
        rooms.entry(name.clone()).or_default().clone()
    }

    /// How many messages in all rooms nobody looked at yet.
    pub(crate) fn unread(&self) -> &Live<u64> {
        &self.shared.rooms.unread
    }

    /// The topics of the rooms that one wants to be in.
    pub(crate) fn rooms_kept(&self) -> Vec<Topic> {
        let kept = self.shared.rooms.kept.borrow();
        kept.iter().map(RoomName::topic).collect()
    }

    /// Wants to be in these rooms and no others. `read_until` tells how far one was read in an earlier visit.
    pub(crate) fn keep_rooms(
        &self,
        wanted: &BTreeSet<RoomName>,
        read_until: impl Fn(&RoomName) -> Option<Moment>,
    ) {
        let known = self.shared.rooms.kept.replace(wanted.clone());
        for name in known.difference(wanted) {
            // In place, since it may be looked at and joined again.
            self.room(name).write(|room| *room = Room::default());
            self.feeds().write(|feeds| feeds.forget(&name.topic()));
            self.shared.wants.wish(Wish::Leave(name.topic()));
        }
        for name in wanted.difference(&known) {
            self.room(name).write(|room| room.enter(read_until(name)));
            self.feeds().write(|feeds| feeds.ask(name.topic()));
            self.shared.wants.wish(Wish::Join(name.topic()));
        }
        self.count_unread();
    }

    /// Wants once more to be in a room that was refused.
    pub(crate) fn join_again(&self, name: &RoomName) {
        self.change(name, |room, _| room.access = Access::Asked);
        self.feeds()
            .write(|feeds| feeds.turn(&name.topic(), Stage::Asked));
        self.shared.wants.wish(Wish::Join(name.topic()));
    }

    /// Someone looks at the newest message of a room, or no longer.
    pub(crate) fn watch_room(&self, name: &RoomName, is_watched: bool) {
        // Also before one is in it: what is looked at first is not unread.
        self.room(name).write(|room| room.watch(is_watched));
        self.count_unread();
    }

    /// Says something. `key` names the message, and makes a repeat of it no second one. Whether there was room for it.
    pub(crate) fn say(&self, name: &RoomName, key: &str, text: &str, now: Moment) -> bool {
        let written = self.change(name, |room, _| {
            let written = room.write(key, text, now);
            if written.is_some() {
                room.draft = "".into();
            }
            written
        });
        let written = written.flatten();
        written.iter().for_each(|outgoing| self.publish(name, outgoing));
        written.is_some()
    }

    /// Says again what was not taken.
    pub(crate) fn say_again(&self, name: &RoomName, key: &str) {
        if let Some(outgoing) = self.change(name, |room, _| room.retry(key)).flatten() {
            self.publish(name, &outgoing);
        }
    }

    /// Gives up what was not taken.
    pub(crate) fn give_up(&self, name: &RoomName, key: &str) {
        self.change(name, |room, _| room.discard(key));
    }

    /// What was written before the page was loaded anew stands there again.
    pub(crate) fn restore_draft(&self, name: &RoomName, draft: &str) {
        self.room(name).write(|room| {
            if room.draft.is_empty() {
                room.draft = draft.into();
            }
        });
    }

    /// What is written changes; the others are told that one is typing.
    pub(crate) fn type_in(&self, name: &RoomName, draft: &str, now: Moment) {
        let typing = self.change(name, |room, _| {
            room.draft = draft.into();
            if draft.trim().is_empty() {
                room.should_say_paused().then_some(false)
            } else {
                room.should_say_typing(now).then_some(true)
            }
        });
        if let Some(typing) = typing.flatten() {
            let room = name.as_str().to_owned();
            self.ask(Ask::Typing(Typing { room, typing }), TYPING_WITHIN, drop);
        }
    }

    /// Asks for messages before the oldest that is known.
    pub(crate) fn ask_older_messages(&self, name: &RoomName) {
        let bound = self.change(name, |room, _| {
            let may_ask = matches!(room.past, Past::More | Past::Failed(_));
            let bound = room.older_bound().filter(|_| may_ask);
            if bound.is_some() {
                room.past = Past::Asked;
            }
            (may_ask, bound)
        });
        if let Some((true, bound)) = bound {
            self.ask_messages(name, bound);
        }
    }

    // --- what the server tells --------------------------------------------------------------------------------------

    /// The server knows who one is.
    pub(crate) fn handle_identity(&self, user: &UserId) {
        self.shared.rooms.me.replace(Some(user.as_str().into()));
    }

    /// A room cannot be joined.
    pub(crate) fn handle_join_refused(&self, topic: &Topic, refusal: Refusal) {
        if let Some(name) = RoomName::of(topic) {
            // What was heard before does not make a refusal old news.
            self.feeds().write(|feeds| {
                feeds.ask(topic.clone());
                feeds.turn(topic, Stage::Refused(refusal.clone()));
            });
            self.change(&name, |room, _| room.access = Access::Refused(refusal));
        }
    }

    pub(super) fn handle_room_publication(&self, name: &RoomName, publication: &Publication) {
        let Payload::Json(payload) = &publication.payload else {
            return;
        };
        let (offset, at) = (publication.offset, publication.timestamp.as_millis());
        let is_news = !publication.snapshot;
        self.change(name, |room, me| {
            // What was said before one came is the history's to tell, and no news.
            if is_news {
                room.take(offset, at, publication.from.as_ref(), Said::of(payload), me);
            }
        });
    }

    pub(super) fn handle_room_presence(&self, name: &RoomName, update: &PresenceUpdate, now: Moment) {
        self.feeds().read(|feeds| feeds.hear(&name.topic(), now));
        self.change(name, |room, me| room.update_presence(update, me, now));
    }

    /// The room's topic is followed: what was said before is asked for, once.
    pub(super) fn handle_room_followed(&self, name: &RoomName) {
        if self.change(name, |room, _| room.past == Past::Unknown) == Some(true) {
            self.ask_messages(name, None);
        }
    }

    pub(super) fn handle_room_break(&self, name: &RoomName) {
        if self.change(name, |room, _| room.suspect()).is_some() {
            self.ask_messages(name, None);
        }
    }

    pub(super) fn handle_rooms_lost(&self) {
        let rooms: Vec<_> = self.shared.rooms.rooms.borrow().values().cloned().collect();
        for room in rooms {
            room.write(|room| {
                if room.access == Access::Member {
                    room.access = Access::Asked;
                }
            });
        }
    }

    // --- within -----------------------------------------------------------------------------------------------------

    fn publish(&self, name: &RoomName, outgoing: &Outgoing) {
        let publish = Publish {
            channel: name.channel(),
            data: match Json::of(&Words { text: &outgoing.text }) {
                Some(data) => data,
                None => return,
            },
            idempotency_key: IdempotencyKey::parse(&outgoing.key).ok(),
            ack: true,
        };
        let (store, name, key) = (self.weak(), name.clone(), outgoing.key.clone());
        self.ask(Ask::Publish(publish), SAID_WITHIN, move |news| {
            let result = match news {
                News::Answer(Ok(Reply::Ack(ack))) => Ok(ack.position.map(|position| position.offset)),
                News::Answer(Ok(_)) => Err("The server answered something else.".to_owned()),
                News::Answer(Err(error)) => Err(told(&error)),
                News::Progress(_) => return,
            };
            if let Some(store) = store.upgrade() {
                store.change(&name, |room, _| room.published(&key, result));
            }
        });
    }

    /// Asks for the newest messages, or for older ones.
    fn ask_messages(&self, name: &RoomName, bound: Option<Bound>) {
        let newest = History::newest(name.topic(), PAGE);
        let history = match bound.clone() {
            None => newest,
            Some(Bound::Until(position)) => History {
                until: Some(position),
                ..newest
            },
            Some(Bound::Before(time)) => History {
                before: Some(time),
                ..newest
            },
        };
        let (store, name) = (self.weak(), name.clone());
        self.ask(Ask::History(history), PAGE_WITHIN, move |news| {
            let Some(store) = store.upgrade() else { return };
            if let (Some(Bound::Until(_)), News::Answer(Err(AskError::Refused(refusal)))) = (&bound, &news)
                && refusal.code == ErrorCode::InvalidParams
            {
                store.change(&name, |room, _| room.lose_reach());
                return store.ask_older_messages(&name);
            }
            store.change(&name, |room, me| match &news {
                News::Answer(Ok(Reply::History(page))) => match bound {
                    Some(_) => room.take_older(page),
                    None => room.take_newest(page, me),
                },
                News::Answer(Ok(_)) => room.fail_past("The server answered something else."),
                News::Answer(Err(error)) => room.fail_past(&told(error)),
                News::Progress(_) => {}
            });
        });
    }

    /// Changes a room that one is in; nothing happens to others.
    fn change<R>(&self, name: &RoomName, change: impl FnOnce(&mut Room, Option<&str>) -> R) -> Option<R> {
        if !self.shared.rooms.kept.borrow().contains(name) {
            return None;
        }
        let room = self.room(name);
        let me = self.shared.rooms.me.borrow().clone();
        let result = room.write(|room| change(room, me.as_deref()));
        self.count_unread();
        Some(result)
    }

    fn count_unread(&self) {
        let rooms = self.shared.rooms.rooms.borrow();
        let count = rooms.values().map(|room| room.read(Room::unread)).sum();
        drop(rooms);
        let unread = self.unread();
        if unread.read(|known| *known != count) {
            unread.write(|known| *known = count);
        }
    }
}

/// Why something could not be done, for people.
fn told(error: &AskError) -> String {
    match error {
        AskError::Refused(refusal) => sentence(&refusal.message),
        error => sentence(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use nexus_client::AskId;
    use nexus_protocol::{Ack, Epoch, HistoryItem, HistoryPage, Offset, Position, Timestamp};
    use yew::Callback;

    use super::*;
    use crate::store::Wants;
    use crate::store::room::Delivery;

    fn stage() -> (Store, Rc<RefCell<Vec<Wish>>>, RoomName) {
        let wishes: Rc<RefCell<Vec<Wish>>> = Rc::default();
        let outlet = {
            let wishes = wishes.clone();
            Callback::from(move |wish| wishes.borrow_mut().push(wish))
        };
        let store = Store::new(Wants::new(outlet));
        let name = RoomName::parse("lobby").unwrap();
        store.keep_rooms(&BTreeSet::from([name.clone()]), |_| None);
        (store, wishes, name)
    }

    fn last_ask(wishes: &RefCell<Vec<Wish>>) -> (AskId, Ask) {
        match wishes.borrow().last() {
            Some(Wish::Ask { id, ask, .. }) => (*id, ask.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_room_is_joined_once_and_left_when_it_is_kept_no_longer() {
        let (store, wishes, name) = stage();
        store.keep_rooms(&BTreeSet::from([name.clone()]), |_| None);
        store.keep_rooms(&BTreeSet::new(), |_| None);
        assert_eq!(
            wishes.take(),
            [Wish::Join(name.topic()), Wish::Leave(name.topic())]
        );
        assert!(store.rooms_kept().is_empty());
    }

    #[test]
    fn a_retry_carries_the_key_of_the_first_try() {
        let (store, wishes, name) = stage();
        assert!(store.say(&name, "k1", "hello", 5));
        let (id, first) = last_ask(&wishes);
        store.handle_answer(id, Err(AskError::TimedOut));
        assert!(matches!(
            store.room(&name).read(|room| room.outgoing()[0].delivery.clone()),
            Delivery::Failed(_)
        ));
        store.say_again(&name, "k1");
        let (id, second) = last_ask(&wishes);
        assert_eq!(first, second);
        let Ask::Publish(publish) = second else { panic!() };
        assert_eq!(publish.data.as_str(), r#"{"text":"hello"}"#);
        assert_eq!(publish.idempotency_key.unwrap().as_str(), "k1");
        let position = Position {
            epoch: Epoch::from_random(1),
            offset: Offset(4),
        };
        store.handle_answer(
            id,
            Ok(Reply::Ack(Ack {
                position: Some(position),
                command_id: None,
            })),
        );
        assert_eq!(
            store.room(&name).read(|room| room.outgoing()[0].delivery.clone()),
            Delivery::Stored(Offset(4))
        );
    }

    #[test]
    fn a_followed_room_asks_for_its_past_once_and_again_after_a_break() {
        let (store, wishes, name) = stage();
        let asks = || {
            wishes
                .borrow()
                .iter()
                .filter(|wish| matches!(wish, Wish::Ask { .. }))
                .count()
        };
        store.handle_stage(&name.topic(), Stage::Followed);
        assert_eq!(asks(), 1);
        store.handle_break(&name.topic());
        assert_eq!(asks(), 2);
    }

    #[test]
    fn older_messages_are_asked_for_by_position_and_by_time_once_the_order_has_ended() {
        let (store, wishes, name) = stage();
        let asked = || match last_ask(&wishes) {
            (id, Ask::History(history)) => (id, history.until, history.before),
            other => panic!("{other:?}"),
        };
        store.handle_stage(&name.topic(), Stage::Followed);
        let end = Position {
            epoch: Epoch::from_random(1),
            offset: Offset(4),
        };
        let page = HistoryPage {
            channel: name.channel(),
            params: Default::default(),
            epoch: end.epoch.clone(),
            offset: end.offset,
            items: vec![HistoryItem {
                offset: Some(end.offset),
                timestamp: Timestamp::from_millis(7),
                from: None,
                payload: Json::parse("1").unwrap(),
            }],
            more: true,
        };
        store.handle_answer(asked().0, Ok(Reply::History(page)));
        store.ask_older_messages(&name);
        let (id, until, before) = asked();
        assert_eq!((until, before), (Some(end), None));
        let ended = Refusal::new(ErrorCode::InvalidParams, "`until` is of an order that has ended");
        store.handle_answer(id, Err(AskError::Refused(ended.clone())));
        let (id, until, before) = asked();
        assert_eq!((until, before), (None, Some(Timestamp::from_millis(8))));
        store.handle_answer(id, Err(AskError::Refused(ended)));
        assert_eq!(asked().0, id, "a refusal of the time is the end of it");
    }

    #[test]
    fn a_refusal_is_kept_until_one_asks_again() {
        let (store, wishes, name) = stage();
        let refusal = Refusal::new(ErrorCode::Forbidden, "not for you");
        store.handle_join_refused(&name.topic(), refusal.clone());
        assert_eq!(
            store.room(&name).read(|room| room.access.clone()),
            Access::Refused(refusal)
        );
        store.join_again(&name);
        assert_eq!(wishes.borrow().last(), Some(&Wish::Join(name.topic())));
    }
}
