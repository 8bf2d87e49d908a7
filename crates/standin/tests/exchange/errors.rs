//! What the venue refuses, it refuses in its own words, and the connection stays.

use serde_json::json;

use crate::support::{Client, exchange, fixture};

#[tokio::test]
async fn what_does_not_parse_is_echoed() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    let cases = [
        ("not json", "ws_error_not_json.json"),
        (r#"{ "type": "allMids" }"#, "ws_error_bad_request.json"),
        (
            r#"{"method":"subscribe","subscription":{"type":"candle","coin":"ETH","interval":"7m"}}"#,
            "ws_error_bad_interval.json",
        ),
        (
            r#"{"method":"subscribe","subscription":{"type":"webData2","user":"0x00000000000000000000000000000000000000a1"}}"#,
            "ws_error_removed_type_web_data2.json",
        ),
    ];
    for (text, name) in cases {
        client.send(text).await;
        assert_eq!(client.text().await, fixture(name));
    }
    for text in [
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","fast":null}}"#,
        r#"{"method":"subscribe","subscription":{"type":"trades"}}"#,
        r#"{"method":"subscribe","subscription":{"type":"orderUpdates","user":"0x00"}}"#,
    ] {
        client.send(text).await;
        let expected = json!({"channel":"error","data":format!("Error parsing JSON into valid websocket request: {text}")});
        assert_eq!(client.frame("error").await, expected);
    }
    client.send(r#"{"method":"ping"}"#).await;
    assert_eq!(client.text().await, fixture("ws_pong.json"));
}

#[tokio::test]
async fn subscribing_twice_is_refused_in_normal_form() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    client
        .request("subscribe", json!({"coin":"BTC","type":"trades"}))
        .await;
    assert_eq!(
        client.text_of("error").await,
        fixture("ws_error_already_subscribed.json")
    );
    client
        .subscribe(json!({"type":"candle","coin":"SUI","interval":"30m"}))
        .await;
    client
        .request(
            "subscribe",
            json!({"type":"candle","coin":"SUI","interval":"30m"}),
        )
        .await;
    let expected = fixture("ws_error_already_subscribed_candle.json").replace("UNI", "SUI");
    assert_eq!(client.text_of("error").await, expected);
}

#[tokio::test]
async fn unsubscribing_must_repeat_the_options() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .request("unsubscribe", json!({"type":"trades","coin":"SOL"}))
        .await;
    assert_eq!(
        client.text_of("error").await,
        fixture("ws_error_already_unsubscribed.json")
    );
    client
        .subscribe(json!({"type":"l2Book","coin":"SOL","fast":true}))
        .await;
    client
        .request("unsubscribe", json!({"type":"l2Book","coin":"SOL"}))
        .await;
    assert_eq!(
        client.text_of("error").await,
        fixture("ws_error_unsubscribe_options_differ.json")
    );
    client
        .request("unsubscribe", json!({"type":"l2Book","coin":"SOL","fast":true}))
        .await;
    let ack = client.frame("subscriptionResponse").await;
    assert_eq!(ack["data"]["method"], "unsubscribe");
}
