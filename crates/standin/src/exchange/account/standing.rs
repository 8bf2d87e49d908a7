//! How an account stands after a block: its open orders, its positions, what it is worth.

use std::collections::BTreeMap;

use crate::exchange::account::episode::{book, lot_scale};
use crate::exchange::account::events::{Event, OrderState};
use crate::exchange::market::{CoinId, Market, Px};

/// How an account stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// In the order in which they were placed.
    pub(crate) open: Vec<OrderState>,
    pub(crate) positions: Vec<Position>,
    /// In millionths of a dollar, without what open positions won so far.
    pub(crate) cash: i128,
}

/// An open position.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) coin: CoinId,
    pub(crate) lots: i64,
    /// Price times lots.
    cost: i128,
}

/// What a position is worth, in millionths of a dollar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worth {
    /// At the market's price; never negative.
    pub(crate) value: i128,
    pub(crate) unrealized: i128,
    pub(crate) margin: i128,
}

impl Standing {
    /// What the events of the hour that began with block `hour`, and of the episodes that reach into it, come to.
    pub(crate) fn new(base: i128, hour: i64, events: Vec<Event>) -> Self {
        let mut open: Vec<OrderState> = Vec::new();
        let mut positions: BTreeMap<CoinId, Position> = BTreeMap::new();
        let mut cash = base;
        for event in events {
            match event {
                Event::Order(order) => {
                    open.retain(|known| known.oid != order.oid);
                    if order.is_open() {
                        open.push(order);
                    }
                }
                Event::Fill(fill) => {
                    // Of an episode of which only the end was looked at: it begins where its first fill says.
                    let position = positions.entry(fill.coin).or_insert_with(|| Position {
                        coin: fill.coin,
                        lots: fill.start,
                        cost: i128::from(fill.px.0) * i128::from(fill.start),
                    });
                    book(&mut position.lots, &mut position.cost, fill.delta(), fill.px);
                    if fill.block >= hour {
                        cash += fill.closed - fill.fee;
                    }
                }
            }
        }
        open.sort_by_key(|order| order.oid);
        Self {
            open,
            positions: positions
                .into_values()
                .filter(|position| position.lots != 0)
                .collect(),
            cash,
        }
    }

    /// What all positions are worth together.
    pub(crate) fn worth(&self, market: &Market, block: i64) -> Worth {
        let nothing = Worth {
            value: 0,
            unrealized: 0,
            margin: 0,
        };
        self.positions.iter().fold(nothing, |sum, position| {
            let worth = position.worth(market, block);
            Worth {
                value: sum.value + worth.value,
                unrealized: sum.unrealized + worth.unrealized,
                margin: sum.margin + worth.margin,
            }
        })
    }
}

impl Position {
    /// The average price that it was entered at.
    pub(crate) fn entry(&self) -> Px {
        Px((self.cost / i128::from(self.lots)) as i64)
    }

    /// What it is worth after `block`.
    pub(crate) fn worth(&self, market: &Market, block: i64) -> Worth {
        let scale = lot_scale(market, self.coin);
        let now = i128::from(market.touch(self.coin, block).mid().0) * i128::from(self.lots);
        Worth {
            value: now.abs() / scale,
            unrealized: (now - self.cost) / scale,
            margin: now.abs() / scale / i128::from(market.coin(self.coin).max_leverage),
        }
    }
}
