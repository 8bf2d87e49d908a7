//! The handshake, and the ways in which this node differs from the protocol that it names.

use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, Event, id, node};

#[tokio::test]
async fn without_its_subprotocol_nobody_comes_in() {
    let node = node().await;
    for offers in [None, Some("mqtt"), Some("graphql-ws-2")] {
        let refused = Client::knock(&node, offers).await.err();
        match refused {
            Some(Error::Http(response)) => assert_eq!(response.status(), 400, "{offers:?}"),
            other => panic!("{offers:?}: {other:?}"),
        }
    }
    assert!(
        Client::knock(&node, Some("mqtt, graphql-transport-ws"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_is_wrong_closes_with_the_nodes_own_codes() {
    let node = node().await;
    let init = r#"{"type":"connection_init"}"#;
    let subscribe = r#"{"id":"1","type":"subscribe","payload":{"query":"{ chains { list } }"}}"#;
    for (messages, code, reason) in [
        (vec![subscribe], 1_011, "The handshake is not completed."),
        (vec![init, init], 4_429, "Too many initialisation requests."),
        (vec!["nonsense"], 1_002, "expected"),
        (
            vec![init, r#"{"type":"bogus"}"#],
            1_002,
            "unknown variant `bogus`",
        ),
    ] {
        let mut client = Client::connect(&node).await;
        for message in &messages {
            client.send(message).await;
        }
        let end = loop {
            match client.next().await {
                Event::Text(text) => assert_eq!(text, r#"{"type":"connection_ack"}"#),
                end => break end,
            }
        };
        match end {
            Event::Closed(found, said) => {
                assert!(
                    found == code && said.starts_with(reason),
                    "{messages:?}: {found} {said}"
                );
            }
            other => panic!("{messages:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn errors_come_as_next_and_complete() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    let aa = "a".repeat(64);
    for (query, message, path) in [
        (
            r#"subscription { notifications(chainId: "zz") }"#.to_owned(),
            r#"Failed to parse "ChainId": Invalid character 'z' at position 0"#,
            json!(["notifications"]),
        ),
        (
            r#"subscription { notifications(chainId: "aaaa") }"#.to_owned(),
            r#"Failed to parse "ChainId": Byte slice has length 2 but a `CryptoHash` requires exactly 32 bytes"#,
            json!(["notifications"]),
        ),
        (
            format!(r#"subscription {{ notifications(chainId: "{aa}") {{ reason }} }}"#),
            r#"Field "notifications" must not have a selection since type "Notification" has no subfields"#,
            json!(null),
        ),
        (
            "subscription { nope }".to_owned(),
            r#"Unknown field "nope" on type "SubscriptionRoot"."#,
            json!(null),
        ),
        (
            "subscription { ".to_owned(),
            " --> 1:16\n  |\n1 | subscription { \n  |                ^---\n  |\n  = expected selection",
            json!(null),
        ),
    ] {
        let request = json!({"id": "1", "type": "start", "payload": {"query": query}});
        client.send(&request.to_string()).await;
        let next = client.json().await;
        assert_eq!(
            (&next["type"], &next["payload"]["data"]),
            (&json!("next"), &json!(null))
        );
        let error = &next["payload"]["errors"][0];
        assert_eq!(error["message"], message);
        assert_eq!(error["path"], path, "{query}");
        assert!(error["locations"][0]["line"].is_u64());
        assert_eq!(client.text().await, r#"{"type":"complete","id":"1"}"#);
    }
}

#[tokio::test]
async fn a_complete_is_echoed_once() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    client.follow("1", &id(&node, 0)).await;
    client.send(r#"{"id":"1","type":"complete"}"#).await;
    assert_eq!(client.text().await, r#"{"type":"complete","id":"1"}"#);
    client.send(r#"{"id":"1","type":"complete"}"#).await;
    client.settle().await;
    node.grow(0, 1);
    client.settle().await;
}

#[tokio::test]
async fn an_id_that_is_taken_gets_the_new_stream_without_a_word() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    client.follow("1", &id(&node, 0)).await;
    client.follow("1", &id(&node, 1)).await;
    node.grow(0, 1);
    client.settle().await;
    node.grow(1, 1);
    let frame = client.json().await;
    assert_eq!(
        frame["payload"]["data"]["notifications"]["chain_id"],
        id(&node, 1)
    );
}

#[tokio::test]
async fn terminate_ends_without_a_close() {
    let node = node().await;
    let mut client = Client::greeted(&node).await;
    client.send(r#"{"type":"connection_terminate"}"#).await;
    assert_eq!(client.next().await, Event::Broken);
}
