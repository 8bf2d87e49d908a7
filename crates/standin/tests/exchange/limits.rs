//! The venue's limits, in its words.

use nexus_standin::exchange::{Config, Limits};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, fixture, start};

async fn limited(limits: Limits) -> nexus_standin::exchange::ExchangeHandle {
    start(Config {
        limits,
        ..Config::small()
    })
    .await
}

fn status(refused: Result<Client, Error>) -> u16 {
    match refused {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the connection was accepted"),
    }
}

#[test]
fn the_defaults_are_the_venues_numbers() {
    let limits = Limits::default();
    let numbers = (
        limits.connections,
        limits.new_connections,
        limits.subscriptions,
        limits.messages,
        limits.weight,
    );
    assert_eq!(numbers, (10, 30, 1_000, 2_000, 1_200));
}

#[tokio::test]
async fn the_eleventh_connection_is_refused_until_one_leaves() {
    let exchange = limited(Limits::default()).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::connect(&exchange).await);
    }
    assert_eq!(status(Client::try_connect(&exchange).await), 429);
    clients.pop();
    exchange.until(|seen| seen.connections.len() == 9).await;
    Client::connect(&exchange).await;
}

#[tokio::test]
async fn the_thirty_first_new_connection_of_a_minute_is_refused() {
    let exchange = limited(Limits::default()).await;
    for turn in 0..30 {
        drop(Client::connect(&exchange).await);
        exchange
            .until(|seen| seen.opened == turn + 1 && seen.connections.is_empty())
            .await;
    }
    assert_eq!(status(Client::try_connect(&exchange).await), 429);
}

#[tokio::test]
async fn subscriptions_count_over_all_connections() {
    let exchange = limited(Limits {
        subscriptions: 3,
        ..Limits::default()
    })
    .await;
    let (mut one, mut two) = (Client::connect(&exchange).await, Client::connect(&exchange).await);
    one.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    one.subscribe(json!({"type":"trades","coin":"ETH"})).await;
    two.subscribe(json!({"type":"trades","coin":"BTC"})).await;
    two.request("subscribe", json!({"type":"trades","coin":"ETH"}))
        .await;
    let expected = fixture("ws_error_too_many_subscriptions.json").replace("1000", "3");
    assert_eq!(two.text_of("error").await, expected);
    one.request("unsubscribe", json!({"type":"trades","coin":"BTC"}))
        .await;
    one.frame("subscriptionResponse").await;
    two.subscribe(json!({"type":"trades","coin":"ETH"})).await;
}

#[tokio::test]
async fn the_thousand_and_first_subscription_is_refused() {
    let exchange = limited(Limits::default()).await;
    let mut client = Client::connect(&exchange).await;
    // Candles of coins and intervals: the only topics of which a small market has that many.
    let coins: Vec<String> = exchange
        .market()
        .universe
        .iter()
        .map(|(_, coin)| coin.name.to_string())
        .collect();
    let mut asked = 0;
    'asking: for interval in [
        "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M",
    ] {
        for coin in &coins {
            client
                .request(
                    "subscribe",
                    json!({"type":"candle","coin":coin,"interval":interval}),
                )
                .await;
            asked += 1;
            if asked == 700 {
                break 'asking;
            }
        }
    }
    for figures in [2, 3, 4, 5] {
        for coin in &coins {
            client
                .request(
                    "subscribe",
                    json!({"type":"l2Book","coin":coin,"nSigFigs":figures}),
                )
                .await;
            asked += 1;
        }
    }
    for kind in ["trades", "bbo", "activeAssetCtx", "l2Book"] {
        for coin in &coins {
            client
                .request("subscribe", json!({"type":kind,"coin":coin}))
                .await;
            asked += 1;
        }
    }
    assert!(asked > 1_000, "only {asked} topics");
    assert_eq!(
        client.text_of("error").await,
        fixture("ws_error_too_many_subscriptions.json")
    );
    let seen = exchange.observe();
    assert_eq!(seen.connections[0].subscriptions.len(), 1_000);
}

#[tokio::test]
async fn messages_over_the_limit_are_refused_and_not_acted_on() {
    let exchange = limited(Limits {
        messages: 20,
        ..Limits::default()
    })
    .await;
    let mut client = Client::connect(&exchange).await;
    for _ in 0..20 {
        client.send(r#"{"method":"ping"}"#).await;
        assert_eq!(client.text().await, r#"{"channel":"pong"}"#);
    }
    client.send(r#"{"method":"ping"}"#).await;
    let expected = fixture("ws_error_too_many_messages.json").replace("2000", "20");
    assert_eq!(client.text().await, expected);
}
