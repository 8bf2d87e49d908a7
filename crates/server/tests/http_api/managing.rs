//! `/v1/connections`, `/v1/disconnect`, `/v1/unsubscribe`, `/v1/tokens/revoke`.

use serde_json::json;

use crate::asking::Asker;
use crate::harness::{End, World, settings};

#[tokio::test]
async fn an_administrator_sees_and_ends_connections() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    let mut bob = world.connect_as("bob", "viewer").await;
    ann.subscribe("room:a").await;
    let admin = Asker::new(&world, "root", "admin");

    let all = admin.sees("/v1/connections?limit=1").await;
    assert_eq!(all["connections"].as_array().unwrap().len(), 1);
    let next = all["next"].as_str().expect("there is another").to_owned();
    let rest = admin.sees(&format!("/v1/connections?cursor={next}")).await;
    assert_eq!(rest["connections"].as_array().unwrap().len(), 1);
    let anns = admin.sees("/v1/connections?user=ann").await;
    assert_eq!(anns["connections"][0]["user"], "ann");
    assert_eq!(anns["connections"].as_array().unwrap().len(), 1);

    assert_eq!(
        admin.does("/v1/disconnect", &json!({"user": "ann"})).await["disconnected"],
        1
    );
    assert!(matches!(ann.end().await, End::Closed(4009, _)));
    assert_eq!(bob.ask("ping", json!(null)).await["type"], "pong");
    let viewer = Asker::new(&world, "eve", "viewer");
    viewer
        .post("/v1/disconnect", &json!({"user": "bob"}))
        .await
        .is_refused(403, "FORBIDDEN");
    admin
        .post("/v1/disconnect", &json!({}))
        .await
        .is_refused(400, "INVALID_MESSAGE");
}

#[tokio::test]
async fn an_administrator_ends_a_subscription() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    ann.subscribe("room:a").await;
    let admin = Asker::new(&world, "root", "admin");
    let done = admin
        .does("/v1/unsubscribe", &json!({"user": "ann", "channel": "room:a"}))
        .await;
    assert_eq!(done["unsubscribed"], 1);
    let told = ann.next_of("unsubscribed").await;
    assert_eq!(told["payload"]["channel"], "room:a");
    world.publish("room:a", "1").await;
    assert_eq!(ann.ask("ping", json!(null)).await["type"], "pong");
}

#[tokio::test]
async fn a_revoked_token_ends_its_connections_and_opens_none() {
    let world = World::start(settings()).await;
    let mut ann = world.connect_as("ann", "viewer").await;
    let admin = Asker::new(&world, "root", "admin");
    let before = Asker::new(&world, "ann", "viewer");
    before.sees("/v1/channels").await;
    assert_eq!(
        admin.does("/v1/tokens/revoke", &json!({"user": "ann"})).await["revoked"],
        true
    );
    assert!(matches!(ann.end().await, End::Closed(4000, _)));
    before.get("/v1/channels").await.is_refused(401, "AUTH_FAILED");
}
