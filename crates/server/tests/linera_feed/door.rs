//! Chains through a whole server: listed over HTTP, subscribed over WebSocket, refused where they must be.

use nexus_standin::chain::{Chain, ChainHandle, Config};
use serde_json::{Value, json};

use crate::harness::{World, settings, token};

async fn world(anonymous: &str) -> (ChainHandle, World) {
    let node = Chain::start(Config::still()).await.unwrap();
    let settings = settings()
        .with("anonymous", anonymous)
        .with("linera_url", node.url())
        .with("linera_simulated", true);
    let world = World::start(settings).await;
    (node, world)
}

async fn listed(world: &World, headers: &[(&str, &str)]) -> (u16, Value) {
    let (status, _, body) = world.get("/v1/chains", headers).await;
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chains_that_can_be_followed_are_listed() {
    let (node, world) = world("chain").await;
    let ids: Vec<String> = node.chains().into_iter().map(|it| it.chain_id).collect();
    let expected = json!({"chains": [
        {"chain_id": ids[0], "default": true},
        {"chain_id": ids[1], "default": false},
        {"chain_id": ids[2], "default": false},
    ]});
    assert_eq!(listed(&world, &[]).await, (200, expected));
    drop(node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_are_for_those_who_may_read_them() {
    let (node, mut world) = world("prices").await;
    let chain = node.chains().swap_remove(0).chain_id;
    let (status, problem) = listed(&world, &[]).await;
    assert_eq!((status, &problem["code"]), (401, &json!("AUTH_FAILED")));
    let viewer = format!("Bearer {}", token("ann", "viewer", crate::harness::DEADLINE * 10));
    let (status, list) = listed(&world, &[("authorization", &viewer)]).await;
    assert_eq!((status, list["chains"].as_array().unwrap().len()), (200, 3));
    let mut stranger = world.connect().await;
    let selected = json!({"channel": "chain", "params": {"chain_id": chain}});
    let code = stranger.is_refused("subscribe", selected).await;
    assert_eq!(code, "AUTH_FAILED");
    stranger.end_or_leave().await;
    world.begin_to_end();
    world.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_come_to_whoever_subscribed() {
    let (node, mut world) = world("chain").await;
    let chain = node.chains().swap_remove(0);
    let mut client = world.connect().await;
    for (id, expected) in [
        ("aa".to_owned(), "INVALID_PARAMS"),
        ("0".repeat(64), "INVALID_PARAMS"),
    ] {
        let params = json!({"channel": "chain", "params": {"chain_id": id}});
        assert_eq!(client.is_refused("subscribe", params).await, expected);
    }
    let selected = json!({"channel": "chain", "params": {"chain_id": chain.chain_id}});
    client.subscribe_with(selected.clone()).await;
    let mut last = 0;
    for block in &chain.blocks[20..] {
        let push = client.next_of("chain.update").await;
        assert_eq!(push["payload"]["kind"], "new_block");
        assert_eq!(push["payload"]["height"], block.height.to_string());
        assert_eq!(push["payload"]["hash"], block.hash);
        assert_eq!(push["payload"]["fetched"], true);
        assert_eq!(push["params"]["chain_id"], chain.chain_id);
        last = push["offset"].as_u64().unwrap();
    }
    loop {
        let status = client.next_of("channel.status").await;
        assert_eq!(status["payload"]["simulated"], true);
        if status["payload"]["state"] == "live" {
            break;
        }
    }
    node.grow(0, 1);
    let mut push = client.next_of("chain.update").await;
    while push["payload"]["kind"] != "new_block" {
        push = client.next_of("chain.update").await;
    }
    assert_eq!(push["payload"]["height"], "40");
    assert!(push["offset"].as_u64().unwrap() > last);

    // Who comes later begins with the history, and can ask for it.
    let mut second = world.connect().await;
    second.subscribe_with(selected.clone()).await;
    let push = second.next_of("chain.update").await;
    assert_eq!(push["payload"]["height"], "20");
    let page = second.ask("history", selected).await;
    assert!(page["payload"]["items"].as_array().unwrap().len() >= 21);

    let (_, _, body) = world.get("/metrics", &[]).await;
    let metrics = String::from_utf8(body).unwrap();
    for line in [
        r#"nexus_feed_up{feed="linera"} 1"#,
        r#"nexus_feed_subscriptions{feed="linera"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, _, body) = world.get("/health", &[]).await;
    let health: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(health["feeds"][0]["name"], "linera");
    assert_eq!(health["feeds"][0]["state"], "up");
    client.end_or_leave().await;
    second.end_or_leave().await;
    world.begin_to_end();
    world.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_node_there_are_no_chains() {
    let world = World::start(settings().with("anonymous", "chain")).await;
    assert_eq!(listed(&world, &[]).await, (200, json!({"chains": []})));
    let mut client = world.connect().await;
    let selected = json!({"channel": "chain", "params": {"chain_id": "0".repeat(64)}});
    assert_eq!(client.is_refused("subscribe", selected).await, "UPSTREAM_DOWN");
    client.end_or_leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_node_is_away_that_is_said() {
    let (node, world) = world("chain").await;
    let chain = node.chains().swap_remove(0).chain_id;
    node.kill().await;
    let (status, problem) = listed(&world, &[]).await;
    assert_eq!((status, &problem["code"]), (503, &json!("UPSTREAM_DOWN")));
    let mut client = world.connect().await;
    let selected = json!({"channel": "chain", "params": {"chain_id": chain}});
    assert_eq!(client.is_refused("subscribe", selected).await, "UPSTREAM_DOWN");
    client.end_or_leave().await;
}
