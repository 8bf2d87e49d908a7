//! What the market channels carry. Numbers are the exchange's own text; times are Unix milliseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol};

/// A publication of `prices`: the symbols that changed, or all of them in a snapshot.
pub type Prices = BTreeMap<Symbol, Price>;

/// The last price of one market.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Price {
    /// The mid price, in the quote currency.
    pub price: Decimal,
    /// How much the price rose since 24 hours ago, in percent; absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change24h: Option<Decimal>,
    /// What was traded in the last 24 hours, in the quote currency; absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume24h: Option<Decimal>,
    /// When the gateway received it, in Unix milliseconds (the exchange sends no time with prices).
    pub timestamp: u64,
}

/// A publication of `orderbook`: the whole book down to the topic's depth.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Book {
    /// The market.
    pub symbol: Symbol,
    /// Who wants to buy, best (highest) first.
    pub bids: Vec<BookLevel>,
    /// Who wants to sell, best (lowest) first.
    pub asks: Vec<BookLevel>,
    /// The exchange's time of the book, in Unix milliseconds.
    pub timestamp: u64,
    /// The exchange's time of the levels behind the first five of a side, where it sends those less often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_timestamp: Option<u64>,
}

/// One price level of a book; `[price, size]` on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "(Decimal, Decimal)", into = "(Decimal, Decimal)")]
pub struct BookLevel {
    /// The price.
    pub price: Decimal,
    /// How much is wanted or offered there, in the base currency.
    pub size: Decimal,
}

/// A publication of `trades`: one or more trades of one market, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trades {
    /// The market.
    pub symbol: Symbol,
    /// The trades, oldest first.
    pub trades: Vec<Trade>,
    /// Set when trades before these are missing and could not be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<TradeGap>,
}

/// One trade.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trade {
    /// The exchange's id of the trade; with `timestamp` it is the trade's identity within a market.
    pub id: u64,
    /// The price.
    pub price: Decimal,
    /// How much, in the base currency.
    pub size: Decimal,
    /// Who crossed the spread.
    pub side: Side,
    /// The exchange's time, in Unix milliseconds.
    pub timestamp: u64,
}

/// The side that took liquidity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The buyer crossed the spread.
    Buy,
    /// The seller crossed the spread.
    Sell,
}

/// Between two trades others may have happened that nobody here has seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TradeGap {
    /// The time of the last trade before the gap, in Unix milliseconds.
    pub from: u64,
    /// The time of the first trade behind the gap, in Unix milliseconds.
    pub to: u64,
}

/// A publication of `candles`: the bars that changed, or all of them in a snapshot; oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candles {
    /// The market.
    pub symbol: Symbol,
    /// The length of a bar.
    pub interval: Interval,
    /// The bars. One with the `time` of an earlier one replaces it.
    pub candles: Vec<Candle>,
}

/// One bar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candle {
    /// When the bar opened, in Unix milliseconds: its identity.
    pub time: u64,
    /// The first price.
    pub open: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// The lowest price.
    pub low: Decimal,
    /// The last price.
    pub close: Decimal,
    /// What was traded, in the base currency.
    pub volume: Decimal,
    /// How many trades.
    pub count: u64,
}

/// The length of a bar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[allow(missing_docs)] // The names say it.
pub enum Interval {
    Minute1,
    Minutes3,
    Minutes5,
    Minutes15,
    Minutes30,
    Hour1,
    Hours2,
    Hours4,
    Hours8,
    Hours12,
    Day1,
    Days3,
    Week1,
    Month1,
}

/// The text names no interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no interval; there are 1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M")]
pub struct UnknownInterval;

impl Interval {
    /// Every interval, shortest first.
    pub const ALL: [Interval; 14] = [
        Interval::Minute1,
        Interval::Minutes3,
        Interval::Minutes5,
        Interval::Minutes15,
        Interval::Minutes30,
        Interval::Hour1,
        Interval::Hours2,
        Interval::Hours4,
        Interval::Hours8,
        Interval::Hours12,
        Interval::Day1,
        Interval::Days3,
        Interval::Week1,
        Interval::Month1,
    ];

    /// The name on the wire: `1m` … `1M`.
    pub fn as_str(self) -> &'static str {
        match self {
            Interval::Minute1 => "1m",
            Interval::Minutes3 => "3m",
            Interval::Minutes5 => "5m",
            Interval::Minutes15 => "15m",
            Interval::Minutes30 => "30m",
            Interval::Hour1 => "1h",
            Interval::Hours2 => "2h",
            Interval::Hours4 => "4h",
            Interval::Hours8 => "8h",
            Interval::Hours12 => "12h",
            Interval::Day1 => "1d",
            Interval::Days3 => "3d",
            Interval::Week1 => "1w",
            Interval::Month1 => "1M",
        }
    }

    /// The length in milliseconds; of a month, 30 days.
    pub fn millis(self) -> u64 {
        const MINUTE: u64 = 60_000;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        match self {
            Interval::Minute1 => MINUTE,
            Interval::Minutes3 => 3 * MINUTE,
            Interval::Minutes5 => 5 * MINUTE,
            Interval::Minutes15 => 15 * MINUTE,
            Interval::Minutes30 => 30 * MINUTE,
            Interval::Hour1 => HOUR,
            Interval::Hours2 => 2 * HOUR,
            Interval::Hours4 => 4 * HOUR,
            Interval::Hours8 => 8 * HOUR,
            Interval::Hours12 => 12 * HOUR,
            Interval::Day1 => DAY,
            Interval::Days3 => 3 * DAY,
            Interval::Week1 => 7 * DAY,
            Interval::Month1 => 30 * DAY,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Interval {
    type Err = UnknownInterval;

    fn from_str(text: &str) -> Result<Self, UnknownInterval> {
        Interval::ALL
            .into_iter()
            .find(|interval| interval.as_str() == text)
            .ok_or(UnknownInterval)
    }
}

impl From<Interval> for &'static str {
    fn from(interval: Interval) -> Self {
        interval.as_str()
    }
}

impl TryFrom<String> for Interval {
    type Error = UnknownInterval;

    fn try_from(text: String) -> Result<Self, UnknownInterval> {
        text.parse()
    }
}

impl From<(Decimal, Decimal)> for BookLevel {
    fn from((price, size): (Decimal, Decimal)) -> Self {
        BookLevel { price, size }
    }
}

impl From<BookLevel> for (Decimal, Decimal) {
    fn from(level: BookLevel) -> Self {
        (level.price, level.size)
    }
}
