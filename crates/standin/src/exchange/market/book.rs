//! The order book around a touch: its levels, and the same levels grouped as `nSigFigs` and `mantissa` ask.
//!
//! A level is a function of its price and of a slow clock, so that levels stay while the touch moves, and change here and
//! there. Far from the touch only round prices hold orders, so that a book reaches far with few levels.

use crate::exchange::market::coin::{Coin, Sides};
use crate::exchange::market::decimal::{PX_ONE, Px};
use crate::exchange::market::dice::{Draw, bell, mix, roll, unit};
use crate::exchange::market::trade::Touch;

/// A price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price.
    pub px: Px,
    /// Size in the coin's lots.
    pub lots: i64,
    /// Orders.
    pub n: u32,
}

/// Both sides of a book, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Bids, falling.
    pub bids: Vec<Level>,
    /// Asks, rising.
    pub asks: Vec<Level>,
    /// Best ask minus best bid before grouping; `None` if a side is empty.
    pub spread: Option<Px>,
}

/// How a book is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grouping {
    /// Significant figures of a price, 2 to 5.
    pub figures: u32,
    /// Step in the last figure: 1, 2 or 5.
    pub mantissa: u32,
}

/// Steps between candidates and how many of them, from the touch outwards.
const REACH: [(i64, usize); 4] = [(1, 60), (10, 50), (100, 50), (1_000, 40)];

/// The book of a coin in a block, `depth` levels a side.
pub(crate) fn book(coin: &Coin, touch: Touch, block: i64, depth: usize, grouping: Option<Grouping>) -> Book {
    let (bids, asks) = match coin.sides {
        Sides::Both => (true, true),
        Sides::BidsOnly => (true, false),
        Sides::Neither => (false, false),
    };
    let raw_depth = if grouping.is_some() { usize::MAX } else { depth };
    let mut book = Book {
        spread: (bids && asks).then(|| Px(touch.ask.0 - touch.bid.0)),
        ..Book::default()
    };
    if bids {
        book.bids = side(coin, touch.bid, block, -1, raw_depth);
    }
    if asks {
        book.asks = side(coin, touch.ask, block, 1, raw_depth);
    }
    if let Some(grouping) = grouping {
        book.bids = group(&book.bids, depth, |px| {
            px / step(px, grouping) * step(px, grouping)
        });
        book.asks = group(&book.asks, depth, |px| {
            let step = step(px, grouping);
            (px + step - 1) / step * step
        });
    }
    book
}

fn side(coin: &Coin, best: Px, block: i64, direction: i64, depth: usize) -> Vec<Level> {
    let mut levels = vec![level(coin, best, block, direction, 0)];
    let tick = coin.grid.tick(best.0);
    let mut last = best.0;
    let mut distance = 0;
    for (step, candidates) in REACH {
        for _ in 0..candidates {
            if levels.len() >= depth {
                return levels;
            }
            distance += step;
            // Round prices: the next multiple of the step, seen from the touch.
            let unit = step * tick;
            let raw = best.0 + direction * distance * tick;
            let raw = if direction < 0 {
                raw.div_euclid(unit) * unit
            } else {
                -((-raw).div_euclid(unit) * unit)
            };
            if raw < coin.grid.smallest() {
                return levels;
            }
            let px = coin.grid.snap(raw as f64 / PX_ONE as f64);
            if (px.0 - last) * direction <= 0 || !stands(coin, px, block) {
                continue;
            }
            last = px.0;
            levels.push(level(coin, px, block, direction, distance));
        }
    }
    levels
}

/// Whether there are orders at a price at all; thin coins have gaps.
fn stands(coin: &Coin, px: Px, block: i64) -> bool {
    let share = 0.35 + 0.6 * (coin.rate / (coin.rate + 4.0));
    unit(roll(mix(coin.key, px.0 as u64), Draw::Level, epoch(px, block))) < share
}

fn level(coin: &Coin, px: Px, block: i64, direction: i64, distance: i64) -> Level {
    let bits = roll(
        mix(coin.key, (px.0 * direction) as u64),
        Draw::Level,
        7 + epoch(px, block),
    );
    // The touch changes with every block: it is what trades eat.
    let bits = if distance == 0 {
        mix(bits, block.div_euclid(2) as u64)
    } else {
        bits
    };
    let usual =
        coin.mean_lots * (1.5 + 6.0 * (1.0 - (-(distance as f64) / 12.0).exp()) + distance as f64 / 40.0);
    let lots = ((usual * (0.9 * bell(bits)).exp()) as i64).max(1);
    let orders = 1 + (lots as f64 / usual * 4.0 * unit(mix(bits, 2))) as u32;
    Level {
        px,
        lots,
        n: orders.min(lots.min(90) as u32),
    }
}

/// A clock of some ten seconds, started apart for each price so that not all levels change at once.
fn epoch(px: Px, block: i64) -> i64 {
    (block + (mix(px.0 as u64, 11) % 48) as i64).div_euclid(48)
}

fn step(px: i64, grouping: Grouping) -> i64 {
    let power = px.max(1).ilog10().saturating_sub(grouping.figures - 1);
    10_i64.pow(power) * i64::from(grouping.mantissa)
}

fn group(levels: &[Level], depth: usize, bucket: impl Fn(i64) -> i64) -> Vec<Level> {
    let mut grouped: Vec<Level> = Vec::new();
    for level in levels {
        let px = Px(bucket(level.px.0));
        if let Some(last) = grouped.last_mut().filter(|last| last.px == px) {
            last.lots += level.lots;
            last.n += level.n;
            continue;
        }
        if grouped.len() == depth {
            break;
        }
        grouped.push(Level { px, ..*level });
    }
    // A bucket that would start at zero has no price anyone could trade at.
    grouped.retain(|level| level.px.0 > 0);
    grouped
}
