//! The price path: a random walk in log space that can be looked at anywhere without walking there.
//!
//! Days are a walk from the origin; the hours of a day and the minutes of an hour are bridges between their ends. One
//! walk is the market, every coin has its own, and a coin's price is its beta times the first plus the second.
//! Volatility clusters: a regime over the days, a profile over the hours, bursts over the minutes.

use crate::exchange::market::dice::{Draw, bell, roll, stream};

/// What is left of an offset after a day.
const RETURN: f64 = 0.995;
/// Minutes of a day.
pub(crate) const DAY: i64 = 1_440;

/// One hour of a path: the log offset at each minute's edge, and how busy each minute is (1 is usual).
#[derive(Clone, Debug)]
pub(crate) struct HourPath {
    pub(crate) edge: [f64; 61],
    pub(crate) busy: [f64; 60],
}

/// A walk with its own dice.
#[derive(Debug)]
pub(crate) struct Walk {
    key: u64,
    /// Shared by all walks of a market, so that wild days are wild for all.
    regime_key: u64,
    /// Standard deviation of a usual day's log return.
    sigma: f64,
    /// Day (since 1970) at whose start the walk is zero.
    origin: i64,
    /// Offsets at the start of the days before the origin, nearest first; computed when first needed.
    past: std::sync::OnceLock<Vec<f64>>,
    depth: i64,
}

impl Walk {
    pub(crate) fn new(key: u64, regime_key: u64, sigma: f64, origin: i64, depth: i64) -> Self {
        Self {
            key,
            regime_key,
            sigma,
            origin,
            past: std::sync::OnceLock::new(),
            depth,
        }
    }

    /// Standard deviation of the log return of one minute of a usual hour of `day`.
    pub(crate) fn minute_sigma(&self, day: i64) -> f64 {
        self.sigma * regime(self.regime_key, day) / (DAY as f64).sqrt()
    }

    /// The path of the hour (counted since 1970).
    pub(crate) fn hour(&self, hour: i64) -> HourPath {
        let (day, of_day) = (hour.div_euclid(24), hour.rem_euclid(24) as usize);
        let sigma = self.sigma * regime(self.regime_key, day);
        let whole = self.day_start(day + 1) - self.day_start(day);
        let hours = bridge::<24>(self.key, Draw::Hour, day, whole, |i| {
            sigma * (season(i) / 24.0).sqrt()
        });
        let start = self.day_start(day) + hours[of_day];
        let step = hours.get(of_day + 1).copied().unwrap_or(whole) - hours[of_day];

        let mut busy = [1.0; 60];
        for (minute, busy) in busy.iter_mut().enumerate() {
            let at = hour * 60 + minute as i64;
            // Three neighbouring draws: a burst lasts some minutes.
            let burst: f64 = (0..3)
                .map(|back| bell(roll(self.key, Draw::Activity, at - back)) * [0.7, 0.4, 0.2][back as usize])
                .sum();
            *busy = season(of_day) * (0.7 * burst - 0.15).exp();
        }
        let minutes = bridge::<60>(self.key, Draw::Minute, hour, step, |i| {
            sigma * (busy[i] / DAY as f64).sqrt()
        });
        let mut edge = [start + step; 61];
        for (i, offset) in minutes.iter().enumerate() {
            edge[i] = start + offset;
        }
        HourPath { edge, busy }
    }

    /// The log offset at the start of `day`: a walk away from the origin, drawn back to it over months, so that prices
    /// keep their order of magnitude over years.
    fn day_start(&self, day: i64) -> f64 {
        if day >= self.origin {
            return (self.origin..day).fold(0.0, |offset, day| RETURN * offset + self.daily_return(day));
        }
        let past = self.past.get_or_init(|| {
            let mut offset = 0.0;
            (1..=self.depth)
                .map(|back| {
                    offset = RETURN * offset - self.daily_return(self.origin - back);
                    offset
                })
                .collect()
        });
        let back = (self.origin - day).min(self.depth) as usize;
        past.get(back - 1).copied().unwrap_or(0.0)
    }

    fn daily_return(&self, day: i64) -> f64 {
        self.sigma * regime(self.regime_key, day) * bell(roll(self.key, Draw::Day, day))
    }
}

/// How wild a day is (1 is usual): an average over the days before, so wild days come in rows.
fn regime(key: u64, day: i64) -> f64 {
    let mut weight = 1.0;
    let mut level = 0.0;
    for back in 0..10 {
        level += weight * bell(roll(key, Draw::Regime, day - back));
        weight *= 0.8;
    }
    (0.22 * level).exp()
}

/// How busy an hour of the day (UTC) is; the 24 average one.
fn season(of_day: usize) -> f64 {
    let phase = (of_day as f64 - 15.0) / 24.0 * std::f64::consts::TAU;
    1.0 + 0.35 * phase.cos()
}

/// Offsets at the start of each of `N` steps whose sum is exactly `total`.
fn bridge<const N: usize>(
    key: u64,
    what: Draw,
    at: i64,
    total: f64,
    sigma: impl Fn(usize) -> f64,
) -> [f64; N] {
    let mut rng = stream(key, what, at);
    let mut offsets = [0.0; N];
    let mut sum = 0.0;
    for (i, offset) in offsets.iter_mut().enumerate() {
        *offset = sum;
        sum += sigma(i) * bell(rng.u64(..));
    }
    for (i, offset) in offsets.iter_mut().enumerate() {
        *offset += (total - sum) * i as f64 / N as f64;
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_continuous_over_hours_and_days() {
        let walk = Walk::new(7, 8, 0.04, 20_000, 400);
        for hour in (20_000 - 300) * 24..(20_000 + 5) * 24 {
            let (here, next) = (walk.hour(hour), walk.hour(hour + 1));
            assert!(
                (here.edge[60] - next.edge[0]).abs() < 1e-9,
                "hour {hour} does not meet the next"
            );
        }
    }

    #[test]
    fn the_walk_is_zero_at_its_origin() {
        let walk = Walk::new(1, 2, 0.03, 20_000, 10);
        assert_eq!(walk.hour(20_000 * 24).edge[0], 0.0);
    }
}
