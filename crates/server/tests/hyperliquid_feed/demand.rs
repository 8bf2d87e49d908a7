//! Demand: one subscription at the exchange for all viewers, begun by the first and ended some seconds after the last.

use std::time::Duration;

use nexus_protocol::{ErrorCode, FeedState};
use nexus_server::broker::{Broker, BrokerLimits, Embedded};
use nexus_server::feeds::Feeds;
use nexus_server::feeds::hyperliquid::{HyperliquidConfig, start};
use nexus_server::hub::Hub;
use nexus_standin::exchange::{Config, Fault, HttpMode, Observation};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::{SPEED, World, topic};

fn holds(observation: &Observation, subscription: &str) -> usize {
    let subscriptions = observation
        .connections
        .iter()
        .flat_map(|connection| &connection.subscriptions);
    subscriptions.filter(|held| held.as_str() == subscription).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_viewers_share_one_subscription() {
    let world = World::new().await;
    let mut viewers = Vec::new();
    for depth in [1, 3, 5, 10, 20] {
        let mut viewer = world
            .watch("orderbook", &format!(r#"{{"symbol":"ETH","depth":{depth}}}"#))
            .await;
        viewer.until_live().await;
        viewers.push(viewer);
    }
    let observation = world.exchange.observe();
    let book =
        |fast| format!(r#"{{"type":"l2Book","coin":"ETH","nSigFigs":null,"mantissa":null,"fast":{fast}}}"#);
    assert_eq!(
        (
            holds(&observation, &book(true)),
            holds(&observation, &book(false))
        ),
        (1, 1)
    );
    for connection in &observation.connections {
        let books = connection
            .subscriptions
            .iter()
            .filter(|held| held.contains("l2Book"))
            .count();
        assert!(
            books <= 1,
            "at most one variant of a book on a connection: {:?}",
            connection.subscriptions
        );
    }
    assert!(observation.connections.len() <= 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_connected_before_the_first_viewer_nor_long_after_the_last() {
    let world = World::new().await;
    assert_eq!(world.exchange.observe().opened, 0);
    let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    viewer.until_live().await;
    drop(viewer);
    world
        .exchange_until("all links closed", |it| it.connections.is_empty())
        .await;
    let messages = world.exchange.observe();
    assert_eq!(messages.opened, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_who_comes_back_within_seconds_finds_the_subscription_still_there() {
    let world = World::new().await;
    let mut steady = world.watch("prices", "{}").await;
    steady.until_live().await;
    for _ in 0..20 {
        let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
        viewer.until_more(1).await;
        drop(viewer);
        world.pass(Duration::from_secs(1)).await;
    }
    let sent: u64 = world
        .exchange
        .observe()
        .connections
        .iter()
        .map(|connection| connection.received)
        .sum();
    assert!(sent < 15, "flapping sent {sent} messages");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_last_viewer_left_the_topic_is_not_called_live() {
    let world = World::new().await;
    let mut viewer = world.watch("orderbook", r#"{"symbol":"BTC","depth":5}"#).await;
    viewer.until_live().await;
    let of = viewer.topic.clone();
    drop(viewer);
    world
        .exchange_until("all links closed", |it| it.connections.is_empty())
        .await;
    let late = world.watch_unchecked(of.clone()).await;
    let state = late.state();
    assert!(state != Some(FeedState::Live), "{state:?}");
    assert_eq!(
        world.snapshot(&of).await,
        None,
        "an old book does not greet who comes later"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_checked_before_anything_is_subscribed() {
    let world = World::new().await;
    for (channel, params, code, says) in [
        (
            "trades",
            r#"{"symbol":"btc"}"#,
            ErrorCode::InvalidParams,
            "did you mean `BTC`",
        ),
        ("orderbook", r#"{"symbol":"NOPE!"}"#, ErrorCode::InvalidParams, ""),
        (
            "candles",
            r#"{"symbol":"XYZXYZ","interval":"1m"}"#,
            ErrorCode::InvalidParams,
            "XYZXYZ",
        ),
        (
            "prices",
            r#"{"symbols":["BTC","ZZZZ"]}"#,
            ErrorCode::InvalidParams,
            "ZZZZ",
        ),
    ] {
        let Ok(name) = serde_json::from_str::<nexus_protocol::Params>(params) else {
            continue;
        };
        let channel = nexus_protocol::ChannelName::parse(channel).unwrap();
        let Ok(subscription) = nexus_protocol::Topic::parse(&channel, name) else {
            continue;
        };
        let refusal = world.feeds.check(&subscription.topic).await.unwrap_err();
        assert_eq!(refusal.code, code);
        assert!(refusal.message.contains(says), "{}", refusal.message);
    }
    for params in [
        r#"{"symbol":"BTC"}"#,
        r#"{"symbol":"PURR/USDC"}"#,
        r#"{"symbol":"@1"}"#,
        r##"{"symbol":"#14720"}"##,
    ] {
        world.feeds.check(&topic("trades", params)).await.unwrap();
    }
    assert_eq!(world.exchange.observe().opened, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_exchange_is_said_to_be_down_and_is_found_later() {
    let world = World::new().await;
    world.exchange.fault(Fault::Http {
        mode: HttpMode::Html500,
        times: None,
    });
    // A feed that starts while the exchange is being upgraded.
    let (url, now) = (world.exchange.url(), world.exchange.clock().now());
    let hub = Hub::default();
    let broker = Broker::Embedded(Embedded::new(hub, BrokerLimits::default()));
    let config = HyperliquidConfig {
        speed: SPEED,
        start: u64::try_from(now).ok(),
        ..HyperliquidConfig::new(&url).unwrap()
    };
    let tracker = TaskTracker::new();
    let cancel = CancellationToken::new();
    let handle = start(config, broker, &tracker, cancel.clone()).unwrap();
    let feeds = Feeds::none().with_hyperliquid(handle);
    let refusal = feeds
        .check(&topic("trades", r#"{"symbol":"BTC"}"#))
        .await
        .unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UpstreamDown);
    assert!(refusal.retry_after_ms.is_some());
    world.exchange.fault(Fault::Clear);
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while feeds
        .check(&topic("trades", r#"{"symbol":"BTC"}"#))
        .await
        .is_err()
    {
        assert!(tokio::time::Instant::now() < end, "never found");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cancel.cancel();
    tracker.close();
    tracker.wait().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exchanges_limits_are_kept() {
    let world = World::with(Config {
        // Two hundred topics at the usual speed are more than a busy machine keeps pace with.
        speed: SPEED / 2.0,
        coins: 60,
        spot_pairs: 60,
        ..Config::small()
    })
    .await;
    let symbols: Vec<String> = {
        let mut prices = world.watch("prices", "{}").await;
        prices.until_live().await;
        prices.prices().keys().map(ToString::to_string).collect()
    };
    assert!(symbols.len() > 80, "{}", symbols.len());
    let mut viewers = Vec::new();
    for symbol in &symbols {
        viewers.push(
            world
                .watch_unchecked(topic("trades", &format!(r#"{{"symbol":"{symbol}"}}"#)))
                .await,
        );
        viewers.push(
            world
                .watch_unchecked(topic(
                    "orderbook",
                    &format!(r#"{{"symbol":"{symbol}","depth":10}}"#),
                ))
                .await,
        );
    }
    for viewer in &mut viewers {
        viewer
            .until("subscribed", |viewer| !viewer.statuses.is_empty())
            .await;
    }
    for _ in 0..3 {
        world.pass(Duration::from_secs(15)).await;
        let observation = world.exchange.observe();
        assert!(observation.weight <= 1_200, "{}", observation.weight);
        assert!(observation.connections.len() <= 10);
        assert_eq!(observation.refused, 0);
        world.exchange.fault(Fault::Cut { connection: None });
    }
    for viewer in viewers
        .iter_mut()
        .filter(|viewer| viewer.topic.channel() == "orderbook")
    {
        viewer.until_live().await;
    }
    world.end().await;
}
