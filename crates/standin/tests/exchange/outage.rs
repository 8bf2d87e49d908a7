//! The venue goes down and comes back on the same port, while the market goes on.

use serde_json::json;

use crate::support::{Client, Event, exchange, info, patiently};

#[tokio::test]
async fn a_killed_venue_resets_its_connections_and_refuses_new_ones() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"allMids"})).await;
    exchange.kill().await;
    assert_eq!(client.end().await, Event::Broken);
    assert!(Client::try_connect(&exchange).await.is_err());
    let seen = exchange.until(|seen| seen.connections.is_empty()).await;
    assert_eq!(seen.opened, 1);
}

#[tokio::test]
async fn a_restarted_venue_has_the_same_port_and_the_same_market_but_no_subscriptions() {
    let exchange = exchange(50.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    let first = client.frame("trades").await;
    let url = exchange.url();
    for _ in 0..3 {
        exchange.restart().await.unwrap();
        assert_eq!(exchange.url(), url);
    }
    let mut client = Client::connect(&exchange).await;
    exchange.until(|seen| seen.connections.len() == 1).await;
    assert!(exchange.observe().connections[0].subscriptions.is_empty());
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    let again = client.frame("trades").await;
    // What happened while nobody could look is in the market, and HTTP tells the same story as the truth.
    let from = first["data"][0]["time"].as_i64().unwrap();
    let to = again["data"][0]["time"].as_i64().unwrap();
    assert!(!exchange.trades("BTC", from, to).is_empty());
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 200);
}

#[tokio::test]
async fn a_dropped_handle_ends_everything() {
    let exchange = exchange(1.0).await;
    let addr = exchange.addr();
    let mut client = Client::connect(&exchange).await;
    drop(exchange);
    assert_eq!(client.end().await, Event::Broken);
    patiently("the port to be closed", async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
