//! An unknown coin costs the whole connection, without a word.

use nexus_standin::exchange::Fault;
use serde_json::json;

use crate::support::{Client, Event, exchange};

#[tokio::test]
async fn an_unknown_coin_drops_the_socket_without_a_close_frame() {
    let exchange = exchange(5.0).await;
    for subscription in [
        json!({"type":"trades","coin":"NOPE"}),
        json!({"type":"l2Book","coin":"btc"}),
        json!({"type":"candle","coin":"@99999","interval":"1m"}),
        json!({"type":"allMids","dex":"nodex"}),
    ] {
        let mut client = Client::connect(&exchange).await;
        client
            .request("subscribe", json!({"type":"trades","coin":"BTC"}))
            .await;
        let asked = exchange.clock().now();
        client.request("subscribe", subscription.clone()).await;
        // What was asked before is still acknowledged, the unknown one never is.
        let ack = client.frame("subscriptionResponse").await;
        assert_eq!(ack["data"]["subscription"]["coin"], "BTC");
        let mut acks = 0;
        let end = loop {
            match client.next().await {
                Event::Text(text) => acks += usize::from(text.contains("subscriptionResponse")),
                end => break end,
            }
        };
        assert_eq!(end, Event::Broken, "{subscription}");
        assert_eq!(acks, 0, "{subscription} was acknowledged");
        let lived = exchange.clock().now() - asked;
        assert!(lived >= 1_000, "{subscription} dropped after {lived} ms already");
    }
}

#[tokio::test]
async fn the_drop_can_be_switched_off() {
    let exchange = exchange(20.0).await;
    exchange.fault(Fault::DropOnUnknownCoin { on: false });
    let mut client = Client::connect(&exchange).await;
    client
        .request("subscribe", json!({"type":"trades","coin":"NOPE"}))
        .await;
    client
        .subscribe(json!({"type":"l2Book","coin":"BTC","fast":true}))
        .await;
    let first = client.frame("l2Book").await["data"]["time"].as_i64().unwrap();
    loop {
        let time = client.frame("l2Book").await["data"]["time"].as_i64().unwrap();
        if time > first + 3_000 {
            break;
        }
    }
}
