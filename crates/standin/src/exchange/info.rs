//! `POST /info`: the venue's bodies over HTTP, from the same market as the frames.

use serde::Deserialize;

use crate::exchange::contexts::{PerpCtx, SpotCtx};
use crate::exchange::frames::{self, Candle, L2Book, WireTrade};
use crate::exchange::listings::{meta, perp_dexs, perps, spot_meta};
use crate::exchange::market::{Interval, Market};
use crate::exchange::subscriptions::{Figures, Mantissa, grouping};

/// A request body.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum InfoRequest {
    /// Mid prices.
    AllMids {
        #[serde(default)]
        dex: Option<String>,
    },
    /// The perps of a dex.
    Meta {
        #[serde(default)]
        dex: Option<String>,
    },
    /// The perps of a dex and their contexts.
    MetaAndAssetCtxs {
        #[serde(default)]
        dex: Option<String>,
    },
    /// The spot pairs and tokens.
    SpotMeta,
    /// The spot pairs, tokens and contexts.
    SpotMetaAndAssetCtxs,
    /// The dexes.
    PerpDexs,
    /// A book.
    L2Book {
        coin: String,
        #[serde(default)]
        n_sig_figs: Option<Figures>,
        #[serde(default)]
        mantissa: Option<Mantissa>,
    },
    /// Bars.
    CandleSnapshot { req: CandleRange },
    /// Trades, newest first.
    RecentTrades { coin: String },
}

/// Which bars.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandleRange {
    coin: String,
    interval: Interval,
    start_time: i64,
    #[serde(default)]
    end_time: Option<i64>,
}

/// A body and how many rows it has, which add to its weight.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: String,
    rows: usize,
}

impl InfoRequest {
    /// The weight before anything is answered.
    pub(crate) fn weight(&self) -> u32 {
        match self {
            InfoRequest::AllMids { .. } | InfoRequest::L2Book { .. } => 2,
            InfoRequest::Meta { .. }
            | InfoRequest::MetaAndAssetCtxs { .. }
            | InfoRequest::SpotMeta
            | InfoRequest::SpotMetaAndAssetCtxs
            | InfoRequest::PerpDexs
            | InfoRequest::CandleSnapshot { .. }
            | InfoRequest::RecentTrades { .. } => 20,
        }
    }

    /// The weight of the rows answered.
    pub(crate) fn weight_of_rows(&self, answer: &Answer) -> u32 {
        let rows_a_point = match self {
            InfoRequest::CandleSnapshot { .. } => 60,
            InfoRequest::RecentTrades { .. } => 20,
            InfoRequest::AllMids { .. }
            | InfoRequest::L2Book { .. }
            | InfoRequest::Meta { .. }
            | InfoRequest::MetaAndAssetCtxs { .. }
            | InfoRequest::SpotMeta
            | InfoRequest::SpotMetaAndAssetCtxs
            | InfoRequest::PerpDexs => return 0,
        };
        (answer.rows / rows_a_point) as u32
    }

    /// The body, as of `block`. Unknown coins and dexes give `null`, as the venue does.
    pub(crate) fn answer(&self, market: &Market, block: i64, recent_trades: usize) -> Answer {
        let one = |body: String| Answer { body, rows: 0 };
        let null = || one("null".to_owned());
        match self {
            InfoRequest::AllMids { dex } => match dex_name(dex) {
                Some(dex) => one(frames::mids(market, dex, block).get().to_owned()),
                None => null(),
            },
            InfoRequest::Meta { dex } => match dex_name(dex) {
                Some(dex) => one(frames::json(&meta(market, dex))),
                None => null(),
            },
            InfoRequest::MetaAndAssetCtxs { dex } => match dex_name(dex) {
                Some(dex) => {
                    let ctxs: Vec<PerpCtx> = perps(market, dex)
                        .map(|(id, _)| PerpCtx::new(market, id, block))
                        .collect();
                    one(frames::json(&(meta(market, dex), ctxs)))
                }
                None => null(),
            },
            InfoRequest::SpotMeta => one(frames::json(&spot_meta(market))),
            InfoRequest::SpotMetaAndAssetCtxs => {
                let spots = market.universe.iter().filter(|(_, coin)| coin.is_spot());
                let ctxs: Vec<SpotCtx<'_>> = spots.map(|(id, _)| SpotCtx::new(market, id, block)).collect();
                one(frames::json(&(spot_meta(market), ctxs)))
            }
            InfoRequest::PerpDexs => one(perp_dexs(market)),
            InfoRequest::L2Book {
                coin,
                n_sig_figs,
                mantissa,
            } => {
                let (Some(id), Ok(grouping)) = (market.universe.find(coin), grouping(*n_sig_figs, *mantissa))
                else {
                    return null();
                };
                let book = market.book(id, block, 20, grouping);
                let time = market.block_time(block);
                one(frames::json(&L2Book::new(
                    market.coin(id),
                    time,
                    &book,
                    grouping.is_some(),
                    false,
                )))
            }
            InfoRequest::CandleSnapshot { req } => {
                let Some(id) = market.universe.find(&req.coin) else {
                    return null();
                };
                let end = req.end_time.unwrap_or(i64::MAX);
                let bars = market.bars(id, req.interval, req.start_time, end, block);
                let coin = market.coin(id);
                let candles: Vec<Candle<'_>> = bars
                    .iter()
                    .map(|bar| Candle::new(coin, req.interval, bar))
                    .collect();
                Answer {
                    body: frames::json(&candles),
                    rows: candles.len(),
                }
            }
            InfoRequest::RecentTrades { coin } => {
                let Some(id) = market.universe.find(coin) else {
                    return null();
                };
                let trades = market.recent(id, block, recent_trades);
                Answer {
                    body: frames::json(&WireTrade::all(market.coin(id), &trades)),
                    rows: trades.len(),
                }
            }
        }
    }
}

/// The dex asked for; `None` if there is no such dex.
fn dex_name(dex: &Option<String>) -> Option<&str> {
    match dex.as_deref() {
        None | Some("") => Some(""),
        Some("xyz") => Some("xyz"),
        Some(_) => None,
    }
}
