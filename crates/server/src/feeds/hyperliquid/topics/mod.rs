//! What the exchange sends, turned into what subscribers get: a state per market (or board of prices) that takes frames
//! and fetched bodies in and gives publications out.
//!
//! All of this is pure: time is an argument, and what must be done outside comes back as an [`Effect`].

pub(crate) mod accounts;
mod books;
mod candles;
mod fills;
mod funds;
mod orders;
mod prices;
mod quiet;
mod streams;
mod tally;
#[cfg(test)]
mod tests;
mod trades;

use std::sync::Arc;

use nexus_protocol::{Interval, Symbol, Topic, TradeGap, UserId};
use serde::Serialize;

pub(crate) use self::streams::Streams;
use super::address::Address;
use super::wire::Source;
use crate::content::Content;

/// What must be done outside.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Effect {
    /// Publish on a topic.
    Publish(Topic, Content),
    /// Announce that something of a topic is missing.
    Gap(Topic, TradeGap),
    /// The series of a topic is broken: forget what was published, begin anew.
    Forget(Topic),
    /// Ask the exchange over HTTP.
    Fetch(Fetch),
    /// Subscribe anew: the source does not send what it should.
    Renew(Source),
}

/// What is asked over HTTP on behalf of a market.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Fetch {
    /// The latest trades.
    Trades {
        /// Of which market.
        coin: Symbol,
        /// Comes back with the answer.
        round: u64,
    },
    /// A book of twenty levels.
    Book {
        /// Of which market.
        coin: Symbol,
        /// Comes back with the answer.
        round: u64,
    },
    /// Bars, oldest first.
    Candles {
        /// Of which market.
        coin: Symbol,
        /// How long.
        interval: Interval,
        /// Those that opened at this time or later, in Unix milliseconds.
        from: u64,
        /// Comes back with the answer.
        round: u64,
    },
    /// Something of an account.
    Account {
        /// On behalf of whose topic.
        user: UserId,
        /// Whose.
        address: Address,
        /// What.
        what: AccountFetch,
        /// Comes back with the answer.
        round: u64,
    },
}

/// What is asked of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum AccountFetch {
    /// Its latest fills, or those from a time on, in Unix milliseconds.
    Fills {
        /// The time.
        from: Option<u64>,
    },
    /// The latest that happened to its orders.
    Orders,
    /// Its open orders.
    OpenOrders,
    /// Its positions.
    Perps,
    /// Its balances.
    Balances,
}

/// The JSON of a market type.
pub(super) fn json<T: Serialize>(value: &T) -> Arc<str> {
    serde_json::to_string(value)
        .expect("market types are plain structs and maps by text")
        .into()
}
