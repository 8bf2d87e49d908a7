//! The simulated market agrees with itself: trades, quotes, books, candles and day figures are one story, and a seed
//! always tells the same one.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, also in its helpers"
)]

use std::collections::HashSet;

use nexus_standin::exchange::Config;
use nexus_standin::exchange::market::{BLOCK_MS, Bar, CoinId, Grouping, Interval, Market, Side, Trade};

const START: i64 = 1_791_480_000_000;
const BLOCKS_AN_HOUR: i64 = 3_600_000 / BLOCK_MS;

fn market(seed: u64) -> Market {
    Market::new(&Config {
        seed,
        ..Config::small()
    })
}

fn coin(market: &Market, name: &str) -> CoinId {
    market
        .universe
        .find(name)
        .unwrap_or_else(|| panic!("{name} is not listed"))
}

fn block() -> i64 {
    Market::block_at(START)
}

fn fold(interval: Interval, trades: &[Trade]) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for trade in trades {
        let t = interval.first_minute(trade.time.div_euclid(60_000)) * 60_000;
        match bars.last_mut() {
            Some(bar) if bar.t == t => bar.append(&Bar::of(t, trade)),
            _ => bars.push(Bar::of(t, trade)),
        }
    }
    bars
}

fn same(bars: &[Bar], expected: &[Bar], what: &str) {
    for (bar, expected) in bars.iter().zip(expected) {
        assert_eq!(bar, expected, "{what}");
    }
    assert_eq!(bars.len(), expected.len(), "{what}");
}

#[test]
fn candles_are_exactly_the_aggregate_of_the_trades() {
    for seed in 1..=3 {
        let market = market(seed);
        for name in ["BTC", "ETH", "kPEPE", "SUI", "xyz:NVDA", "PURR/USDC", "@107"] {
            let id = coin(&market, name);
            // Six hours up to the middle of a minute, from the start of a bar of every interval.
            let end = block() + 101;
            let from = (block() / BLOCKS_AN_HOUR - 6) * BLOCKS_AN_HOUR;
            let trades = market.trades(id, from, end);
            assert!(!trades.is_empty(), "{name} never trades");
            for interval in [
                Interval::M1,
                Interval::M3,
                Interval::M5,
                Interval::M15,
                Interval::M30,
                Interval::H1,
            ] {
                let bars = market.bars(id, interval, from * BLOCK_MS, START + 60_000, end);
                same(
                    &bars,
                    &fold(interval, &trades),
                    &format!("seed {seed} {name} {interval:?}"),
                );
            }
        }
    }
}

#[test]
fn long_candles_are_the_aggregate_of_short_ones() {
    let market = market(5);
    for name in ["BTC", "DOGE"] {
        let id = coin(&market, name);
        let from = START - 40 * 86_400_000;
        let hours = market.bars(id, Interval::H1, from, START, block());
        for interval in [
            Interval::H4,
            Interval::D1,
            Interval::D3,
            Interval::W1,
            Interval::Month,
        ] {
            let mut folded: Vec<Bar> = Vec::new();
            for hour in &hours {
                let t = interval.first_minute(hour.t / 60_000) * 60_000;
                match folded.last_mut() {
                    Some(bar) if bar.t == t => bar.append(hour),
                    _ => folded.push(Bar { t, ..*hour }),
                }
            }
            let bars = market.bars(id, interval, from, START, block());
            // The first long bar reaches further back than the hours do.
            same(&bars[1..], &folded[1..], &format!("{name} {interval:?}"));
        }
    }
}

#[test]
fn the_bar_so_far_is_the_last_bar() {
    let market = market(2);
    let id = coin(&market, "SOL");
    for after in [0, 1, 37, 239, 240, 5_000] {
        for interval in Interval::ALL {
            let block = block() + after;
            let time = market.block_time(block);
            let last = market.bars(id, interval, time, time, block).pop();
            assert_eq!(
                market.bar_so_far(id, interval, block),
                last,
                "{interval:?} after {after}"
            );
        }
    }
}

#[test]
fn trades_print_at_the_touch_of_their_block() {
    for seed in 1..=3 {
        let market = market(seed);
        for (id, coin) in market.universe.iter() {
            for trade in market.trades(id, block(), block() + BLOCKS_AN_HOUR) {
                let touch = market.touch(id, Market::block_at(trade.time));
                let print = match trade.side {
                    Side::Buy => touch.ask,
                    Side::Sell => touch.bid,
                };
                assert_eq!(trade.px, print, "seed {seed} {} {trade:?} {touch:?}", coin.name);
            }
        }
    }
}

#[test]
fn books_are_sorted_never_crossed_and_start_at_the_touch() {
    let groupings = [
        None,
        Some(Grouping {
            figures: 5,
            mantissa: 1,
        }),
        Some(Grouping {
            figures: 5,
            mantissa: 2,
        }),
        Some(Grouping {
            figures: 5,
            mantissa: 5,
        }),
        Some(Grouping {
            figures: 4,
            mantissa: 1,
        }),
        Some(Grouping {
            figures: 2,
            mantissa: 1,
        }),
    ];
    for seed in 1..=4 {
        let market = market(seed);
        for (id, coin) in market.universe.iter() {
            for step in 0..60 {
                let block = block() + step * 977;
                let touch = market.touch(id, block);
                for grouping in groupings {
                    let book = market.book(id, block, 20, grouping);
                    let at = || format!("seed {seed} {} block {block} {grouping:?} {book:?}", coin.name);
                    assert!(book.bids.len() <= 20 && book.asks.len() <= 20, "{}", at());
                    assert!(
                        book.bids.windows(2).all(|pair| pair[0].px > pair[1].px),
                        "{}",
                        at()
                    );
                    assert!(
                        book.asks.windows(2).all(|pair| pair[0].px < pair[1].px),
                        "{}",
                        at()
                    );
                    assert!(
                        book.bids.iter().chain(&book.asks).all(|l| l.lots > 0 && l.n > 0),
                        "{}",
                        at()
                    );
                    if let (Some(bid), Some(ask)) = (book.bids.first(), book.asks.first()) {
                        assert!(bid.px < ask.px, "crossed: {}", at());
                        assert!(
                            bid.px <= touch.bid && ask.px >= touch.ask,
                            "inside the touch: {}",
                            at()
                        );
                        if grouping.is_none() {
                            assert_eq!((bid.px, ask.px), (touch.bid, touch.ask), "{}", at());
                            assert_eq!((book.bids.len(), book.asks.len()), (20, 20), "{}", at());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn prices_keep_the_venues_rule() {
    let market = market(9);
    for (id, coin) in market.universe.iter() {
        for step in 0..200 {
            let touch = market.touch(id, block() + step * 1_009);
            for px in [touch.bid, touch.ask] {
                let text = px.to_string();
                let (whole, rest) = text.split_once('.').unwrap();
                let decimals = if rest == "0" { 0 } else { rest.len() };
                let figures = format!("{whole}{rest}").trim_start_matches('0').len();
                let most = if coin.name.contains(['@', '/', '#']) { 8 } else { 6 };
                assert!(decimals == 0 || figures <= 5, "{} {text}", coin.name);
                assert!(
                    decimals + coin.sz_decimals as usize <= most || decimals == 0,
                    "{} {text}",
                    coin.name
                );
            }
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let story = |market: &Market| {
        let id = coin(market, "BTC");
        (
            market.trades(id, block(), block() + 4_000),
            market.bars(id, Interval::D1, 0, START, block()),
        )
    };
    assert_eq!(story(&market(1)), story(&market(1)));
    assert_ne!(story(&market(1)).0, story(&market(2)).0);
}

#[test]
fn the_order_of_questions_does_not_change_the_answers() {
    let (forward, backward) = (market(4), market(4));
    let id = coin(&forward, "ETH");
    let blocks: Vec<i64> = (0..50).map(|i| block() + i * 331).collect();
    let look = |market: &Market, block: i64| {
        (
            market.touch(id, block),
            market.trades(id, block - 300, block),
            market.day(id, block),
        )
    };
    let ahead: Vec<_> = blocks.iter().map(|block| look(&forward, *block)).collect();
    let mut behind: Vec<_> = blocks.iter().rev().map(|block| look(&backward, *block)).collect();
    behind.reverse();
    assert_eq!(ahead, behind);
}

#[test]
fn trade_ids_are_unique() {
    let market = market(6);
    let mut seen = HashSet::new();
    let mut count = 0;
    for (id, _) in market.universe.iter() {
        for trade in market.trades(id, block() - 12 * BLOCKS_AN_HOUR, block()) {
            assert!(trade.tid < 1 << 50);
            seen.insert(trade.tid);
            count += 1;
        }
    }
    assert_eq!(seen.len(), count);
    assert!(count > 100_000, "{count} trades are a sleepy market");
}

#[test]
fn trades_are_in_order_of_time() {
    let market = market(7);
    let id = coin(&market, "BTC");
    let trades = market.trades(id, block(), block() + BLOCKS_AN_HOUR);
    assert!(trades.windows(2).all(|pair| pair[0].time <= pair[1].time));
    let recent = market.recent(id, block() + BLOCKS_AN_HOUR, 300);
    let mut newest_first = trades[trades.len() - 300..].to_vec();
    newest_first.reverse();
    assert_eq!(recent, newest_first);
}

#[test]
fn day_figures_are_those_of_the_last_day_of_minutes() {
    let market = market(8);
    for name in ["BTC", "HYPE", "@107"] {
        let id = coin(&market, name);
        for after in [0, 100, 240 * 3, 240 * 500] {
            let block = block() + after;
            let now = block * BLOCK_MS;
            let minute = now.div_euclid(60_000) * 60_000;
            let bars = market.bars(id, Interval::M1, minute - 86_400_000, now, block);
            let day = market.day(id, block);
            assert_eq!(
                day.lots,
                bars.iter().map(|bar| bar.lots).sum::<i64>(),
                "{name} after {after}"
            );
            let one = 10_i128.pow(market.coin(id).sz_decimals);
            let worth = |px: i64, lots: i64| i128::from(px) * i128::from(lots) * 10 / one;
            let least: i128 = bars.iter().map(|bar| worth(bar.low.0, bar.lots)).sum();
            let most: i128 = bars.iter().map(|bar| worth(bar.high.0, bar.lots)).sum();
            assert!(
                (least - 1_000..=most + 1_000).contains(&day.notional),
                "{name} {least} {} {most}",
                day.notional
            );
        }
    }
}

#[test]
fn coins_move_together_but_not_in_step() {
    let market = Market::new(&Config {
        coins: 40,
        ..Config::small()
    });
    let returns = |name: &str| {
        let bars = market.bars(
            coin(&market, name),
            Interval::D1,
            START - 90 * 86_400_000,
            START,
            block(),
        );
        bars.windows(2)
            .map(|pair| (pair[1].close.to_f64() / pair[0].close.to_f64()).ln())
            .collect::<Vec<f64>>()
    };
    let btc = returns("BTC");
    assert!(btc.len() > 80);
    for name in ["ETH", "SOL", "DOGE"] {
        let r = correlation(&btc, &returns(name));
        assert!((0.2..0.99).contains(&r), "{name} correlates with BTC by {r}");
    }
}

#[test]
fn wild_minutes_come_in_rows() {
    let market = market(3);
    let bars = market.bars(
        coin(&market, "BTC"),
        Interval::M1,
        START - 3 * 86_400_000,
        START,
        block(),
    );
    let moves: Vec<f64> = bars
        .iter()
        .map(|bar| (bar.close.to_f64() / bar.open.to_f64()).ln().abs())
        .collect();
    let r = correlation(&moves[1..], &moves[..moves.len() - 1]);
    assert!(r > 0.05, "the size of a move says nothing about the next: {r}");
}

#[test]
fn sizes_have_a_heavy_tail() {
    let market = market(3);
    let trades = market.trades(coin(&market, "BTC"), block(), block() + BLOCKS_AN_HOUR);
    let mut lots: Vec<i64> = trades.iter().map(|trade| trade.lots).collect();
    lots.sort_unstable();
    let (median, largest) = (lots[lots.len() / 2], lots[lots.len() - 1]);
    assert!(largest > 30 * median, "median {median}, largest {largest}");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let cov: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let var = |x: &[f64], m: f64| x.iter().map(|v| (v - m).powi(2)).sum::<f64>();
    cov / (var(a, ma) * var(b, mb)).sqrt()
}
