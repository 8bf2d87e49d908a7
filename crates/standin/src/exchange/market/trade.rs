//! A trade, who was its aggressor, and the quote it prints at.

use crate::exchange::market::decimal::Px;

/// Who took liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The buyer was the aggressor: printed at the ask (`B`).
    Buy,
    /// The seller was the aggressor: printed at the bid (`A`).
    Sell,
}

/// A trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Time of its block, Unix ms.
    pub time: i64,
    /// Price.
    pub px: Px,
    /// Size in the coin's lots.
    pub lots: i64,
    /// Aggressor.
    pub side: Side,
    /// Id, unique in the market.
    pub tid: u64,
    /// What the transaction hash is made of; `None` for a system fill (all-zero hash).
    pub(crate) hash: Option<u64>,
    /// What the buyer's address is made of.
    pub(crate) buyer: u64,
    /// What the seller's address is made of.
    pub(crate) seller: u64,
}

/// Best bid and best ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Best bid.
    pub bid: Px,
    /// Best ask; always above the bid.
    pub ask: Px,
}

impl Touch {
    /// The middle.
    pub fn mid(self) -> Px {
        self.bid.middle(self.ask)
    }
}
