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
mod history;
mod minute;
mod names;
mod prints;
mod recent;
mod trade;
mod universe;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::bar::{Bar, Interval};
pub use self::book::{Book, Grouping, Level};
pub use self::coin::{Coin, CoinId, Kind};
pub use self::decimal::Px;
pub use self::history::DayFigures;
pub use self::minute::BLOCK_MS;
pub use self::trade::{Side, Touch, Trade};
pub use self::universe::Universe;

pub(crate) use self::decimal::scaled;
pub(crate) use self::dice::{Draw, mix, roll, unit};

use self::coin::Sides;
use self::history::Window;
use self::minute::{BLOCKS, Minute, Sketch};
use self::recent::Recent;
use self::walk::{DAY, HourPath, Regimes, Walk};
use crate::exchange::config::Config;

/// Standard deviation of the market factor's daily log return.
const MARKET_SIGMA: f64 = 0.021;
/// How far back `recent` looks for trades of a quiet coin, in minutes.
const RECENT_MINUTES: i64 = 360;

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

impl Market {
    /// The market of a seed. It does not depend on when it is asked: two programs with the same configuration, started at
    /// different times, live in the same market.
    pub fn new(config: &Config) -> Self {
        let regimes = Arc::new(Regimes::new(config.seed));
        let universe = Universe::new(config, &regimes);
        let factor_key = roll(config.seed, Draw::Coin, -1);
        let cache = || Cache {
            hours: Recent::new(2),
            minutes: Recent::new(3),
            days: HashMap::new(),
            window: None,
        };
        Self {
            seed: config.seed,
            factor: Walk::new(factor_key, regimes, MARKET_SIGMA),
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
        let from = from.max(self.coin(id).listed * DAY * BLOCKS);
        if to < from {
            return trades;
        }
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
