//! A link that is silent, lost, refused, idle or strange.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_ping_is_sent_every_twenty_seconds_and_a_missing_pong_ends_the_link() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..60 {
        bench.text(MIDS);
        bench.pass(1_000);
    }
    let pings: Vec<u64> = bench
        .sent
        .iter()
        .filter(|(_, text)| text == PING)
        .map(|(at, _)| *at)
        .collect();
    assert!((2..=3).contains(&pings.len()), "{pings:?}");
    // From here on nobody answers pings, though news comes.
    let start = bench.now;
    while bench.hung_up.is_empty() && bench.now < start + 40_000 {
        bench.now += 500;
        bench.text(MIDS);
    }
    assert!(bench.hung_up[0] - start <= 31_000, "{:?}", bench.hung_up);
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Lost(reason) if reason.contains("ping")))
    );
}

#[test]
fn a_link_on_which_nothing_comes_is_doubted_within_fifteen_seconds_and_dropped_soon_after() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    let start = bench.now;
    while bench.hung_up.is_empty() && bench.now < start + 90_000 {
        bench.now += 100;
        bench.poll();
    }
    assert!(bench.told.contains(&Told::Silent) || bench.hung_up[0] - start < 21_000);
    assert!(bench.hung_up[0] - start <= 21_000, "{:?}", bench.hung_up);
}

#[test]
fn a_source_that_falls_silent_is_told_and_subscribed_anew() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    bench.text(MIDS);
    let start = bench.now + 1;
    // The other source goes on.
    for tid in 0..11 {
        bench.pass(1_000);
        bench.text(&trade("BTC", tid));
    }
    assert!(bench.told.contains(&Told::Quiet(mids())));
    assert!(
        bench
            .sent_since(start)
            .contains(&mids().request(Act::Unsubscribe).as_str())
    );
    bench.text(&ack(Act::Unsubscribe, &mids()));
    assert!(
        bench
            .sent_since(start)
            .contains(&mids().request(Act::Subscribe).as_str())
    );
    assert!(
        bench.hung_up.is_empty(),
        "the link is not given up for one source"
    );
}

#[test]
fn the_link_is_given_up_for_a_source_that_stays_silent_but_not_again_and_again() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    let mut tid = 0;
    while bench.now < 600_000 {
        let sent = bench.sent.len();
        bench.pass(500);
        tid += 1;
        bench.text(&trade("BTC", tid));
        for (_, text) in bench.sent.split_off(sent) {
            if text == PING {
                continue;
            }
            let request: serde_json::Value = serde_json::from_str(&text).unwrap();
            bench.text(&serde_json::json!({"channel": "subscriptionResponse", "data": request}).to_string());
        }
        if !bench.session.is_connected() {
            bench.open();
            for (_, text) in bench.sent.split_off(sent) {
                let request: serde_json::Value = serde_json::from_str(&text).unwrap();
                bench.text(
                    &serde_json::json!({"channel": "subscriptionResponse", "data": request}).to_string(),
                );
            }
        }
    }
    assert!((1..=6).contains(&bench.hung_up.len()), "{:?}", bench.hung_up);
}

#[test]
fn quiet_trades_are_no_reason_for_anything() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    let start = bench.now + 1;
    bench.pass(300_000);
    assert!(bench.sent_since(start).is_empty() && bench.hung_up.is_empty());
}

#[test]
fn after_a_loss_everything_is_subscribed_again() {
    let sources = [mids(), trades("BTC"), trades("ETH")];
    let mut bench = Bench::up_with(&sources);
    bench.pass(11_000);
    let start = bench.now;
    bench.end(Ending::Closed("Expired".to_owned()));
    bench.open();
    let asked: BTreeSet<String> = bench.sent_since(start).into_iter().map(str::to_owned).collect();
    assert_eq!(
        asked,
        sources
            .iter()
            .map(|source| source.request(Act::Subscribe))
            .collect()
    );
}

#[test]
fn what_was_not_wanted_any_more_is_not_subscribed_again() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    bench.session.unwant(&trades("BTC"), at(bench.now));
    let start = bench.now + 1;
    bench.end(cut());
    bench.now += 1;
    bench.open();
    assert!(!bench.sent_since(start).iter().any(|text| text.contains("trades")));
}

#[test]
fn a_refused_or_never_answered_source_is_given_up() {
    let mut bench = Bench::up_with(&[mids()]);
    bench.session.want(trades("NOPE"), at(bench.now));
    bench.poll();
    bench.text(
        r#"{"channel":"error","data":"Invalid subscription: {\"type\":\"trades\",\"coin\":\"NOPE\"}"}"#,
    );
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Refused(source, _) if *source == trades("NOPE")))
    );

    bench.session.want(trades("MUTE"), at(bench.now));
    for _ in 0..40 {
        bench.pass(1_000);
        bench.text(MIDS);
    }
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Refused(source, _) if *source == trades("MUTE")))
    );
    assert!(bench.hung_up.is_empty());
}

#[test]
fn too_much_makes_it_hold_still() {
    let mut bench = Bench::up_with(&[mids()]);
    bench.text(r#"{"channel":"error","data":"Cannot send more than 2000 messages per minute."}"#);
    let start = bench.now;
    bench.session.want(trades("BTC"), at(bench.now));
    bench.pass(9_000);
    assert_eq!(
        bench
            .sent_since(start)
            .iter()
            .filter(|text| text.contains("trades"))
            .count(),
        0
    );
    bench.text(MIDS);
    bench.pass(2_000);
    assert_eq!(
        bench
            .sent_since(start)
            .iter()
            .filter(|text| text.contains("trades"))
            .count(),
        1
    );
}

#[test]
fn a_link_without_use_is_closed_and_opened_again_for_the_next_want() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    bench.session.unwant(&trades("BTC"), at(bench.now));
    bench.poll();
    bench.text(&ack(Act::Unsubscribe, &trades("BTC")));
    bench.pass(11_000);
    assert_eq!(bench.hung_up.len(), 1);
    assert!(bench.session.is_idle());
    bench.session.want(trades("ETH"), at(bench.now));
    bench.open();
}

#[test]
fn a_thousand_subscriptions_are_paced() {
    let mut bench = Bench::new();
    for number in 0..1_000 {
        bench.session.want(trades(&format!("@{number}")), at(0));
    }
    bench.open();
    bench.pass(9_000);
    assert_eq!(bench.sent_since(0).len(), 1_000);
    for window in bench.sent.windows(21) {
        assert!(
            window[20].0 - window[0].0 >= 100,
            "more than 20 messages within 100 ms"
        );
    }
}

#[test]
fn back_off_is_not_reset_by_a_link_that_dies_young() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..30 {
        bench.text(MIDS);
        bench.now += 500;
        bench.end(Ending::Closed("Expired".to_owned()));
        bench.open();
        bench.ack(&mids());
    }
    let minute = |from: u64| {
        bench
            .connects
            .iter()
            .filter(|at| (from..from + 60_000).contains(*at))
            .count()
    };
    for from in (0..bench.now).step_by(1_000) {
        assert!(
            minute(from) <= 20,
            "{} attempts in the minute from {from}",
            minute(from)
        );
    }
    assert!(bench.now > 90_000, "thirty deaths take minutes: {}", bench.now);
}

#[test]
fn what_was_cut_again_and_again_is_back_within_seconds() {
    let mut bench = Bench::up_with(&[mids()]);
    bench.text(MIDS);
    bench.pass(11_000);
    for turn in 0..12 {
        bench.end(cut());
        let lost = bench.now;
        bench.open();
        assert!(bench.now - lost <= 9_000, "cut {turn}: {} ms", bench.now - lost);
        bench.ack(&mids());
        bench.text(MIDS);
        bench.now += 12_000;
    }
}

#[test]
fn a_healthy_minute_resets_the_back_off() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..6 {
        bench.end(Ending::Closed("Expired".to_owned()));
        bench.open();
        bench.ack(&mids());
    }
    for _ in 0..70 {
        bench.text(MIDS);
        bench.pass(1_000);
    }
    let start = bench.now;
    bench.end(Ending::Closed("Expired".to_owned()));
    bench.open();
    assert!(bench.now - start <= 1_100, "{}", bench.now - start);
}

#[test]
fn strange_frames_are_counted_and_survived() {
    let mut bench = Bench::up_with(&[mids()]);
    for text in [
        "Websocket connection established.",
        "",
        "{",
        r#"{"channel":"surprise","data":1}"#,
        "[1]",
    ] {
        bench.text(text);
    }
    bench.text(&"x".repeat(1 << 20));
    bench.session.handle_binary(at(bench.now));
    bench.poll();
    bench.text(MIDS);
    let counts = bench.session.counts();
    assert_eq!((counts.garbled, counts.binary, counts.unknown), (1, 1, 5));
    assert!(bench.told.contains(&Told::Doubtful));
    assert!(matches!(bench.told.last(), Some(Told::News(..))));
}
