//! A room: in order, once each, with its gaps, and honest about what is one's own.

use nexus_protocol::{ChannelName, Epoch, Json, Member, Params, TYPING_HOLDS_MS, Timestamp};

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn item(offset: u64) -> HistoryItem {
    HistoryItem {
        offset: Some(Offset(offset)),
        timestamp: Timestamp::from_millis(offset * 1_000),
        from: Some(user("ann")),
        payload: Json::parse(&format!(r#"{{"text":"{offset}"}}"#)).unwrap(),
    }
}

/// Newest first, as a history answers.
fn page(offsets: std::ops::RangeInclusive<u64>, more: bool) -> HistoryPage {
    HistoryPage {
        channel: ChannelName::parse("room:lobby").unwrap(),
        params: Params::default(),
        epoch: Epoch::from_random(1),
        offset: Offset(9),
        items: offsets.rev().map(item).collect(),
        more,
    }
}

/// There is nothing.
fn pages_end() -> HistoryPage {
    HistoryPage {
        items: Vec::new(),
        ..page(1..=1, false)
    }
}

fn take(room: &mut Room, offset: u64, from: &str) {
    let said = Said::Text(offset.to_string().into());
    room.take(
        Offset(offset),
        offset * 1_000,
        Some(&user(from)),
        said,
        Some("me"),
    );
}

/// Oldest first: messages by offset, gaps, comings and goings by name.
fn told(room: &Room) -> Vec<String> {
    let entry = |entry: &Entry| match entry {
        Entry::Message(message) => message.offset.unwrap().to_string(),
        Entry::Notice(notice) => format!("{} {:?}", notice.who, notice.turn),
        Entry::Gap(gap) => format!("gap {}-{}", gap.from / 1_000, gap.to.map_or(0, |to| to / 1_000)),
    };
    room.entries().map(entry).collect()
}

#[test]
fn history_and_news_make_one_order_without_repeats() {
    let mut room = Room::default();
    take(&mut room, 5, "ann");
    room.take_newest(&page(3..=5, true), Some("me"));
    take(&mut room, 6, "ann");
    room.take_older(&page(1..=3, false));
    assert_eq!(told(&room), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(room.past, Past::Reached);
}

#[test]
fn after_a_break_an_overlap_closes_the_gap_and_its_absence_names_it() {
    for (replayed, expected) in [
        (2..=5, &["1", "2", "3", "4", "5"][..]),
        (3..=3, &["1", "2", "3"]),
        (6..=8, &["1", "2", "3", "gap 3-6", "6", "7", "8"]),
    ] {
        let mut room = Room::default();
        room.take_newest(&page(1..=3, true), None);
        room.suspect();
        room.suspect();
        assert_eq!(
            told(&room).last().unwrap(),
            "gap 3-0",
            "it is marked at once, and once"
        );
        room.take_newest(&page(replayed, true), None);
        assert_eq!(told(&room), expected);
    }
}

#[test]
fn a_history_that_has_nothing_proves_nothing() {
    let mut room = Room::default();
    room.take_newest(&page(1..=2, false), None);
    room.suspect();
    room.take_newest(&pages_end(), None);
    take(&mut room, 9, "ann");
    assert_eq!(told(&room), ["1", "2", "gap 2-2", "9"]);
}

#[test]
fn a_message_behind_the_break_does_not_hide_it() {
    let mut room = Room::default();
    room.take_newest(&page(1..=2, false), None);
    room.suspect();
    take(&mut room, 9, "ann");
    room.take_newest(&page(7..=9, true), None);
    assert_eq!(told(&room), ["1", "2", "gap 2-7", "7", "8", "9"]);
}

/// A room whose past is known to be empty.
fn new_room() -> Room {
    let mut room = Room::default();
    room.take_newest(&pages_end(), None);
    room
}

#[test]
fn unread_counts_what_others_said_while_nobody_looked() {
    let mut room = new_room();
    room.watch(true);
    take(&mut room, 1, "ann");
    assert_eq!((room.unread(), room.mark()), (0, None));
    room.watch(false);
    take(&mut room, 2, "ann");
    take(&mut room, 3, "bob");
    let mark = room.mark();
    assert_eq!((room.unread(), mark.is_some()), (2, true));
    room.watch(true);
    assert_eq!(
        (room.unread(), room.mark()),
        (0, mark),
        "the mark stays while one reads"
    );
    room.watch(false);
    assert_eq!(room.mark(), None);
    take(&mut room, 4, "ann");
    take(&mut room, 5, "me");
    assert_eq!((room.unread(), room.mark()), (0, None), "whoever speaks has read");
}

#[test]
fn unread_goes_on_from_the_last_visit() {
    let mut room = Room::default();
    room.enter(Some(3_000));
    room.take_newest(&page(1..=5, false), Some("me"));
    assert_eq!((room.unread(), room.mark().is_some()), (2, true));
    let mut open = Room::default();
    open.watch(true);
    open.enter(Some(3_000));
    open.take_newest(&page(1..=5, false), Some("me"));
    assert_eq!(
        (open.unread(), open.mark().is_some()),
        (0, true),
        "an open room shows where, and counts nothing"
    );
    let mut fresh = Room::default();
    fresh.take_newest(&page(1..=5, false), Some("me"));
    assert_eq!(fresh.unread(), 0, "a first visit begins read");
}

#[test]
fn what_one_writes_waits_until_it_comes_back_and_never_stands_twice() {
    let mut room = new_room();
    room.write("k1", "7", 1).unwrap();
    take(&mut room, 7, "me");
    assert!(
        room.outgoing().is_empty(),
        "the message may be quicker than its answer"
    );
    room.published("k1", Ok(Some(Offset(7))));

    room.write("k2", "other words", 1).unwrap();
    room.published("k2", Ok(Some(Offset(8))));
    assert_eq!(room.outgoing()[0].delivery, Delivery::Stored(Offset(8)));
    take(&mut room, 8, "me");
    assert!(room.outgoing().is_empty());
    assert_eq!(told(&room), ["7", "8"]);
}

#[test]
fn what_was_said_before_one_came_is_no_news() {
    let mut room = Room::default();
    room.enter(Some(3_000));
    room.write("k", "4", 9_000).unwrap();
    // A subscription begins with the last messages, as if they came now.
    take(&mut room, 3, "ann");
    take(&mut room, 4, "me");
    take(&mut room, 5, "ann");
    assert_eq!(
        (room.unread(), room.outgoing().len()),
        (0, 1),
        "the same words of long ago are another message"
    );
    room.take_newest(&page(2..=5, false), Some("me"));
    assert_eq!(room.unread(), 1, "behind the last visit, and not one's own");
}

#[test]
fn what_failed_is_tried_again_under_the_same_key_or_given_up() {
    let mut room = Room::default();
    room.write("k", "hi", 1).unwrap();
    assert!(room.retry("k").is_none(), "it is on its way");
    room.published("k", Err("no answer".into()));
    assert_eq!(room.outgoing()[0].delivery, Delivery::Failed("no answer".into()));
    assert_eq!(room.retry("k").unwrap().key, "k".into());
    assert_eq!(room.outgoing()[0].delivery, Delivery::Sending);
    room.discard("k");
    assert!(room.outgoing().is_empty());
    for number in 0..outgoing::MOST {
        assert!(room.write(&number.to_string(), "x", 1).is_some());
    }
    assert!(room.write("more", "x", 1).is_none(), "the queue is bounded");
}

fn presence(joined: &[&str], left: &[&str], members: Option<&[&str]>) -> PresenceUpdate {
    let list = |names: &[&str]| {
        let member = |name: &&str| Member {
            user: user(name),
            since: Timestamp::from_millis(1_000),
        };
        names.iter().map(member).collect()
    };
    PresenceUpdate {
        joined: list(joined),
        left: list(left),
        members: members.map(list),
        ..PresenceUpdate::default()
    }
}

#[test]
fn members_come_and_go_by_name() {
    let mut room = Room::default();
    room.update_presence(&presence(&["ann"], &[], None), Some("me"), 1);
    assert!(room.members().is_none(), "who else is there is not known yet");
    room.update_presence(&presence(&[], &[], Some(&["me", "bob"])), Some("me"), 2);
    assert_eq!(room.access, Access::Member);
    room.update_presence(&presence(&["ann", "bob", "me"], &[], None), Some("me"), 3);
    room.update_presence(&presence(&[], &["bob", "nobody"], None), Some("me"), 4);
    let names: Vec<_> = room
        .members()
        .unwrap()
        .iter()
        .map(|member| &*member.user)
        .collect();
    assert_eq!(names, ["ann", "me"]);
    assert_eq!(
        told(&room),
        ["ann Joined", "bob Left"],
        "each once, and not of oneself"
    );
}

#[test]
fn typing_ends_by_itself_by_pausing_or_by_speaking() {
    let mut room = Room::default();
    let typing = |names: &[&str]| PresenceUpdate {
        typing: names.iter().map(|name| user(name)).collect(),
        ..PresenceUpdate::default()
    };
    room.update_presence(&typing(&["ann", "bob", "me"]), Some("me"), 1_000);
    assert_eq!(room.typing(1_000), ["ann".into(), "bob".into()]);
    take(&mut room, 1, "ann");
    assert_eq!(room.typing(1_000), ["bob".into()]);
    assert!(room.typing(1_000 + TYPING_HOLDS_MS).is_empty());
    let paused = PresenceUpdate {
        paused: vec![user("bob")],
        ..PresenceUpdate::default()
    };
    room.update_presence(&paused, Some("me"), 1_500);
    assert!(room.typing(1_500).is_empty());
}

#[test]
fn typing_is_said_every_few_seconds_and_taken_back_once() {
    let mut room = Room::default();
    let said: Vec<Moment> = (0..10)
        .map(|tick| tick * 500)
        .filter(|now| room.should_say_typing(*now))
        .collect();
    assert_eq!(said, [0, 2_500]);
    assert!(room.should_say_paused());
    assert!(!room.should_say_paused());
}

#[test]
fn a_room_is_bounded_whatever_happens_in_it() {
    let mut room = Room::default();
    room.update_presence(&presence(&[], &[], Some(&[])), None, 0);
    for number in 1..=3_000 {
        take(&mut room, number, "ann");
        let name = format!("u{number}");
        room.update_presence(&presence(&[&name], &[], None), None, number);
        room.update_presence(&presence(&[], &[&name], None), None, number);
    }
    assert_eq!(room.entries().len(), CAPACITY);
    assert!(room.known.len() <= CAPACITY);
    assert_eq!(room.past, Past::Full);
    let notices = room
        .entries()
        .filter(|entry| matches!(entry, Entry::Notice(_)))
        .count();
    assert!(notices <= NOTICES, "{notices}");
}

#[test]
fn an_older_page_of_nothing_new_ends_the_asking() {
    let mut room = Room::default();
    room.take_newest(&page(1..=3, true), None);
    room.take_older(&page(1..=2, true));
    assert_eq!(room.past, Past::Reached);
}

#[test]
fn messages_of_one_millisecond_are_all_reached() {
    let mut room = Room::default();
    let at_once = |offsets| {
        let mut page = page(offsets, true);
        for item in &mut page.items {
            item.timestamp = Timestamp::from_millis(7);
        }
        page
    };
    let until = |offset| {
        Some(Bound::Until(Position {
            epoch: Epoch::from_random(1),
            offset: Offset(offset),
        }))
    };
    room.take_newest(&at_once(7..=9), None);
    assert_eq!(room.older_bound(), until(7));
    room.take_older(&at_once(4..=6));
    assert_eq!((room.older_bound(), &room.past), (until(4), &Past::More));
    room.past = Past::Asked;
    room.lose_reach();
    let before = Bound::Before(Timestamp::from_millis(8));
    assert_eq!(room.older_bound(), Some(before));
}
