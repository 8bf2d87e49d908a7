//! The order book as it came, with what is needed to lay it out.

use nexus_protocol::{Book as WireBook, BookLevel};

use crate::format::decimals_needed;

/// An order book.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    /// Buyers, best first.
    pub(crate) bids: Vec<Level>,
    /// Sellers, best first.
    pub(crate) asks: Vec<Level>,
    /// The exchange's time.
    pub(crate) timestamp: u64,
    /// The exchange's time of the levels behind the first five, where those come less often.
    pub(crate) deep_timestamp: Option<u64>,
    /// Digits behind the point of a price: the most that were needed so far.
    pub(crate) price_decimals: usize,
    /// Digits behind the point of a size: the most that were needed so far.
    pub(crate) size_decimals: usize,
    /// Whether a book has come at all.
    pub(crate) is_known: bool,
}

/// A level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Level {
    /// The price in the exchange's own digits.
    pub(crate) price: Box<str>,
    /// The price for drawing and computing.
    pub(crate) value: f64,
    /// How much is wanted or offered.
    pub(crate) size: f64,
}

impl Book {
    /// Takes a whole book.
    pub(crate) fn take(&mut self, book: &WireBook) {
        let levels = || book.bids.iter().chain(&book.asks);
        let most = |needed: usize, text: &str| needed.max(decimals_needed(text));
        self.price_decimals = levels().fold(self.price_decimals, |most_so_far, level| {
            most(most_so_far, level.price.as_str())
        });
        self.size_decimals = levels().fold(self.size_decimals, |most_so_far, level| {
            most(most_so_far, level.size.as_str())
        });
        self.bids = book.bids.iter().map(Level::of).collect();
        self.asks = book.asks.iter().map(Level::of).collect();
        self.timestamp = book.timestamp;
        self.deep_timestamp = book.deep_timestamp;
        self.is_known = true;
    }

    /// By how much the levels behind the first five are older than the others, in milliseconds.
    pub(crate) fn deep_lag(&self) -> Option<u64> {
        self.deep_timestamp
            .map(|deep| self.timestamp.saturating_sub(deep))
    }

    /// The best prices, where both sides have one.
    pub(crate) fn best(&self) -> Option<(&Level, &Level)> {
        self.bids.first().zip(self.asks.first())
    }
}

impl Level {
    fn of(level: &BookLevel) -> Self {
        Level {
            price: level.price.as_str().into(),
            value: level.price.to_f64(),
            size: level.size.to_f64(),
        }
    }
}
