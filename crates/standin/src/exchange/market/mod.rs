//! The simulated market: correlated coins with books, trades, candles and day figures that agree with each other.
//!
//! It is a function of (seed, coin, time): nothing is stored but caches, any moment of the past or the future can be asked
//! for at any time, in any order, from any thread, and always answers the same. So a venue that was cut off, stalled or
//! restarted goes on exactly where the market is, and a test can ask afterwards what really happened.
//! It has no clock and no IO; time is an argument, in blocks (see [`BLOCK_MS`]).

mod bar;
mod book;
mod coin;
mod decimal;
mod dice;
mod minute;
mod names;
mod recent;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::bar::{Bar, Interval};
pub use self::book::{Book, Grouping, Level};
pub use self::coin::{Coin, CoinId, Kind, Universe};
pub use self::decimal::Px;
pub use self::minute::{BLOCK_MS, Side, Touch, Trade};

pub(crate) use self::decimal::scaled;
pub(crate) use self::dice::{Draw, mix, roll, unit};

use self::coin::Sides;
use self::minute::{BLOCKS, Minute, Sketch};
use self::recent::Recent;
use self::walk::{DAY, HourPath, Walk};
use crate::exchange::config::Config;

/// Standard deviation of the market factor's daily log return.
const MARKET_SIGMA: f64 = 0.021;
/// How far back `recent` looks for trades of a quiet coin, in minutes.
const RECENT_MINUTES: i64 = 360;
/// Bars of one `candleSnapshot` at most.
pub(crate) const MOST_BARS: i64 = 5_000;

/// What a coin did in the last 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayFigures {
    /// Price 24 hours ago.
    pub prev_px: Px,
    /// Volume in lots.
    pub lots: i64,
    /// Volume in dollars, in units of 1e-10.
    pub notional: i128,
}

/// The market of a seed.
#[derive(Debug)]
pub struct Market {
    /// All coins.
    pub universe: Universe,
    seed: u64,
    factor: Walk,
    /// Paths of the market factor, which every coin needs.
    factor_hours: Mutex<Recent<Arc<HourPath>>>,
    /// One per coin; holds only what can be computed again.
    caches: Vec<Mutex<Cache>>,
}

#[derive(Debug)]
struct Cache {
    hours: Recent<Arc<HourPath>>,
    minutes: Recent<Arc<Minute>>,
    /// Bars of whole days, at most as many as the market has days.
    days: HashMap<i64, Option<Bar>>,
    window: Option<Window>,
}

/// Sums over the 24 hours before a minute.
#[derive(Clone, Copy, Debug)]
struct Window {
    end: i64,
    lots: i64,
    notional: i128,
}

impl Market {
    /// The market of `config.seed` whose prices are the usual ones at `start` (Unix ms).
    pub fn new(config: &Config, start: i64) -> Self {
        let day = start.div_euclid(86_400_000);
        let universe = Universe::new(config, day);
        let factor_key = roll(config.seed, Draw::Coin, -1);
        let cache = || Cache {
            hours: Recent::new(2),
            minutes: Recent::new(3),
            days: HashMap::new(),
            window: None,
        };
        Self {
            seed: config.seed,
            factor: Walk::new(
                factor_key,
                config.seed,
                MARKET_SIGMA,
                day,
                config.history_days + 2,
            ),
            factor_hours: Mutex::new(Recent::new(64)),
            caches: (0..universe.len()).map(|_| Mutex::new(cache())).collect(),
            universe,
        }
    }

    /// The block that `time` (Unix ms) lies in.
    pub fn block_at(time: i64) -> i64 {
        time.div_euclid(BLOCK_MS)
    }

    /// The time stamp of a block, Unix ms; everything that happens in it carries it.
    pub fn block_time(&self, block: i64) -> i64 {
        minute::block_time(self.seed, block)
    }

    /// The coin of an id.
    pub fn coin(&self, id: CoinId) -> &Coin {
        self.universe.coin(id)
    }

    /// Best bid and ask in a block; for a coin without a full book, where they would be.
    pub fn touch(&self, id: CoinId, block: i64) -> Touch {
        let coin = self.coin(id);
        if coin.delisted {
            let px = coin.grid.snap(coin.base);
            return Touch { bid: px, ask: px };
        }
        self.minute(id, block.div_euclid(BLOCKS)).touch(coin, block)
    }

    /// The mid price in a block; `None` if the book has no two sides.
    pub fn mid(&self, id: CoinId, block: i64) -> Option<Px> {
        let full = self.coin(id).sides == Sides::Both;
        full.then(|| self.touch(id, block).mid())
    }

    /// The book in a block.
    pub fn book(&self, id: CoinId, block: i64, depth: usize, grouping: Option<Grouping>) -> Book {
        book::book(self.coin(id), self.touch(id, block), block, depth, grouping)
    }

    /// All trades of the blocks `from..=to`, oldest first.
    pub fn trades(&self, id: CoinId, from: i64, to: i64) -> Vec<Trade> {
        let mut trades = Vec::new();
        for minute in from.div_euclid(BLOCKS)..=to.div_euclid(BLOCKS) {
            let minute = self.minute(id, minute);
            let first = minute
                .trades
                .partition_point(|trade| trade.time < from * BLOCK_MS);
            let end = minute
                .trades
                .partition_point(|trade| trade.time < (to + 1) * BLOCK_MS);
            trades.extend_from_slice(&minute.trades[first..end.max(first)]);
        }
        trades
    }

    /// The last `count` trades up to and with `block`, newest first. Looks back some hours only.
    pub fn recent(&self, id: CoinId, block: i64, count: usize) -> Vec<Trade> {
        let mut recent = Vec::new();
        let last = block.div_euclid(BLOCKS);
        for minute in (last - RECENT_MINUTES..=last).rev() {
            let trades = self.trades(id, minute * BLOCKS, block.min(minute * BLOCKS + BLOCKS - 1));
            recent.extend(trades.into_iter().rev().take(count - recent.len()));
            if recent.len() == count || self.coin(id).rate == 0.0 {
                break;
            }
        }
        recent
    }

    /// The bar that `block` lies in, as it stands after that block.
    pub fn bar_so_far(&self, id: CoinId, interval: Interval, block: i64) -> Option<Bar> {
        let minute = block.div_euclid(BLOCKS);
        self.bar(id, interval.first_minute(minute), minute + 1, block)
    }

    /// The bars from the one that contains `from` to the last that starts at or before `to` (Unix ms), as they stand after
    /// `block`: oldest first, the latest 5000 at most, none for stretches without trades.
    pub fn bars(&self, id: CoinId, interval: Interval, from: i64, to: i64, block: i64) -> Vec<Bar> {
        let now = block.div_euclid(BLOCKS);
        let listed = self.coin(id).listed * DAY;
        let to = to.div_euclid(60_000).min(now);
        let mut first = interval.first_minute(from.div_euclid(60_000).max(listed));
        let last = interval.first_minute(to);
        let length = (interval.next(last) - last).max(1);
        first = first.max(interval.first_minute(last - (MOST_BARS - 1) * length));

        let mut bars = Vec::new();
        while first <= last {
            let next = interval.next(first);
            bars.extend(self.bar(id, first, next.min(now + 1), block));
            first = next;
        }
        bars
    }

    /// What the coin did in the 24 hours up to `block`.
    pub fn day(&self, id: CoinId, block: i64) -> DayFigures {
        let minute = block.div_euclid(BLOCKS);
        let window = self.window(id, minute);
        let mut figures = DayFigures {
            prev_px: self.coin(id).grid.snap(self.sketch(id, minute - DAY).from),
            lots: window.lots,
            notional: window.notional,
        };
        if self.coin(id).delisted {
            figures.prev_px = self.coin(id).grid.snap(self.coin(id).base);
        }
        for trade in self.trades(id, minute * BLOCKS, block) {
            figures.lots += trade.lots;
            figures.notional += self.notional(id, trade.px, trade.lots);
        }
        figures
    }

    /// The bar of the minutes `from..to`; the minute of `block` counts up to `block` only.
    fn bar(&self, id: CoinId, from: i64, to: i64, block: i64) -> Option<Bar> {
        let mut bar: Option<Bar> = None;
        let mut append = |later: Option<Bar>| match (&mut bar, later) {
            (Some(bar), Some(later)) => bar.append(&later),
            (None, Some(later)) => {
                bar = Some(Bar {
                    t: from * 60_000,
                    ..later
                })
            }
            (_, None) => {}
        };
        let now = block.div_euclid(BLOCKS);
        let whole = to.min(now);
        let mut minute = from;
        while minute < whole {
            if minute.rem_euclid(DAY) == 0 && minute + DAY <= whole {
                append(self.day_bar(id, minute.div_euclid(DAY)));
                minute += DAY;
                continue;
            }
            let end = whole.min((minute.div_euclid(60) + 1) * 60);
            self.minute_bars(id, minute, end, |bar| append(Some(bar)));
            minute = end;
        }
        if to > now {
            for trade in self.trades(id, now * BLOCKS, block) {
                append(Some(Bar::of(now * 60_000, &trade)));
            }
        }
        bar
    }

    /// Calls `each` with the bars of the minutes `from..to`, which lie in one hour.
    fn minute_bars(&self, id: CoinId, from: i64, to: i64, mut each: impl FnMut(Bar)) {
        let coin = self.coin(id);
        if coin.rate == 0.0 || from < coin.listed * DAY {
            return;
        }
        let hour = from.div_euclid(60);
        let path = self.hour_path(coin, hour);
        let sigma = self.minute_sigma(coin, hour);
        for minute in from..to {
            if let Some(bar) = minute::bar(coin, &sketch(&path, sigma, minute)) {
                each(bar);
            }
        }
    }

    fn day_bar(&self, id: CoinId, day: i64) -> Option<Bar> {
        if let Some(bar) = self.cache(id).days.get(&day) {
            return *bar;
        }
        let mut whole: Option<Bar> = None;
        for hour in 0..24 {
            let from = day * DAY + hour * 60;
            self.minute_bars(id, from, from + 60, |bar| match &mut whole {
                Some(whole) => whole.append(&bar),
                None => whole = Some(bar),
            });
        }
        self.cache(id).days.insert(day, whole);
        whole
    }

    /// Sums over the minutes `end - DAY..end`, moved along from the last time.
    fn window(&self, id: CoinId, end: i64) -> Window {
        let known = self.cache(id).window;
        let (mut window, from) = match known {
            Some(window) if window.end <= end && end - window.end < DAY / 4 => (window, window.end),
            _ => (
                Window {
                    end,
                    lots: 0,
                    notional: 0,
                },
                end - DAY,
            ),
        };
        if from == end {
            return window;
        }
        let moved = from > end - DAY;
        self.add(id, from, end, 1, &mut window);
        if moved {
            self.add(id, from - DAY, end - DAY, -1, &mut window);
        }
        window.end = end;
        self.cache(id).window = Some(window);
        window
    }

    fn add(&self, id: CoinId, from: i64, to: i64, sign: i64, window: &mut Window) {
        let mut minute = from;
        while minute < to {
            let end = to.min((minute.div_euclid(60) + 1) * 60);
            self.minute_bars(id, minute, end, |bar| {
                let mean = Px((bar.open.0 + bar.high.0 + bar.low.0 + bar.close.0) / 4);
                window.lots += sign * bar.lots;
                window.notional += i128::from(sign) * self.notional(id, mean, bar.lots);
            });
            minute = end;
        }
    }

    /// Price times size, in units of 1e-10.
    fn notional(&self, id: CoinId, px: Px, lots: i64) -> i128 {
        i128::from(px.0) * i128::from(lots) * 10 / 10_i128.pow(self.coin(id).sz_decimals)
    }

    fn minute(&self, id: CoinId, number: i64) -> Arc<Minute> {
        if let Some(minute) = self.cache(id).minutes.find(number) {
            return minute;
        }
        let coin = self.coin(id);
        let sketch = self.sketch(id, number);
        let trades = coin.rate > 0.0 && number >= coin.listed * DAY;
        let bar = trades.then(|| minute::bar(coin, &sketch)).flatten();
        let minute = Arc::new(Minute::new(coin, id.0, self.seed, sketch, bar));
        self.cache(id).minutes.keep(number, minute)
    }

    fn sketch(&self, id: CoinId, minute: i64) -> Sketch {
        let coin = self.coin(id);
        let hour = minute.div_euclid(60);
        let known = self.cache(id).hours.find(hour);
        let path = known.unwrap_or_else(|| {
            let path = Arc::new(self.hour_path(coin, hour));
            self.cache(id).hours.keep(hour, path)
        });
        sketch(&path, self.minute_sigma(coin, hour), minute)
    }

    /// The log price of a coin over an hour: its share of the market's path and its own.
    fn hour_path(&self, coin: &Coin, hour: i64) -> HourPath {
        let known = locked(&self.factor_hours).find(hour);
        let market =
            known.unwrap_or_else(|| locked(&self.factor_hours).keep(hour, Arc::new(self.factor.hour(hour))));
        let mut path = coin.walk.hour(hour);
        let base = coin.base.ln();
        for (edge, market) in path.edge.iter_mut().zip(&market.edge) {
            *edge += base + coin.beta * market;
        }
        for (busy, market) in path.busy.iter_mut().zip(&market.busy) {
            *busy *= market.sqrt();
        }
        path
    }

    fn minute_sigma(&self, coin: &Coin, hour: i64) -> f64 {
        let day = hour.div_euclid(24);
        (coin.beta * self.factor.minute_sigma(day)).hypot(coin.walk.minute_sigma(day))
    }

    fn cache(&self, id: CoinId) -> std::sync::MutexGuard<'_, Cache> {
        locked(&self.caches[id.0 as usize])
    }
}

fn sketch(path: &HourPath, sigma: f64, minute: i64) -> Sketch {
    let of_hour = minute.rem_euclid(60) as usize;
    Sketch {
        minute,
        from: path.edge[of_hour].exp(),
        to: path.edge[of_hour + 1].exp(),
        sigma: sigma * path.busy[of_hour].sqrt(),
        busy: path.busy[of_hour],
    }
}

/// A cache whose holder panicked is still a cache: whatever it holds was complete when it was put there.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
