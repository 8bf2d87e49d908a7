//! Prices: joined, changed markets only, never live while old.

use nexus_protocol::Symbol;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_carry_the_exchange_s_digits_with_change_and_volume() {
    let world = World::new().await;
    let mut viewer = world.watch("prices", "{}").await;
    viewer.until_live().await;
    let btc = Symbol::parse("BTC").unwrap();
    viewer
        .until("volume of BTC", |viewer| {
            viewer
                .prices()
                .get(&btc)
                .is_some_and(|price| price.volume24h.is_some())
        })
        .await;
    let prices = viewer.prices();
    assert!(prices.len() >= 20, "{prices:?}");
    assert!(prices.contains_key("PURR/USDC") && prices.contains_key("@1"));
    assert!(!prices.keys().any(|symbol| symbol.as_str().starts_with('#')));
    assert_eq!(
        prices[&btc]
            .change24h
            .as_ref()
            .map(nexus_protocol::Decimal::decimals),
        Some(2)
    );
    world.end().await;
}
