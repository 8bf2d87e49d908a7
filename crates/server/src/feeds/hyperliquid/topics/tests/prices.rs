//! Prices: joined with the day's figures, changed markets only.

use std::collections::BTreeMap;

use nexus_protocol::{Decimal, Prices, Symbol, Symbols, Topic};

use super::{at, decimal, symbol};
use crate::feeds::hyperliquid::topics::Effect;
use crate::feeds::hyperliquid::topics::prices::Board;
use crate::feeds::hyperliquid::wire::info::Context;

fn mids(of: &[(&str, &str)]) -> BTreeMap<Symbol, Decimal> {
    of.iter()
        .map(|(name, price)| (symbol(name), decimal(price)))
        .collect()
}

fn context(before: &str, volume: &str) -> Context {
    Context {
        previous_day_price: decimal(before),
        day_volume: decimal(volume),
    }
}

fn told(effects: &[Effect]) -> Prices {
    let mut prices = Prices::new();
    for effect in effects {
        if let Effect::Publish(_, content) = effect {
            prices.extend(serde_json::from_str::<Prices>(&content.render()).unwrap());
        }
    }
    prices
}

fn board() -> Board {
    let mut board = Board::new();
    board.list(["BTC", "ETH", "PURR/USDC"].map(symbol).into());
    board
}

#[test]
fn only_markets_that_changed_are_published() {
    let mut board = board();
    let (changed, gone) = board.handle_mids(
        "",
        mids(&[("BTC", "100"), ("ETH", "10"), ("#1", "0.5")]),
        1,
        at(0),
    );
    let first = told(&board.publish(None, &changed, &gone));
    assert_eq!(
        first.keys().map(Symbol::as_str).collect::<Vec<_>>(),
        ["BTC", "ETH"]
    );
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10.0")]), 2, at(2_000));
    let second = told(&board.publish(None, &changed, &gone));
    assert_eq!(second.keys().map(Symbol::as_str).collect::<Vec<_>>(), ["ETH"]);
    assert_eq!(second["ETH"].timestamp, 2);
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10.0")]), 3, at(4_000));
    assert!(board.publish(None, &changed, &gone).is_empty());
}

#[test]
fn change_and_volume_are_joined_and_left_out_when_they_are_old() {
    let mut board = board();
    board.handle_contexts(
        [(symbol("BTC"), context("90", "1516669192.1953897476"))].into(),
        at(0),
    );
    let (changed, _) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 1, at(0));
    let prices = told(&board.publish(None, &changed, &[]));
    let btc = &prices["BTC"];
    assert_eq!(btc.change24h.as_ref().unwrap().as_str(), "11.11");
    assert_eq!(btc.volume24h.as_ref().unwrap().as_str(), "1516669192.1953897476");
    assert_eq!(
        (&prices["ETH"].change24h, &prices["ETH"].volume24h),
        (&None, &None)
    );
    let (changed, _) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 2, at(301_000));
    let prices = told(&board.publish(None, &changed, &[]));
    assert_eq!(prices["BTC"].change24h, None);
}

#[test]
fn a_selection_gets_its_own_and_what_it_names_beyond_the_board() {
    let mut board = board();
    let selection = Symbols::new(["ETH", "#1", "xyz:NVDA"].map(symbol)).unwrap();
    let (changed, _) = board.handle_mids(
        "",
        mids(&[("BTC", "100"), ("ETH", "10"), ("#1", "0.5")]),
        1,
        at(0),
    );
    assert_eq!(told(&board.publish(Some(&selection), &changed, &[])).len(), 2);
    let (changed, _) = board.handle_mids("xyz", mids(&[("xyz:NVDA", "232.165")]), 1, at(0));
    assert_eq!(told(&board.publish(Some(&selection), &changed, &[])).len(), 1);
    assert!(board.publish(None, &changed, &[]).is_empty());
    assert_eq!(
        told(
            &board
                .whole(Some(&selection), at(1_000))
                .into_iter()
                .collect::<Vec<_>>()
        )
        .len(),
        3
    );
    assert_eq!(
        board.whole(Some(&selection), at(61_000)),
        None,
        "too old to greet anybody"
    );
}

#[test]
fn a_market_that_is_gone_leaves_the_snapshot() {
    let mut board = board();
    board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 1, at(0));
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "101")]), 2, at(30_000));
    assert!(gone.is_empty(), "one frame without it is nothing");
    assert_eq!(changed, [symbol("BTC")]);
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "102")]), 3, at(61_000));
    assert_eq!(gone, [symbol("ETH")]);
    let effects = board.publish(None, &changed, &gone);
    assert!(matches!(effects[0], Effect::Forget(Topic::Prices(None))));
    assert_eq!(
        told(&effects).keys().map(Symbol::as_str).collect::<Vec<_>>(),
        ["BTC"]
    );
}
