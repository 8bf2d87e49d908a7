//! A subscription that filters gets what passes and nothing else: live, from the history, in snapshots, on slow links.

use nexus_server::content::{Content, Keyed};
use serde_json::{Value, json};

use crate::harness::{Client, World, now, settings, topic};

/// The settings of these tests: anyone may read telemetry too.
fn world() -> nexus_server::config::Settings {
    settings().with("anonymous", "room:*,prices,events,telemetry,ai,trades")
}

async fn report(world: &World, device: &str, temperature: u64) {
    let text = json!({"device_id": device, "metrics": {"temperature": temperature}}).to_string();
    let content = Content::Keyed(Keyed {
        key: device.into(),
        text: text.into(),
        stands: None,
        is_final: false,
    });
    world
        .broker
        .publish(&topic("telemetry"), content, now())
        .await
        .unwrap();
}

/// The next telemetry: which device, how warm, which offset, whether a snapshot.
async fn next(client: &mut Client) -> (String, u64, u64, bool) {
    let push = client.next_of("telemetry.update").await;
    (
        push["payload"]["device_id"].as_str().unwrap().to_owned(),
        push["payload"]["metrics"]["temperature"].as_u64().unwrap(),
        push["offset"].as_u64().unwrap(),
        push["snapshot"] == true,
    )
}

fn is(device: &str, temperature: u64, offset: u64, snapshot: bool) -> (String, u64, u64, bool) {
    (device.to_owned(), temperature, offset, snapshot)
}

#[tokio::test]
async fn snapshot_live_and_recovery_have_what_passes_alone() {
    let world = World::start(world()).await;
    for (device, temperature) in [("a", 1), ("b", 2), ("c", 3), ("a", 4)] {
        report(&world, device, temperature).await;
    }
    let mut client = world.connect().await;
    let filters = json!({"device_id": ["a", "c"], "metrics.temperature": {"gte": 1.5}});
    let subscribed = client
        .subscribe_with(json!({"channel": "telemetry", "filters": filters}))
        .await;
    assert_eq!(
        (&subscribed["filters"], &subscribed["contiguous"]),
        (&filters, &json!(false))
    );
    assert_eq!(next(&mut client).await, is("c", 3, 4, true));
    assert_eq!(next(&mut client).await, is("a", 4, 4, true));
    for (device, temperature) in [("b", 5), ("a", 1), ("c", 7), ("b", 8)] {
        report(&world, device, temperature).await;
    }
    assert_eq!(next(&mut client).await, is("c", 7, 7, false));
    let mut back = world.connect().await;
    let recover = json!({"epoch": subscribed["epoch"], "offset": 3});
    let recovered = back
        .subscribe_with(json!({"channel": "telemetry", "filters": filters, "recover": recover}))
        .await;
    assert_eq!(recovered["recovered"], true);
    assert_eq!(next(&mut back).await, is("a", 4, 4, false));
    assert_eq!(next(&mut back).await, is("c", 7, 7, false));
}

#[tokio::test]
async fn subscribing_again_with_other_filters_changes_them() {
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    let select = |device: &str| json!({"channel": "telemetry", "filters": {"device_id": device}});
    client.subscribe_with(select("a")).await;
    report(&world, "b", 1).await;
    report(&world, "a", 2).await;
    assert_eq!(next(&mut client).await, is("a", 2, 2, false));
    client.subscribe_with(select("b")).await;
    assert_eq!(
        next(&mut client).await,
        is("b", 1, 2, true),
        "what stands for what is selected now"
    );
    report(&world, "a", 3).await;
    report(&world, "b", 4).await;
    assert_eq!(next(&mut client).await, is("b", 4, 4, false));
    client.subscribe("telemetry").await;
    assert_eq!(next(&mut client).await, is("a", 3, 4, true));
    assert_eq!(next(&mut client).await, is("b", 4, 4, true));

    let kind = |kind: &str| json!({"channel": "events", "filters": {"kind": kind}});
    client.subscribe_with(kind("x")).await;
    world.publish("events", r#"{"kind":"y"}"#).await;
    world.publish("events", r#"{"kind":"x"}"#).await;
    assert_eq!(client.next_of("events.update").await["offset"], 2);
    client.subscribe_with(kind("y")).await;
    world.publish("events", r#"{"kind":"y"}"#).await;
    assert_eq!(
        client.next_of("events.update").await["offset"],
        3,
        "nothing comes twice"
    );
}

#[tokio::test]
async fn latest_with_filters_keeps_the_newest_that_passes() {
    let world = World::start(world()).await;
    world.publish("events", r#"{"kind":"x","n":1}"#).await;
    world.publish("events", r#"{"kind":"y","n":2}"#).await;
    let mut client = world.connect().await;
    let subscribed = client
        .subscribe_with(
            json!({"channel": "events", "filters": {"kind": "x"}, "mode": "latest", "throttle": 1}),
        )
        .await;
    assert_eq!(subscribed["mode"], "latest");
    assert_eq!(client.next_of("events.update").await["payload"]["n"], 1);
    for n in 3..=40 {
        let kind = if n == 39 { "x" } else { "y" };
        world
            .publish("events", &json!({"kind": kind, "n": n}).to_string())
            .await;
    }
    assert_eq!(client.next_of("events.update").await["payload"]["n"], 39);
}

#[tokio::test]
async fn a_slow_link_with_filters_misses_nothing_that_passes() {
    let world = World::start(
        world()
            .with("history_publications", 5_000)
            .with("history_bytes", 1 << 26),
    )
    .await;
    let mut client = world.connect_narrow().await;
    client
        .subscribe_with(json!({"channel": "events", "filters": {"n": {"gte": 0}, "even": true}}))
        .await;
    let pad = "x".repeat(4_000);
    for n in 0..2_000 {
        world
            .publish(
                "events",
                &json!({"n": n, "even": n % 2 == 0, "pad": pad}).to_string(),
            )
            .await;
    }
    let mut expected = 0;
    while expected < 2_000 {
        let message = client.next().await;
        match message["type"].as_str() {
            Some("events.update") => {
                assert_eq!(message["payload"]["n"], expected);
                expected += 2;
            }
            Some("channel.status") => assert_ne!(message["payload"]["state"], "gap"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn history_is_filtered_and_reaches_back_for_each_device() {
    let world = World::start(
        world()
            .with("history_publications", 20)
            .with("telemetry_history", 5),
    )
    .await;
    for n in 0..8 {
        report(&world, "quiet", n).await;
    }
    for n in 0..100 {
        report(&world, "busy", n).await;
    }
    let mut client = world.connect().await;
    let mut page = async |payload: Value| {
        let answer = client.ask("history", payload).await;
        assert_eq!(answer["type"], "history", "{answer}");
        let items = answer["payload"]["items"].as_array().unwrap().iter();
        let temperatures: Vec<u64> = items
            .map(|item| item["payload"]["metrics"]["temperature"].as_u64().unwrap())
            .collect();
        (temperatures, answer["payload"]["more"].as_bool().unwrap())
    };
    let of = |filters: Value| json!({"channel": "telemetry", "filters": filters});
    assert_eq!(
        page(of(json!({"device_id": "quiet"}))).await,
        (vec![3, 4, 5, 6, 7], false)
    );
    let busy: Vec<u64> = (80..100).collect();
    assert_eq!(
        page(of(json!({"device_id": "busy"}))).await,
        (busy, false),
        "the history has more of it"
    );
    let mut newest = of(json!({"device_id": ["quiet", "busy", "none"]}));
    newest["reverse"] = json!(true);
    newest["limit"] = json!(2);
    assert_eq!(page(newest).await, (vec![99, 98], true));
    let warm = of(json!({"metrics.temperature": {"gt": 97}}));
    assert_eq!(page(warm).await, (vec![98, 99], false));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start(world()).await;
    let mut client = world.connect().await;
    for (channel, params, filters) in [
        ("events", json!({}), json!({"kind": []})),
        ("events", json!({}), json!({"kind": {"like": 1}})),
        ("prices", json!({}), json!({"BTC.price": 1})),
    ] {
        let payload = json!({"channel": channel, "params": params, "filters": filters});
        assert_eq!(client.is_refused("subscribe", payload).await, "INVALID_PARAMS");
    }
    let payload = json!({"channel": "events", "filters": {"kind": []}});
    assert_eq!(client.is_refused("history", payload).await, "INVALID_PARAMS");
    // Who is refused keeps what it had.
    client.subscribe("events").await;
    let bad = json!({"channel": "events", "filters": {"kind": []}});
    client.is_refused("subscribe", bad).await;
    world.publish("events", "1").await;
    assert_eq!(client.next_of("events.update").await["payload"], 1);
}

#[tokio::test]
async fn a_slow_link_on_a_channel_with_keys_ends_with_what_stands_for_each() {
    let world = World::start(world().with("history_publications", 50)).await;
    let mut client = world.connect_narrow().await;
    client.subscribe("telemetry").await;
    let pad = "x".repeat(4_000);
    // The last word of each but the first device is said long before the end.
    for n in 0..2_000_u64 {
        let device = if n < 1_000 { n % 10 } else { 0 };
        let text = json!({"device_id": format!("d-{device}"), "n": n, "pad": pad}).to_string();
        let content = Content::Keyed(Keyed {
            key: format!("d-{device}").into(),
            text: text.into(),
            stands: None,
            is_final: false,
        });
        world
            .broker
            .publish(&topic("telemetry"), content, now())
            .await
            .unwrap();
    }
    let mut newest = std::collections::BTreeMap::new();
    let mut gaps = 0;
    loop {
        let message = client.next().await;
        match (message["type"].as_str(), message["payload"]["state"].as_str()) {
            (Some("telemetry.update"), _) => {
                let device = message["payload"]["device_id"].as_str().unwrap().to_owned();
                newest.insert(device, message["payload"]["n"].as_u64().unwrap());
            }
            (Some("channel.status"), Some("gap")) => gaps += 1,
            (Some("channel.status"), Some("live")) => break,
            _ => {}
        }
    }
    assert!(gaps > 0, "the test is about a link that is too slow");
    let expected: Vec<u64> = [1_999].into_iter().chain(991..1_000).collect();
    assert_eq!(newest.into_values().collect::<Vec<_>>(), expected);
}
