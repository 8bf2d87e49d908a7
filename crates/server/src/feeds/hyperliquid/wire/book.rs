//! A book as the exchange sends it: whole, never a change.

use std::cmp::Ordering;

use nexus_protocol::{BookLevel, Decimal, Symbol};
use serde::Deserialize;

use super::BookPace;
use crate::feeds::hyperliquid::number;

/// A whole book.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct WireBook {
    pub(crate) coin: Symbol,
    /// Unix milliseconds.
    pub(crate) time: u64,
    /// Bids, highest first; asks, lowest first.
    pub(crate) levels: [Vec<WireLevel>; 2],
    /// Set in frames of the fast variant only.
    #[serde(default)]
    pub(crate) fast: bool,
}

/// One price level.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct WireLevel {
    pub(crate) px: Decimal,
    pub(crate) sz: Decimal,
}

impl WireBook {
    /// Which of the two variants it is.
    pub(crate) fn pace(&self) -> BookPace {
        if self.fast { BookPace::Fast } else { BookPace::Full }
    }

    /// Whether both sides are in order, each price once, and the best bid is below the best ask.
    pub(crate) fn is_sound(&self) -> bool {
        let [bids, asks] = &self.levels;
        let falls = |pair: &[WireLevel]| number::compare(&pair[0].px, &pair[1].px) == Ordering::Greater;
        let rises = |pair: &[WireLevel]| number::compare(&pair[0].px, &pair[1].px) == Ordering::Less;
        let apart = match (bids.first(), asks.first()) {
            (Some(bid), Some(ask)) => number::compare(&bid.px, &ask.px) == Ordering::Less,
            _ => true,
        };
        apart && bids.windows(2).all(falls) && asks.windows(2).all(rises)
    }
}

impl From<WireLevel> for BookLevel {
    fn from(level: WireLevel) -> Self {
        BookLevel {
            price: level.px,
            size: level.sz,
        }
    }
}
