//! Trades: each once, in order, complete or with a declared gap.

use std::time::Duration;

use nexus_protocol::FeedState;
use nexus_standin::exchange::{Config, Fault, Subscription};

use crate::world::{SPEED, Viewer, World};

/// Compares what was published with what really happened, from the first published trade to the last.
pub(crate) fn assert_complete(world: &World, coin: &str, viewer: &Viewer) {
    let published = viewer.trades();
    let times = published.iter().map(|(_, trade)| trade.timestamp);
    let (Some(first), Some(last)) = (times.clone().min(), times.clone().max()) else {
        panic!("nothing was published on {}", viewer.topic);
    };
    assert!(times.is_sorted(), "trades of {coin} are out of order");
    let mut seen = std::collections::HashSet::new();
    for (_, trade) in &published {
        assert!(
            seen.insert((trade.timestamp, trade.id)),
            "{coin} {} {} came twice",
            trade.timestamp,
            trade.id
        );
    }
    let gaps: Vec<_> = published.iter().filter_map(|(gap, _)| *gap).collect();
    let signed = |time: u64| i64::try_from(time).unwrap();
    // The first trades may begin in the middle of a millisecond.
    for real in world.exchange.trades(coin, signed(first) + 1, signed(last) - 1) {
        let time = u64::try_from(real.time).unwrap();
        let is_declared = gaps.iter().any(|gap| (gap.from..=gap.to).contains(&time));
        let was_seen = seen.contains(&(time, real.tid));
        let nearest = gaps
            .iter()
            .min_by_key(|gap| gap.from.abs_diff(time).min(gap.to.abs_diff(time)));
        assert!(
            was_seen || is_declared,
            "{coin}: the trade at {time} was lost in silence; the nearest gap {nearest:?}"
        );
    }
    for (_, trade) in &published {
        let is_real = world
            .exchange
            .trades(coin, signed(trade.timestamp), signed(trade.timestamp))
            .iter()
            .any(|real| real.tid == trade.id);
        assert!(is_real, "{coin}: the trade at {} never happened", trade.timestamp);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_tape_is_filled_at_once_and_goes_on_without_a_hole() {
    let world = World::new().await;
    let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    viewer.until_live().await;
    assert!(viewer.trades().len() >= 5, "filled with recent trades");
    assert!(viewer.statuses.iter().all(|status| status.simulated));
    viewer
        .until("a hundred trades", |viewer| viewer.trades().len() > 100)
        .await;
    assert_complete(&world, "BTC", &viewer);
    assert!(viewer.gaps().is_empty(), "{:?}", viewer.gaps());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_cut_loses_nothing_where_the_archive_reaches_back() {
    let world = World::with(Config {
        speed: SPEED,
        recent_trades: 500,
        ..Config::small()
    })
    .await;
    let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    viewer.until_live().await;
    for _ in 0..5 {
        let trades = viewer.trades().len();
        let told = viewer.statuses.len();
        world.exchange.fault(Fault::Cut { connection: None });
        viewer.until_told_since(told, &[FeedState::Stale]).await;
        viewer.until_live().await;
        viewer
            .until("more trades", |viewer| viewer.trades().len() > trades + 20)
            .await;
    }
    assert_complete(&world, "BTC", &viewer);
    assert!(viewer.gaps().is_empty(), "{:?}", viewer.gaps());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_cut_is_a_gap_that_is_announced_and_stands_on_the_tape() {
    let world = World::new().await;
    let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    viewer.until_live().await;
    world.exchange.kill().await;
    world.pass(Duration::from_secs(120)).await;
    world.exchange.restart().await.unwrap();
    viewer.until("a gap", |viewer| !viewer.gaps().is_empty()).await;
    viewer.until_live().await;
    viewer.until_more(3).await;
    let announced = viewer.gaps()[0].gap.clone();
    let gap = viewer
        .trades()
        .iter()
        .find_map(|(gap, _)| *gap)
        .expect("the gap stands on the tape");
    assert_eq!(
        announced,
        Some(nexus_protocol::Gap::Source {
            from: gap.from,
            to: gap.to
        })
    );
    assert!(gap.to - gap.from > 60_000);
    assert_complete(&world, "BTC", &viewer);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_stalls_alone_is_found_out_though_silence_is_no_sign() {
    let world = World::new().await;
    let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    viewer
        .until("enough to know what is usual", |viewer| {
            viewer.trades().len() > 100
        })
        .await;
    let trades = Subscription::Trades {
        coin: "BTC".to_owned(),
    };
    world.exchange.fault(Fault::StallTopic {
        subscription: trades.clone(),
        on: true,
    });
    viewer.until_state(FeedState::Resyncing).await;
    world.exchange.fault(Fault::StallTopic {
        subscription: trades,
        on: false,
    });
    let so_far = viewer.trades().len();
    viewer
        .until("it goes on", |viewer| viewer.trades().len() > so_far + 50)
        .await;
    viewer.until_live().await;
    assert_complete(&world, "BTC", &viewer);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_and_stray_answers_disturb_nobody() {
    let world = World::new().await;
    world.exchange.fault(Fault::FrameAfterUnsubscribe { on: true });
    world.exchange.fault(Fault::LateUnsubscribeAck { ms: 4_000 });
    let mut steady = world.watch("trades", r#"{"symbol":"ETH"}"#).await;
    steady.until_live().await;
    for _ in 0..4 {
        let mut viewer = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
        viewer.until_live().await;
        viewer.until_more(2).await;
        assert_complete(&world, "BTC", &viewer);
        drop(viewer);
        // Longer than the feed lingers: it unsubscribes, and is asked again before the answer came.
        world.pass(Duration::from_secs(11)).await;
    }
    world
        .report_until("strays", |report| report.counts.stray_frames > 0)
        .await;
    assert_complete(&world, "ETH", &steady);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_later_finds_the_tape_filled() {
    let world = World::new().await;
    let mut first = world.watch("trades", r#"{"symbol":"BTC"}"#).await;
    first
        .until("fifty trades", |viewer| viewer.trades().len() > 50)
        .await;
    let last = world.snapshot(&first.topic).await.expect("the ring has trades");
    let last: nexus_protocol::Trades = serde_json::from_str(&last).unwrap();
    assert!(!last.trades.is_empty());
    world.end().await;
}
