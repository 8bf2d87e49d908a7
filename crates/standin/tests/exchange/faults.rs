//! Every fault, through the handle and over HTTP.

use std::time::Duration;

use nexus_standin::exchange::{Fault, Subscription};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, Event, exchange, fixture, patiently, post};

const A_WHILE: Duration = Duration::from_millis(250);

fn trades(coin: &str) -> Value {
    json!({"type":"trades","coin":coin})
}

async fn subscribed(exchange: &nexus_standin::exchange::ExchangeHandle, coin: &str) -> Client {
    let mut client = Client::connect(exchange).await;
    client.subscribe(trades(coin)).await;
    client.frame("trades").await;
    client
}

#[tokio::test]
async fn a_cut_resets_one_connection_or_all() {
    let exchange = exchange(1.0).await;
    let mut one = subscribed(&exchange, "BTC").await;
    let mut two = subscribed(&exchange, "BTC").await;
    let first = exchange.observe().connections[0].id;
    assert_eq!(
        exchange.fault(Fault::Cut {
            connection: Some(first)
        }),
        1
    );
    assert_eq!(one.end().await, Event::Broken);
    two.frame("trades").await;
    assert_eq!(exchange.fault(Fault::Cut { connection: None }), 1);
    assert_eq!(two.end().await, Event::Broken);
}

#[tokio::test]
async fn a_cut_is_a_reset_on_the_wire() {
    let exchange = exchange(1.0).await;
    let mut stream = tokio::net::TcpStream::connect(exchange.addr()).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        exchange.addr()
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
        .await
        .unwrap();
    exchange.until(|seen| seen.connections.len() == 1).await;
    exchange.fault(Fault::Cut { connection: None });
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    let error = patiently("the reset", read).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stalled_topic_is_silent_while_others_go_on_and_what_it_missed_is_known() {
    let exchange = exchange(20.0).await;
    let mut client = subscribed(&exchange, "BTC").await;
    let stalled = Subscription::Trades {
        coin: "BTC".to_owned(),
    };
    exchange.fault(Fault::StallTopic {
        subscription: stalled.clone(),
        on: true,
    });
    client
        .subscribe(json!({"type":"l2Book","coin":"BTC","fast":true}))
        .await;
    // From the first book on no trade may come, whatever was under way when the stall began.
    let from = client.frame("l2Book").await["data"]["time"].as_i64().unwrap();
    let to = loop {
        let frame: Value = serde_json::from_str(&client.text().await).unwrap();
        assert_ne!(frame["channel"], "trades");
        let time = frame["data"]["time"].as_i64().unwrap();
        if time > from + 20_000 {
            break time;
        }
    };
    assert!(
        !exchange.trades("BTC", from, to).is_empty(),
        "nothing happened that could be missed"
    );
    exchange.fault(Fault::StallTopic {
        subscription: stalled,
        on: false,
    });
    let next = client.frame("trades").await;
    assert!(
        next["data"][0]["time"].as_i64().unwrap() >= to,
        "what was missed is not sent later"
    );
}

#[tokio::test]
async fn a_stalled_venue_accepts_and_says_nothing_not_even_pong() {
    let exchange = exchange(20.0).await;
    let mut old = subscribed(&exchange, "BTC").await;
    exchange.fault(Fault::StallAll { on: true });
    let mut new = Client::connect(&exchange).await;
    new.send(r#"{"method":"ping"}"#).await;
    new.send_protocol_ping().await;
    assert!(new.is_silent_for(A_WHILE).await);
    // Frames that were under way may still arrive; then there is silence.
    while !old.is_silent_for(A_WHILE).await {}
    exchange.fault(Fault::StallAll { on: false });
    assert_eq!(new.text_of("pong").await, r#"{"channel":"pong"}"#);
    old.frame("trades").await;
}

#[tokio::test]
async fn a_stalled_connection_can_still_be_cut() {
    let exchange = exchange(1.0).await;
    let mut client = subscribed(&exchange, "BTC").await;
    exchange.fault(Fault::StallAll { on: true });
    exchange.fault(Fault::Cut { connection: None });
    assert_eq!(client.end().await, Event::Broken);
}

#[tokio::test]
async fn new_connections_can_be_mute_while_older_ones_go_on() {
    let exchange = exchange(20.0).await;
    let mut old = subscribed(&exchange, "BTC").await;
    exchange.fault(Fault::MuteNew { on: true });
    let mut new = Client::connect(&exchange).await;
    new.send(r#"{"method":"ping"}"#).await;
    assert!(new.is_silent_for(A_WHILE).await);
    old.frame("trades").await;
    exchange.fault(Fault::MuteNew { on: false });
    assert_eq!(new.text().await, r#"{"channel":"pong"}"#);
}

#[tokio::test]
async fn a_broken_frame_is_no_websocket_frame() {
    let exchange = exchange(1.0).await;
    let mut client = subscribed(&exchange, "BTC").await;
    exchange.fault(Fault::BrokenFrame { connection: None });
    assert_eq!(client.end().await, Event::Broken);
}

#[tokio::test]
async fn upgrades_can_hang() {
    let exchange = exchange(1.0).await;
    exchange.fault(Fault::HangUpgrades { on: true });
    let url = exchange.ws_url();
    let mut hanging = tokio::spawn(async move { tokio_tungstenite::connect_async(url).await.map(|_| ()) });
    assert!(
        tokio::time::timeout(A_WHILE, &mut hanging).await.is_err(),
        "it was answered"
    );
    exchange.fault(Fault::Clear);
    patiently("the upgrade", hanging).await.unwrap().unwrap();
}

#[tokio::test]
async fn upgrades_can_be_refused_with_a_page() {
    let exchange = exchange(1.0).await;
    for status in [429, 502] {
        exchange.fault(Fault::RefuseUpgrades { status, on: true });
        let Err(Error::Http(response)) = Client::try_connect(&exchange).await.map(|_| ()) else {
            panic!("the upgrade was not refused")
        };
        assert_eq!(response.status().as_u16(), status);
        let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
        assert!(body.starts_with("<html>"), "{body}");
    }
    exchange.fault(Fault::Clear);
    Client::connect(&exchange).await;
    assert_eq!(exchange.observe().refused, 2);
}

#[tokio::test]
async fn strange_frames_are_sent_on_demand() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    exchange.until(|seen| seen.connections.len() == 1).await;

    assert_eq!(exchange.fault(Fault::Malformed { connection: None }), 1);
    assert!(serde_json::from_str::<Value>(&client.text().await).is_err());

    exchange.fault(Fault::UnknownChannel { connection: None });
    let frame: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(frame["channel"], "surprise");

    exchange.fault(Fault::Binary { connection: None });
    assert!(matches!(client.next().await, Event::Binary(bytes) if std::str::from_utf8(&bytes).is_err()));

    exchange.fault(Fault::Huge {
        connection: None,
        bytes: 1 << 20,
    });
    let huge = client.text().await;
    assert_eq!(huge.len(), 1 << 20);
    assert!(serde_json::from_str::<Value>(&huge).is_ok());
}

#[tokio::test]
async fn unknown_keys_come_in_the_envelope_and_in_the_data() {
    let exchange = exchange(1.0).await;
    exchange.fault(Fault::UnknownKeys { on: true });
    let mut client = Client::connect(&exchange).await;
    client
        .request("subscribe", json!({"type":"l2Book","coin":"BTC"}))
        .await;
    for channel in ["subscriptionResponse", "l2Book"] {
        let frame: Value = serde_json::from_str(&client.text().await).unwrap();
        assert_eq!(frame["channel"], channel);
        assert!(
            frame["seq"].is_number() && frame["data"]["zzUnknown"].is_object(),
            "{frame}"
        );
    }
}

#[tokio::test]
async fn a_greeting_precedes_everything() {
    let exchange = exchange(1.0).await;
    exchange.fault(Fault::Greeting { on: true });
    let mut client = Client::connect(&exchange).await;
    assert_eq!(client.text().await, fixture("ws_plaintext_greeting.txt"));
}

#[tokio::test]
async fn trades_can_be_repeated() {
    let exchange = exchange(20.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(trades("BTC")).await;
    let mut seen = std::collections::HashSet::new();
    let tids = |frame: &Value| -> Vec<u64> {
        frame["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["tid"].as_u64().unwrap())
            .collect()
    };
    for _ in 0..5 {
        for tid in tids(&client.frame("trades").await) {
            assert!(seen.insert(tid), "repeated without a fault");
        }
    }
    exchange.fault(Fault::DuplicateTrades { connection: None });
    patiently("a repeat", async {
        loop {
            let repeated = tids(&client.frame("trades").await)
                .into_iter()
                .any(|tid| !seen.insert(tid));
            if repeated {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_frame_may_follow_the_unsubscribe() {
    let exchange = exchange(20.0).await;
    exchange.fault(Fault::FrameAfterUnsubscribe { on: true });
    let mut client = subscribed(&exchange, "BTC").await;
    client.request("unsubscribe", trades("BTC")).await;
    let ack = client.frame("subscriptionResponse").await;
    assert_eq!(ack["data"]["method"], "unsubscribe");
    client.frame("trades").await;
    assert!(client.is_silent_for(A_WHILE).await, "one frame is enough");
}

#[tokio::test]
async fn the_ack_of_an_unsubscribe_may_come_after_the_next_subscribe() {
    let exchange = exchange(10.0).await;
    exchange.fault(Fault::LateUnsubscribeAck { ms: 2_000 });
    let mut client = subscribed(&exchange, "BTC").await;
    client.request("unsubscribe", trades("BTC")).await;
    client.request("subscribe", trades("BTC")).await;
    let methods = [
        client.frame("subscriptionResponse").await,
        client.frame("subscriptionResponse").await,
    ]
    .map(|ack| ack["data"]["method"].clone());
    assert_eq!(methods, ["subscribe", "unsubscribe"]);
    client.frame("trades").await;
}

#[tokio::test]
async fn faults_and_observations_work_over_http() {
    let exchange = exchange(1.0).await;
    let mut client = subscribed(&exchange, "BTC").await;
    let state = reqwest::get(format!("{}/_state", exchange.url()))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        state["connections"][0]["subscriptions"],
        json!([r#"{"type":"trades","coin":"BTC"}"#])
    );

    let all = [
        (
            r#"{"fault":"stall_topic","subscription":{"type":"trades","coin":"BTC"}}"#,
            0,
        ),
        (r#"{"fault":"stall_all"}"#, 0),
        (r#"{"fault":"stall_all","on":false}"#, 0),
        (r#"{"fault":"mute_new"}"#, 0),
        (r#"{"fault":"hang_upgrades"}"#, 0),
        (r#"{"fault":"refuse_upgrades","status":502}"#, 0),
        (r#"{"fault":"drop_on_unknown_coin","on":false}"#, 0),
        (r#"{"fault":"unknown_keys"}"#, 0),
        (r#"{"fault":"greeting"}"#, 0),
        (r#"{"fault":"frame_after_unsubscribe"}"#, 0),
        (r#"{"fault":"late_unsubscribe_ack","ms":1500}"#, 0),
        (r#"{"fault":"http","mode":"hang","times":3}"#, 0),
        (r#"{"fault":"clear"}"#, 0),
        (r#"{"fault":"malformed"}"#, 1),
        (r#"{"fault":"unknown_channel"}"#, 1),
        (r#"{"fault":"binary"}"#, 1),
        (r#"{"fault":"huge","bytes":1000}"#, 1),
        (r#"{"fault":"duplicate_trades"}"#, 1),
        (r#"{"fault":"close"}"#, 1),
    ];
    for (fault, connections) in all {
        let (status, body) = post(&exchange, "/_fault", fault.to_owned()).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let expected = json!({"connections": connections, "ok": true});
        assert_eq!((status, body), (200, expected), "{fault}");
    }
    assert_eq!(
        client.end().await,
        Event::Closed {
            code: 1_000,
            reason: "Expired".to_owned()
        }
    );
    assert_eq!(
        post(&exchange, "/_fault", r#"{"fault":"earthquake"}"#.to_owned())
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn the_truth_about_trades_is_told_over_http() {
    let exchange = exchange(20.0).await;
    let mut client = subscribed(&exchange, "BTC").await;
    let first = client.frame("trades").await["data"][0].clone();
    let mut last = Value::Null;
    for _ in 0..10 {
        last = client.frame("trades").await["data"]
            .as_array()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or(last);
    }
    let (from, to) = (first["time"].as_i64().unwrap(), last["time"].as_i64().unwrap());
    let url = format!("{}/_state?coin=BTC&from={from}&to={to}", exchange.url());
    let state: Value = serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
    let told = state["trades"].as_array().unwrap();
    let truth = exchange.trades("BTC", from, to);
    assert_eq!(told.len(), truth.len());
    assert_eq!((&told[0], told.last().unwrap()), (&first, &last));
}
