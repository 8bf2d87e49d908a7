//! The price path: a random walk in log space that can be looked at anywhere without walking there.
//!
//! Days are a walk from the genesis; the hours of a day and the minutes of an hour are bridges between their ends. One
//! walk is the market, every coin has its own, and a coin's price is its beta times the first plus the second.
//! Volatility clusters: a regime over the days, a profile over the hours, bursts over the minutes.

use std::sync::{Arc, Mutex, PoisonError};

use crate::exchange::market::dice::{Draw, bell, roll, stream};

/// What is left of an offset after a day.
const RETURN: f32 = 0.995;
/// The day all walks begin at zero: 1 January 2023.
pub(crate) const GENESIS: i64 = 19_358;
/// Days after the genesis whose regime is computed at once: until 2033.
const KNOWN: i64 = 4_000;
/// Minutes of a day.
pub(crate) const DAY: i64 = 1_440;

/// One hour of a path: the log offset at each minute's edge, and how busy each minute is (1 is usual).
#[derive(Clone, Debug)]
pub(crate) struct HourPath {
    pub(crate) edge: [f64; 61],
    pub(crate) busy: [f64; 60],
}

/// How wild the days of a market are, the same for all its walks: wild days come in rows and are wild for all.
#[derive(Debug)]
pub(crate) struct Regimes {
    key: u64,
    /// Of the days since the genesis that will mostly be asked for.
    known: Vec<f64>,
}

impl Regimes {
    pub(crate) fn new(key: u64) -> Self {
        Self {
            key,
            known: (GENESIS..GENESIS + KNOWN).map(|day| regime(key, day)).collect(),
        }
    }

    fn of(&self, day: i64) -> f64 {
        let known = usize::try_from(day - GENESIS)
            .ok()
            .and_then(|i| self.known.get(i));
        known.copied().unwrap_or_else(|| regime(self.key, day))
    }
}

/// A walk with its own dice.
#[derive(Debug)]
pub(crate) struct Walk {
    key: u64,
    regimes: Arc<Regimes>,
    /// Standard deviation of a usual day's log return.
    sigma: f64,
    /// Offsets at the start of the days since the genesis, as far as anyone asked; single precision is plenty.
    days: Mutex<Vec<f32>>,
}

impl Walk {
    pub(crate) fn new(key: u64, regimes: Arc<Regimes>, sigma: f64) -> Self {
        Self {
            key,
            regimes,
            sigma,
            days: Mutex::new(vec![0.0]),
        }
    }

    /// Standard deviation of the log return of one minute of a usual hour of `day`.
    pub(crate) fn minute_sigma(&self, day: i64) -> f64 {
        self.sigma * self.regimes.of(day) / (DAY as f64).sqrt()
    }

    /// The path of the hour (counted since 1970).
    pub(crate) fn hour(&self, hour: i64) -> HourPath {
        let (day, of_day) = (hour.div_euclid(24), hour.rem_euclid(24) as usize);
        let sigma = self.sigma * self.regimes.of(day);
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

    /// The log offset at the start of `day`: a walk that is drawn back to zero over months, so that prices keep their order
    /// of magnitude over years.
    fn day_start(&self, day: i64) -> f64 {
        let Ok(day) = usize::try_from(day - GENESIS) else {
            return 0.0;
        };
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        while days.len() <= day {
            let last = days.len() - 1;
            let step = self.daily_return(GENESIS + last as i64) as f32;
            let next = RETURN * days[last] + step;
            days.push(next);
        }
        f64::from(days[day])
    }

    fn daily_return(&self, day: i64) -> f64 {
        self.sigma * self.regimes.of(day) * bell(roll(self.key, Draw::Day, day))
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

    fn walk(key: u64) -> Walk {
        Walk::new(key, Arc::new(Regimes::new(8)), 0.04)
    }

    #[test]
    fn the_path_is_continuous_over_hours_and_days() {
        let walk = walk(7);
        for hour in (GENESIS - 2) * 24..(GENESIS + 300) * 24 {
            let (here, next) = (walk.hour(hour), walk.hour(hour + 1));
            assert!(
                (here.edge[60] - next.edge[0]).abs() < 1e-9,
                "hour {hour} does not meet the next"
            );
        }
    }

    #[test]
    fn the_path_does_not_depend_on_what_was_asked_before() {
        let (early, late) = (walk(3), walk(3));
        let hour = (GENESIS + 900) * 24 + 5;
        early.hour((GENESIS + 10) * 24);
        assert_eq!(early.hour(hour).edge, late.hour(hour).edge);
        assert_eq!(early.hour(hour - 8_000).edge, late.hour(hour - 8_000).edge);
    }

    #[test]
    fn the_path_keeps_near_zero_over_years() {
        let walk = walk(5);
        let furthest = (0..3_000)
            .map(|day| walk.day_start(GENESIS + day).abs())
            .fold(0.0, f64::max);
        assert!((0.2..2.5).contains(&furthest), "{furthest}");
    }
}
