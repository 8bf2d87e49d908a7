//! What a client may subscribe to, as the venue reads it and as the venue writes it back.
//!
//! Reading is strict where the venue is (`fast: null` and unknown intervals do not parse) and the answer is normalised:
//! keys in the venue's order, defaults filled in. Two requests are one topic exactly if their normal forms are equal.

use std::fmt;

use serde::Deserialize;
use serde_json::json;

use crate::exchange::account::Address;
use crate::exchange::market::{Grouping, Interval};

/// A message from a client.
#[derive(Debug, Deserialize)]
#[serde(tag = "method", rename_all = "camelCase")]
pub(crate) enum Request {
    /// Start a topic.
    Subscribe { subscription: Subscription },
    /// End a topic; must repeat the options it was started with.
    Unsubscribe { subscription: Subscription },
    /// Asks for a pong.
    Ping,
}

/// A topic. Types that are not here do not parse, as removed types do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Subscription {
    /// Mid prices of all coins of a dex.
    AllMids {
        /// A builder's dex; none is the venue's own.
        #[serde(default)]
        dex: Option<String>,
    },
    /// Book snapshots.
    L2Book {
        /// Coin.
        coin: String,
        /// Significant figures, 2 to 5.
        #[serde(default)]
        n_sig_figs: Option<Figures>,
        /// Step of the last figure, only with five figures.
        #[serde(default)]
        mantissa: Option<Mantissa>,
        /// Five levels twice a second instead of twenty every five seconds.
        #[serde(default)]
        fast: bool,
    },
    /// Trades.
    Trades {
        /// Coin.
        coin: String,
    },
    /// Best bid and ask.
    Bbo {
        /// Coin.
        coin: String,
    },
    /// The forming bar.
    Candle {
        /// Coin.
        coin: String,
        /// Length of the bars.
        interval: Interval,
    },
    /// Funding, open interest, day figures, mark and oracle price.
    ActiveAssetCtx {
        /// Coin.
        coin: String,
    },
    /// Changes of a user's orders; frames name no user.
    OrderUpdates {
        /// Whose.
        user: Address,
    },
    /// What happens to a user; frames name no user.
    UserEvents {
        /// Whose.
        user: Address,
    },
    /// A user's fills.
    UserFills {
        /// Whose.
        user: Address,
        /// Taken and echoed; fills are never put together here.
        #[serde(default)]
        aggregate_by_time: bool,
    },
    /// Changes of a user's orders.
    UserHistoricalOrders {
        /// Whose.
        user: Address,
    },
    /// A user's positions.
    ClearinghouseState {
        /// Whose.
        user: Address,
        /// On which dex; none is the venue's own.
        #[serde(default)]
        dex: Option<String>,
    },
    /// A user's open orders.
    OpenOrders {
        /// Whose.
        user: Address,
        /// On which dex; none is the venue's own.
        #[serde(default)]
        dex: Option<String>,
    },
    /// A user's balances.
    SpotState {
        /// Whose.
        user: Address,
        /// Taken and echoed; without meaning here.
        #[serde(default)]
        ignore_portfolio_margin: bool,
    },
}

impl Subscription {
    /// The coin it is about, if it is about one.
    pub fn coin(&self) -> Option<&str> {
        match self {
            Subscription::AllMids { .. }
            | Subscription::OrderUpdates { .. }
            | Subscription::UserEvents { .. }
            | Subscription::UserFills { .. }
            | Subscription::UserHistoricalOrders { .. }
            | Subscription::ClearinghouseState { .. }
            | Subscription::OpenOrders { .. }
            | Subscription::SpotState { .. } => None,
            Subscription::L2Book { coin, .. }
            | Subscription::Trades { coin }
            | Subscription::Bbo { coin }
            | Subscription::Candle { coin, .. }
            | Subscription::ActiveAssetCtx { coin } => Some(coin),
        }
    }

    /// The user it is about, if it is about one.
    pub fn user(&self) -> Option<&Address> {
        match self {
            Subscription::OrderUpdates { user }
            | Subscription::UserEvents { user }
            | Subscription::UserFills { user, .. }
            | Subscription::UserHistoricalOrders { user }
            | Subscription::ClearinghouseState { user, .. }
            | Subscription::OpenOrders { user, .. }
            | Subscription::SpotState { user, .. } => Some(user),
            Subscription::AllMids { .. }
            | Subscription::L2Book { .. }
            | Subscription::Trades { .. }
            | Subscription::Bbo { .. }
            | Subscription::Candle { .. }
            | Subscription::ActiveAssetCtx { .. } => None,
        }
    }

    /// The dex asked for by name.
    pub(crate) fn dex(&self) -> Option<&str> {
        match self {
            Subscription::AllMids { dex }
            | Subscription::ClearinghouseState { dex, .. }
            | Subscription::OpenOrders { dex, .. } => dex.as_deref().filter(|dex| !dex.is_empty()),
            Subscription::OrderUpdates { .. }
            | Subscription::UserEvents { .. }
            | Subscription::UserFills { .. }
            | Subscription::UserHistoricalOrders { .. }
            | Subscription::SpotState { .. }
            | Subscription::L2Book { .. }
            | Subscription::Trades { .. }
            | Subscription::Bbo { .. }
            | Subscription::Candle { .. }
            | Subscription::ActiveAssetCtx { .. } => None,
        }
    }
}

/// The venue's normal form.
impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coin = json!(self.coin());
        match self {
            Subscription::AllMids { .. } => match self.dex() {
                Some(dex) => write!(f, r#"{{"type":"allMids","dex":{}}}"#, json!(dex)),
                None => write!(f, r#"{{"type":"allMids"}}"#),
            },
            Subscription::L2Book {
                n_sig_figs,
                mantissa,
                fast,
                ..
            } => {
                let figures = json!(n_sig_figs.map(|figures| figures.0));
                let mantissa = json!(mantissa.map(|mantissa| mantissa.0));
                write!(
                    f,
                    r#"{{"type":"l2Book","coin":{coin},"nSigFigs":{figures},"mantissa":{mantissa},"fast":{fast}}}"#
                )
            }
            Subscription::Trades { .. } => write!(f, r#"{{"type":"trades","coin":{coin}}}"#),
            Subscription::Bbo { .. } => write!(f, r#"{{"type":"bbo","coin":{coin}}}"#),
            Subscription::Candle { interval, .. } => {
                write!(
                    f,
                    r#"{{"type":"candle","interval":"{}","coin":{coin}}}"#,
                    interval.name()
                )
            }
            Subscription::ActiveAssetCtx { .. } => write!(f, r#"{{"type":"activeAssetCtx","coin":{coin}}}"#),
            Subscription::OrderUpdates { user } => write!(f, r#"{{"type":"orderUpdates","user":"{user}"}}"#),
            Subscription::UserEvents { user } => write!(f, r#"{{"type":"userEvents","user":"{user}"}}"#),
            Subscription::UserFills {
                user,
                aggregate_by_time,
            } => write!(
                f,
                r#"{{"type":"userFills","user":"{user}","aggregateByTime":{aggregate_by_time}}}"#
            ),
            Subscription::UserHistoricalOrders { user } => {
                write!(f, r#"{{"type":"userHistoricalOrders","user":"{user}"}}"#)
            }
            Subscription::ClearinghouseState { user, .. } => {
                let dex = json!(self.dex().unwrap_or_default());
                write!(
                    f,
                    r#"{{"type":"clearinghouseState","dex":{dex},"user":"{user}"}}"#
                )
            }
            Subscription::OpenOrders { user, .. } => {
                let dex = json!(self.dex().unwrap_or_default());
                write!(f, r#"{{"type":"openOrders","dex":{dex},"user":"{user}"}}"#)
            }
            Subscription::SpotState {
                user,
                ignore_portfolio_margin,
            } => write!(
                f,
                r#"{{"type":"spotState","user":"{user}","ignorePortfolioMargin":{ignore_portfolio_margin}}}"#
            ),
        }
    }
}

/// Significant figures of a grouped book: 2 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u32")]
pub struct Figures(pub(crate) u32);

impl TryFrom<u32> for Figures {
    type Error = &'static str;

    fn try_from(figures: u32) -> Result<Self, Self::Error> {
        if (2..=5).contains(&figures) {
            Ok(Self(figures))
        } else {
            Err("nSigFigs is 2, 3, 4 or 5")
        }
    }
}

/// Step of the last figure of a grouped book: 1, 2 or 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u32")]
pub struct Mantissa(pub(crate) u32);

impl TryFrom<u32> for Mantissa {
    type Error = &'static str;

    fn try_from(mantissa: u32) -> Result<Self, Self::Error> {
        if matches!(mantissa, 1 | 2 | 5) {
            Ok(Self(mantissa))
        } else {
            Err("mantissa is 1, 2 or 5")
        }
    }
}

/// The grouping that a book's options ask for; a mantissa without five figures is no valid pair.
pub(crate) fn grouping(
    figures: Option<Figures>,
    mantissa: Option<Mantissa>,
) -> Result<Option<Grouping>, &'static str> {
    match (figures, mantissa) {
        (None, None) => Ok(None),
        (Some(Figures(figures)), None) => Ok(Some(Grouping { figures, mantissa: 1 })),
        (Some(Figures(5)), Some(Mantissa(mantissa))) => Ok(Some(Grouping { figures: 5, mantissa })),
        (_, Some(_)) => Err("mantissa goes with nSigFigs 5"),
    }
}

/// Reads a message; `None` is what the venue calls no valid websocket request.
pub(crate) fn parse(text: &str) -> Option<Request> {
    let request: Request = serde_json::from_str(text).ok()?;
    match &request {
        Request::Subscribe {
            subscription: Subscription::L2Book {
                n_sig_figs, mantissa, ..
            },
        }
        | Request::Unsubscribe {
            subscription: Subscription::L2Book {
                n_sig_figs, mantissa, ..
            },
        } => {
            grouping(*n_sig_figs, *mantissa).ok()?;
        }
        Request::Subscribe { .. } | Request::Unsubscribe { .. } | Request::Ping => {}
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_normalised() {
        let cases = [
            (r#"{"type":"allMids"}"#, r#"{"type":"allMids"}"#),
            (
                r#"{"dex":"xyz","type":"allMids"}"#,
                r#"{"type":"allMids","dex":"xyz"}"#,
            ),
            (r#"{"type":"allMids","dex":""}"#, r#"{"type":"allMids"}"#),
            (
                r#"{"coin":"BTC","type":"l2Book"}"#,
                r#"{"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null,"fast":false}"#,
            ),
            (
                r#"{"type":"l2Book","coin":"ETH","nSigFigs":5,"mantissa":2}"#,
                r#"{"type":"l2Book","coin":"ETH","nSigFigs":5,"mantissa":2,"fast":false}"#,
            ),
            (
                r#"{"type":"candle","coin":"HYPE","interval":"1M"}"#,
                r#"{"type":"candle","interval":"1M","coin":"HYPE"}"#,
            ),
        ];
        for (given, normal) in cases {
            let request = parse(&format!(r#"{{"method":"subscribe","subscription":{given}}}"#));
            let Some(Request::Subscribe { subscription }) = request else {
                panic!("{given} did not parse")
            };
            assert_eq!(subscription.to_string(), normal);
        }
    }

    #[test]
    fn what_the_venue_does_not_read_does_not_parse() {
        let cases = [
            "not json",
            r#"{ "type": "allMids" }"#,
            r#"{"method":"subscribe"}"#,
            r#"{"method":"subscribe","subscription":{"type":"trades"}}"#,
            r#"{"method":"subscribe","subscription":{"type":"webData2","user":"0x00"}}"#,
            r#"{"method":"subscribe","subscription":{"type":"candle","coin":"ETH","interval":"7m"}}"#,
            r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","fast":null}}"#,
            r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":4,"mantissa":2}}"#,
            r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":9}}"#,
        ];
        for text in cases {
            assert!(parse(text).is_none(), "{text} was read");
        }
    }
}
