//! Requests are acknowledged in the venue's normal form, before the first data of their topic.

use serde_json::{Value, json};

use crate::support::{Client, exchange, fixture};

#[tokio::test]
async fn acks_are_the_venues_own_texts() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    let cases = [
        (json!({"type":"allMids"}), "ws_ack_all_mids.json"),
        (json!({"type":"bbo","coin":"HYPE"}), "ws_ack_bbo.json"),
        (
            json!({"type":"candle","coin":"HYPE","interval":"1d"}),
            "ws_ack_candle.json",
        ),
        (
            json!({"type":"l2Book","coin":"SOL","fast":true}),
            "ws_ack_l2_book_fast.json",
        ),
        (json!({"type":"trades","coin":"HYPE"}), "ws_ack_trades.json"),
    ];
    for (subscription, name) in cases {
        client.request("subscribe", subscription).await;
        assert_eq!(client.text_of("subscriptionResponse").await, fixture(name));
    }
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    client
        .request("unsubscribe", json!({"type":"trades","coin":"BTC"}))
        .await;
    assert_eq!(
        client.text_of("subscriptionResponse").await,
        fixture("ws_ack_unsubscribe_trades.json")
    );
}

#[tokio::test]
async fn defaults_are_filled_in() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .request("subscribe", json!({"coin":"BTC","type":"l2Book"}))
        .await;
    assert_eq!(
        client.text_of("subscriptionResponse").await,
        r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null,"fast":false}}}"#
    );
}

#[tokio::test]
async fn the_ack_comes_before_the_first_data() {
    let exchange = exchange(1.0).await;
    for kind in ["l2Book", "trades", "bbo", "activeAssetCtx"] {
        let mut client = Client::connect(&exchange).await;
        client
            .request("subscribe", json!({"type": kind, "coin": "BTC"}))
            .await;
        let channels: Vec<Value> = [client.text().await, client.text().await]
            .iter()
            .map(|text| serde_json::from_str::<Value>(text).unwrap()["channel"].clone())
            .collect();
        assert_eq!(channels, ["subscriptionResponse", kind]);
    }
}

#[tokio::test]
async fn the_venue_remembers_what_each_connection_subscribed_to() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    client.subscribe(json!({"type":"allMids","dex":"xyz"})).await;
    let seen = exchange
        .until(|seen| seen.connections[0].subscriptions.len() == 2)
        .await;
    let subscriptions: Vec<&String> = seen.connections[0].subscriptions.iter().collect();
    assert_eq!(
        subscriptions,
        [
            r#"{"type":"allMids","dex":"xyz"}"#,
            r#"{"type":"trades","coin":"BTC"}"#
        ]
    );
    assert_eq!(seen.connections[0].messages.len(), 2);
    drop(client);
    let seen = exchange.until(|seen| seen.connections.is_empty()).await;
    assert_eq!(seen.opened, 1);
}
