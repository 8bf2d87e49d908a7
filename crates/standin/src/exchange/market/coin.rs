//! A coin of the simulated market: what it is called and how it trades.

use crate::exchange::market::decimal::Grid;
use crate::exchange::market::walk::Walk;

/// Index of a coin in the universe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoinId(pub(crate) u32);

/// Where a coin trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Perpetual of the main dex.
    Perp,
    /// Perpetual of the builder's dex `xyz`.
    BuilderPerp,
    /// Spot pair; the number is its index in `spotMeta.universe`.
    Spot(u32),
    /// Outcome of a prediction market.
    Outcome,
}

/// Which sides of the book hold orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sides {
    Both,
    BidsOnly,
    Neither,
}

/// A coin and its habits.
#[derive(Debug)]
pub struct Coin {
    /// The name on the wire, case-sensitive and opaque.
    pub name: Box<str>,
    /// Where it trades.
    pub kind: Kind,
    /// Decimals of a size.
    pub sz_decimals: u32,
    /// Whether trading has ended: an empty book, no trades, no mid price.
    pub delisted: bool,
    pub(crate) max_leverage: u32,
    pub(crate) grid: Grid,
    pub(crate) key: u64,
    pub(crate) base: f64,
    pub(crate) beta: f64,
    pub(crate) walk: Walk,
    /// Trades of a usual minute.
    pub(crate) rate: f64,
    /// Lots of a usual trade.
    pub(crate) mean_lots: f64,
    /// Usual spread in ticks, at least 1.
    pub(crate) spread: f64,
    pub(crate) sides: Sides,
    /// First day (since 1970) with trades.
    pub(crate) listed: i64,
}

impl Coin {
    /// Whether its context is sent on `activeSpotAssetCtx`.
    pub(crate) fn is_spot(&self) -> bool {
        match self.kind {
            Kind::Spot(_) | Kind::Outcome => true,
            Kind::Perp | Kind::BuilderPerp => false,
        }
    }

    /// The dex that lists it: `""` is the venue's own, which also carries spot pairs and outcomes.
    pub(crate) fn dex(&self) -> &'static str {
        match self.kind {
            Kind::BuilderPerp => "xyz",
            Kind::Perp | Kind::Spot(_) | Kind::Outcome => "",
        }
    }
}
