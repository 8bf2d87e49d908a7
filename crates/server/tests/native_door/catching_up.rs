//! A link that is slower than its channel: the client is caught up from the history, or told what is missing.

use serde_json::{Value, json};

use crate::harness::{Client, World, settings};

const WORD_BYTES: usize = 4_000;

/// What a client saw on a channel: the offsets, and the states that it was told between them.
async fn see_until(client: &mut Client, last: u64) -> (Vec<u64>, Vec<Value>) {
    let (mut offsets, mut told) = (Vec::new(), Vec::new());
    while offsets.last() != Some(&last) {
        let message = client.next().await;
        match message["type"].as_str() {
            Some("events.update") => offsets.push(message["offset"].as_u64().unwrap()),
            Some("channel.status") => told.push(message["payload"].clone()),
            _ => panic!("{message}"),
        }
    }
    (offsets, told)
}

async fn behind(world: &World) -> Client {
    let mut client = world.connect_narrow().await;
    client.subscribe("events").await;
    let word = format!("\"{}\"", "x".repeat(WORD_BYTES));
    for _ in 0..2_000 {
        world.publish("events", &word).await;
    }
    client
}

#[tokio::test]
async fn what_did_not_fit_comes_from_the_history_without_a_gap() {
    let world = World::start(
        settings()
            .with("history_publications", 5_000)
            .with("history_bytes", 64 << 20),
    )
    .await;
    let mut client = behind(&world).await;
    assert!(world.metric("nexus_waiting_bytes").await < 2 << 20);
    let (offsets, mut told) = see_until(&mut client, 2_000).await;
    assert_eq!(offsets, (1..=2_000).collect::<Vec<_>>());
    told.push(client.next().await["payload"].clone());
    let states: Vec<&Value> = told.iter().map(|status| &status["state"]).collect();
    assert_eq!(json!(states), json!(["resyncing", "live"]), "{told:?}");
    assert_eq!(world.metric("nexus_subscriptions_behind_total").await, 1);
    assert_eq!(world.metric("nexus_publications_missed_total").await, 0);
    world.publish("events", "1").await;
    assert_eq!(client.next().await["offset"], 2_001, "and it is live again");
}

#[tokio::test]
async fn what_the_history_no_longer_has_is_declared_exactly() {
    let world = World::start(settings().with("history_publications", 50)).await;
    let mut client = behind(&world).await;
    let (offsets, told) = see_until(&mut client, 2_000).await;
    let mut position = 0;
    let mut declared = told.iter().filter(|status| status["state"] == "gap");
    let mut missed = 0;
    for offset in offsets {
        if offset != position + 1 {
            let gap = &declared.next().expect("a jump is declared")["gap"];
            assert_eq!(gap["kind"], "publications");
            assert_eq!(gap["missed"], offset - position - 1);
            assert_eq!(gap["offset"], offset - 1);
            missed += offset - position - 1;
        }
        position = offset;
    }
    assert!(missed > 1_000, "{missed}");
    assert_eq!(declared.next(), None, "no gap is declared that is none");
    assert_eq!(world.metric("nexus_publications_missed_total").await, missed);
}

#[tokio::test]
async fn with_latest_a_slow_link_gets_the_newest_and_no_queue() {
    let world = World::start(settings()).await;
    let mut client = world.connect_narrow().await;
    client
        .subscribe_with(json!({"channel": "events", "mode": "latest"}))
        .await;
    for number in 1..=5_000 {
        world
            .publish("events", &format!("[{number},\"{}\"]", "x".repeat(WORD_BYTES)))
            .await;
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(world.metric("nexus_waiting_bytes").await < 1 << 20);
    let (mut seen, mut last) = (0, 0);
    while last < 5_000 {
        let push = client.next().await;
        let offset = push["offset"].as_u64().unwrap();
        assert!(offset > last, "offsets rise");
        assert_eq!(push["payload"][0], offset);
        (seen, last) = (seen + 1, offset);
    }
    assert!(seen < 1_000, "{seen} of 5,000 went out: the rest was replaced");
}
