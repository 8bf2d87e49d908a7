//! Membership of rooms: entered behind a subscription, through reconnects and refusals, until it is left.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use nexus_client::{AfterRefusal, Event, Freshness, LinkState, Wish};
use nexus_protocol::{
    ErrorCode, Left, Member, MessageId, Offset, PresenceUpdate, Push, Refusal, Reply, Request, Topic,
    Unsubscribed, UserId, encode_reply,
};

use crate::bench::{Bench, room, secs};

#[test]
fn a_room_is_subscribed_and_then_entered() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    let subscribe = bench.confirm(7, None);
    assert_eq!(subscribe.topic, room("a"));
    assert!(!bench.session.is_member(&room("a")));
    enter(&mut bench, &["ann", "bob"]);
    assert!(bench.session.is_member(&room("a")));
    let told = bench.events();
    let [Event::Subscribed { .. }, Event::Presence { topic, update }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*topic, room("a"));
    assert_eq!(names(update.members.as_deref().unwrap()), ["ann", "bob"]);
    bench.push(&Push::Presence(
        room("a"),
        PresenceUpdate {
            left: members(&["bob"]),
            ..PresenceUpdate::default()
        },
    ));
    let told = bench.events();
    assert!(
        matches!(&told[..], [Event::Presence { update, .. }] if names(&update.left) == ["bob"]),
        "{told:?}"
    );
}

#[test]
fn membership_and_positions_survive_a_reconnect() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    enter(&mut bench, &["ann"]);
    bench.publish(&room("a"), 8);
    bench.closed(1006);
    assert!(
        !bench.session.is_member(&room("a")),
        "who is there is not known any more"
    );
    bench.until_connecting();
    bench.open();
    bench.greet();
    bench.events();
    let subscribe = bench.confirm(8, Some(true));
    assert_eq!(subscribe.recover.unwrap().offset, Offset(8));
    assert_eq!(
        bench.session.link_state(),
        LinkState::Resyncing,
        "not live before the room is entered again"
    );
    enter(&mut bench, &["ann", "eve"]);
    bench.pong();
    let told = bench.events();
    let updates: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Presence { update, .. } => update.members.as_deref().map(names),
            _ => None,
        })
        .collect();
    assert_eq!(updates, [["ann", "eve"]]);
    assert_eq!(bench.session.link_state(), LinkState::Live);
}

#[test]
fn leaving_ends_the_subscription_unless_it_was_wanted_too() {
    for (subscribed_first, subscribed_later, unsubscribed, goes_on) in [
        (false, false, false, false),
        (true, false, false, true),
        (false, true, false, true),
        (true, false, true, false),
    ] {
        let mut bench = Bench::live();
        if subscribed_first {
            bench.subscribe(&room("a"));
        }
        join(&mut bench, "a");
        bench.confirm(7, None);
        enter(&mut bench, &["ann"]);
        if subscribed_later {
            bench.subscribe(&room("a"));
        }
        if unsubscribed {
            bench.wish(Wish::Unsubscribe(room("a")));
        }
        assert!(
            bench.requests().is_empty(),
            "there is one subscription throughout"
        );
        bench.wish(Wish::Leave(room("a")));
        let asked: Vec<_> = bench.requests();
        assert!(matches!(&asked[0].1, Request::Leave(leave) if leave.room == "a"));
        assert_eq!(asked.len(), if goes_on { 1 } else { 2 });
        assert_eq!(bench.session.topics().count(), usize::from(goes_on));
        assert_eq!(bench.session.rooms().count(), 0);
        let room = "a".to_owned();
        bench.reply(&asked[0].0, &Reply::Left(Left { room }));
        assert_eq!(bench.session.counters().unmatched, 0);
    }
}

#[test]
fn what_comes_of_a_room_after_it_was_left_is_nobodys() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    let (id, _) = bench.request();
    bench.wish(Wish::Leave(room("a")));
    bench.events();
    joined(&mut bench, &id, &["ann"]);
    bench.push(&Push::Presence(room("a"), PresenceUpdate::default()));
    assert!(bench.events().is_empty());
    let asked: Vec<_> = bench.requests().into_iter().map(|(_, request)| request).collect();
    assert!(
        matches!(&asked[..], [Request::Leave(_), Request::Unsubscribe(_)]),
        "the server may have let us in: {asked:?}"
    );
}

#[test]
fn entering_again_at_once_begins_anew_behind_the_leave() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    let (old, _) = bench.request();
    bench.wish(Wish::Leave(room("a")));
    join(&mut bench, "a");
    joined(&mut bench, &old, &["ann"]);
    assert!(
        !bench.session.is_member(&room("a")),
        "that was the old membership"
    );
    let asked: Vec<_> = bench.requests();
    assert!(
        matches!(
            asked.iter().map(|(_, request)| request).collect::<Vec<_>>()[..],
            [Request::Leave(_), Request::Unsubscribe(_), Request::Subscribe(_)]
        ),
        "{asked:?}"
    );
}

#[test]
fn a_refused_membership_is_tried_again_when_that_may_help() {
    for (code, retry_ms, expected) in [
        (ErrorCode::Internal, None, None),
        (ErrorCode::Forbidden, None, Some(AfterRefusal::WaitForToken)),
        (ErrorCode::InvalidParams, None, Some(AfterRefusal::GiveUp)),
    ] {
        let mut bench = Bench::live();
        join(&mut bench, "a");
        bench.confirm(7, None);
        bench.events();
        let mut refusal = Refusal::new(code, "not now");
        refusal.retry_after_ms = retry_ms;
        bench.refuse(refusal);
        let told = bench.events();
        let [Event::JoinRefused { topic, next, .. }] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(*topic, room("a"));
        match expected {
            Some(expected) => assert_eq!(*next, expected),
            None => assert!(matches!(next, AfterRefusal::RetryAt(_))),
        }
        bench.pass(secs(3));
        let again = bench.requests().len();
        assert_eq!(again, usize::from(expected.is_none()), "{code:?} is tried again");
        if *next != AfterRefusal::WaitForToken {
            continue;
        }
        bench.wish(Wish::SetToken("t".to_owned()));
        bench.authenticate(secs(600));
        assert!(
            matches!(bench.request().1, Request::Join(_)),
            "with the new token"
        );
    }
}

#[test]
fn a_membership_that_was_given_up_is_tried_when_wanted_again() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    bench.refuse(Refusal::new(ErrorCode::InvalidParams, "no"));
    join(&mut bench, "a");
    enter(&mut bench, &["ann"]);
    assert!(bench.session.is_member(&room("a")));
    join(&mut bench, "a");
    assert!(bench.requests().is_empty(), "again: nothing");
}

#[test]
fn a_room_whose_topic_is_refused_is_refused_and_does_not_hold_up_the_rest() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.events();
    bench.refuse(Refusal::new(ErrorCode::Forbidden, "not yours"));
    let told = bench.events();
    assert!(
        matches!(&told[..], [Event::JoinRefused { .. }, Event::Refused { .. }]),
        "{told:?}"
    );
    assert!(bench.requests().is_empty(), "it is not entered");
    assert_eq!(bench.session.link_state(), LinkState::Live);
    bench.wish(Wish::SetToken("t".to_owned()));
    bench.authenticate(secs(600));
    bench.confirm(7, None);
    enter(&mut bench, &["ann"]);
    assert!(bench.session.is_member(&room("a")));
}

#[test]
fn rooms_are_named_so_that_no_name_is_taken_for_another() {
    for (channel, asked, answered) in [
        ("room:a", "a", "a"),
        ("room:a:b", "room:a:b", "a:b"),
        ("team:a", "team:a", "team:a"),
    ] {
        let mut bench = Bench::live();
        let name = nexus_protocol::ChannelName::parse(channel).unwrap();
        let topic = Topic::Named(name);
        bench.wish(Wish::Join(topic.clone()));
        bench.confirm(7, None);
        let (id, request) = bench.request();
        assert!(
            matches!(&request, Request::Join(join) if join.room == asked),
            "{request:?}"
        );
        joined_as(&mut bench, &id, answered, &["ann"]);
        assert!(bench.session.is_member(&topic), "{channel}");
    }
}

#[test]
fn what_the_server_ends_by_itself_waits_for_another_token() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    enter(&mut bench, &["ann"]);
    bench.events();
    unasked(&mut bench, Reply::Left(Left { room: "a".to_owned() }));
    let told = bench.events();
    assert!(
        matches!(
            &told[..],
            [Event::JoinRefused {
                next: AfterRefusal::WaitForToken,
                ..
            }]
        ),
        "{told:?}"
    );
    let unsubscribed = Reply::Unsubscribed(Unsubscribed {
        channel: room("a").channel_name(),
        params: room("a").params(),
    });
    unasked(&mut bench, unsubscribed.clone());
    let told = bench.events();
    assert!(
        matches!(
            &told[..],
            [Event::Refused {
                next: AfterRefusal::WaitForToken,
                ..
            }]
        ),
        "{told:?}"
    );
    assert_eq!(
        bench.session.freshness(&room("a"), bench.now),
        Some(Freshness::Refused)
    );
    unasked(&mut bench, unsubscribed);
    bench.pass(secs(20));
    assert!(bench.events().is_empty() && bench.requests().is_empty(), "once");
    bench.wish(Wish::SetToken("t".to_owned()));
    bench.authenticate(secs(600));
    let subscribe = bench.confirm(9, Some(true));
    assert_eq!(subscribe.recover.unwrap().offset, Offset(7));
    enter(&mut bench, &["ann"]);
    assert!(bench.session.is_member(&room("a")));
}

#[test]
fn a_membership_asked_for_on_a_subscription_that_ends_is_undone() {
    let mut bench = Bench::live();
    join(&mut bench, "a");
    bench.confirm(7, None);
    let (id, _) = bench.request();
    bench.events();
    unasked(
        &mut bench,
        Reply::Unsubscribed(Unsubscribed {
            channel: room("a").channel_name(),
            params: room("a").params(),
        }),
    );
    let told = bench.events();
    assert!(
        matches!(&told[..], [Event::JoinRefused { .. }, Event::Refused { .. }]),
        "{told:?}"
    );
    joined(&mut bench, &id, &["ann"]);
    assert!(bench.events().is_empty() && !bench.session.is_member(&room("a")));
    assert!(matches!(bench.request().1, Request::Leave(_)));
}

#[test]
fn an_answer_to_an_unsubscribe_ends_nothing_that_was_wanted_again() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(7, None);
    bench.wish(Wish::Unsubscribe(room("a")));
    bench.subscribe(&room("a"));
    let (id, _) = bench.request();
    bench.confirm(7, None);
    let unsubscribed = Reply::Unsubscribed(Unsubscribed {
        channel: room("a").channel_name(),
        params: room("a").params(),
    });
    bench.reply(&id, &unsubscribed);
    bench.publish(&room("a"), 8);
    assert_eq!(bench.offsets(), [8]);
}

#[test]
fn only_rooms_can_be_joined() {
    let mut bench = Bench::live();
    bench.wish(Wish::Join(Topic::Telemetry));
    let told = bench.events();
    assert!(
        matches!(
            &told[..],
            [Event::JoinRefused {
                next: AfterRefusal::GiveUp,
                ..
            }]
        ),
        "{told:?}"
    );
    assert_eq!(bench.session.topics().count(), 0);
}

#[test]
fn who_comes_and_goes_is_told_for_topics_that_are_only_subscribed() {
    let mut bench = Bench::live();
    bench.subscribe(&Topic::Telemetry);
    bench.confirm(7, None);
    bench.events();
    let update = PresenceUpdate {
        joined: members(&["pump-1"]),
        ..PresenceUpdate::default()
    };
    bench.push(&Push::Presence(Topic::Telemetry, update.clone()));
    assert_eq!(
        bench.events(),
        [Event::Presence {
            topic: Topic::Telemetry,
            update
        }]
    );
    assert!(bench.requests().is_empty());
}

fn join(bench: &mut Bench, name: &str) {
    bench.wish(Wish::Join(room(name)));
}

/// Takes the oldest request, which must be a join, and confirms it.
fn enter(bench: &mut Bench, users: &[&str]) {
    let (id, request) = bench.request();
    assert!(
        matches!(&request, Request::Join(join) if join.room == "a"),
        "{request:?}"
    );
    joined(bench, &id, users);
}

fn joined(bench: &mut Bench, id: &MessageId, users: &[&str]) {
    joined_as(bench, id, "a", users);
}

fn unasked(bench: &mut Bench, reply: Reply) {
    bench.text(&encode_reply(None, &reply, bench.wall()));
}

fn joined_as(bench: &mut Bench, id: &MessageId, room: &str, users: &[&str]) {
    let joined = nexus_protocol::Joined {
        room: room.to_owned(),
        members: members(users),
        epoch: nexus_protocol::Epoch::parse("e1").unwrap(),
        offset: Offset(7),
    };
    bench.reply(id, &Reply::Joined(joined));
}

fn members(users: &[&str]) -> Vec<Member> {
    let member = |user: &&str| Member {
        user: UserId::parse(user).unwrap(),
        since: nexus_protocol::Timestamp::from_millis(1_800_000_000_000),
    };
    users.iter().map(member).collect()
}

fn names(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.user.as_str()).collect()
}
