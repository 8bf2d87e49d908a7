//! Trades: a replay first, then everything that happens, each once, oldest first.

use std::collections::HashSet;

use nexus_standin::exchange::{Config, ExchangeHandle};
use serde_json::{Value, json};

use crate::support::{Client, exchange, info, start};

fn rows(frame: &Value) -> Vec<Value> {
    frame["data"].as_array().expect("trades are a list").clone()
}

fn tids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["tid"].as_u64().unwrap()).collect()
}

/// What really happened from the first to the last of these rows.
fn truth(exchange: &ExchangeHandle, coin: &str, rows: &[Value]) -> Vec<u64> {
    let time = |row: Option<&Value>| row.unwrap()["time"].as_i64().unwrap();
    exchange
        .trades(coin, time(rows.first()), time(rows.last()))
        .iter()
        .map(|trade| trade.tid)
        .collect()
}

#[tokio::test]
async fn the_first_frame_replays_recent_trades_unflagged_and_oldest_first() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    let frame = client.frame("trades").await;
    let replay = rows(&frame);
    assert_eq!(replay.len(), 10);
    assert!(
        frame["data"].is_array() && frame.as_object().unwrap().len() == 2,
        "no flag anywhere"
    );
    let all = truth(&exchange, "BTC", &replay);
    assert_eq!(all[all.len() - 10..], tids(&replay));
}

#[tokio::test]
async fn a_subscriber_gets_every_trade_exactly_once_and_in_order() {
    let exchange = exchange(20.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    let mut received = Vec::new();
    while received.len() < 400 {
        received.extend(rows(&client.frame("trades").await));
    }
    // The replay may begin in the middle of a block; from the next block on everything must be there.
    let first = received[0]["time"].as_i64().unwrap();
    received.retain(|row| row["time"].as_i64().unwrap() > first);
    assert_eq!(tids(&received), truth(&exchange, "BTC", &received));
}

#[tokio::test]
async fn a_new_subscription_replays_what_was_seen_before() {
    let exchange = exchange(1.0).await;
    let mut seen = HashSet::new();
    for _ in 0..2 {
        let mut client = Client::connect(&exchange).await;
        client.subscribe(json!({"type":"trades","coin":"DOGE"})).await;
        seen.extend(tids(&rows(&client.frame("trades").await)));
    }
    assert!(seen.len() < 20, "nothing was repeated");
}

#[tokio::test]
async fn empty_lists_come_now_and_then_and_a_coin_without_trades_begins_with_one() {
    let exchange = exchange(200.0).await;
    let mut client = Client::connect(&exchange).await;
    // Something that talks, so that the connection is not idle.
    client.subscribe(json!({"type":"allMids"})).await;
    client.subscribe(json!({"type":"trades","coin":"CANTO"})).await;
    assert_eq!(
        client.text_of("trades").await,
        r#"{"channel":"trades","data":[]}"#
    );
    assert_eq!(
        client.text_of("trades").await,
        r#"{"channel":"trades","data":[]}"#
    );
}

#[tokio::test]
async fn some_trades_have_the_hash_of_a_system_fill() {
    let exchange = start(Config {
        recent_trades: 500,
        ..Config::small()
    })
    .await;
    let (_, body) = info(&exchange, json!({"type":"recentTrades","coin":"BTC"})).await;
    let rows: Vec<Value> = serde_json::from_str(&body).unwrap();
    let zero = format!("0x{}", "0".repeat(64));
    let system = rows.iter().filter(|row| row["hash"] == zero).count();
    assert!((5..150).contains(&system), "{system} of {}", rows.len());
    // One transaction may fill several orders: its trades share a hash, never an id.
    let ids: HashSet<u64> = tids(&rows).into_iter().collect();
    let hashes: HashSet<&str> = rows.iter().map(|row| row["hash"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rows.len());
    assert!(hashes.len() < rows.len());
}

#[tokio::test]
async fn over_http_the_newest_trade_is_first() {
    let exchange = start(Config {
        recent_trades: 40,
        ..Config::small()
    })
    .await;
    let (status, body) = info(&exchange, json!({"type":"recentTrades","coin":"ETH"})).await;
    assert_eq!(status, 200);
    let mut rows: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(rows.len(), 40);
    rows.reverse();
    let all = truth(&exchange, "ETH", &rows);
    assert_eq!(all[all.len() - 40..], tids(&rows));
}

#[tokio::test]
async fn trades_print_at_the_touch_of_the_book_with_their_time() {
    let exchange = exchange(20.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"l2Book","coin":"BTC","fast":true}))
        .await;
    client.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    let mut books = std::collections::HashMap::new();
    let mut trades = Vec::new();
    while books.len() < 80 {
        let frame: Value = serde_json::from_str(&client.text().await).unwrap();
        if frame["channel"] == "l2Book" {
            let touch = json!([
                frame["data"]["levels"][0][0]["px"],
                frame["data"]["levels"][1][0]["px"]
            ]);
            books.insert(frame["data"]["time"].as_i64().unwrap(), touch);
        } else if frame["channel"] == "trades" {
            trades.extend(rows(&frame));
        }
    }
    let mut compared = 0;
    for trade in trades {
        let Some(touch) = books.get(&trade["time"].as_i64().unwrap()) else {
            continue;
        };
        let side = usize::from(trade["side"] == "B");
        assert_eq!(trade["px"], touch[side], "{trade} against {touch}");
        compared += 1;
    }
    assert!(compared > 20, "only {compared} trades have a book of their time");
}
