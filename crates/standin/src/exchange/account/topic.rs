//! One subscription to an account, and which frames it owes at a block. Pure: the block is an argument.

use std::sync::Arc;

use serde_json::json;

use crate::exchange::account::{Account, Event, Fill, OrderState, wire};
use crate::exchange::market::{BLOCK_MS, Market};

/// Rows of the first frame of a subscription that begins with a snapshot.
const SNAPSHOT_ROWS: usize = 500;
/// States come again after so many blocks though nothing happened.
const PERPS_EVERY: i64 = 5_000 / BLOCK_MS;
const ORDERS_EVERY: i64 = 5_000 / BLOCK_MS;
const SPOT_EVERY: i64 = 30_000 / BLOCK_MS;

/// A subscription to an account.
#[derive(Debug)]
pub(crate) struct AccountTopic {
    account: Arc<Account>,
    kind: Kind,
    /// The most rows of a snapshot.
    rows: usize,
    begun: bool,
    /// When a state comes again.
    due: i64,
}

/// What is told of an account.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Changes of orders; names no user.
    OrderUpdates,
    /// Fills; names no user.
    Events,
    /// Fills.
    Fills,
    /// Changes of orders.
    History,
    /// Positions on a dex.
    Perps(String),
    /// Open orders on a dex.
    OpenOrders(String),
    /// Balances.
    Spot,
}

impl AccountTopic {
    /// A subscription that begins at `block`.
    pub(crate) fn new(account: Arc<Account>, kind: Kind, rows: usize, block: i64) -> Self {
        Self {
            account,
            kind,
            rows: rows.min(SNAPSHOT_ROWS),
            begun: false,
            due: block,
        }
    }

    /// Makes the next frame the first.
    pub(crate) fn begin_anew(&mut self, block: i64) {
        (self.begun, self.due) = (false, block);
    }

    /// Appends the frames of the blocks behind `seen` up to `block`.
    pub(crate) fn poll(&mut self, market: &Market, seen: i64, block: i64, out: &mut Vec<String>) {
        let user = &self.account.address;
        let is_first = !std::mem::replace(&mut self.begun, true);
        let events = || self.account.events(market, seen + 1, block);
        match &self.kind {
            Kind::OrderUpdates => {
                let orders: Vec<OrderState> = events().iter().filter_map(Event::order).collect();
                for orders in blocks(&orders, |order| order.block) {
                    out.push(wire::nameless(
                        "orderUpdates",
                        &wire::order_updates(market, orders),
                    ));
                }
            }
            Kind::Events => {
                let fills: Vec<Fill> = events().iter().filter_map(Event::fill).collect();
                for fills in blocks(&fills, |fill| fill.block) {
                    out.push(wire::nameless(
                        "user",
                        &json!({"fills": wire::fills(market, fills)}),
                    ));
                }
            }
            Kind::Fills => {
                if is_first {
                    let fills = self.account.latest_fills(market, block, self.rows);
                    out.push(wire::rows(
                        "userFills",
                        "fills",
                        user,
                        true,
                        &wire::fills(market, &fills),
                    ));
                    return;
                }
                let fills: Vec<Fill> = events().iter().filter_map(Event::fill).collect();
                for fills in blocks(&fills, |fill| fill.block) {
                    out.push(wire::rows(
                        "userFills",
                        "fills",
                        user,
                        false,
                        &wire::fills(market, fills),
                    ));
                }
            }
            Kind::History => {
                let frame = |is_first, orders: &[OrderState]| {
                    let orders = wire::history(market, orders);
                    wire::rows("userHistoricalOrders", "orderHistory", user, is_first, &orders)
                };
                if is_first {
                    out.push(frame(true, &self.account.latest_orders(market, block, self.rows)));
                    return;
                }
                let orders: Vec<OrderState> = events().iter().filter_map(Event::order).collect();
                out.extend(blocks(&orders, |order| order.block).map(|orders| frame(false, orders)));
            }
            Kind::Perps(dex) => {
                let moved = is_first || events().iter().any(|event| event.fill().is_some());
                if moved || block >= self.due {
                    self.due = block + PERPS_EVERY;
                    let state = perps(market, &self.account, dex, block);
                    out.push(wire::of_dex(
                        "clearinghouseState",
                        "clearinghouseState",
                        dex,
                        user,
                        &state,
                    ));
                }
            }
            Kind::OpenOrders(dex) => {
                let moved = is_first || events().iter().any(|event| event.order().is_some());
                if moved || block >= self.due {
                    self.due = block + ORDERS_EVERY;
                    let orders = open_orders(market, &self.account, dex, block);
                    out.push(wire::of_dex("openOrders", "orders", dex, user, &orders));
                }
            }
            Kind::Spot => {
                if is_first || block >= self.due {
                    self.due = block + SPOT_EVERY;
                    out.push(wire::spot(user, &wire::spot_state(&self.account)));
                }
            }
        }
    }
}

/// The positions on a dex. Nobody trades on the builder's.
pub(crate) fn perps(market: &Market, account: &Account, dex: &str, block: i64) -> String {
    let mut standing = account.standing(market, block);
    if !dex.is_empty() {
        standing.positions.clear();
        standing.cash = 0;
    }
    wire::clearinghouse(market, &standing, block)
}

/// The open orders on a dex.
pub(crate) fn open_orders(market: &Market, account: &Account, dex: &str, block: i64) -> String {
    let mut standing = account.standing(market, block);
    if !dex.is_empty() {
        standing.open.clear();
    }
    crate::exchange::frames::json(&wire::open_orders(market, &standing))
}

/// What happened in one block stands in one frame.
fn blocks<'a, T>(rows: &'a [T], block: impl Fn(&T) -> i64 + 'a) -> impl Iterator<Item = &'a [T]> {
    rows.chunk_by(move |one, other| block(one) == block(other))
}
