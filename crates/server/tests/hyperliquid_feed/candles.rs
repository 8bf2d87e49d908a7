//! Candles: history first, then the forming bar, the archive behind, and what was missed in a break.

use std::time::Duration;

use nexus_protocol::{Candles, ErrorCode, FeedState, Interval, Timestamp};
use nexus_standin::exchange::{Config, Fault, HttpMode};

use crate::world::{SPEED, Viewer, World, topic};

/// Whether the bars hang together: a busy market has one for every minute.
fn assert_whole(viewer: &Viewer, millis: u64) {
    let bars = viewer.bars();
    for (time, next) in bars.keys().zip(bars.keys().skip(1)) {
        assert_eq!(time + millis, *next, "a bar is missing behind {time}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_comes_first_and_the_forming_bar_follows() {
    let world = World::new().await;
    let mut viewer = world
        .watch("candles", r#"{"symbol":"BTC","interval":"1m"}"#)
        .await;
    viewer.until_live().await;
    assert!(
        (480..=502).contains(&viewer.bars().len()),
        "{}",
        viewer.bars().len()
    );
    let before = viewer.bars().len();
    viewer
        .until("two more bars", |viewer| viewer.bars().len() >= before + 2)
        .await;
    assert_whole(&viewer, 60_000);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_subscribed_already_for_the_trades_serves_the_bars_too() {
    let world = World::new().await;
    let mut trades = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    trades.until_live().await;
    for _ in 0..2 {
        let mut viewer = world
            .watch("candles", r#"{"symbol":"BTC","interval":"1m"}"#)
            .await;
        viewer.until_more(1).await;
        viewer.until_live().await;
        drop(viewer);
        // Longer than the feed lingers; the trades keep the source subscribed.
        world.pass(Duration::from_secs(12)).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_interval_is_served() {
    let world = World::new().await;
    let mut viewers = Vec::new();
    for interval in Interval::ALL {
        viewers.push(
            world
                .watch(
                    "candles",
                    &format!(r#"{{"symbol":"ETH","interval":"{interval}"}}"#),
                )
                .await,
        );
    }
    for viewer in &mut viewers {
        viewer.until_live().await;
        viewer.until("bars", |viewer| !viewer.bars().is_empty()).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_in_a_break_is_fetched() {
    let world = World::new().await;
    let mut viewer = world
        .watch("candles", r#"{"symbol":"BTC","interval":"1m"}"#)
        .await;
    viewer.until_live().await;
    let bars = viewer.bars().len();
    world.exchange.kill().await;
    world.pass(Duration::from_secs(200)).await;
    world.exchange.restart().await.unwrap();
    viewer
        .until("bars of the break", |viewer| viewer.bars().len() >= bars + 3)
        .await;
    viewer.until_live().await;
    assert_whole(&viewer, 60_000);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_archive_fails_the_topic_is_not_called_live() {
    for mode in [HttpMode::Html500, HttpMode::TooMany, HttpMode::Hang] {
        let world = World::new().await;
        let mut steady = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
        steady.until_live().await;
        world.exchange.fault(Fault::Http { mode, times: None });
        let mut viewer = world
            .watch("candles", r#"{"symbol":"BTC","interval":"1m"}"#)
            .await;
        viewer
            .until("the forming bar", |viewer| !viewer.bars().is_empty())
            .await;
        world.pass(Duration::from_secs(20)).await;
        viewer.note();
        assert_eq!(viewer.state(), Some(FeedState::Resyncing), "{mode:?}");
        world.exchange.fault(Fault::Clear);
        viewer.until_live().await;
        assert!(viewer.bars().len() > 400, "{mode:?}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_archive_is_waited_for() {
    let world = World::new().await;
    world.exchange.fault(Fault::Http {
        mode: HttpMode::Slow,
        times: None,
    });
    let topic = topic("candles", r#"{"symbol":"BTC","interval":"1m"}"#);
    let mut viewer = world.watch_unchecked(topic).await;
    viewer.until_live().await;
    assert!(viewer.bars().len() > 400);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_is_read_page_by_page() {
    let world = World::with(Config {
        speed: SPEED,
        ..Config::small()
    })
    .await;
    let topic = topic("candles", r#"{"symbol":"BTC","interval":"1h"}"#);
    let mut before = Timestamp::from_millis(u64::try_from(world.exchange.clock().now()).unwrap());
    let mut times = Vec::new();
    for _ in 0..4 {
        let page = world.feeds.older(&topic, before, 100).await.unwrap();
        assert_eq!(page.len(), 100);
        let page: Vec<u64> = page
            .iter()
            .map(|item| {
                let bars: Candles = item.payload.read().unwrap();
                assert_eq!(
                    (bars.candles.len(), bars.candles[0].time),
                    (1, item.timestamp.as_millis())
                );
                assert_eq!(item.offset, None);
                bars.candles[0].time
            })
            .collect();
        assert!(page.is_sorted() && *page.last().unwrap() < before.as_millis());
        before = Timestamp::from_millis(page[0]);
        times.splice(0..0, page);
    }
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 3_600_000));
    let beginning = world
        .feeds
        .older(&topic, Timestamp::from_millis(0), 10)
        .await
        .unwrap();
    assert!(beginning.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_candles_have_an_archive() {
    let world = World::new().await;
    let now = Timestamp::from_millis(2_000_000_000_000);
    let trades = topic("trades", r#"{"symbol":"BTC"}"#);
    assert_eq!(
        world.feeds.older(&trades, now, 10).await.unwrap_err().code,
        ErrorCode::InvalidParams
    );
    let unknown = topic("candles", r#"{"symbol":"NOPE","interval":"1m"}"#);
    assert_eq!(
        world.feeds.older(&unknown, now, 10).await.unwrap_err().code,
        ErrorCode::InvalidParams
    );
    world.exchange.fault(Fault::Http {
        mode: HttpMode::Html500,
        times: None,
    });
    let known = topic("candles", r#"{"symbol":"BTC","interval":"1m"}"#);
    assert_eq!(
        world.feeds.older(&known, now, 10).await.unwrap_err().code,
        ErrorCode::UpstreamDown
    );
    world.end().await;
}
