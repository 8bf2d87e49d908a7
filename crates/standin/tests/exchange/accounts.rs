//! Accounts: whatever address is asked for, somebody trades there, and everything said of him agrees.

use std::collections::{BTreeMap, BTreeSet};

use nexus_standin::exchange::{Config, ExchangeHandle, Limits};
use serde_json::{Value, json};

use crate::support::{self, Client, exchange, start};

const ANN: &str = "0x00000000000000000000000000000000000000A1";
const ANN_LOWER: &str = "0x00000000000000000000000000000000000000a1";

fn subscribe(kind: &str, user: &str) -> Value {
    json!({"method": "subscribe", "subscription": {"type": kind, "user": user}})
}

/// Waits for the next frame of a channel.
async fn frame(client: &mut Client, channel: &str) -> Value {
    client.frame(channel).await["data"].clone()
}

/// Parses a decimal into units of 1e-9.
fn exact(text: &Value) -> i128 {
    let text = text.as_str().unwrap();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, rest) = text.split_once('.').unwrap();
    sign * format!("{whole}{rest:0<9}").parse::<i128>().unwrap()
}

async fn info(exchange: &ExchangeHandle, body: Value) -> Value {
    let (status, text) = support::info(exchange, body).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn acks_are_normalised_and_each_topic_begins_as_the_venue_does() {
    let exchange = exchange(20.0).await;
    let mut client = Client::connect(&exchange).await;
    for (kind, ack, first) in [
        (
            "userFills",
            json!({"type": "userFills", "user": ANN_LOWER, "aggregateByTime": false}),
            Some("userFills"),
        ),
        (
            "clearinghouseState",
            json!({"type": "clearinghouseState", "dex": "", "user": ANN_LOWER}),
            Some("clearinghouseState"),
        ),
        (
            "openOrders",
            json!({"type": "openOrders", "dex": "", "user": ANN_LOWER}),
            Some("openOrders"),
        ),
        (
            "spotState",
            json!({"type": "spotState", "user": ANN_LOWER, "ignorePortfolioMargin": false}),
            Some("spotState"),
        ),
        (
            "userHistoricalOrders",
            json!({"type": "userHistoricalOrders", "user": ANN_LOWER}),
            Some("userHistoricalOrders"),
        ),
        (
            "orderUpdates",
            json!({"type": "orderUpdates", "user": ANN_LOWER}),
            None,
        ),
        (
            "userEvents",
            json!({"type": "userEvents", "user": ANN_LOWER}),
            None,
        ),
    ] {
        client.send(&subscribe(kind, ANN).to_string()).await;
        let answer = frame(&mut client, "subscriptionResponse").await;
        assert_eq!(answer["subscription"], ack);
        if let Some(channel) = first {
            let first = frame(&mut client, channel).await;
            assert_eq!(first["user"], ANN_LOWER, "{kind}");
            let has_snapshot = matches!(kind, "userFills" | "userHistoricalOrders");
            assert_eq!(
                first.get("isSnapshot"),
                has_snapshot.then_some(&json!(true)),
                "{kind}"
            );
        }
    }
    for channel in ["orderUpdates", "user"] {
        let text = frame(&mut client, channel).await.to_string();
        assert!(!text.contains(ANN_LOWER), "{channel} names no user");
    }
    let later = frame(&mut client, "userFills").await;
    assert_eq!(later.get("isSnapshot"), None, "the key is absent later");
}

#[tokio::test]
async fn what_is_no_address_is_no_request() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    for user in ["", "0x12", "0x00000000000000000000000000000000000000zz", "ann"] {
        client.send(&subscribe("userFills", user).to_string()).await;
        let error = frame(&mut client, "error").await;
        assert!(
            error.as_str().unwrap().starts_with("Error parsing JSON"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_eleventh_user_is_refused_until_one_leaves() {
    let exchange = exchange(1.0).await;
    let (mut one, mut other) = (Client::connect(&exchange).await, Client::connect(&exchange).await);
    let user = |number: usize| format!("0x{number:040x}");
    for number in 0..10 {
        let client = if number % 2 == 0 { &mut one } else { &mut other };
        client
            .send(&subscribe("orderUpdates", &user(number)).to_string())
            .await;
        frame(client, "subscriptionResponse").await;
    }
    one.send(&subscribe("userFills", &user(10)).to_string()).await;
    assert_eq!(
        frame(&mut one, "error").await,
        "Cannot track more than 10 total users."
    );
    one.send(&subscribe("userFills", &user(0)).to_string()).await;
    frame(&mut one, "subscriptionResponse").await;
    drop(other);
    exchange.until(|seen| seen.connections.len() == 1).await;
    one.send(&subscribe("userFills", &user(10)).to_string()).await;
    frame(&mut one, "subscriptionResponse").await;
}

#[tokio::test]
async fn fills_are_trades_of_the_market_and_chain_to_positions_and_orders() {
    let exchange = exchange(1.0).await;
    let now = exchange.clock().now();
    let from = now - 1_800_000;
    let fills = exchange.fills(ANN, from, now);
    let orders = exchange.order_changes(ANN, from, now);
    assert!(fills.len() > 200, "every few seconds: {}", fills.len());
    let coins: BTreeSet<&str> = fills.iter().map(|fill| fill["coin"].as_str().unwrap()).collect();
    assert_eq!(coins.len(), 3);

    let mut tape = BTreeMap::new();
    for coin in coins {
        for trade in exchange.trades(coin, from, now) {
            tape.insert(trade.tid, (trade.px.to_string(), trade.time));
        }
    }
    let mut seen = BTreeSet::new();
    let mut positions: BTreeMap<String, i128> = BTreeMap::new();
    let mut made_up = 0;
    for fill in &fills {
        let tid = fill["tid"].as_u64().unwrap();
        assert!(seen.insert(tid), "{tid} twice");
        match tape.get(&tid) {
            Some((px, time)) => {
                assert_eq!(
                    (px.as_str(), *time),
                    (fill["px"].as_str().unwrap(), fill["time"].as_i64().unwrap())
                );
            }
            None => made_up += 1,
        }
        let start = exact(&fill["startPosition"]);
        let size = exact(&fill["sz"]);
        assert!(size > 0);
        let position = positions.entry(fill["coin"].to_string()).or_insert(start);
        assert_eq!(*position, start, "{fill}");
        *position += if fill["side"] == "B" { size } else { -size };
    }
    assert!(made_up * 50 < fills.len(), "{made_up}");

    let mut known: BTreeMap<u64, &Value> = BTreeMap::new();
    let mut filled: BTreeMap<u64, i128> = BTreeMap::new();
    for fill in &fills {
        *filled.entry(fill["oid"].as_u64().unwrap()).or_default() += exact(&fill["sz"]);
    }
    let mut statuses = BTreeSet::new();
    for change in &orders {
        let oid = change["order"]["oid"].as_u64().unwrap();
        statuses.insert(change["status"].as_str().unwrap());
        if let Some(before) = known.insert(oid, change) {
            assert_eq!(before["status"], "open", "an order ends once: {change}");
            assert!(exact(&before["order"]["sz"]) >= exact(&change["order"]["sz"]));
        }
    }
    for (oid, last) in &known {
        let order = &last["order"];
        if order["timestamp"].as_i64().unwrap() >= from {
            let gone = exact(&order["origSz"]) - exact(&order["sz"]);
            assert_eq!(gone, filled.get(oid).copied().unwrap_or(0), "{last}");
        }
    }
    for status in [
        "open",
        "filled",
        "canceled",
        "minTradeNtlRejected",
        "badAloPxRejected",
    ] {
        assert!(statuses.contains(status), "{status} of {statuses:?}");
    }
}

#[tokio::test]
async fn http_says_the_same_and_pages_end_at_two_thousand() {
    // So slow that nothing happens between two questions.
    let exchange = start(Config {
        speed: 0.01,
        limits: Limits {
            weight: 10_000,
            ..Limits::default()
        },
        ..Config::small()
    })
    .await;
    let now = exchange.clock().now();
    let fills = info(&exchange, json!({"type": "userFills", "user": ANN})).await;
    let fills = fills.as_array().unwrap();
    assert_eq!(fills.len(), 2_000);
    let oldest = fills.last().unwrap()["time"].as_i64().unwrap();
    assert!(
        fills
            .windows(2)
            .all(|pair| pair[0]["time"].as_i64() >= pair[1]["time"].as_i64())
    );
    let truth = exchange.fills(ANN, oldest, now);
    assert!(truth.iter().rev().zip(fills).all(|(truth, fill)| truth == fill));

    let since = now - 120_000;
    let body = json!({"type": "userFillsByTime", "user": ANN, "startTime": since});
    let recent = info(&exchange, body).await;
    assert_eq!(recent, Value::Array(exchange.fills(ANN, since, now)));

    let orders = info(&exchange, json!({"type": "historicalOrders", "user": ANN})).await;
    assert_eq!(orders.as_array().unwrap().len(), 2_000);
    let open = info(&exchange, json!({"type": "frontendOpenOrders", "user": ANN})).await;
    for order in open.as_array().unwrap() {
        let body = json!({"type": "orderStatus", "user": ANN, "oid": order["oid"]});
        let status = info(&exchange, body).await;
        assert_eq!(
            (&status["status"], &status["order"]["status"]),
            (&json!("order"), &json!("open"))
        );
        assert_eq!(status["order"]["order"], *order);
    }
    let state = info(&exchange, json!({"type": "clearinghouseState", "user": ANN})).await;
    for position in state["assetPositions"].as_array().unwrap() {
        let position = &position["position"];
        let last = fills
            .iter()
            .find(|fill| fill["coin"] == position["coin"])
            .unwrap();
        let size = exact(&last["sz"]);
        let delta = if last["side"] == "B" { size } else { -size };
        assert_eq!(exact(&position["szi"]), exact(&last["startPosition"]) + delta);
    }
    let spot = info(&exchange, json!({"type": "spotClearinghouseState", "user": ANN})).await;
    assert_eq!(spot["balances"][0]["coin"], "USDC");
    let unknown = info(&exchange, json!({"type": "orderStatus", "user": ANN, "oid": 1})).await;
    assert_eq!(unknown["status"], "unknownOid");
}
