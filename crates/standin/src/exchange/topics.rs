//! One subscription of one connection, and which frames it owes at a block. Pure: the block is an argument.

use crate::exchange::account::Accounts;
use crate::exchange::account::topic::{AccountTopic, Kind};
use crate::exchange::contexts;
use crate::exchange::frames::{self, AllMids, Bbo, Candle, L2Book, WireTrade, frame};
use crate::exchange::market::{BLOCK_MS, Bar, CoinId, Draw, Grouping, Interval, Market, Touch, roll};
use crate::exchange::subscriptions::{Subscription, grouping};

/// Blocks between two frames of a channel with a cadence.
const MIDS_EVERY: i64 = 2_000 / BLOCK_MS;
const BOOK_EVERY: i64 = 5_000 / BLOCK_MS;
const FAST_BOOK_EVERY: i64 = 500 / BLOCK_MS;
const CONTEXT_EVERY: i64 = 1_000 / BLOCK_MS;
/// One block in so many makes a frame of a quiet coin's trades although there are none.
const EMPTY_EVERY: u64 = 240;
const BOOK_DEPTH: usize = 20;
const FAST_BOOK_DEPTH: usize = 5;

/// A subscription that was taken.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) subscription: Subscription,
    flow: Flow,
    /// Last block that was looked at.
    seen: i64,
}

/// What a channel does over time.
#[derive(Debug)]
enum Flow {
    Mids {
        dex: Option<String>,
        due: i64,
    },
    Book {
        coin: CoinId,
        grouping: Option<Grouping>,
        fast: bool,
        due: i64,
    },
    Trades {
        coin: CoinId,
        replayed: bool,
    },
    Bbo {
        coin: CoinId,
        last: Option<Touch>,
    },
    Candle {
        coin: CoinId,
        interval: Interval,
        forming: Option<Bar>,
    },
    Context {
        coin: CoinId,
        due: i64,
    },
    Account(AccountTopic),
}

impl Topic {
    /// The last block that its frames told of.
    pub(crate) fn seen(&self) -> i64 {
        self.seen
    }

    /// A topic from `block` on; `None` if its coin or dex does not exist.
    pub(crate) fn new(
        market: &Market,
        accounts: &Accounts,
        account_rows: usize,
        subscription: Subscription,
        block: i64,
    ) -> Option<Self> {
        if let Some(kind) = account_kind(&subscription) {
            if !matches!(subscription.dex(), None | Some("xyz")) {
                return None;
            }
            let account = accounts.of(market, subscription.user()?);
            return Some(Self {
                subscription,
                flow: Flow::Account(AccountTopic::new(account, kind, account_rows, block)),
                seen: block,
            });
        }
        let coin = match subscription.coin() {
            Some(name) => Some(market.universe.find(name)?),
            None => None,
        };
        let flow = match (&subscription, coin) {
            (Subscription::AllMids { .. }, _) => {
                let dex = subscription.dex();
                if !matches!(dex, None | Some("xyz")) {
                    return None;
                }
                Flow::Mids {
                    dex: dex.map(str::to_owned),
                    due: block,
                }
            }
            (
                Subscription::L2Book {
                    n_sig_figs,
                    mantissa,
                    fast,
                    ..
                },
                Some(coin),
            ) => Flow::Book {
                coin,
                grouping: grouping(*n_sig_figs, *mantissa).ok()?,
                fast: *fast,
                due: block,
            },
            (Subscription::Trades { .. }, Some(coin)) => Flow::Trades {
                coin,
                replayed: false,
            },
            (Subscription::Bbo { .. }, Some(coin)) => Flow::Bbo { coin, last: None },
            (Subscription::Candle { interval, .. }, Some(coin)) => Flow::Candle {
                coin,
                interval: *interval,
                forming: market.bar_so_far(coin, *interval, block),
            },
            (Subscription::ActiveAssetCtx { .. }, Some(coin)) => Flow::Context { coin, due: block },
            (_, None)
            | (
                Subscription::OrderUpdates { .. }
                | Subscription::UserEvents { .. }
                | Subscription::UserFills { .. }
                | Subscription::UserHistoricalOrders { .. }
                | Subscription::ClearinghouseState { .. }
                | Subscription::OpenOrders { .. }
                | Subscription::SpotState { .. },
                _,
            ) => return None,
        };
        Some(Self {
            subscription,
            flow,
            seen: block,
        })
    }

    /// Passes over the blocks up to `block`, whose frames are lost.
    pub(crate) fn skip(&mut self, market: &Market, block: i64) {
        self.poll(market, block, 0, &mut Vec::new());
    }

    /// A frame with the topic as it is after `block`, whether one is due or not.
    pub(crate) fn current(&mut self, market: &Market, block: i64) -> Option<String> {
        match &mut self.flow {
            Flow::Mids { due, .. } | Flow::Book { due, .. } | Flow::Context { due, .. } => *due = block,
            Flow::Trades { replayed, .. } => *replayed = false,
            Flow::Bbo { last, .. } => *last = None,
            Flow::Account(topic) => topic.begin_anew(block),
            Flow::Candle {
                coin,
                interval,
                forming,
            } => {
                let bar = (*forming)?;
                return Some(frame("candle", &Candle::new(market.coin(*coin), *interval, &bar)));
            }
        }
        let mut frames = Vec::new();
        self.poll(market, block, 1, &mut frames);
        frames.pop()
    }

    /// Appends the frames that are due after `block`, oldest first. `replay` is how many recent trades begin the trades.
    pub(crate) fn poll(&mut self, market: &Market, block: i64, replay: usize, out: &mut Vec<String>) {
        let seen = std::mem::replace(&mut self.seen, block);
        match &mut self.flow {
            Flow::Mids { dex, due } => {
                if is_due(due, block, MIDS_EVERY) {
                    let mids = frames::mids(market, dex.as_deref().unwrap_or_default(), block);
                    out.push(frame(
                        "allMids",
                        &AllMids {
                            dex: dex.as_deref(),
                            mids,
                        },
                    ));
                }
            }
            Flow::Book {
                coin,
                grouping,
                fast,
                due,
            } => {
                let (every, depth) = if *fast {
                    (FAST_BOOK_EVERY, FAST_BOOK_DEPTH)
                } else {
                    (BOOK_EVERY, BOOK_DEPTH)
                };
                if is_due(due, block, every) {
                    let book = market.book(*coin, block, depth, *grouping);
                    let time = market.block_time(block);
                    let book = L2Book::new(market.coin(*coin), time, &book, grouping.is_some(), *fast);
                    out.push(frame("l2Book", &book));
                }
            }
            Flow::Trades { coin, replayed } => {
                let mut trades = Vec::new();
                let first = !*replayed;
                if first {
                    trades = market.recent(*coin, seen, replay);
                    trades.reverse();
                    *replayed = true;
                }
                trades.extend(market.trades(*coin, seen + 1, block));
                // Now and then the venue sends an empty list.
                let key = market.coin(*coin).key;
                let empty =
                    (seen + 1..=block).any(|block| roll(key, Draw::Frame, block).is_multiple_of(EMPTY_EVERY));
                if first || empty || !trades.is_empty() {
                    out.push(frame("trades", &WireTrade::all(market.coin(*coin), &trades)));
                }
            }
            Flow::Bbo { coin, last } => {
                let touch = market.touch(*coin, block);
                if *last != Some(touch) {
                    *last = Some(touch);
                    let book = market.book(*coin, block, 1, None);
                    out.push(frame(
                        "bbo",
                        &Bbo::new(market.coin(*coin), market.block_time(block), &book),
                    ));
                }
            }
            Flow::Candle {
                coin,
                interval,
                forming,
            } => {
                candles(market, *coin, *interval, forming, seen, block, out);
            }
            Flow::Account(topic) => topic.poll(market, seen, block, out),
            Flow::Context { coin, due } => {
                if is_due(due, block, CONTEXT_EVERY) {
                    out.push(contexts::asset_ctx(market, *coin, block));
                }
            }
        }
    }
}

/// What a subscription to an account tells; `None` if it is about something else.
fn account_kind(subscription: &Subscription) -> Option<Kind> {
    let dex = || subscription.dex().unwrap_or_default().to_owned();
    match subscription {
        Subscription::OrderUpdates { .. } => Some(Kind::OrderUpdates),
        Subscription::UserEvents { .. } => Some(Kind::Events),
        Subscription::UserFills { .. } => Some(Kind::Fills),
        Subscription::UserHistoricalOrders { .. } => Some(Kind::History),
        Subscription::ClearinghouseState { .. } => Some(Kind::Perps(dex())),
        Subscription::OpenOrders { .. } => Some(Kind::OpenOrders(dex())),
        Subscription::SpotState { .. } => Some(Kind::Spot),
        Subscription::AllMids { .. }
        | Subscription::L2Book { .. }
        | Subscription::Trades { .. }
        | Subscription::Bbo { .. }
        | Subscription::Candle { .. }
        | Subscription::ActiveAssetCtx { .. } => None,
    }
}

/// Whether a frame is due; the next one then is `every` blocks later.
fn is_due(due: &mut i64, block: i64, every: i64) -> bool {
    if block < *due {
        return false;
    }
    *due = block + every;
    true
}

/// Frames of the bars that the trades after `seen` changed.
fn candles(
    market: &Market,
    id: CoinId,
    interval: Interval,
    forming: &mut Option<Bar>,
    seen: i64,
    block: i64,
    out: &mut Vec<String>,
) {
    let coin = market.coin(id);
    let write = |bar: &Bar| frame("candle", &Candle::new(coin, interval, bar));
    let mut changed = false;
    let mut late = Vec::new();
    for trade in market.trades(id, seen + 1, block) {
        let t = interval.first_minute(trade.time.div_euclid(60_000)) * 60_000;
        let next = Bar::of(t, &trade);
        match forming {
            Some(bar) if bar.t == t => bar.append(&next),
            _ => {
                if let Some(closed) = forming.take() {
                    // One bar in four is told of once more after the next one has begun.
                    if roll(coin.key, Draw::Frame, closed.t).is_multiple_of(4) {
                        late.push(write(&closed));
                    } else if changed {
                        out.push(write(&closed));
                    }
                }
                *forming = Some(next);
            }
        }
        changed = true;
    }
    if let Some(bar) = forming
        && changed
    {
        out.push(write(bar));
    }
    out.append(&mut late);
}
