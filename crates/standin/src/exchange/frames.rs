//! The frames and bodies as the venue writes them: keys in its order, numbers as text.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::exchange::market::{
    Bar, Book, Coin, Draw, Interval, Level, Market, Side, Trade, mix, roll, scaled,
};

/// Error texts, word for word.
pub(crate) mod texts {
    pub(crate) const NOT_A_REQUEST: &str = "Error parsing JSON into valid websocket request: ";
    pub(crate) const ALREADY_SUBSCRIBED: &str = "Already subscribed: ";
    pub(crate) const ALREADY_UNSUBSCRIBED: &str = "Already unsubscribed: ";
    pub(crate) const BAD_BODY: &str = "Failed to deserialize the JSON body into the target type";

    pub(crate) fn too_many_subscriptions(limit: usize) -> String {
        format!("Cannot subscribe to more than {limit} channels.")
    }

    pub(crate) fn too_many_users(limit: usize) -> String {
        format!("Cannot track more than {limit} total users.")
    }

    pub(crate) fn too_many_messages(limit: u32) -> String {
        format!("Cannot send more than {limit} messages per minute.")
    }
}

/// The answer to a ping: no `data`.
pub(crate) const PONG: &str = r#"{"channel":"pong"}"#;

/// A frame of a channel.
pub(crate) fn frame(channel: &str, data: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Frame<'a, T> {
        channel: &'a str,
        data: &'a T,
    }
    json(&Frame { channel, data })
}

/// The acknowledgement of a request, with the subscription in normal form.
pub(crate) fn ack(method: &str, normal: &str) -> String {
    format!(r#"{{"channel":"subscriptionResponse","data":{{"method":"{method}","subscription":{normal}}}}}"#)
}

/// An error; the connection stays.
pub(crate) fn error(text: &str) -> String {
    frame("error", &text)
}

/// Writes one of the types below.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("types of this file have string keys and no failing field")
}

/// Mid prices of the coins of a dex: `{"BTC":"80868.5",…}`.
pub(crate) fn mids(market: &Market, dex: &str, block: i64) -> Box<RawValue> {
    let mut text = String::with_capacity(24 * 1_024);
    text.push('{');
    for (id, coin) in market.universe.iter().filter(|(_, coin)| coin.dex() == dex) {
        if text.len() > 1 {
            text.push(',');
        }
        // Names hold no character that JSON escapes. A book without two sides counts with its last price.
        let px = market
            .mid(id, block)
            .unwrap_or_else(|| market.touch(id, block).bid);
        text.push_str(&format!(r#""{}":"{px}""#, coin.name));
    }
    text.push('}');
    RawValue::from_string(text).expect("an object of strings")
}

#[derive(Serialize)]
pub(crate) struct AllMids<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dex: Option<&'a str>,
    pub(crate) mids: Box<RawValue>,
}

#[derive(Serialize)]
pub(crate) struct L2Level {
    px: String,
    sz: String,
    n: u32,
}

impl L2Level {
    fn new(coin: &Coin, level: &Level) -> Self {
        Self {
            px: level.px.to_string(),
            sz: size(coin, level.lots),
            n: level.n,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct L2Book<'a> {
    coin: &'a str,
    time: i64,
    levels: [Vec<L2Level>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fast: Option<bool>,
}

impl<'a> L2Book<'a> {
    pub(crate) fn new(coin: &'a Coin, time: i64, book: &Book, grouped: bool, fast: bool) -> Self {
        let side = |levels: &[Level]| levels.iter().map(|level| L2Level::new(coin, level)).collect();
        Self {
            coin: &coin.name,
            time,
            levels: [side(&book.bids), side(&book.asks)],
            spread: book.spread.filter(|_| grouped).map(|spread| spread.to_string()),
            fast: fast.then_some(true),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct WireTrade<'a> {
    coin: &'a str,
    side: &'static str,
    px: String,
    sz: String,
    time: i64,
    hash: String,
    tid: u64,
    users: [String; 2],
}

impl<'a> WireTrade<'a> {
    pub(crate) fn new(coin: &'a Coin, trade: &Trade) -> Self {
        Self {
            coin: &coin.name,
            side: match trade.side {
                Side::Buy => "B",
                Side::Sell => "A",
            },
            px: trade.px.to_string(),
            sz: size(coin, trade.lots),
            time: trade.time,
            hash: hash(trade.hash),
            tid: trade.tid,
            users: [address(trade.buyer), address(trade.seller)],
        }
    }

    pub(crate) fn all(coin: &'a Coin, trades: &[Trade]) -> Vec<Self> {
        trades.iter().map(|trade| Self::new(coin, trade)).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct Bbo<'a> {
    pub(crate) coin: &'a str,
    pub(crate) time: i64,
    pub(crate) bbo: [Option<L2Level>; 2],
}

impl<'a> Bbo<'a> {
    pub(crate) fn new(coin: &'a Coin, time: i64, book: &Book) -> Self {
        let best = |side: &[Level]| side.first().map(|level| L2Level::new(coin, level));
        Self {
            coin: &coin.name,
            time,
            bbo: [best(&book.bids), best(&book.asks)],
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Candle<'a> {
    t: i64,
    #[serde(rename = "T")]
    close_time: i64,
    s: &'a str,
    i: &'static str,
    o: String,
    c: String,
    h: String,
    l: String,
    v: String,
    n: u32,
}

impl<'a> Candle<'a> {
    pub(crate) fn new(coin: &'a Coin, interval: Interval, bar: &Bar) -> Self {
        Self {
            t: bar.t,
            close_time: interval.next(bar.t.div_euclid(60_000)) * 60_000 - 1,
            s: &coin.name,
            i: interval.name(),
            o: bar.open.to_string(),
            c: bar.close.to_string(),
            h: bar.high.to_string(),
            l: bar.low.to_string(),
            v: volume(coin, bar),
            n: bar.n,
        }
    }
}

/// A size in the coin's decimals.
pub(crate) fn size(coin: &Coin, lots: i64) -> String {
    scaled(i128::from(lots), coin.sz_decimals)
}

/// The volume of a bar. One long bar in four carries the venue's floating-point noise, always the same for the same bar.
fn volume(coin: &Coin, bar: &Bar) -> String {
    if bar.n < 200 {
        size(coin, bar.lots)
    } else {
        noisy(coin, bar.lots, bar.t + i64::from(bar.n))
    }
}

/// A size that may carry floating-point noise.
pub(crate) fn noisy(coin: &Coin, lots: i64, at: i64) -> String {
    let tenths = i128::from(lots) * 10_i128.pow(10 - coin.sz_decimals);
    let noise = match roll(coin.key, Draw::Frame, at) % 8 {
        0 => -1,
        1 => 2,
        _ => 0,
    };
    scaled(tenths + if lots > 0 { noise } else { 0 }, 10)
}

/// `0x` and 64 hexadecimal digits; all zero for a system fill.
pub(crate) fn hash(seed: Option<u64>) -> String {
    let Some(seed) = seed else {
        return format!("0x{:064x}", 0);
    };
    let part = |i| mix(seed, Draw::Hash as u64 + i);
    format!(
        "0x{:016x}{:016x}{:016x}{:016x}",
        part(0),
        part(1),
        part(2),
        part(3)
    )
}

/// One of some hundred addresses.
fn address(seed: u64) -> String {
    let who = seed % 400;
    let part = |i| mix(who, Draw::Address as u64 + i);
    format!("0x{:016x}{:016x}{:08x}", part(0), part(1), part(2) as u32)
}
