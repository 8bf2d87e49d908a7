//! What can be subscribed to at the exchange, and its canonical form: two texts of one subscription are one value.
//!
//! The exchange echoes subscriptions with keys reordered and defaults filled in, so texts are never compared.

use nexus_protocol::{Interval, Symbol};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::feeds::hyperliquid::address::Address;

/// One subscription at the exchange.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Source {
    /// The mid prices of a dex; the empty name is the main one, with the spot markets.
    Mids {
        /// The dex.
        dex: String,
    },
    /// The order book of a market.
    Book {
        /// The market.
        coin: Symbol,
        /// Which of the two variants.
        pace: BookPace,
    },
    /// The trades of a market.
    Trades {
        /// The market.
        coin: Symbol,
    },
    /// The bars of a market.
    Candles {
        /// The market.
        coin: Symbol,
        /// The length of a bar.
        interval: Interval,
    },
    /// The fills of an account.
    Fills {
        /// Whose.
        user: Address,
    },
    /// What happens to the orders of an account.
    Orders {
        /// Whose.
        user: Address,
    },
    /// The open orders of an account on the main dex, whole.
    OpenOrders {
        /// Whose.
        user: Address,
    },
    /// The positions of an account on the main dex, whole.
    Perps {
        /// Whose.
        user: Address,
    },
    /// The spot balances of an account, whole.
    Balances {
        /// Whose.
        user: Address,
    },
}

/// The two variants of a book. Frames hardly name theirs, so a connection carries at most one of a market.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum BookPace {
    /// Five levels a side, twice a second.
    Fast,
    /// Twenty levels a side, every five seconds.
    Full,
}

/// What a message asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    /// To begin.
    Subscribe,
    /// To end.
    Unsubscribe,
}

#[derive(Serialize)]
struct Request<'a> {
    method: Act,
    subscription: Subscription<'a>,
}

/// A subscription as the exchange wants it written: options only where they differ from the default
/// (`"fast":null` is refused).
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Subscription<'a> {
    AllMids {
        #[serde(skip_serializing_if = "str::is_empty")]
        dex: &'a str,
    },
    L2Book {
        coin: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        fast: bool,
    },
    Trades {
        coin: &'a str,
    },
    Candle {
        coin: &'a str,
        interval: Interval,
    },
    UserFills {
        user: &'a Address,
    },
    UserHistoricalOrders {
        user: &'a Address,
    },
    OpenOrders {
        user: &'a Address,
    },
    ClearinghouseState {
        user: &'a Address,
    },
    SpotState {
        user: &'a Address,
    },
}

/// A subscription as the exchange echoes it; every key of every type that matters here.
#[derive(Deserialize)]
struct Echo {
    r#type: String,
    #[serde(default)]
    coin: Option<String>,
    #[serde(default)]
    dex: Option<String>,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    fast: Option<bool>,
    #[serde(default, rename = "nSigFigs")]
    significant_figures: Option<Value>,
    #[serde(default)]
    mantissa: Option<Value>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default, rename = "aggregateByTime")]
    aggregate_by_time: bool,
    #[serde(default, rename = "ignorePortfolioMargin")]
    ignore_portfolio_margin: bool,
}

impl Source {
    /// The message that subscribes or unsubscribes it.
    pub(crate) fn request(&self, method: Act) -> String {
        let subscription = match self {
            Source::Mids { dex } => Subscription::AllMids { dex },
            Source::Book { coin, pace } => Subscription::L2Book {
                coin: coin.as_str(),
                fast: *pace == BookPace::Fast,
            },
            Source::Trades { coin } => Subscription::Trades { coin: coin.as_str() },
            Source::Candles { coin, interval } => Subscription::Candle {
                coin: coin.as_str(),
                interval: *interval,
            },
            Source::Fills { user } => Subscription::UserFills { user },
            Source::Orders { user } => Subscription::UserHistoricalOrders { user },
            Source::OpenOrders { user } => Subscription::OpenOrders { user },
            Source::Perps { user } => Subscription::ClearinghouseState { user },
            Source::Balances { user } => Subscription::SpotState { user },
        };
        serde_json::to_string(&Request { method, subscription })
            .expect("plain structs can be written as JSON")
    }

    /// Reads an echoed subscription; `None` if it is none that this feed makes.
    pub(crate) fn from_echo(text: &str) -> Option<Self> {
        let echo: Echo = serde_json::from_str(text).ok()?;
        let user = || Address::parse(echo.user.as_deref()?).ok();
        let is_main = echo.dex.as_deref().is_none_or(str::is_empty);
        let coin = || echo.coin.as_deref().and_then(|coin| Symbol::parse(coin).ok());
        match echo.r#type.as_str() {
            "allMids" => Some(Source::Mids {
                dex: echo.dex.unwrap_or_default(),
            }),
            "l2Book" if echo.significant_figures.is_none() && echo.mantissa.is_none() => {
                let pace = if echo.fast == Some(true) {
                    BookPace::Fast
                } else {
                    BookPace::Full
                };
                Some(Source::Book { coin: coin()?, pace })
            }
            "trades" => Some(Source::Trades { coin: coin()? }),
            "candle" => {
                let interval = echo.interval.as_deref()?.parse().ok()?;
                Some(Source::Candles {
                    coin: coin()?,
                    interval,
                })
            }
            "userFills" if !echo.aggregate_by_time => Some(Source::Fills { user: user()? }),
            "userHistoricalOrders" => Some(Source::Orders { user: user()? }),
            "openOrders" if is_main => Some(Source::OpenOrders { user: user()? }),
            "clearinghouseState" if is_main => Some(Source::Perps { user: user()? }),
            "spotState" if !echo.ignore_portfolio_margin => Some(Source::Balances { user: user()? }),
            _ => None,
        }
    }

    /// Whose account it is of, if it is of one.
    pub(crate) fn user(&self) -> Option<&Address> {
        match self {
            Source::Fills { user }
            | Source::Orders { user }
            | Source::OpenOrders { user }
            | Source::Perps { user }
            | Source::Balances { user } => Some(user),
            Source::Mids { .. } | Source::Book { .. } | Source::Trades { .. } | Source::Candles { .. } => {
                None
            }
        }
    }

    /// Everything of an account.
    #[cfg(test)]
    pub(crate) fn of_account(user: &Address) -> [Source; 5] {
        let user = || user.clone();
        [
            Source::Fills { user: user() },
            Source::Orders { user: user() },
            Source::OpenOrders { user: user() },
            Source::Perps { user: user() },
            Source::Balances { user: user() },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Source> {
        let coin = || Symbol::parse("PURR/USDC").unwrap();
        let mut sources = vec![
            Source::Mids { dex: String::new() },
            Source::Mids {
                dex: "xyz".to_owned(),
            },
            Source::Book {
                coin: coin(),
                pace: BookPace::Fast,
            },
            Source::Book {
                coin: coin(),
                pace: BookPace::Full,
            },
            Source::Trades { coin: coin() },
        ];
        let ann = Address::parse("0x00000000000000000000000000000000000000A1").unwrap();
        sources.extend(Source::of_account(&ann));
        sources.extend(Interval::ALL.map(|interval| Source::Candles {
            coin: coin(),
            interval,
        }));
        sources
    }

    #[test]
    fn what_is_asked_for_is_recognised_when_it_is_echoed() {
        for source in every_kind() {
            let request: Value = serde_json::from_str(&source.request(Act::Subscribe)).unwrap();
            assert_eq!(request["method"], "subscribe");
            assert_eq!(
                Source::from_echo(&request["subscription"].to_string()),
                Some(source)
            );
        }
    }

    #[test]
    fn options_are_written_only_where_they_differ_from_the_default() {
        let coin = || Symbol::parse("BTC").unwrap();
        for (source, text) in [
            (Source::Mids { dex: String::new() }, r#"{"type":"allMids"}"#),
            (
                Source::Mids {
                    dex: "xyz".to_owned(),
                },
                r#"{"type":"allMids","dex":"xyz"}"#,
            ),
            (
                Source::Book {
                    coin: coin(),
                    pace: BookPace::Fast,
                },
                r#"{"type":"l2Book","coin":"BTC","fast":true}"#,
            ),
            (
                Source::Book {
                    coin: coin(),
                    pace: BookPace::Full,
                },
                r#"{"type":"l2Book","coin":"BTC"}"#,
            ),
        ] {
            let whole = format!(r#"{{"method":"unsubscribe","subscription":{text}}}"#);
            assert_eq!(source.request(Act::Unsubscribe), whole);
        }
    }

    #[test]
    fn defaults_filled_in_and_keys_reordered_are_the_same_source() {
        let coin = || Symbol::parse("SOL").unwrap();
        let ann = || Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
        for (text, source) in [
            (
                r#"{"type":"l2Book","coin":"SOL","nSigFigs":null,"mantissa":null,"fast":false}"#,
                Source::Book {
                    coin: coin(),
                    pace: BookPace::Full,
                },
            ),
            (
                r#"{"fast":true,"mantissa":null,"nSigFigs":null,"coin":"SOL","type":"l2Book"}"#,
                Source::Book {
                    coin: coin(),
                    pace: BookPace::Fast,
                },
            ),
            (
                r#"{"type":"candle","interval":"1d","coin":"SOL","new":1}"#,
                Source::Candles {
                    coin: coin(),
                    interval: Interval::Day1,
                },
            ),
            (
                r#"{"type":"allMids","dex":""}"#,
                Source::Mids { dex: String::new() },
            ),
            (
                r#"{"type":"userFills","user":"0x00000000000000000000000000000000000000a1","aggregateByTime":false}"#,
                Source::Fills { user: ann() },
            ),
            (
                r#"{"type":"clearinghouseState","dex":"","user":"0x00000000000000000000000000000000000000A1"}"#,
                Source::Perps { user: ann() },
            ),
        ] {
            assert_eq!(Source::from_echo(text), Some(source), "{text}");
        }
    }

    #[test]
    fn what_this_feed_does_not_make_is_no_source() {
        for text in [
            r#"{"type":"l2Book","coin":"SOL","nSigFigs":5,"mantissa":2}"#,
            r#"{"type":"bbo","coin":"SOL"}"#,
            r#"{"type":"userFills"}"#,
            r#"{"type":"userFills","user":"ann"}"#,
            r#"{"type":"openOrders","dex":"xyz","user":"0x00000000000000000000000000000000000000a1"}"#,
            r#"{"type":"trades"}"#,
            r#"{"type":"trades","coin":"white space"}"#,
            r#"{"type":"candle","coin":"SOL","interval":"7m"}"#,
            "null",
            "",
        ] {
            assert_eq!(Source::from_echo(text), None, "{text}");
        }
    }
}
