//! What can be made to go wrong does, over HTTP as well, and can be lifted.

use std::time::Duration;

use nexus_standin::chain::{BlockMode, ChainHandle, Fault, HttpMode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, Event, ask, id, node, patiently};

async fn fault(node: &ChainHandle, fault: Value) {
    let request = reqwest::Client::new()
        .post(format!("{}/_fault", node.url()))
        .json(&fault);
    let response = patiently("an answer", request.send()).await.unwrap();
    assert_eq!(response.status(), 200, "{fault}");
}

async fn following(node: &ChainHandle) -> Client {
    let mut client = Client::greeted(node).await;
    client.follow("1", &id(node, 0)).await;
    client
}

#[tokio::test]
async fn connections_end_as_they_are_told() {
    let node = node().await;
    for (order, expected) in [
        (json!({"fault": "cut"}), Event::Broken),
        (
            json!({"fault": "close", "code": 1011, "reason": "x"}),
            Event::Closed(1_011, "x".to_owned()),
        ),
        (json!({"fault": "broken_frame"}), Event::Broken),
    ] {
        let mut client = following(&node).await;
        fault(&node, order).await;
        assert_eq!(client.next().await, expected);
    }
}

#[tokio::test]
async fn notifications_are_dropped_repeated_and_delayed() {
    let node = node().await;
    let mut client = following(&node).await;
    fault(&node, json!({"fault": "drop"})).await;
    node.grow(0, 3);
    client.settle().await;
    fault(&node, json!({"fault": "drop", "on": false})).await;
    fault(&node, json!({"fault": "duplicate"})).await;
    node.grow(0, 1);
    assert_eq!(client.until("1", "NewBlock").await["height"], 43);
    assert_eq!(client.until("1", "NewBlock").await["height"], 43);
    fault(&node, json!({"fault": "clear"})).await;
    fault(&node, json!({"fault": "delay", "ms": 150})).await;
    let before = std::time::Instant::now();
    node.grow(0, 1);
    while client.until("1", "NewBlock").await["height"] != 44 {}
    assert!(before.elapsed() >= Duration::from_millis(150));
    fault(&node, json!({"fault": "grow", "blocks": 2, "quietly": true})).await;
    client.settle().await;
    assert_eq!(node.chains()[0].blocks.len(), 47);
}

#[tokio::test]
async fn strange_frames_come_on_demand() {
    let node = node().await;
    let mut client = following(&node).await;
    node.fault(Fault::UnknownVariant);
    assert_eq!(client.notice("1").await["SomethingNew"]["extra"], json!([1, 2]));
    node.fault(Fault::Malformed);
    assert!(serde_json::from_str::<Value>(&client.text().await).is_err());
    node.fault(Fault::UnknownType);
    assert_eq!(client.json().await["type"], "ka");
    node.fault(Fault::Ping);
    assert_eq!(client.json().await["type"], "ping");
    node.fault(Fault::Binary);
    assert_eq!(client.next().await, Event::Binary);
    node.fault(Fault::EndStreams {
        as_error: true,
        message: Some("no".to_owned()),
    });
    assert_eq!(client.json().await["payload"][0]["message"], "no");
    client.follow("2", &id(&node, 0)).await;
    node.fault(Fault::EndStreams {
        as_error: false,
        message: Some("no".to_owned()),
    });
    assert_eq!(client.json().await["payload"]["errors"][0]["message"], "no");
    assert_eq!(client.json().await["type"], "complete");
}

#[tokio::test]
async fn a_stall_is_silence_without_an_end() {
    let node = node().await;
    let mut client = following(&node).await;
    node.fault(Fault::StallAll { on: true });
    client.send(r#"{"type":"ping"}"#).await;
    node.grow(0, 1);
    let silence = tokio::time::timeout(Duration::from_millis(200), client.next()).await;
    assert!(silence.is_err());
    node.fault(Fault::Clear);
    assert!(matches!(client.next().await, Event::Text(_)), "it goes on");
}

#[tokio::test]
async fn upgrades_and_greetings_can_be_refused() {
    let node = node().await;
    node.fault(Fault::RefuseUpgrades {
        status: 503,
        on: true,
    });
    match Client::knock(&node, Some("graphql-transport-ws")).await.err() {
        Some(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{other:?}"),
    }
    node.fault(Fault::Clear);
    node.fault(Fault::NoAck { on: true });
    let mut client = Client::connect(&node).await;
    client.send(r#"{"type":"connection_init"}"#).await;
    client.settle().await;
}

#[tokio::test]
async fn http_and_questions_for_blocks_fail_as_often_as_told() {
    let node = node().await;
    let chain = id(&node, 0);
    let status = async || {
        let request = reqwest::Client::new()
            .post(node.url())
            .json(&json!({"query": "{ chains { default } }"}));
        patiently("an answer", request.send())
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    node.fault(Fault::Http {
        mode: HttpMode::Html500,
        times: Some(2),
    });
    assert_eq!((status().await, status().await, status().await), (500, 500, 200));
    let query = "query($c: ChainId!) { blocks(chainId: $c, limit: 2) { hash } }";
    for (mode, expected) in [
        (BlockMode::Null, json!({"data": {"blocks": []}})),
        (BlockMode::Error, json!(null)),
        (BlockMode::Single, json!(null)),
    ] {
        node.fault(Fault::Blocks { mode, times: Some(1) });
        let answer = ask(&node, query, json!({ "c": chain })).await;
        if expected.is_null() {
            assert!(answer["errors"].is_array(), "{mode:?}: {answer}");
        } else {
            assert_eq!(answer, expected);
        }
        let answer = ask(&node, query, json!({ "c": chain })).await;
        assert_eq!(answer["data"]["blocks"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_reset_gives_the_same_chains_other_blocks() {
    let node = node().await;
    let before = node.chains();
    fault(&node, json!({"fault": "reset", "blocks": 5})).await;
    let after = node.chains();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.chain_id, after.chain_id);
        assert_eq!(after.blocks.len(), 5);
        assert_ne!(before.blocks[0].hash, after.blocks[0].hash);
    }
}

#[tokio::test]
async fn what_is_no_fault_is_refused() {
    let node = node().await;
    let request = reqwest::Client::new()
        .post(format!("{}/_fault", node.url()))
        .body(r#"{"fault":"nonsense"}"#);
    let response = patiently("an answer", request.send()).await.unwrap();
    assert_eq!(response.status(), 422);
}
