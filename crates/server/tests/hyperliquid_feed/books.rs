//! Books: joined of two variants, never crossed, never old in silence.

use nexus_protocol::Book;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_depth_has_its_levels() {
    let world = World::new().await;
    for depth in [1, 5, 10, 20] {
        let mut viewer = world
            .watch("orderbook", &format!(r#"{{"symbol":"BTC","depth":{depth}}}"#))
            .await;
        viewer.until_live().await;
        viewer.until_more(5).await;
        // A book of twenty reaches as far as both variants do together; now and then that is a level less.
        let has_all = |book: &Book| book.bids.len() == depth && book.asks.len() == depth;
        viewer
            .until("all levels", |viewer| viewer.books().iter().any(has_all))
            .await;
        for book in viewer.books() {
            assert!(book.bids.len() <= depth && book.asks.len() <= depth);
            assert!(book.bids[0].price.to_f64() < book.asks[0].price.to_f64());
        }
    }
    world.end().await;
}
