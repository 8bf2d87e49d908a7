//! Rows that WebSocket frames and HTTP bodies have in common: trades, bars, and maps of numbers by market.

use std::collections::BTreeMap;
use std::fmt;

use nexus_protocol::{Candle, Decimal, Interval, Side, Symbol, Trade};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

/// One trade. Its hash and its users are of no use here; an all-zero hash is an ordinary trade.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct WireTrade {
    pub(crate) coin: Symbol,
    pub(crate) side: WireSide,
    pub(crate) px: Decimal,
    pub(crate) sz: Decimal,
    /// Unix milliseconds.
    pub(crate) time: u64,
    /// Looks random; unique together with the market and the time.
    pub(crate) tid: u64,
}

/// Who crossed the spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(crate) enum WireSide {
    /// The buyer ("bid").
    B,
    /// The seller ("ask").
    A,
}

/// One bar.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct WireCandle {
    /// When it opened, in Unix milliseconds.
    #[serde(rename = "t")]
    pub(crate) time: u64,
    #[serde(rename = "s")]
    pub(crate) coin: Symbol,
    #[serde(rename = "i")]
    pub(crate) interval: Interval,
    #[serde(rename = "o")]
    pub(crate) open: Decimal,
    #[serde(rename = "h")]
    pub(crate) high: Decimal,
    #[serde(rename = "l")]
    pub(crate) low: Decimal,
    #[serde(rename = "c")]
    pub(crate) close: Decimal,
    #[serde(rename = "v")]
    pub(crate) volume: Decimal,
    /// How many trades so far.
    #[serde(rename = "n")]
    pub(crate) count: u64,
}

/// Numbers by market. Entries whose name or number cannot be read are left out: one odd market must not hide the rest.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Numbers(pub(crate) BTreeMap<Symbol, Decimal>);

impl From<WireTrade> for Trade {
    fn from(row: WireTrade) -> Self {
        let side = match row.side {
            WireSide::B => Side::Buy,
            WireSide::A => Side::Sell,
        };
        Trade {
            id: row.tid,
            price: row.px,
            size: row.sz,
            side,
            timestamp: row.time,
        }
    }
}

impl From<WireCandle> for Candle {
    fn from(row: WireCandle) -> Self {
        Candle {
            time: row.time,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
            count: row.count,
        }
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by market")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Numbers, A::Error> {
                let mut numbers = BTreeMap::new();
                while let Some((name, number)) = map.next_entry::<String, Value>()? {
                    let number = number.as_str().and_then(|text| Decimal::parse(text).ok());
                    if let (Ok(name), Some(number)) = (Symbol::parse(&name), number) {
                        numbers.insert(name, number);
                    }
                }
                Ok(Numbers(numbers))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Reads those rows of a list that are of the given shape, and counts the others.
///
/// # Errors
/// If it is no list.
pub(crate) fn read_rows<T: de::DeserializeOwned>(text: &str) -> Result<(Vec<T>, usize), serde_json::Error> {
    let raw: Vec<&RawValue> = serde_json::from_str(text)?;
    let rows: Vec<T> = raw
        .iter()
        .filter_map(|row| serde_json::from_str(row.get()).ok())
        .collect();
    let odd = raw.len() - rows.len();
    Ok((rows, odd))
}
