//! The exchange's frames as types: what a text frame says, as far as this feed needs it.
//!
//! Promises: reading never panics, whatever arrives; numbers stay the exchange's text; unknown channels and unknown
//! keys are no errors. Must never decide what to do about a frame.

pub(crate) mod account;
mod book;
pub(crate) mod info;
mod rows;
mod source;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use nexus_protocol::{Decimal, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::account::{WireBalances, WireChange, WireFill, WireOrder, WirePerps};
use crate::feeds::hyperliquid::address::Address;

pub(crate) use book::{WireBook, WireLevel};
pub(crate) use rows::{WireCandle, WireTrade, read_rows};
pub(crate) use source::{Act, BookPace, Source};

/// What a text frame says.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Inbound {
    /// The answer to our ping.
    Pong,
    /// A subscription was taken or ended; `None` if it is none that this feed makes.
    Ack(Act, Option<Source>),
    /// Something was refused.
    Error(Complaint),
    /// Market data.
    News(News),
    /// A channel that this feed does not know, or has no use for.
    Unknown,
    /// No JSON, and not the beginning of any: the greeting that some servers send.
    Chatter,
    /// Cut off, or not of the shape that its channel has.
    Garbled,
}

/// Market data.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum News {
    /// All mid prices of a dex.
    Mids {
        /// The dex; empty is the main one.
        dex: String,
        /// The mid prices of those markets whose name and number can be read.
        mids: BTreeMap<Symbol, Decimal>,
    },
    /// A whole book.
    Book(WireBook),
    /// Trades of one market, oldest first; none is possible.
    Trades(Vec<WireTrade>),
    /// One bar.
    Candle(WireCandle),
    /// Fills of an account, oldest first.
    Fills {
        /// Whose.
        user: Address,
        /// The first frame of a subscription: the latest that there are.
        is_snapshot: bool,
        /// The fills.
        fills: Vec<WireFill>,
    },
    /// What happened to orders of an account.
    Orders {
        /// Whose.
        user: Address,
        /// The first frame of a subscription: the latest that there is.
        is_snapshot: bool,
        /// What happened.
        changes: Vec<WireChange>,
    },
    /// The open orders of an account on the main dex, whole.
    OpenOrders {
        /// Whose.
        user: Address,
        /// All of them.
        orders: Vec<WireOrder>,
    },
    /// The positions of an account on the main dex, whole.
    Perps {
        /// Whose.
        user: Address,
        /// As they are.
        state: WirePerps,
    },
    /// The spot balances of an account, whole.
    Balances {
        /// Whose.
        user: Address,
        /// As they are.
        state: WireBalances,
    },
}

/// What an error frame complains of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Complaint {
    /// We have it already: as good as an ack.
    AlreadySubscribed(Source),
    /// It is not there: as good as an ack.
    AlreadyUnsubscribed(Source),
    /// The exchange does not take this subscription.
    Refused(Source),
    /// We send too many messages.
    TooManyMessages,
    /// We have too many subscriptions, or of too many users.
    TooManySubscriptions,
    /// Something else. The text is not kept: it may echo megabytes.
    Other,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AckData<'a> {
    method: Act,
    #[serde(borrow)]
    subscription: &'a RawValue,
}

#[derive(Deserialize)]
struct MidsData {
    #[serde(default)]
    dex: Option<String>,
    mids: rows::Numbers,
}

impl Inbound {
    /// Reads a text frame.
    pub(crate) fn read(text: &str) -> Self {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
            return if text.trim_start().starts_with('{') {
                Inbound::Garbled
            } else {
                Inbound::Chatter
            };
        };
        let data = frame.data.map_or("null", RawValue::get);
        let inbound = match frame.channel.as_ref() {
            "pong" => Some(Inbound::Pong),
            "subscriptionResponse" => serde_json::from_str::<AckData<'_>>(data)
                .ok()
                .map(|ack| Inbound::Ack(ack.method, Source::from_echo(ack.subscription.get()))),
            "error" => serde_json::from_str::<Cow<'_, str>>(data)
                .ok()
                .map(|complaint| Inbound::Error(Complaint::read(&complaint))),
            "allMids" => serde_json::from_str::<MidsData>(data).ok().map(|data| {
                let dex = data.dex.unwrap_or_default();
                Inbound::News(News::Mids {
                    dex,
                    mids: data.mids.0,
                })
            }),
            "l2Book" => serde_json::from_str(data)
                .ok()
                .map(|book| Inbound::News(News::Book(book))),
            "trades" => serde_json::from_str(data)
                .ok()
                .map(|trades| Inbound::News(News::Trades(trades))),
            "candle" => serde_json::from_str(data)
                .ok()
                .map(|candle| Inbound::News(News::Candle(candle))),
            "userFills" => serde_json::from_str::<account::FillsData>(data).ok().map(|data| {
                Inbound::News(News::Fills {
                    user: data.user,
                    is_snapshot: data.is_snapshot,
                    fills: data.fills,
                })
            }),
            "userHistoricalOrders" => serde_json::from_str::<account::HistoryData>(data)
                .ok()
                .map(|data| {
                    Inbound::News(News::Orders {
                        user: data.user,
                        is_snapshot: data.is_snapshot,
                        changes: data.order_history,
                    })
                }),
            // Of the other dexes nothing was asked for.
            "openOrders" => serde_json::from_str::<account::OpenOrdersData>(data)
                .ok()
                .map(|data| {
                    let (user, orders) = (data.user, data.orders);
                    match data.dex.as_str() {
                        "" => Inbound::News(News::OpenOrders { user, orders }),
                        _ => Inbound::Unknown,
                    }
                }),
            "clearinghouseState" => serde_json::from_str::<account::PerpsData>(data).ok().map(|data| {
                let (user, state) = (data.user, data.clearinghouse_state);
                match data.dex.as_str() {
                    "" => Inbound::News(News::Perps { user, state }),
                    _ => Inbound::Unknown,
                }
            }),
            "spotState" => serde_json::from_str::<account::SpotData>(data).ok().map(|data| {
                Inbound::News(News::Balances {
                    user: data.user,
                    state: data.spot_state,
                })
            }),
            _ => Some(Inbound::Unknown),
        };
        inbound.unwrap_or(Inbound::Garbled)
    }
}

impl News {
    /// The subscription that it belongs to; `None` where the frame does not say (an empty list of trades).
    pub(crate) fn source(&self) -> Option<Source> {
        match self {
            News::Mids { dex, .. } => Some(Source::Mids { dex: dex.clone() }),
            News::Book(book) => Some(Source::Book {
                coin: book.coin.clone(),
                pace: book.pace(),
            }),
            News::Trades(trades) => trades.first().map(|trade| Source::Trades {
                coin: trade.coin.clone(),
            }),
            News::Candle(candle) => Some(Source::Candles {
                coin: candle.coin.clone(),
                interval: candle.interval,
            }),
            News::Fills { user, .. } => Some(Source::Fills { user: user.clone() }),
            News::Orders { user, .. } => Some(Source::Orders { user: user.clone() }),
            News::OpenOrders { user, .. } => Some(Source::OpenOrders { user: user.clone() }),
            News::Perps { user, .. } => Some(Source::Perps { user: user.clone() }),
            News::Balances { user, .. } => Some(Source::Balances { user: user.clone() }),
        }
    }
}

impl Complaint {
    fn read(text: &str) -> Self {
        /// What we sent, echoed whole.
        #[derive(Deserialize)]
        struct Sent<'a> {
            #[serde(borrow)]
            subscription: &'a RawValue,
        }
        let known = if let Some(rest) = text.strip_prefix("Already subscribed: ") {
            Source::from_echo(rest).map(Complaint::AlreadySubscribed)
        } else if let Some(rest) = text.strip_prefix("Already unsubscribed: ") {
            Source::from_echo(rest).map(Complaint::AlreadyUnsubscribed)
        } else if let Some(rest) = text.strip_prefix("Invalid subscription: ") {
            Source::from_echo(rest).map(Complaint::Refused)
        } else if let Some(rest) = text.strip_prefix("Error parsing JSON into valid websocket request: ") {
            let sent = serde_json::from_str::<Sent<'_>>(rest).ok();
            sent.and_then(|sent| Source::from_echo(sent.subscription.get()))
                .map(Complaint::Refused)
        } else if text.starts_with("Cannot send more than") {
            Some(Complaint::TooManyMessages)
        } else if text.starts_with("Cannot subscribe to more than")
            || text.starts_with("Cannot track more than")
        {
            Some(Complaint::TooManySubscriptions)
        } else {
            None
        };
        known.unwrap_or(Complaint::Other)
    }
}

/// The message that asks for a pong.
pub(crate) const PING: &str = r#"{"method":"ping"}"#;
