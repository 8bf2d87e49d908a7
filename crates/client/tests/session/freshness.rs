//! How old a topic's data is, all things considered.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use nexus_client::{Freshness, Wish};
use nexus_protocol::{ChannelStatus, ErrorCode, FeedState, Refusal};

use crate::bench::{Bench, HEARTBEAT, room, secs, wall_at};

#[test]
fn it_follows_the_subscription_from_beginning_to_end() {
    let mut bench = Bench::new();
    assert_eq!(freshness(&bench), None, "nobody wants it");
    bench.subscribe(&room("a"));
    bench.pass(secs(3));
    assert_eq!(freshness(&bench), Some(Freshness::Offline { age: secs(3) }));
    bench.open();
    assert!(matches!(freshness(&bench), Some(Freshness::Offline { .. })));
    bench.greet();
    assert_eq!(freshness(&bench), Some(Freshness::Resyncing));
    bench.confirm(0, None);
    assert_eq!(freshness(&bench), Some(Freshness::Live { age: secs(0) }));
    bench.pass(secs(7));
    assert_eq!(freshness(&bench), Some(Freshness::Live { age: secs(7) }));
    bench.publish(&room("a"), 1);
    assert_eq!(freshness(&bench), Some(Freshness::Live { age: secs(0) }));
    bench.pass(secs(2));
    bench.closed(1006);
    bench.sleep(secs(5));
    assert_eq!(freshness(&bench), Some(Freshness::Offline { age: secs(7) }));
}

#[test]
fn it_follows_the_source() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(0, None);
    bench.pass(secs(20));
    // Since before we came: ages reach back further than the session.
    for (state, since, expected) in [
        (FeedState::Stale, 5, Freshness::Stale { age: secs(15) }),
        (FeedState::Down, 19, Freshness::Down { age: secs(1) }),
        (FeedState::Resyncing, 20, Freshness::Resyncing),
        (FeedState::Live, 20, Freshness::Live { age: secs(20) }),
    ] {
        bench.status(&room("a"), ChannelStatus::new(state, wall_at(secs(since))));
        assert_eq!(freshness(&bench), Some(expected));
    }
    let before = ChannelStatus::new(
        FeedState::Stale,
        nexus_protocol::Timestamp::from_millis(1_799_999_000_000),
    );
    bench.status(&room("a"), before);
    assert_eq!(freshness(&bench), Some(Freshness::Stale { age: secs(1_020) }));
    // A gap is an event: the state is the one before.
    bench.status(&room("a"), ChannelStatus::new(FeedState::Gap, bench.wall()));
    assert_eq!(freshness(&bench), Some(Freshness::Stale { age: secs(1_020) }));
}

#[test]
fn it_knows_that_time_has_passed_even_if_no_timer_came() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.confirm(0, None);
    bench.sleep(HEARTBEAT * 2 - secs(1));
    assert!(freshness(&bench).unwrap().is_live());
    bench.sleep(secs(1));
    assert_eq!(freshness(&bench), Some(Freshness::Offline { age: HEARTBEAT * 2 }));
}

#[test]
fn a_topic_that_is_refused_because_its_source_is_away_is_down() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.refuse(Refusal::new(ErrorCode::UpstreamDown, "the source is away"));
    bench.sleep(secs(1));
    assert_eq!(freshness(&bench), Some(Freshness::Down { age: secs(1) }));
    bench.pass(secs(0));
    bench.refuse(Refusal::new(ErrorCode::UpstreamDown, "the source is still away"));
    bench.sleep(secs(4));
    assert_eq!(
        freshness(&bench),
        Some(Freshness::Down { age: secs(5) }),
        "since the first time"
    );
    bench.pass(secs(0));
    bench.confirm(0, None);
    assert!(freshness(&bench).unwrap().is_live());
}

#[test]
fn a_refused_topic_is_called_so() {
    let mut bench = Bench::live();
    bench.subscribe(&room("a"));
    bench.refuse(Refusal::new(ErrorCode::Forbidden, "not for you"));
    assert_eq!(freshness(&bench), Some(Freshness::Refused));
    bench.wish(Wish::Unsubscribe(room("a")));
    assert_eq!(freshness(&bench), None);
}

fn freshness(bench: &Bench) -> Option<Freshness> {
    bench.session.freshness(&room("a"), bench.now)
}
