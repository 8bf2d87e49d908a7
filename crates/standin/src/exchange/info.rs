//! `POST /info`: the venue's bodies over HTTP, from the same market as the frames.

use serde::Deserialize;

use crate::exchange::account::{Accounts, Address, Event, topic, wire};
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
    /// A user's positions.
    ClearinghouseState {
        user: Address,
        #[serde(default)]
        dex: Option<String>,
    },
    /// A user's balances.
    SpotClearinghouseState { user: Address },
    /// A user's open orders in the short form.
    OpenOrders {
        user: Address,
        #[serde(default)]
        dex: Option<String>,
    },
    /// A user's open orders.
    FrontendOpenOrders {
        user: Address,
        #[serde(default)]
        dex: Option<String>,
    },
    /// A user's latest fills, newest first.
    UserFills { user: Address },
    /// A user's fills in a stretch of time, the newest of them, oldest first.
    UserFillsByTime {
        user: Address,
        start_time: i64,
        #[serde(default)]
        end_time: Option<i64>,
    },
    /// The latest changes of a user's orders, newest first.
    HistoricalOrders { user: Address },
    /// The last change of one order.
    OrderStatus { user: Address, oid: u64 },
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
            InfoRequest::AllMids { .. }
            | InfoRequest::L2Book { .. }
            | InfoRequest::ClearinghouseState { .. }
            | InfoRequest::SpotClearinghouseState { .. }
            | InfoRequest::OrderStatus { .. } => 2,
            InfoRequest::Meta { .. }
            | InfoRequest::MetaAndAssetCtxs { .. }
            | InfoRequest::SpotMeta
            | InfoRequest::SpotMetaAndAssetCtxs
            | InfoRequest::PerpDexs
            | InfoRequest::CandleSnapshot { .. }
            | InfoRequest::RecentTrades { .. }
            | InfoRequest::OpenOrders { .. }
            | InfoRequest::FrontendOpenOrders { .. }
            | InfoRequest::UserFills { .. }
            | InfoRequest::UserFillsByTime { .. }
            | InfoRequest::HistoricalOrders { .. } => 20,
        }
    }

    /// The weight of the rows answered.
    pub(crate) fn weight_of_rows(&self, answer: &Answer) -> u32 {
        let rows_a_point = match self {
            InfoRequest::CandleSnapshot { .. } => 60,
            InfoRequest::RecentTrades { .. }
            | InfoRequest::UserFills { .. }
            | InfoRequest::UserFillsByTime { .. }
            | InfoRequest::HistoricalOrders { .. } => 20,
            InfoRequest::AllMids { .. }
            | InfoRequest::ClearinghouseState { .. }
            | InfoRequest::SpotClearinghouseState { .. }
            | InfoRequest::OrderStatus { .. }
            | InfoRequest::OpenOrders { .. }
            | InfoRequest::FrontendOpenOrders { .. }
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
    pub(crate) fn answer(&self, market: &Market, accounts: &Accounts, block: i64, most: Most) -> Answer {
        if let Some(answer) = self.answer_of_account(market, accounts, block, most.account_rows) {
            return answer;
        }
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
                let trades = market.recent(id, block, most.recent_trades);
                Answer {
                    body: frames::json(&WireTrade::all(market.coin(id), &trades)),
                    rows: trades.len(),
                }
            }
            InfoRequest::ClearinghouseState { .. }
            | InfoRequest::SpotClearinghouseState { .. }
            | InfoRequest::OpenOrders { .. }
            | InfoRequest::FrontendOpenOrders { .. }
            | InfoRequest::UserFills { .. }
            | InfoRequest::UserFillsByTime { .. }
            | InfoRequest::HistoricalOrders { .. }
            | InfoRequest::OrderStatus { .. } => null(),
        }
    }

    /// The body, if it is about an account.
    fn answer_of_account(
        &self,
        market: &Market,
        accounts: &Accounts,
        block: i64,
        most: usize,
    ) -> Option<Answer> {
        let rows = |body: String, rows: usize| Some(Answer { body, rows });
        let no_dex = || rows("null".to_owned(), 0);
        match self {
            InfoRequest::ClearinghouseState { user, dex } => match dex_name(dex) {
                Some(dex) => rows(topic::perps(market, &accounts.of(market, user), dex, block), 0),
                None => no_dex(),
            },
            InfoRequest::SpotClearinghouseState { user } => {
                rows(wire::spot_state(&accounts.of(market, user)), 0)
            }
            InfoRequest::OpenOrders { user, dex } => {
                let mut standing = accounts.of(market, user).standing(market, block);
                if dex_name(dex) != Some("") {
                    standing.open.clear();
                }
                rows(frames::json(&wire::basic_open_orders(market, &standing)), 0)
            }
            InfoRequest::FrontendOpenOrders { user, dex } => match dex_name(dex) {
                Some(dex) => rows(
                    topic::open_orders(market, &accounts.of(market, user), dex, block),
                    0,
                ),
                None => no_dex(),
            },
            InfoRequest::UserFills { user } => {
                let mut fills = accounts.of(market, user).latest_fills(market, block, most);
                fills.reverse();
                rows(frames::json(&wire::fills(market, &fills)), fills.len())
            }
            InfoRequest::UserFillsByTime {
                user,
                start_time,
                end_time,
            } => {
                let last = end_time.map_or(block, |end| Market::block_at(end).min(block));
                let events = accounts
                    .of(market, user)
                    .events(market, Market::block_at(*start_time), last);
                let mut fills: Vec<_> = events.iter().filter_map(Event::fill).collect();
                let until = end_time.unwrap_or(i64::MAX);
                fills.retain(|fill| (*start_time..=until).contains(&fill.time));
                fills.drain(..fills.len().saturating_sub(most));
                rows(frames::json(&wire::fills(market, &fills)), fills.len())
            }
            InfoRequest::HistoricalOrders { user } => {
                let mut orders = accounts.of(market, user).latest_orders(market, block, most);
                orders.reverse();
                rows(frames::json(&wire::history(market, &orders)), orders.len())
            }
            InfoRequest::OrderStatus { user, oid } => {
                // The number of an order says in which block it was placed.
                let placed = i64::try_from(oid / 100_000).unwrap_or(i64::MAX).min(block);
                let events = accounts.of(market, user).events(market, placed, block);
                let mut orders: Vec<_> = events.iter().filter_map(Event::order).collect();
                orders.retain(|order| order.oid == *oid);
                orders.drain(..orders.len().saturating_sub(1));
                match wire::history(market, &orders).first() {
                    Some(order) => rows(
                        format!(r#"{{"status":"order","order":{}}}"#, frames::json(order)),
                        0,
                    ),
                    None => rows(r#"{"status":"unknownOid"}"#.to_owned(), 0),
                }
            }
            InfoRequest::AllMids { .. }
            | InfoRequest::Meta { .. }
            | InfoRequest::MetaAndAssetCtxs { .. }
            | InfoRequest::SpotMeta
            | InfoRequest::SpotMetaAndAssetCtxs
            | InfoRequest::PerpDexs
            | InfoRequest::L2Book { .. }
            | InfoRequest::CandleSnapshot { .. }
            | InfoRequest::RecentTrades { .. } => None,
        }
    }
}

/// How many rows an answer may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) recent_trades: usize,
    pub(crate) account_rows: usize,
}

/// The dex asked for; `None` if there is no such dex.
fn dex_name(dex: &Option<String>) -> Option<&str> {
    match dex.as_deref() {
        None | Some("") => Some(""),
        Some("xyz") => Some("xyz"),
        Some(_) => None,
    }
}
