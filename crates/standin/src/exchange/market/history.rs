//! What was: bars of any interval, and the figures of the last 24 hours. Whole days are remembered, the rest is computed.

use crate::exchange::market::bar::{Bar, Interval};
use crate::exchange::market::coin::CoinId;
use crate::exchange::market::decimal::Px;
use crate::exchange::market::minute::{self, BLOCKS};
use crate::exchange::market::walk::DAY;
use crate::exchange::market::{Market, sketch};

/// Bars of one answer at most.
const MOST_BARS: i64 = 5_000;

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

/// Sums over the 24 hours before a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    end: i64,
    lots: i64,
    notional: i128,
}

impl Market {
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
}
