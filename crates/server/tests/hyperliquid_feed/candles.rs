//! Candles: history first, then the forming bar, and the archive behind.

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_comes_first_and_the_forming_bar_follows() {
    let world = World::new().await;
    let mut viewer = world
        .watch("candles", r#"{"symbol":"BTC","interval":"1m"}"#)
        .await;
    viewer.until_live().await;
    assert!(viewer.bars().len() >= 400, "{}", viewer.bars().len());
    viewer.until_more(5).await;
    world.end().await;
}
