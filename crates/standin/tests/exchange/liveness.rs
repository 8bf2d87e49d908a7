//! Pings, idleness and the closes of the venue.

use std::time::Duration;

use nexus_standin::exchange::Fault;
use serde_json::json;

use crate::support::{Client, Event, exchange};

fn inactive() -> Event {
    Event::Closed {
        code: 1_000,
        reason: "Inactive".to_owned(),
    }
}

#[tokio::test]
async fn a_connection_without_frames_is_closed_as_inactive_after_a_minute() {
    let exchange = exchange(30.0).await;
    let opened = exchange.clock().now();
    let mut client = Client::connect(&exchange).await;
    assert_eq!(client.end().await, inactive());
    let lived = exchange.clock().now() - opened;
    assert!((60_000..100_000).contains(&lived), "closed after {lived} ms");
}

#[tokio::test]
async fn acks_do_not_keep_a_connection() {
    let exchange = exchange(30.0).await;
    let opened = exchange.clock().now();
    let mut client = Client::connect(&exchange).await;
    // A delisted coin never trades, so its candle is nothing but the ack.
    client
        .subscribe(json!({"type":"candle","coin":"CANTO","interval":"1m"}))
        .await;
    tokio::time::sleep_until(exchange_time(&exchange, opened + 40_000)).await;
    client
        .subscribe(json!({"type":"candle","coin":"FTM","interval":"1m"}))
        .await;
    assert_eq!(client.end().await, inactive());
    let lived = exchange.clock().now() - opened;
    assert!(lived < 99_000, "the second ack kept it for {lived} ms");
}

#[tokio::test]
async fn pongs_keep_a_connection() {
    let exchange = exchange(30.0).await;
    let opened = exchange.clock().now();
    let mut client = Client::connect(&exchange).await;
    for turn in 1..=3 {
        tokio::time::sleep_until(exchange_time(&exchange, opened + turn * 40_000)).await;
        client.send(r#"{"method":"ping"}"#).await;
        assert_eq!(client.text().await, r#"{"channel":"pong"}"#);
    }
    assert_eq!(client.end().await, inactive());
    assert!(exchange.clock().now() - opened >= 180_000);
}

#[tokio::test]
async fn protocol_pings_are_answered() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.send_protocol_ping().await;
    assert_eq!(client.next().await, Event::Pong);
}

#[tokio::test]
async fn connections_are_rotated_with_a_normal_close() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"allMids"})).await;
    let expire = Fault::Close {
        code: 1_000,
        reason: "Expired".to_owned(),
        connection: None,
    };
    assert_eq!(exchange.fault(expire), 1);
    assert_eq!(
        client.end().await,
        Event::Closed {
            code: 1_000,
            reason: "Expired".to_owned()
        }
    );
}

/// When the venue's clock will show `at`.
fn exchange_time(exchange: &nexus_standin::exchange::ExchangeHandle, at: i64) -> tokio::time::Instant {
    let left = (at - exchange.clock().now()).max(0) as u64;
    tokio::time::Instant::now() + exchange.clock().wall(Duration::from_millis(left))
}
