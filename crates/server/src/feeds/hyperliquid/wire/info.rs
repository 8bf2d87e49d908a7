//! Bodies of `POST /info`: what is asked, and what the answers say.

use std::collections::BTreeMap;

use nexus_protocol::{Decimal, Interval, Symbol};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{WireBook, WireCandle, WireTrade, read_rows};
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::wire::rows::Numbers;

/// A question.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum Ask {
    /// Perps of a dex with their contexts.
    MetaAndAssetCtxs {
        /// The dex; empty is the main one.
        #[serde(skip_serializing_if = "String::is_empty")]
        dex: String,
    },
    /// Spot markets with their contexts.
    SpotMetaAndAssetCtxs,
    /// The dexes there are.
    PerpDexs,
    /// Mid prices of the main dex and of spot and outcome markets.
    AllMids,
    /// A book of twenty levels.
    L2Book {
        /// The market.
        coin: Symbol,
    },
    /// The latest trades.
    RecentTrades {
        /// The market.
        coin: Symbol,
    },
    /// Bars of a stretch of time.
    CandleSnapshot {
        /// Which.
        req: CandleSpan,
    },
    /// The latest fills of an account.
    UserFills {
        /// Whose.
        user: Address,
    },
    /// The fills of an account from a time on.
    UserFillsByTime {
        /// Whose.
        user: Address,
        /// Unix milliseconds.
        #[serde(rename = "startTime")]
        start_time: u64,
    },
    /// The latest that happened to orders of an account.
    HistoricalOrders {
        /// Whose.
        user: Address,
    },
    /// The open orders of an account.
    FrontendOpenOrders {
        /// Whose.
        user: Address,
    },
    /// The positions of an account.
    ClearinghouseState {
        /// Whose.
        user: Address,
    },
    /// The balances of an account.
    SpotClearinghouseState {
        /// Whose.
        user: Address,
    },
}

/// Which bars.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandleSpan {
    pub(crate) coin: Symbol,
    pub(crate) interval: Interval,
    /// Unix milliseconds.
    pub(crate) start_time: u64,
    /// Unix milliseconds.
    pub(crate) end_time: u64,
}

/// The markets of a dex, or the spot markets.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Markets {
    pub(crate) markets: Vec<WireMarket>,
    /// By market; those without readable numbers are absent.
    pub(crate) contexts: BTreeMap<Symbol, Context>,
}

/// One market.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WireMarket {
    pub(crate) name: Symbol,
    pub(crate) is_delisted: bool,
    /// `HYPE/USDC` for a spot market that the exchange calls `@107`.
    pub(crate) alias: Option<String>,
}

/// What is known of a market beside its price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Context {
    /// The price 24 hours ago.
    pub(crate) previous_day_price: Decimal,
    /// What was traded in 24 hours, in the quote currency.
    pub(crate) day_volume: Decimal,
}

/// The body is not what the question is answered by.
#[derive(Debug, thiserror::Error)]
#[error("the answer has another shape than it should")]
pub(crate) struct Unreadable;

impl Ask {
    /// What it costs before rows are counted.
    pub(crate) fn weight(&self) -> u32 {
        match self {
            Ask::L2Book { .. }
            | Ask::AllMids
            | Ask::ClearinghouseState { .. }
            | Ask::SpotClearinghouseState { .. } => 2,
            Ask::MetaAndAssetCtxs { .. }
            | Ask::SpotMetaAndAssetCtxs
            | Ask::PerpDexs
            | Ask::RecentTrades { .. }
            | Ask::CandleSnapshot { .. }
            | Ask::UserFills { .. }
            | Ask::UserFillsByTime { .. }
            | Ask::HistoricalOrders { .. }
            | Ask::FrontendOpenOrders { .. } => 20,
        }
    }
}

#[derive(Deserialize)]
struct Universe<'a> {
    #[serde(borrow)]
    universe: &'a RawValue,
    #[serde(borrow, default)]
    tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PerpRow {
    name: Symbol,
    #[serde(default, rename = "isDelisted")]
    is_delisted: bool,
}

#[derive(Deserialize)]
struct SpotRow {
    name: Symbol,
    #[serde(default)]
    tokens: Vec<u64>,
}

#[derive(Deserialize)]
struct TokenRow {
    name: String,
    index: u64,
}

#[derive(Deserialize)]
struct ContextRow {
    #[serde(rename = "prevDayPx")]
    previous_day_price: Decimal,
    #[serde(rename = "dayNtlVlm")]
    day_volume: Decimal,
    /// Only in contexts of spot markets.
    #[serde(default)]
    coin: Option<Symbol>,
}

#[derive(Deserialize)]
struct DexRow {
    name: String,
}

/// Reads `metaAndAssetCtxs`: two lists, joined by index. A bare `meta` does as well.
pub(crate) fn read_perps(body: &str) -> Result<Markets, Unreadable> {
    let (meta, contexts) = read_pair(body)?;
    let names: Vec<Option<PerpRow>> = read_each(meta.universe.get())?;
    let contexts: Vec<Option<ContextRow>> = match contexts {
        Some(contexts) => read_each(contexts.get())?,
        None => Vec::new(),
    };
    let mut markets = Markets::default();
    let mut contexts = contexts.into_iter();
    for row in names {
        // The context is taken even where the market is odd, or all behind it would be joined wrongly.
        let context = contexts.next().flatten();
        let Some(row) = row else { continue };
        if let Some(context) = context {
            markets.contexts.insert(row.name.clone(), context.into());
        }
        markets.markets.push(WireMarket {
            name: row.name,
            is_delisted: row.is_delisted,
            alias: None,
        });
    }
    Ok(markets)
}

/// Reads `spotMetaAndAssetCtxs`: contexts are joined by their coin, never by place. A bare `spotMeta` does as well.
pub(crate) fn read_spot(body: &str) -> Result<Markets, Unreadable> {
    let (meta, contexts) = read_pair(body)?;
    let tokens: BTreeMap<u64, String> = match meta.tokens {
        Some(tokens) => read_rows::<TokenRow>(tokens.get()).map_err(|_| Unreadable)?.0,
        None => Vec::new(),
    }
    .into_iter()
    .map(|token| (token.index, token.name))
    .collect();
    let (rows, _) = read_rows::<SpotRow>(meta.universe.get()).map_err(|_| Unreadable)?;
    let mut markets = Markets::default();
    for row in rows {
        let alias = match row.tokens.as_slice() {
            [base, quote] => tokens
                .get(base)
                .zip(tokens.get(quote))
                .map(|(base, quote)| format!("{base}/{quote}")),
            _ => None,
        };
        markets.markets.push(WireMarket {
            name: row.name,
            is_delisted: false,
            alias,
        });
    }
    if let Some(contexts) = contexts {
        let (rows, _) = read_rows::<ContextRow>(contexts.get()).map_err(|_| Unreadable)?;
        for row in rows {
            if let Some(coin) = row.coin.clone() {
                markets.contexts.insert(coin, row.into());
            }
        }
    }
    Ok(markets)
}

/// Reads `perpDexs`: the names of the dexes beside the main one, which is `null`.
pub(crate) fn read_dexes(body: &str) -> Result<Vec<String>, Unreadable> {
    let dexes: Vec<Option<DexRow>> = read_each(body)?;
    Ok(dexes.into_iter().flatten().map(|dex| dex.name).collect())
}

/// Reads `allMids`.
pub(crate) fn read_mids(body: &str) -> Result<BTreeMap<Symbol, Decimal>, Unreadable> {
    serde_json::from_str::<Numbers>(body)
        .map(|numbers| numbers.0)
        .map_err(|_| Unreadable)
}

/// Reads `l2Book`: `None` for a market that the exchange does not have.
pub(crate) fn read_book(body: &str) -> Result<Option<WireBook>, Unreadable> {
    serde_json::from_str(body).map_err(|_| Unreadable)
}

/// Reads `recentTrades`, and turns them round: oldest first, as in frames.
pub(crate) fn read_trades(body: &str) -> Result<Vec<WireTrade>, Unreadable> {
    let mut trades: Vec<WireTrade> = serde_json::from_str::<Option<_>>(body)
        .map_err(|_| Unreadable)?
        .unwrap_or_default();
    trades.reverse();
    Ok(trades)
}

/// Reads `candleSnapshot`, oldest first.
pub(crate) fn read_candles(body: &str) -> Result<Vec<WireCandle>, Unreadable> {
    let candles: Option<_> = serde_json::from_str(body).map_err(|_| Unreadable)?;
    Ok(candles.unwrap_or_default())
}

impl From<ContextRow> for Context {
    fn from(row: ContextRow) -> Self {
        Context {
            previous_day_price: row.previous_day_price,
            day_volume: row.day_volume,
        }
    }
}

/// Reads `[meta, contexts]`, or `meta` alone.
fn read_pair(body: &str) -> Result<(Universe<'_>, Option<&RawValue>), Unreadable> {
    if let Ok((meta, contexts)) = serde_json::from_str::<(Universe<'_>, &RawValue)>(body) {
        return Ok((meta, Some(contexts)));
    }
    let meta = serde_json::from_str(body).map_err(|_| Unreadable)?;
    Ok((meta, None))
}

/// Reads each row of a list in its place; `None` where a row is odd.
fn read_each<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<Option<T>>, Unreadable> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| Unreadable)?;
    Ok(raw
        .iter()
        .map(|row| serde_json::from_str(row.get()).ok())
        .collect())
}
