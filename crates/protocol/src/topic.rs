//! Channel and params together: what has subscribers, an order and a history.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::{ChainId, ChannelName, Interval, Mode, Params, Symbol, TopicError, UserId};

/// The most symbols that one `prices` topic may name.
pub const MAX_SYMBOLS: usize = 500;

/// The largest throttle, in milliseconds: one minute.
const MAX_THROTTLE_MS: u64 = 60_000;

/// A topic. Parsed from a channel's name and params, in any key order, so that equal topics are equal values.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Topic {
    /// Last prices, of all markets or of those named.
    Prices(Option<Symbols>),
    /// The order book of one market.
    OrderBook(Symbol, Depth),
    /// The trades of one market.
    Trades(Symbol),
    /// The bars of one market.
    Candles(Symbol, Interval),
    /// One user's orders.
    UserOrders(UserId),
    /// One user's fills.
    UserFills(UserId),
    /// One user's balances and positions.
    AccountUpdates(UserId),
    /// What devices measure.
    Telemetry,
    /// Commands and what became of them.
    Commands,
    /// Progress of tasks.
    Tasks,
    /// Chunks of generated text.
    Ai,
    /// Anything that happened.
    Events,
    /// Notifications of one chain.
    Chain(ChainId),
    /// The server's own notices.
    System,
    /// A room, or a channel of a namespace that the operator set up: always `namespace:rest`.
    Named(ChannelName),
}

/// What a `subscribe` selects: a topic, and the throttle where it was written inside the params.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The topic.
    pub topic: Topic,
    /// The least time between two pushes, in milliseconds.
    pub throttle_ms: Option<u32>,
}

/// How many levels a side of an order book has: 1 to 20.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Depth(u8);

/// One or more symbols, sorted, each once. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Symbols(Arc<[Symbol]>);

impl Topic {
    /// Gives a channel's name and params their meaning.
    ///
    /// ```
    /// # use nexus_protocol::{ChannelName, Params, Topic};
    /// let name = ChannelName::parse("orderbook").unwrap();
    /// let book = Topic::parse(&name, Params::default().with("symbol", "BTC")).unwrap().topic;
    /// assert_eq!(book.to_string(), r#"orderbook{"depth":10,"symbol":"BTC"}"#);
    /// ```
    ///
    /// # Errors
    /// If the protocol has no such channel, or the channel not these params.
    pub fn parse(channel: &ChannelName, mut params: Params) -> Result<Subscription, TopicError> {
        let throttle_ms = take_throttle(&mut params)?;
        let topic = match channel.as_str() {
            "prices" => Topic::Prices(take_symbols(&mut params)?),
            "orderbook" => Topic::OrderBook(take_symbol(&mut params)?, take_depth(&mut params)?),
            "trades" => Topic::Trades(take_symbol(&mut params)?),
            "candles" => Topic::Candles(take_symbol(&mut params)?, take_interval(&mut params)?),
            "user_orders" => Topic::UserOrders(take_user(&mut params)?),
            "user_fills" => Topic::UserFills(take_user(&mut params)?),
            "account_updates" => Topic::AccountUpdates(take_user(&mut params)?),
            "telemetry" => Topic::Telemetry,
            "commands" => Topic::Commands,
            "tasks" => Topic::Tasks,
            "ai" => Topic::Ai,
            "events" => Topic::Events,
            "chain" => {
                let id = required("chain_id", params.take_text("chain_id")?)?;
                Topic::Chain(ChainId::parse(&id).map_err(invalid)?)
            }
            "system" => Topic::System,
            name if name.contains(':') => Topic::Named(channel.clone()),
            name => return Err(TopicError::UnknownChannel(name.to_owned())),
        };
        if let Some(name) = params.first_left() {
            return Err(TopicError::InvalidParams(format!(
                "`{channel}` has no param `{}`",
                shortened(name)
            )));
        }
        Ok(Subscription { topic, throttle_ms })
    }

    /// The name of the channel.
    pub fn channel(&self) -> &str {
        match self {
            Topic::Prices(_) => "prices",
            Topic::OrderBook(..) => "orderbook",
            Topic::Trades(_) => "trades",
            Topic::Candles(..) => "candles",
            Topic::UserOrders(_) => "user_orders",
            Topic::UserFills(_) => "user_fills",
            Topic::AccountUpdates(_) => "account_updates",
            Topic::Telemetry => "telemetry",
            Topic::Commands => "commands",
            Topic::Tasks => "tasks",
            Topic::Ai => "ai",
            Topic::Events => "events",
            Topic::Chain(_) => "chain",
            Topic::System => "system",
            Topic::Named(name) => name.as_str(),
        }
    }

    /// The name of the channel as a value of its own.
    pub fn channel_name(&self) -> ChannelName {
        match self {
            Topic::Named(name) => name.clone(),
            built_in => ChannelName::built_in(built_in.channel()),
        }
    }

    /// The params in canonical form: defaults filled in, sets sorted.
    pub fn params(&self) -> Params {
        let none = Params::default();
        match self {
            Topic::Prices(None) => none,
            Topic::Prices(Some(symbols)) => {
                none.with("symbols", symbols.iter().map(Symbol::as_str).collect::<Vec<_>>())
            }
            Topic::OrderBook(symbol, depth) => {
                none.with("symbol", symbol.as_str()).with("depth", depth.levels())
            }
            Topic::Trades(symbol) => none.with("symbol", symbol.as_str()),
            Topic::Candles(symbol, interval) => none
                .with("symbol", symbol.as_str())
                .with("interval", interval.as_str()),
            Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user) => {
                none.with("userId", user.as_str())
            }
            Topic::Chain(chain) => none.with("chain_id", chain.as_str()),
            Topic::Telemetry
            | Topic::Commands
            | Topic::Tasks
            | Topic::Ai
            | Topic::Events
            | Topic::System
            | Topic::Named(_) => none,
        }
    }

    /// The `type` of a push that carries a publication of this topic.
    pub fn push_type(&self) -> &'static str {
        match self {
            Topic::Prices(_) => "prices.update",
            Topic::OrderBook(..) => "orderbook.update",
            Topic::Trades(_) => "trades.update",
            Topic::Candles(..) => "candles.update",
            Topic::UserOrders(_) => "user_orders.update",
            Topic::UserFills(_) => "user_fills.update",
            Topic::AccountUpdates(_) => "account_updates.update",
            Topic::Telemetry => "telemetry.update",
            Topic::Commands => "commands.update",
            Topic::Tasks => "tasks.update",
            Topic::Ai => "ai.update",
            Topic::Events => "events.update",
            Topic::Chain(_) => "chain.update",
            Topic::System | Topic::Named(_) => "message",
        }
    }

    /// Whether its snapshot is many pushes with one offset, each of which stands for one key (a device, a command, a
    /// task, a stream) alone. On other topics a snapshot is one push and replaces everything.
    pub fn has_keys(&self) -> bool {
        match self {
            Topic::Telemetry | Topic::Commands | Topic::Tasks | Topic::Ai => true,
            Topic::Prices(_)
            | Topic::OrderBook(..)
            | Topic::Trades(_)
            | Topic::Candles(..)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::AccountUpdates(_)
            | Topic::Events
            | Topic::Chain(_)
            | Topic::System
            | Topic::Named(_) => false,
        }
    }

    /// How publications of this topic are delivered unless the subscriber says otherwise.
    ///
    /// Where a later publication makes an unsent earlier one worthless, only the latest is kept.
    pub fn default_mode(&self) -> Mode {
        match self {
            Topic::Prices(_) | Topic::OrderBook(..) | Topic::Candles(..) | Topic::AccountUpdates(_) => {
                Mode::Latest
            }
            Topic::Trades(_)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::Telemetry
            | Topic::Commands
            | Topic::Tasks
            | Topic::Ai
            | Topic::Events
            | Topic::Chain(_)
            | Topic::System
            | Topic::Named(_) => Mode::Every,
        }
    }
}

/// The canonical text: the channel, and the params as JSON where there are some.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.channel())?;
        let params = self.params();
        if params.is_empty() {
            return Ok(());
        }
        f.write_str(&serde_json::to_string(&params).map_err(|_| fmt::Error)?)
    }
}

impl Depth {
    /// What a subscriber gets who names none.
    pub const DEFAULT: Depth = Depth(10);
    /// The most that the exchange gives.
    pub const MAX: Depth = Depth(20);

    /// Takes a number of levels from 1 to 20.
    pub fn new(levels: u64) -> Option<Self> {
        u8::try_from(levels)
            .ok()
            .filter(|levels| (1..=Self::MAX.0).contains(levels))
            .map(Depth)
    }

    /// Levels a side.
    pub fn levels(self) -> u8 {
        self.0
    }
}

impl Symbols {
    /// Sorts the symbols and takes each once; `None` if there are none or more than [`MAX_SYMBOLS`].
    pub fn new(symbols: impl IntoIterator<Item = Symbol>) -> Option<Self> {
        let sorted: BTreeSet<Symbol> = symbols.into_iter().take(MAX_SYMBOLS + 1).collect();
        (1..=MAX_SYMBOLS)
            .contains(&sorted.len())
            .then(|| Symbols(sorted.into_iter().collect()))
    }

    /// The symbols, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, Symbol> {
        self.0.iter()
    }

    /// Whether a symbol is among them.
    pub fn contains(&self, symbol: &Symbol) -> bool {
        self.0.binary_search(symbol).is_ok()
    }
}

fn take_throttle(params: &mut Params) -> Result<Option<u32>, TopicError> {
    let Some(value) = params.take("throttle") else {
        return Ok(None);
    };
    let millis = value.as_u64().filter(|millis| *millis <= MAX_THROTTLE_MS);
    let millis = millis
        .and_then(|millis| u32::try_from(millis).ok())
        .ok_or_else(|| {
            TopicError::InvalidParams(format!(
                "`throttle` must be a whole number of milliseconds up to {MAX_THROTTLE_MS}"
            ))
        })?;
    Ok(Some(millis).filter(|millis| *millis > 0))
}

fn take_symbol(params: &mut Params) -> Result<Symbol, TopicError> {
    let text = required("symbol", params.take_text("symbol")?)?;
    Symbol::parse(&text).map_err(invalid)
}

fn take_symbols(params: &mut Params) -> Result<Option<Symbols>, TopicError> {
    let items = match params.take("symbols") {
        None => return Ok(None),
        Some(Value::Array(items)) if items.is_empty() => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => {
            return Err(TopicError::InvalidParams(
                "`symbols` must be a list of strings".to_owned(),
            ));
        }
    };
    let mut symbols = Vec::with_capacity(items.len().min(MAX_SYMBOLS));
    for item in &items {
        let text = item
            .as_str()
            .ok_or_else(|| invalid("`symbols` must be a list of strings"))?;
        symbols.push(Symbol::parse(text).map_err(invalid)?);
    }
    match Symbols::new(symbols) {
        Some(symbols) => Ok(Some(symbols)),
        None => Err(TopicError::InvalidParams(format!(
            "`symbols` may name at most {MAX_SYMBOLS}; leave it out for all"
        ))),
    }
}

fn take_depth(params: &mut Params) -> Result<Depth, TopicError> {
    let Some(value) = params.take("depth") else {
        return Ok(Depth::DEFAULT);
    };
    value
        .as_u64()
        .and_then(Depth::new)
        .ok_or_else(|| invalid("`depth` must be a whole number from 1 to 20"))
}

fn take_interval(params: &mut Params) -> Result<Interval, TopicError> {
    required("interval", params.take_text("interval")?)?
        .parse()
        .map_err(invalid::<crate::UnknownInterval>)
}

fn take_user(params: &mut Params) -> Result<UserId, TopicError> {
    let text = required("userId", params.take_text("userId")?)?;
    UserId::parse(&text).map_err(invalid)
}

fn required(name: &str, value: Option<String>) -> Result<String, TopicError> {
    value.ok_or_else(|| TopicError::InvalidParams(format!("`{name}` is missing")))
}

fn invalid<E: fmt::Display>(reason: E) -> TopicError {
    TopicError::InvalidParams(reason.to_string())
}

/// A name from outside, short enough to be told back.
fn shortened(name: &str) -> String {
    name.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(channel: &str, params: &str) -> Result<Subscription, TopicError> {
        Topic::parse(
            &ChannelName::parse(channel).unwrap(),
            serde_json::from_str(params).unwrap(),
        )
    }

    #[test]
    fn a_topic_has_one_text_whatever_the_order_and_the_defaults() {
        for (channel, params, text) in [
            ("prices", "{}", "prices"),
            ("prices", r#"{"symbols":[]}"#, "prices"),
            ("prices", r#"{"symbols":null}"#, "prices"),
            (
                "prices",
                r#"{"symbols":["ETH","BTC","ETH"]}"#,
                r#"prices{"symbols":["BTC","ETH"]}"#,
            ),
            (
                "orderbook",
                r#"{"symbol":"BTC","depth":10}"#,
                r#"orderbook{"depth":10,"symbol":"BTC"}"#,
            ),
            (
                "orderbook",
                r#"{"symbol":"BTC"}"#,
                r#"orderbook{"depth":10,"symbol":"BTC"}"#,
            ),
            (
                "trades",
                r#"{"symbol":"PURR/USDC"}"#,
                r#"trades{"symbol":"PURR/USDC"}"#,
            ),
            (
                "candles",
                r#"{"interval":"1m","symbol":"@107"}"#,
                r#"candles{"interval":"1m","symbol":"@107"}"#,
            ),
            (
                "user_fills",
                r#"{"userId":"0xa1"}"#,
                r#"user_fills{"userId":"0xa1"}"#,
            ),
            ("chain", r#"{"chain_id":"e476"}"#, r#"chain{"chain_id":"e476"}"#),
            ("telemetry", "{}", "telemetry"),
            ("room:lobby", "{}", "room:lobby"),
        ] {
            let topic = parse(channel, params).unwrap().topic;
            assert_eq!(topic.to_string(), text);
            let again = Topic::parse(&ChannelName::parse(topic.channel()).unwrap(), topic.params()).unwrap();
            assert_eq!(again.topic, topic, "canonical params parse to the same topic");
        }
    }

    #[test]
    fn throttle_inside_params_is_the_subscription_s() {
        let subscription = parse("prices", r#"{"symbols":["BTC"],"throttle":250}"#).unwrap();
        assert_eq!(subscription.throttle_ms, Some(250));
        assert_eq!(subscription.topic.to_string(), r#"prices{"symbols":["BTC"]}"#);
        assert_eq!(parse("prices", r#"{"throttle":0}"#).unwrap().throttle_ms, None);
    }

    #[test]
    fn wrong_params_are_named() {
        for (channel, params, says) in [
            ("orderbook", "{}", "`symbol` is missing"),
            ("orderbook", r#"{"symbol":7}"#, "`symbol` must be a string"),
            ("orderbook", r#"{"symbol":"B C"}"#, "a symbol has"),
            ("orderbook", r#"{"symbol":"BTC","depth":0}"#, "`depth` must be"),
            ("orderbook", r#"{"symbol":"BTC","depth":21}"#, "`depth` must be"),
            ("orderbook", r#"{"symbol":"BTC","depth":"10"}"#, "`depth` must be"),
            (
                "trades",
                r#"{"symbol":"BTC","depht":3}"#,
                "`trades` has no param `depht`",
            ),
            ("candles", r#"{"symbol":"BTC"}"#, "`interval` is missing"),
            ("candles", r#"{"symbol":"BTC","interval":"7m"}"#, "no interval"),
            ("prices", r#"{"symbols":"BTC"}"#, "`symbols` must be a list"),
            ("prices", r#"{"symbols":[1]}"#, "`symbols` must be a list"),
            ("prices", r#"{"throttle":-1}"#, "`throttle` must be"),
            ("prices", r#"{"throttle":60001}"#, "`throttle` must be"),
            ("user_orders", "{}", "`userId` is missing"),
            ("room:lobby", r#"{"a":1}"#, "has no param `a`"),
        ] {
            match parse(channel, params) {
                Err(TopicError::InvalidParams(message)) => assert!(message.contains(says), "{message}"),
                other => panic!("{channel} {params}: {other:?}"),
            }
        }
        assert_eq!(
            parse("price", "{}"),
            Err(TopicError::UnknownChannel("price".to_owned()))
        );
    }

    #[test]
    fn too_many_symbols_are_refused() {
        let names: Vec<String> = (0..=MAX_SYMBOLS).map(|number| format!("C{number}")).collect();
        let params = Params::default().with("symbols", names);
        let refused = Topic::parse(&ChannelName::parse("prices").unwrap(), params);
        assert!(matches!(refused, Err(TopicError::InvalidParams(_))));
    }
}
