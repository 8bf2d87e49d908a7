//! Whether the link is alive: pings, silence, sleep, and an application that does not take what comes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use nexus_client::{Event, LinkState, Trouble, Wish};
use nexus_protocol::Request;

use crate::bench::{Bench, HEARTBEAT, room, secs};

#[test]
fn a_ping_each_heartbeat_measures_the_round_trip() {
    let mut bench = Bench::live();
    bench.pass(HEARTBEAT);
    bench.sleep(Duration::from_millis(40));
    bench.pong();
    assert_eq!(bench.events(), [Event::RoundTrip(Duration::from_millis(40))]);
    assert_eq!(bench.session.round_trip(), Some(Duration::from_millis(40)));
}

#[test]
fn silence_after_a_ping_is_the_end_of_the_link() {
    let mut bench = Bench::live();
    bench.pass(HEARTBEAT * 2 - Duration::from_millis(1));
    assert_eq!(bench.session.link_state(), LinkState::Live);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.closes(), [3001]);
    let silent = |state| {
        matches!(
            state,
            LinkState::Waiting {
                trouble: Trouble::Silent,
                ..
            }
        )
    };
    assert!(silent(bench.session.link_state()));
}

#[test]
fn anything_that_comes_is_a_sign_of_life() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(0, None);
    for offset in 1..=20 {
        bench.pass(secs(20));
        bench.publish(&room("a"), offset);
    }
    assert!(bench.closes().is_empty());
}

#[test]
fn after_a_sleep_the_link_has_to_prove_itself() {
    let mut bench = Bench::live();
    bench.sleep(secs(3_600));
    // A frame that waited in the socket proves nothing.
    bench.publish(&room("a"), 1);
    assert_eq!(bench.session.link_state(), LinkState::Resyncing);
    assert!(
        bench.closes().is_empty(),
        "a link that could not be listened to is not dead yet"
    );
    let pings = bench.requests();
    assert!(matches!(&pings[..], [(_, Request::Ping)]));
    bench.reply(&pings[0].0, &nexus_protocol::Reply::Pong);
    assert_eq!(bench.session.link_state(), LinkState::Live);

    bench.sleep(secs(3_600));
    bench.pass(secs(5));
    assert_eq!(bench.closes(), [3001], "not in time");
}

#[test]
fn a_page_that_shows_again_or_a_network_that_is_back_is_looked_into() {
    let mut bench = Bench::live();
    bench.wish(Wish::Shown);
    assert!(bench.requests().is_empty(), "heard a moment ago");
    bench.pass(secs(20));
    bench.wish(Wish::Shown);
    bench.wish(Wish::Shown);
    assert_eq!(bench.session.link_state(), LinkState::Resyncing);
    bench.pong();
    assert!(bench.requests().is_empty(), "one ping is enough");
    assert_eq!(bench.session.link_state(), LinkState::Live);

    bench.wish(Wish::Online);
    bench.pass(secs(5));
    assert_eq!(bench.closes(), [3001]);
}

#[test]
fn a_page_whose_timers_always_come_late_still_finds_out_that_its_link_is_dead() {
    let mut bench = Bench::live();
    bench.wish(Wish::Hidden);
    let mut wakes = 0;
    while bench.closes().is_empty() {
        // Browsers wake hidden pages once a minute.
        bench.sleep(secs(60));
        bench.pass(Duration::ZERO);
        wakes += 1;
    }
    assert!(wakes <= 2, "{wakes} minutes");
}

#[test]
fn silence_is_not_held_against_a_link_that_nobody_reads() {
    let mut bench = Bench::live();
    bench.reading_stops();
    bench.pass(secs(600));
    assert!(bench.closes().is_empty());
    assert_ne!(
        bench.session.link_state(),
        LinkState::Live,
        "but it is not called live either"
    );
    bench.forget();
    bench.reading_resumes();
    bench.pong();
    assert_eq!(bench.session.link_state(), LinkState::Live);

    bench.reading_stops();
    bench.pass(secs(600));
    bench.reading_resumes();
    bench.pass(HEARTBEAT);
    assert_eq!(bench.closes(), [3001], "from then on it is");
}
