//! Subscriptions: asked for within the limits, confirmed, refused, doubted.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::VecDeque;
use std::time::Duration;

use nexus_client::{AfterRefusal, Continuity, Event, LinkState, Loss, Wish};
use nexus_protocol::{
    ChannelStatus, Condition, ErrorCode, FeedState, Filters, Gap, Mode, Offset, Push, Refusal, Reply,
    Request, Subscribe,
};

use crate::bench::{Bench, publication, room, secs, subscribed};

#[test]
fn two_hundred_topics_are_asked_for_without_breaking_a_limit() {
    let mut bench = Bench::live();
    let topics: Vec<_> = (0..200).map(|number| room(&number.to_string())).collect();
    for topic in &topics {
        bench.subscribe(topic);
    }
    let mut arrived = VecDeque::new();
    let mut confirmed = 0;
    while confirmed < 200 {
        // The server is 80 ms away.
        bench.pass(Duration::from_millis(80));
        for (id, request) in bench.requests() {
            arrived.push_back(bench.now);
            while arrived.front().is_some_and(|at| *at + secs(60) <= bench.now) {
                arrived.pop_front();
            }
            assert!(arrived.len() <= 100, "never more than announced");
            let reply = match request {
                Request::Subscribe(subscribe) => {
                    confirmed += 1;
                    Reply::Subscribed(subscribed(&subscribe, "e1", 0, None))
                }
                Request::Ping => Reply::Pong,
                other => panic!("{other:?}"),
            };
            bench.reply(&id, &reply);
        }
        assert!(bench.now < secs(200), "no slower than the limit makes it");
    }
    assert!(bench.now > secs(120), "two pauses of a minute");
    assert_eq!(bench.session.counters().rate_limited, 0);
}

#[test]
fn rate_limited_holds_everything_back_for_as_long_as_it_says() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.events();
    bench.refuse(Refusal::new(ErrorCode::RateLimited, "wait").retry_after_ms(4_000));
    bench.subscribe(&room("b"));
    bench.pass(Duration::from_millis(3_999));
    assert!(bench.requests().is_empty());
    assert!(bench.events().is_empty(), "that is between us and the server");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.requests().len(), 2);
}

#[test]
fn what_cannot_be_had_now_is_tried_again_with_back_off() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    for due in [1, 2, 4] {
        bench.events();
        bench.refuse(Refusal::new(ErrorCode::UpstreamDown, "the source is away"));
        let told = bench.events();
        let Some(Event::Refused {
            next: AfterRefusal::RetryAt(at),
            ..
        }) = told.first()
        else {
            panic!("{told:?}");
        };
        assert!(*at <= bench.now + secs(due));
        bench.pass(*at - bench.now);
    }
    bench.confirm(0, None);
    assert!(matches!(bench.events()[..], [Event::Subscribed { .. }]));
}

#[test]
fn many_refusals_do_not_cost_the_connection() {
    let mut bench = Bench::live();
    for number in 0..40 {
        bench.subscribe(&room(&number.to_string()));
    }
    let mut refused = VecDeque::new();
    let mut total = 0;
    for _ in 0..3_000 {
        bench.pass(Duration::from_millis(100));
        for (id, request) in bench.requests() {
            let Request::Subscribe(_) = request else {
                bench.reply(&id, &Reply::Pong);
                continue;
            };
            refused.push_back(bench.now);
            while refused.front().is_some_and(|at| *at + secs(60) <= bench.now) {
                refused.pop_front();
            }
            assert!(refused.len() <= 10, "one more would close with 1008");
            total += 1;
            let refusal = Refusal::new(ErrorCode::InvalidParams, "there is no such room");
            bench.reply(&id, &Reply::Error(refusal));
        }
    }
    assert_eq!(total, 40, "each was asked for once and given up");
}

#[test]
fn no_more_are_asked_for_than_the_server_takes() {
    let mut bench = Bench::new();
    bench.limits.subscriptions = 2;
    for name in ["a", "b", "c"] {
        bench.subscribe(&room(name));
    }
    bench.open();
    bench.greet();
    bench.confirm(0, None);
    bench.confirm(0, None);
    let told = bench.events();
    let refused = |event: &Event| matches!(event, Event::Refused { topic, next: AfterRefusal::WaitForRoom, .. } if *topic == room("c"));
    assert_eq!(told.iter().filter(|event| refused(event)).count(), 1);

    bench.pong();
    bench.wish(Wish::Unsubscribe(room("a")));
    assert!(matches!(bench.request().1, Request::Unsubscribe(_)));
    assert_eq!(bench.confirm(0, None).topic, room("c"));
}

#[test]
fn subscribing_again_changes_the_options_and_goes_on_where_it_stood() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(3, None);
    bench.publish(&room("a"), 4);
    bench.subscribe(&room("a"));
    assert!(bench.requests().is_empty(), "the same again is nothing");

    let mut slower = Subscribe::to(room("a"));
    slower.throttle_ms = Some(500);
    slower.mode = Some(Mode::Latest);
    bench.wish(Wish::Subscribe(slower));
    bench.publish(&room("a"), 5);
    bench.events();
    let asked = bench.confirm(4, Some(true));
    assert_eq!(asked.recover.unwrap().offset, Offset(4));
    // The publication that came between question and answer comes again.
    bench.publish(&room("a"), 5);
    bench.publish(&room("a"), 9);
    let told = bench.events();
    assert!(matches!(
        told[0],
        Event::Subscribed {
            continuity: Continuity::Recovered,
            ..
        }
    ));
    assert!(matches!(told[1], Event::Publication { conflated: 0, .. }));
    assert!(matches!(told[2], Event::Publication { conflated: 3, .. }));
    assert_eq!(bench.session.conflated(&room("a")), Some(3));
}

#[test]
fn a_key_is_asked_for_again_on_every_link_and_the_count_is_known_even_with_filters() {
    let mut bench = Bench::live();
    let wanted = Subscribe {
        filters: Filters([("n".to_owned(), Condition::Equals(1.into()))].into()),
        throttle_ms: Some(500),
        key: Some("place.id".to_owned()),
        ..Subscribe::to(room("a"))
    };
    bench.wish(Wish::Subscribe(wanted.clone()));
    assert_eq!(bench.confirm(3, None).key, wanted.key);
    let mut conflated = publication(&room("a"), 20, bench.wall());
    conflated.conflated = 4;
    bench.push(&Push::Publication(conflated));
    let told = bench.events();
    assert!(matches!(&told[0], Event::Subscribed { key, .. } if *key == wanted.key));
    assert!(matches!(told[1], Event::Publication { conflated: 4, .. }));
    assert_eq!(bench.session.conflated(&room("a")), Some(4));

    let by_another = Subscribe {
        key: Some("kind".to_owned()),
        ..wanted
    };
    bench.wish(Wish::Subscribe(by_another.clone()));
    let asked = bench.confirm(20, Some(true));
    assert_eq!(
        (asked.key, asked.recover.unwrap().offset),
        (by_another.key, Offset(20))
    );
    bench.closed(1006);
    bench.until_connecting();
    bench.open();
    bench.greet();
    let asked = bench.confirm(20, Some(true));
    assert_eq!(asked.key.as_deref(), Some("kind"));
}

#[test]
fn a_topic_that_was_left_and_is_wanted_again_is_left_first() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(3, None);
    bench.wish(Wish::Unsubscribe(room("a")));
    bench.subscribe(&room("a"));
    let kinds: Vec<_> = bench
        .requests()
        .iter()
        .map(|(_, request)| request.type_name())
        .collect();
    assert_eq!(kinds, ["unsubscribe", "subscribe"]);
    bench.events();
    bench.publish(&room("a"), 4);
    assert_eq!(bench.offsets(), [0u64; 0], "of the old subscription");
}

#[test]
fn repeats_are_dropped_and_a_hole_is_asked_for() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(0, None);
    for offset in [1, 2, 2, 1, 3] {
        bench.publish(&room("a"), offset);
    }
    assert_eq!(bench.offsets(), [1, 2, 3]);

    bench.publish(&room("a"), 6);
    assert_eq!(bench.offsets(), [0u64; 0], "not before what is missing");
    assert_eq!(bench.confirm(3, Some(true)).recover.unwrap().offset, Offset(3));
    for offset in [4, 5, 6] {
        bench.publish(&room("a"), offset);
    }
    assert_eq!(bench.offsets(), [4, 5, 6]);
    assert_eq!(bench.session.counters().doubted, 1);
}

#[test]
fn a_server_that_always_leaves_holes_is_not_asked_without_end() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(0, None);
    let mut asked = 0;
    for _ in 0..600 {
        bench.publish(&room("a"), 5);
        bench.pass(Duration::from_millis(100));
        for (id, request) in bench.requests() {
            match request {
                Request::Subscribe(subscribe) => {
                    asked += 1;
                    let reply = subscribed(&subscribe, "e1", 0, Some(true));
                    bench.reply(&id, &Reply::Subscribed(reply));
                }
                _ => bench.reply(&id, &Reply::Pong),
            }
        }
    }
    assert!((3..12).contains(&asked), "{asked} times in a minute");
}

#[test]
fn a_server_that_goes_back_without_a_word_is_found_out() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(100, None);
    // It has lost its memory and counts anew: none of these is a repeat.
    for offset in 1..=3 {
        bench.publish(&room("a"), offset);
    }
    bench.events();
    bench.confirm_in("e2", 0, Some(false));
    let told = bench.events();
    assert!(
        matches!(
            &told[0],
            Event::Lost {
                loss: Loss::NewOrder { .. },
                ..
            }
        ),
        "{told:?}"
    );
    bench.publish(&room("a"), 1);
    assert_eq!(bench.offsets(), [1]);
}

#[test]
fn a_declared_gap_moves_the_position() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(10, None);
    bench.events();
    let mut status = ChannelStatus::new(FeedState::Gap, bench.wall());
    let offset = Offset(15);
    status.gap = Some(Gap::Publications { missed: 5, offset });
    bench.status(&room("a"), status);
    bench.publish(&room("a"), 16);
    let told = bench.events();
    assert!(matches!(&told[0], Event::Lost { loss: Loss::Range { upto, .. }, .. } if *upto == offset));
    assert!(matches!(&told[1], Event::Status { .. }));
    assert!(matches!(&told[2], Event::Publication { publication, .. } if publication.offset == Offset(16)));
}

#[test]
fn a_snapshot_stands_for_all_before_it() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(10, None);
    let mut snapshot = publication(&room("a"), 10, bench.wall());
    snapshot.snapshot = true;
    bench.push(&Push::Publication(snapshot.clone()));
    bench.push(&Push::Publication(snapshot.clone()));
    assert_eq!(bench.offsets(), [10], "once");
    snapshot.offset = Offset(20);
    bench.push(&Push::Publication(snapshot));
    let told = bench.events();
    assert!(
        matches!(&told[..], [Event::Publication { conflated: 9, .. }]),
        "{told:?}"
    );
}

#[test]
fn an_unanswered_subscribe_is_asked_again() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.request();
    let mut again = None;
    for _ in 0..40 {
        bench.pass(secs(1));
        for (id, request) in bench.requests() {
            match request {
                Request::Ping => bench.reply(&id, &Reply::Pong),
                Request::Subscribe(_) => again = Some(bench.now),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(again.is_some_and(|at| at >= secs(30)));
}

#[test]
fn messages_from_the_future_are_ignored_and_nonsense_is_not_endured() {
    let mut bench = Bench::live();
    bench.text(r#"{"type":"weather","payload":{"rain":true}}"#);
    assert_eq!(bench.session.counters().unknown, 1);
    for _ in 0..9 {
        bench.text("}{");
    }
    assert_eq!(bench.session.link_state(), LinkState::Live);
    bench.text("}{");
    assert_eq!(bench.closes(), [3002]);
    assert_eq!(bench.session.counters().malformed, 10);
}

#[test]
fn one_topic_too_many_is_refused_at_once() {
    let mut config = crate::bench::config();
    config.max_topics = 1;
    let mut bench = Bench::with(config);
    bench.subscribe(&room("a"));
    bench.events();
    bench.subscribe(&room("b"));
    let told = bench.events();
    assert!(
        matches!(
            &told[..],
            [Event::Refused {
                next: AfterRefusal::GiveUp,
                ..
            }]
        ),
        "{told:?}"
    );
    assert_eq!(bench.session.topics().count(), 1);
}
