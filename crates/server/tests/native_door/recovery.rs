//! Coming back: everything that was missed, or the plain word that something is missing.

use serde_json::json;

use crate::harness::{World, settings};

#[tokio::test]
async fn everything_missed_follows_and_nothing_is_repeated() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    let epoch = client.subscribe("events").await["epoch"].clone();
    for number in 1..=5 {
        world.publish("events", &number.to_string()).await;
    }
    for number in 1..=3 {
        assert_eq!(client.next().await["offset"], number);
    }
    client.leave().await;
    for number in 6..=500 {
        world.publish("events", &number.to_string()).await;
    }
    let mut client = world.connect().await;
    let recover = json!({"epoch": epoch, "offset": 3});
    let subscribed = client
        .subscribe_with(json!({"channel": "events", "recover": recover}))
        .await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["offset"]),
        (&json!(true), &json!(3))
    );
    world.publish("events", "501").await;
    for number in 4..=501 {
        let push = client.next().await;
        assert_eq!(
            (&push["offset"], &push["payload"]),
            (&json!(number), &json!(number))
        );
    }
}

#[tokio::test]
async fn whoever_missed_nothing_is_told_so() {
    let world = World::start(settings()).await;
    let position = world.publish("events", "1").await;
    let mut client = world.connect().await;
    let recover = json!({"epoch": position.epoch, "offset": 1});
    let subscribed = client
        .subscribe_with(json!({"channel": "events", "recover": recover}))
        .await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["offset"]),
        (&json!(true), &json!(1))
    );
    world.publish("events", "2").await;
    assert_eq!(client.next().await["offset"], 2);
}

#[tokio::test]
async fn recovered_is_false_when_anything_is_missing() {
    let world = World::start(settings().with("history_publications", 10).with("replay", 2)).await;
    let mut position = world.publish("events", "1").await;
    for number in 2..=20 {
        position = world.publish("events", &number.to_string()).await;
    }
    for (epoch, offset, recovered) in [
        (position.epoch.to_string(), 20, true),
        (position.epoch.to_string(), 10, true),
        (position.epoch.to_string(), 9, false),
        (position.epoch.to_string(), 0, false),
        (position.epoch.to_string(), 21, false),
        ("another".to_owned(), 20, false),
    ] {
        let mut client = world.connect().await;
        let recover = json!({"epoch": epoch, "offset": offset});
        let subscribed = client
            .subscribe_with(json!({"channel": "events", "recover": recover}))
            .await;
        assert_eq!(subscribed["recovered"], recovered, "{epoch} {offset}");
        assert_eq!(subscribed["epoch"], json!(position.epoch));
        let expected = if recovered { offset } else { 18 };
        assert_eq!(
            subscribed["offset"], expected,
            "without recovery it begins afresh"
        );
        if expected < 20 {
            assert_eq!(client.next().await["offset"], expected + 1);
        }
    }
}

#[tokio::test]
async fn a_restarted_server_has_a_new_order_and_says_so() {
    let before = World::start(settings()).await;
    let position = before.publish("room:a", "1").await;
    let after = World::start(settings()).await;
    after.publish("room:a", "1").await;
    let mut client = after.connect().await;
    let recover = json!({"epoch": position.epoch, "offset": 1});
    let subscribed = client
        .subscribe_with(json!({"channel": "room:a", "recover": recover}))
        .await;
    assert_eq!(subscribed["recovered"], false);
    assert_ne!(subscribed["epoch"], json!(position.epoch));
    assert_eq!(client.next().await["payload"], 1);
}

#[tokio::test]
async fn a_forgotten_history_is_no_loss_for_who_was_there_and_one_for_who_comes_from_before() {
    let world = World::start(settings()).await;
    let mut connected = world.connect().await;
    connected.subscribe("room:a").await;
    let old = world.publish("room:a", "1").await;
    world.broker.forget(&crate::harness::topic("room:a")).await;
    let new = world.publish("room:a", "2").await;
    assert_eq!(old.epoch, new.epoch);
    assert_eq!(connected.next().await["offset"], 1);
    assert_eq!(connected.next().await["offset"], 2);
    for (offset, recovered) in [(0, false), (1, true), (2, true)] {
        let mut back = world.connect().await;
        let recover = json!({"epoch": old.epoch, "offset": offset});
        let subscribed = back
            .subscribe_with(json!({"channel": "room:a", "recover": recover}))
            .await;
        assert_eq!(subscribed["recovered"], recovered, "from {offset}");
    }
}

#[tokio::test]
async fn with_latest_what_was_missed_comes_as_one_push() {
    let world = World::start(settings()).await;
    let first = world.publish("room:a", "1").await;
    for number in 2..=50 {
        world.publish("room:a", &number.to_string()).await;
    }
    let mut client = world.connect().await;
    let recover = json!({"epoch": first.epoch, "offset": 1});
    let ask = json!({"channel": "room:a", "mode": "latest", "throttle": 60_000, "recover": recover});
    let subscribed = client.subscribe_with(ask).await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["offset"]),
        (&json!(true), &json!(1))
    );
    let push = client.next().await;
    assert_eq!((&push["offset"], &push["payload"]), (&json!(50), &json!(50)));
    assert_eq!(push.get("snapshot"), None);
}
