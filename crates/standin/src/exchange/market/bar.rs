//! Bars: what trades over a stretch of time come to, and the venue's intervals.

use serde::{Deserialize, Serialize};

use crate::exchange::market::decimal::Px;
use crate::exchange::market::trade::Trade;

/// Open, high, low, close, volume and count over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Start, Unix ms.
    pub t: i64,
    /// First price.
    pub open: Px,
    /// Highest price.
    pub high: Px,
    /// Lowest price.
    pub low: Px,
    /// Last price.
    pub close: Px,
    /// Volume in the coin's lots.
    pub lots: i64,
    /// Number of trades.
    pub n: u32,
}

impl Bar {
    /// The bar of one trade, for the stretch that starts at `t`.
    pub fn of(t: i64, trade: &Trade) -> Self {
        Self {
            t,
            open: trade.px,
            high: trade.px,
            low: trade.px,
            close: trade.px,
            lots: trade.lots,
            n: 1,
        }
    }

    /// Appends what came after.
    pub fn append(&mut self, later: &Bar) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.lots += later.lots;
        self.n += later.n;
    }
}

/// The lengths of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Interval {
    #[serde(rename = "1m")]
    M1,
    #[serde(rename = "3m")]
    M3,
    #[serde(rename = "5m")]
    M5,
    #[serde(rename = "15m")]
    M15,
    #[serde(rename = "30m")]
    M30,
    #[serde(rename = "1h")]
    H1,
    #[serde(rename = "2h")]
    H2,
    #[serde(rename = "4h")]
    H4,
    #[serde(rename = "8h")]
    H8,
    #[serde(rename = "12h")]
    H12,
    #[serde(rename = "1d")]
    D1,
    #[serde(rename = "3d")]
    D3,
    #[serde(rename = "1w")]
    W1,
    #[serde(rename = "1M")]
    Month,
}

impl Interval {
    /// All of them, shortest first.
    pub const ALL: [Interval; 14] = [
        Interval::M1,
        Interval::M3,
        Interval::M5,
        Interval::M15,
        Interval::M30,
        Interval::H1,
        Interval::H2,
        Interval::H4,
        Interval::H8,
        Interval::H12,
        Interval::D1,
        Interval::D3,
        Interval::W1,
        Interval::Month,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Interval::M1 => "1m",
            Interval::M3 => "3m",
            Interval::M5 => "5m",
            Interval::M15 => "15m",
            Interval::M30 => "30m",
            Interval::H1 => "1h",
            Interval::H2 => "2h",
            Interval::H4 => "4h",
            Interval::H8 => "8h",
            Interval::H12 => "12h",
            Interval::D1 => "1d",
            Interval::D3 => "3d",
            Interval::W1 => "1w",
            Interval::Month => "1M",
        }
    }

    /// Its minutes; `None` for the month, which has no fixed length.
    fn minutes(self) -> Option<i64> {
        Some(match self {
            Interval::M1 => 1,
            Interval::M3 => 3,
            Interval::M5 => 5,
            Interval::M15 => 15,
            Interval::M30 => 30,
            Interval::H1 => 60,
            Interval::H2 => 120,
            Interval::H4 => 240,
            Interval::H8 => 480,
            Interval::H12 => 720,
            Interval::D1 => 1_440,
            Interval::D3 => 3 * 1_440,
            Interval::W1 => 7 * 1_440,
            Interval::Month => return None,
        })
    }

    /// First minute (since 1970) of the bar that `minute` lies in.
    pub fn first_minute(self, minute: i64) -> i64 {
        match self.minutes() {
            Some(length) => minute.div_euclid(length) * length,
            None => {
                let (year, month) = month_of(minute.div_euclid(1_440));
                day_of(year, month) * 1_440
            }
        }
    }

    /// First minute of the bar after the one that starts at `first`.
    pub fn next(self, first: i64) -> i64 {
        match self.minutes() {
            Some(length) => first + length,
            None => {
                let (year, month) = month_of(first.div_euclid(1_440));
                let (year, month) = if month == 12 {
                    (year + 1, 1)
                } else {
                    (year, month + 1)
                };
                day_of(year, month) * 1_440
            }
        }
    }
}

/// Year and month of a day since 1970 (the civil calendar of Howard Hinnant's `civil_from_days`).
fn month_of(day: i64) -> (i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month)
}

/// Day since 1970 of the first of a month.
fn day_of(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        assert_eq!(day_of(2026, 11), 20_758);
        assert_eq!(month_of(20_758 + 29), (2026, 11));
        assert_eq!(month_of(20_758 + 30), (2026, 12));
        let november = Interval::Month.first_minute((20_758 + 12) * 1_440 + 77);
        assert_eq!(november, 20_758 * 1_440);
        assert_eq!(Interval::Month.next(november), (20_758 + 30) * 1_440);
    }

    #[test]
    fn every_interval_has_the_name_serde_reads() {
        for interval in Interval::ALL {
            let text = serde_json::to_string(&interval).unwrap();
            assert_eq!(text, format!("\"{}\"", interval.name()));
        }
    }
}
