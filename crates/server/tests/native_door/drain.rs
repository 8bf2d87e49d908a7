//! The planned end: announced to each client with a delay of its own, paced, and bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::harness::{Knock, World, settings};

#[tokio::test]
async fn each_client_is_told_when_to_come_back_and_closed_with_1012() {
    let mut world = World::start(settings()).await;
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(world.connect().await);
    }
    world.begin_to_end();
    let mut delays = BTreeSet::new();
    for client in &mut clients {
        let shutdown = client.next().await;
        assert_eq!(shutdown["type"], "shutdown");
        assert!(shutdown["payload"]["message"].is_string());
        delays.insert(shutdown["payload"]["reconnect_after_ms"].as_u64().unwrap());
        assert_eq!(client.code().await, 1012);
    }
    assert!(delays.len() > 5, "each its own: {delays:?}");
    drop(clients);
    world.ended().await;
}

#[tokio::test]
async fn while_it_drains_it_is_alive_and_not_ready_and_sends_new_clients_away() {
    let mut world = World::start(settings()).await;
    assert_eq!(world.get("/health/ready", &[]).await.0, 200);
    // It is closed, and does not go: the drain waits for it.
    let mut stubborn = world.connect().await;
    world.begin_to_end();
    assert_eq!(stubborn.next().await["type"], "shutdown");
    assert_eq!(world.get("/health/ready", &[]).await.0, 503);
    assert_eq!(world.get("/health/live", &[]).await.0, 200);
    let (status, _, body) = world.get("/health", &[]).await;
    assert_eq!(status, 200);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["status"],
        "draining"
    );
    world.is_sent_away(Knock::default(), 1012).await;
    drop(stubborn);
    world.ended().await;
}

#[tokio::test]
async fn the_grace_is_the_end() {
    let mut world = World::start(settings().with("grace_secs", 0.2)).await;
    let stubborn = world.connect().await;
    world.begin_to_end();
    tokio::time::timeout(Duration::from_secs(8), world.ended())
        .await
        .expect("grace, and a second for the last words");
    drop(stubborn);
}

#[tokio::test]
async fn health_says_how_many_there_are() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:a").await;
    client.subscribe("room:b").await;
    let (_, headers, body) = world.get("/health", &[]).await;
    let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(health["status"], "healthy");
    assert_eq!(
        health["websocket"],
        serde_json::json!({"clients": 1, "subscriptions": 2})
    );
    assert_eq!(health["feeds"], serde_json::json!([]));
    client.leave().await;
    let (_, _, body) = world.get("/health", &[]).await;
    let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(health["websocket"]["subscriptions"], 0);
}

#[tokio::test]
async fn metrics_are_prometheus_text_without_topics_as_labels() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.subscribe("room:secret-name").await;
    world.publish("room:secret-name", "1").await;
    client.next().await;
    let (_, headers, body) = world.get("/metrics", &[]).await;
    let text = String::from_utf8(body).unwrap();
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(
        text.contains("nexus_messages_received_total{type=\"subscribe\"} 1"),
        "{text}"
    );
    assert!(text.contains("nexus_delivery_seconds_bucket{le="), "{text}");
    assert!(!text.contains("secret-name"));
}
