//! What happens on an account: an order changes, or is filled.

use crate::exchange::market::{CoinId, Px, Side};

/// Something that happened on an account.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// An order was placed, changed or ended.
    Order(OrderState),
    /// An order was filled, at least in part.
    Fill(Fill),
}

/// An order as it stood after something happened to it.
#[derive(Clone, Debug)]
pub(crate) struct OrderState {
    pub(crate) block: i64,
    /// When it became so, Unix ms.
    pub(crate) time: i64,
    pub(crate) coin: CoinId,
    pub(crate) side: Side,
    pub(crate) limit: Px,
    /// What is left of it.
    pub(crate) lots: i64,
    /// What was ordered.
    pub(crate) ordered: i64,
    pub(crate) oid: u64,
    /// When it was placed, Unix ms.
    pub(crate) placed: i64,
    /// Good for how long: `Alo` rests, `Ioc` takes.
    pub(crate) tif: &'static str,
    pub(crate) reduce_only: bool,
    /// What the sender's own name of it is made of.
    pub(crate) cloid: Option<u64>,
    pub(crate) status: &'static str,
}

/// A fill.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) block: i64,
    /// Unix ms.
    pub(crate) time: i64,
    pub(crate) coin: CoinId,
    pub(crate) side: Side,
    pub(crate) px: Px,
    pub(crate) lots: i64,
    /// The position before, in lots.
    pub(crate) start: i64,
    pub(crate) dir: &'static str,
    /// Won or lost, in millionths of a dollar, without the fee.
    pub(crate) closed: i128,
    /// In millionths of a dollar.
    pub(crate) fee: i128,
    pub(crate) oid: u64,
    pub(crate) crossed: bool,
    pub(crate) tid: u64,
    pub(crate) cloid: Option<u64>,
    pub(crate) hash: Option<u64>,
}

impl Event {
    /// The block that it happened in.
    pub(crate) fn block(&self) -> i64 {
        match self {
            Event::Order(order) => order.block,
            Event::Fill(fill) => fill.block,
        }
    }

    /// The order's state, if that is what changed.
    pub(crate) fn order(&self) -> Option<OrderState> {
        match self {
            Event::Order(order) => Some(order.clone()),
            Event::Fill(_) => None,
        }
    }

    /// The fill, if it is one.
    pub(crate) fn fill(&self) -> Option<Fill> {
        match self {
            Event::Fill(fill) => Some(fill.clone()),
            Event::Order(_) => None,
        }
    }
}

impl OrderState {
    /// Whether it stands in the book.
    pub(crate) fn is_open(&self) -> bool {
        self.status == "open"
    }
}

impl Fill {
    /// What it adds to the position, in lots.
    pub(crate) fn delta(&self) -> i64 {
        match self.side {
            Side::Buy => self.lots,
            Side::Sell => -self.lots,
        }
    }
}
