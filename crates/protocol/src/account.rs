//! One user's account at the exchange: payloads of `user_orders`, `user_fills` and `account_updates`.

use serde::{Deserialize, Serialize};

use crate::{Decimal, Side, Symbol, TradeGap};

/// Payload of `user_orders.update`: orders that changed, oldest change first. A push with `snapshot` has all open
/// orders and the last closed ones.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Orders {
    /// The orders; one with the id of an earlier one replaces it.
    pub orders: Vec<Order>,
    /// Set if changes before these are missing and could not be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<TradeGap>,
}

/// An order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The exchange's number of it.
    pub id: u64,
    /// The sender's own name of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The market.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Decimal,
    /// What is left of it.
    pub size: Decimal,
    /// What was ordered.
    pub original_size: Decimal,
    /// What happened to it.
    pub change: OrderChange,
    /// The exchange's own word for its status: `open`, `filled`, `canceled`, `minTradeNtlRejected`, …
    pub status: String,
    /// When that happened, in Unix milliseconds.
    pub timestamp: u64,
    /// When it was placed, in Unix milliseconds.
    pub placed_at: u64,
}

/// What happened to an order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderChange {
    /// It was placed.
    Created,
    /// It was filled in part, or changed.
    Updated,
    /// It is gone, not or not fully filled: cancelled by whomever.
    Cancelled,
    /// It was filled.
    Filled,
    /// The exchange did not take it.
    Rejected,
}

/// Payload of `user_fills.update`, oldest first. A push with `snapshot` has the last ones.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Fills {
    /// The fills; none comes twice.
    pub fills: Vec<Fill>,
    /// Set if fills before these are missing and could not be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<TradeGap>,
}

/// A fill: a trade that one was part of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fill {
    /// The trade's number.
    pub id: u64,
    /// The order's number.
    pub order_id: u64,
    /// The market.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// At this price.
    pub price: Decimal,
    /// So much.
    pub size: Decimal,
    /// What it did to the position, in the exchange's words: `Open Long`, `Close Short`, …
    pub direction: String,
    /// What was won or lost by it, without fees.
    pub closed_pnl: Decimal,
    /// The fee; negative if it was paid to the user.
    pub fee: Decimal,
    /// What the fee was paid in.
    pub fee_token: String,
    /// When, in Unix milliseconds.
    pub timestamp: u64,
}

/// Payload of `account_updates.update`: the whole account; replaces the one before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The address at the exchange.
    pub address: String,
    /// What the account is worth, in USD.
    pub value: Decimal,
    /// What may be withdrawn, in USD.
    pub withdrawable: Decimal,
    /// What is bound as margin, in USD.
    pub margin_used: Decimal,
    /// The open positions.
    pub positions: Vec<AccountPosition>,
    /// The balances of the spot account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<Balance>,
    /// The exchange's time of this, in Unix milliseconds.
    pub timestamp: u64,
}

/// An open position.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccountPosition {
    /// The market.
    pub symbol: Symbol,
    /// So much; negative if short.
    pub size: Decimal,
    /// Entered at this price on average.
    pub entry_price: Option<Decimal>,
    /// Worth so much, in USD.
    pub value: Decimal,
    /// Won or lost so far, in USD.
    pub unrealized_pnl: Decimal,
    /// At this price it is closed by force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liquidation_price: Option<Decimal>,
    /// How many times the margin it is.
    pub leverage: u32,
}

/// A balance of the spot account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Balance {
    /// The token.
    pub token: String,
    /// All of it.
    pub total: Decimal,
    /// What is bound in open orders.
    pub held: Decimal,
}
