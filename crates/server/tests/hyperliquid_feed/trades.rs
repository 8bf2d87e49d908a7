//! Trades: each once, in order, complete or with a declared gap.

use crate::world::{Viewer, World};

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
        let was_seen = seen.contains(&(time, u64::try_from(real.tid).unwrap()));
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
            .any(|real| u64::try_from(real.tid).unwrap() == trade.id);
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
