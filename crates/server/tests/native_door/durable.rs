//! A whole server that ends and starts again: what was said is there, and clients go on where they stood.

use std::path::Path;

use nexus_protocol::Epoch;
use nexus_server::config::{Config, Settings};
use nexus_server::content::Draft;
use nexus_server::{Server, content::Content};
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{World, now, settings, topic};

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
