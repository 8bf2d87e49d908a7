//! Topics whose snapshot is one push per key, and orders that go on under another epoch.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use nexus_client::{Continuity, Event, Loss, Wish};
use nexus_protocol::{Condition, Epoch, Filters, Offset, Position, Push, Reply, Request, Subscribe, Topic};

use crate::bench::{Bench, publication, subscribed};

#[test]
fn every_key_of_a_snapshot_comes_and_live_goes_on_behind() {
    for topic in [Topic::Telemetry, Topic::Commands, Topic::Tasks, Topic::Ai] {
        let mut bench = Bench::live();
        bench.subscribe(&topic);
        bench.confirm(10, None);
        bench.events();
        for _ in 0..5 {
            snapshot(&mut bench, &topic, 10);
        }
        bench.publish(&topic, 11);
        snapshot(&mut bench, &topic, 11);
        snapshot(&mut bench, &topic, 10);
        bench.publish(&topic, 12);
        assert_eq!(
            bench.offsets(),
            [10, 10, 10, 10, 10, 11, 12],
            "{topic}: late ones are repeats"
        );
        assert_eq!(bench.session.counters().doubted, 0);
    }
}

#[test]
fn a_later_snapshot_stands_for_what_lies_between_once() {
    let mut bench = Bench::live();
    bench.subscribe(&Topic::Tasks);
    bench.confirm(10, None);
    bench.events();
    bench.publish(&Topic::Tasks, 11);
    for _ in 0..3 {
        snapshot(&mut bench, &Topic::Tasks, 20);
    }
    bench.publish(&Topic::Tasks, 21);
    let conflated: Vec<_> = bench
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Publication {
                publication,
                conflated,
            } => (publication.offset.0, conflated),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(conflated, [(11, 0), (20, 8), (20, 0), (20, 0), (21, 0)]);
}

#[test]
fn a_snapshot_comes_again_after_a_reconnect_that_did_not_recover() {
    let mut bench = Bench::live();
    bench.subscribe(&Topic::Tasks);
    bench.confirm(10, None);
    snapshot(&mut bench, &Topic::Tasks, 10);
    bench.closed(1006);
    bench.until_connecting();
    bench.open();
    bench.greet();
    bench.confirm_in("e2", 4, Some(false));
    bench.events();
    snapshot(&mut bench, &Topic::Tasks, 4);
    snapshot(&mut bench, &Topic::Tasks, 4);
    bench.publish(&Topic::Tasks, 5);
    assert_eq!(bench.offsets(), [4, 4, 5]);
}

#[test]
fn a_snapshot_that_was_cut_off_is_asked_for_again_and_not_recovered_from() {
    let recovers = |is_whole: bool| {
        let mut bench = Bench::live();
        bench.subscribe(&Topic::Telemetry);
        bench.confirm(10, None);
        snapshot(&mut bench, &Topic::Telemetry, 10);
        if is_whole {
            bench.publish(&Topic::Telemetry, 11);
        }
        bench.closed(1006);
        bench.until_connecting();
        bench.open();
        bench.greet();
        let (_, Request::Subscribe(subscribe)) = bench.request() else {
            panic!("a subscription is asked for");
        };
        subscribe.recover.is_some()
    };
    assert!(
        !recovers(false),
        "the keys that did not come lie before its position"
    );
    assert!(recovers(true));
}

#[test]
fn filters_leave_out_and_that_is_no_gap() {
    let mut bench = Bench::live();
    let device = Condition::Equals(serde_json::json!("pump-1"));
    let mut subscribe = Subscribe::to(Topic::Telemetry);
    subscribe.filters = Filters([("device_id".to_owned(), device)].into());
    bench.wish(Wish::Subscribe(subscribe));
    let (id, subscribe) = bench.subscribe_request();
    let mut reply = subscribed(&subscribe, "e1", 10, None);
    reply.contiguous = false;
    reply.filters.clone_from(&subscribe.filters);
    bench.reply(&id, &Reply::Subscribed(reply));
    bench.events();
    snapshot(&mut bench, &Topic::Telemetry, 10);
    bench.publish(&Topic::Telemetry, 14);
    bench.publish(&Topic::Telemetry, 90);
    let told = bench.events();
    assert!(
        told.iter()
            .all(|event| matches!(event, Event::Publication { conflated: 0, .. })),
        "{told:?}"
    );
    assert_eq!(told.len(), 3);
    assert!(bench.requests().is_empty(), "nothing is doubted");
}

#[test]
fn an_order_that_goes_on_under_another_epoch_lost_nothing() {
    for (offered, recovered, expected) in [
        (12, Some(true), Continuity::Recovered),
        (10, Some(true), Continuity::Recovered),
        (12, Some(false), Continuity::Reloaded),
        (12, None, Continuity::Reloaded),
        // Whatever it says, it goes on further behind.
        (15, Some(true), Continuity::Reloaded),
    ] {
        let mut bench = Bench::live();
        bench.subscribe(&Topic::Tasks);
        bench.confirm(11, None);
        bench.publish(&Topic::Tasks, 12);
        bench.closed(1006);
        bench.until_connecting();
        bench.open();
        bench.greet();
        bench.events();
        let asked = bench.confirm_in("e2", offered, recovered);
        assert_eq!(asked.recover, Some(position("e1", 12)));
        let told = bench.events();
        let lost = told.iter().find_map(|event| match event {
            Event::Lost { loss, .. } => Some(loss),
            _ => None,
        });
        let continuity = told.iter().find_map(|event| match event {
            Event::Subscribed { continuity, .. } => Some(*continuity),
            _ => None,
        });
        let case = format!("{offered} {recovered:?}");
        assert_eq!(continuity, Some(expected), "{case}");
        match (expected, recovered) {
            (Continuity::Recovered, _) => assert_eq!(lost, None, "{case}"),
            (_, Some(true)) => assert_eq!(
                lost,
                Some(&Loss::Range {
                    after: position("e2", 12),
                    upto: Offset(15)
                })
            ),
            (_, _) => assert!(matches!(lost, Some(Loss::NewOrder { .. })), "{case}"),
        }
        let stands = if expected == Continuity::Recovered {
            12
        } else {
            offered
        };
        assert_eq!(
            bench.session.position(&Topic::Tasks),
            Some(&position("e2", stands)),
            "{case}"
        );
        for offset in offered + 1..=stands {
            bench.publish(&Topic::Tasks, offset);
        }
        bench.publish(&Topic::Tasks, stands + 1);
        assert_eq!(bench.offsets(), [stands + 1], "{case}");
    }
}

fn snapshot(bench: &mut Bench, topic: &Topic, offset: u64) {
    let mut snapshot = publication(topic, offset, bench.wall());
    snapshot.snapshot = true;
    bench.push(&Push::Publication(snapshot));
}

fn position(epoch: &str, offset: u64) -> Position {
    Position {
        epoch: Epoch::parse(epoch).unwrap(),
        offset: Offset(offset),
    }
}
