//! A whole server that ends and starts again: what was said is there, and clients go on where they stood.

use std::path::Path;

use nexus_protocol::Epoch;
use nexus_server::config::{Config, Settings};
use nexus_server::content::Draft;
use nexus_server::{Server, content::Content};
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{End, World, frame, now, settings, topic};

fn durable(dir: &Path) -> Settings {
    settings().with("store", true).with("data_dir", dir.display())
}

async fn say(world: &World, text: &str) -> nexus_protocol::Position {
    let draft = Draft::from(Content::Whole(text.into()));
    world
        .broker
        .publish_stored(&topic("room:a"), draft, now())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_planned_restart_keeps_the_order_and_what_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::start(durable(dir.path())).await;
    say(&world, "1").await;
    let position = say(&world, "2").await;
    world.begin_to_end();
    world.ended().await;
    let world = World::start(durable(dir.path())).await;
    let mut client = world.connect().await;
    let recover = json!({"epoch": position.epoch, "offset": 1});
    let subscribed = client
        .subscribe_with(json!({"channel": "room:a", "recover": recover}))
        .await;
    assert_eq!(
        (&subscribed["recovered"], &subscribed["epoch"]),
        (&json!(true), &json!(position.epoch))
    );
    assert_eq!(client.next().await["payload"], 2);
    assert_eq!(say(&world, "3").await.offset.0, 3);
    assert_eq!(client.next().await["payload"], 3);
    let since = json!({"epoch": Epoch::from_random(7), "offset": 1});
    let refused = client
        .is_refused("history", json!({"channel": "room:a", "since": since}))
        .await;
    assert_eq!(refused, "INVALID_PARAMS");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_does_not_start_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let _world = World::start(durable(dir.path())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config::from_settings(durable(dir.path())).unwrap();
    let error = Server::new(config, listener).unwrap_err().to_string();
    assert!(error.contains("is in use: another server"), "{error}");
}

#[tokio::test]
async fn where_a_namespace_conflates_the_last_publication_greets_and_latest_is_the_default() {
    let world = World::start(settings().with("namespaces", "board conflate subscribe=anyone")).await;
    for number in 1..=3 {
        world.publish("board:a", &number.to_string()).await;
    }
    let mut client = world.connect().await;
    let subscribed = client.subscribe("board:a").await;
    assert_eq!(
        (&subscribed["mode"], &subscribed["contiguous"]),
        (&json!("latest"), &json!(false))
    );
    let push = client.next().await;
    assert_eq!(
        (&push["payload"], &push["snapshot"], &push["offset"]),
        (&json!(3), &json!(true), &json!(3))
    );
}

/// More than may wait for the disk at once.
const WORDS: u64 = 1_000;

#[tokio::test]
async fn what_one_connection_publishes_is_stored_together_and_acknowledged_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let settings = durable(dir.path()).with("messages_per_minute", 100_000);
    let mut world = World::start(settings.clone()).await;
    let mut listener = world.connect().await;
    listener.subscribe("room:a").await;
    let mut ann = world.connect_as("ann", "operator").await;
    let before = world.metric("nexus_store_batches_total").await;
    // All of it without waiting for an answer, and then the close: it is answered behind the acks.
    let mut bytes = Vec::new();
    for word in 1..=WORDS {
        let mut publish = json!({"channel": "room:a", "data": word});
        if word % 2 == 0 {
            publish["idempotency_key"] = json!(format!("k{word}"));
        }
        let request = json!({"type": "publish", "id": word.to_string(), "payload": publish});
        bytes.extend(frame(0x81, request.to_string().as_bytes()));
    }
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    ann.send_raw(&bytes).await;
    for word in 1..=WORDS {
        let ack = ann.next().await;
        assert_eq!(
            (&ack["type"], &ack["id"]),
            (&json!("ack"), &json!(word.to_string()))
        );
        assert_eq!(ack["payload"]["offset"], word);
    }
    assert!(matches!(ann.end().await, End::Closed(1000, _)));
    for word in 1..=WORDS {
        assert_eq!(listener.next().await["payload"], word);
    }
    let batches = world.metric("nexus_store_batches_total").await - before;
    assert!(
        batches < WORDS,
        "each of {WORDS} was waited for by itself: {batches}"
    );

    // What was acknowledged is there; a key holds for what it was used for, and for nothing else.
    let mut ann = world.connect_as("ann", "operator").await;
    let again = json!({"channel": "room:a", "data": 2, "idempotency_key": "k2"});
    assert_eq!(ann.ask("publish", again).await["payload"]["offset"], 2);
    drop((ann, listener));
    world.begin_to_end();
    world.ended().await;
    let world = World::start(settings).await;
    let mut reader = world.connect().await;
    let page = reader
        .ask("history", json!({"channel": "room:a", "reverse": true}))
        .await;
    assert_eq!(page["payload"]["items"][0]["payload"], WORDS);
}
