//! Orders, fills and states of accounts as the exchange sends them. Every frame that is read here names its user.

use nexus_protocol::{AccountPosition, Balance, Decimal, Fill, Side, Symbol};
use serde::Deserialize;

use super::rows::WireSide;
use crate::feeds::hyperliquid::address::Address;

/// An order and what happened to it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireChange {
    pub(crate) order: WireOrder,
    /// `open`, `filled`, `canceled`, `minTradeNtlRejected`, …: the list grows.
    pub(crate) status: String,
    /// Unix milliseconds.
    pub(crate) status_timestamp: u64,
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireOrder {
    pub(crate) coin: Symbol,
    pub(crate) side: WireSide,
    pub(crate) limit_px: Decimal,
    /// What is left.
    pub(crate) sz: Decimal,
    pub(crate) oid: u64,
    /// When it was placed, in Unix milliseconds.
    pub(crate) timestamp: u64,
    pub(crate) orig_sz: Decimal,
    #[serde(default)]
    pub(crate) cloid: Option<String>,
}

/// A fill.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireFill {
    pub(crate) coin: Symbol,
    pub(crate) px: Decimal,
    pub(crate) sz: Decimal,
    pub(crate) side: WireSide,
    /// Unix milliseconds.
    pub(crate) time: u64,
    /// The position before.
    #[serde(default)]
    pub(crate) start_position: Option<Decimal>,
    #[serde(default)]
    pub(crate) dir: String,
    pub(crate) closed_pnl: Decimal,
    pub(crate) fee: Decimal,
    #[serde(default = "usdc")]
    pub(crate) fee_token: String,
    pub(crate) oid: u64,
    /// The trade's number. Not unique: both sides of a trade may be the same user's, and some kinds have 0.
    #[serde(default)]
    pub(crate) tid: u64,
}

/// The perps of an account.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WirePerps {
    margin_summary: Summary,
    withdrawable: Decimal,
    asset_positions: Vec<AssetPosition>,
    /// Unix milliseconds.
    pub(crate) time: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    account_value: Decimal,
    total_margin_used: Decimal,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct AssetPosition {
    position: WirePosition,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePosition {
    coin: Symbol,
    szi: Decimal,
    leverage: Leverage,
    #[serde(default)]
    entry_px: Option<Decimal>,
    position_value: Decimal,
    unrealized_pnl: Decimal,
    #[serde(default)]
    liquidation_px: Option<Decimal>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Leverage {
    value: u32,
}

/// The spot balances of an account.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct WireBalances {
    balances: Vec<WireBalance>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct WireBalance {
    coin: String,
    total: Decimal,
    hold: Decimal,
}

/// `data` of `userFills`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FillsData {
    pub(super) user: Address,
    #[serde(default)]
    pub(super) is_snapshot: bool,
    pub(super) fills: Vec<WireFill>,
}

/// `data` of `userHistoricalOrders`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryData {
    pub(super) user: Address,
    #[serde(default)]
    pub(super) is_snapshot: bool,
    pub(super) order_history: Vec<WireChange>,
}

/// `data` of `openOrders`.
#[derive(Deserialize)]
pub(super) struct OpenOrdersData {
    #[serde(default)]
    pub(super) dex: String,
    pub(super) user: Address,
    pub(super) orders: Vec<WireOrder>,
}

/// `data` of `clearinghouseState`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PerpsData {
    #[serde(default)]
    pub(super) dex: String,
    pub(super) user: Address,
    pub(super) clearinghouse_state: WirePerps,
}

/// `data` of `spotState`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpotData {
    pub(super) user: Address,
    pub(super) spot_state: WireBalances,
}

fn usdc() -> String {
    "USDC".to_owned()
}

impl WirePerps {
    /// What the account is worth, what of it may be withdrawn, and what is bound as margin.
    pub(crate) fn sums(&self) -> (&Decimal, &Decimal, &Decimal) {
        let summary = &self.margin_summary;
        (
            &summary.account_value,
            &self.withdrawable,
            &summary.total_margin_used,
        )
    }

    /// The open positions.
    pub(crate) fn positions(&self) -> Vec<AccountPosition> {
        let row = |asset: &AssetPosition| {
            let position = asset.position.clone();
            AccountPosition {
                symbol: position.coin,
                size: position.szi,
                entry_price: position.entry_px,
                value: position.position_value,
                unrealized_pnl: position.unrealized_pnl,
                liquidation_price: position.liquidation_px,
                leverage: position.leverage.value,
            }
        };
        self.asset_positions.iter().map(row).collect()
    }

    /// How much of which market is held.
    pub(crate) fn holdings(&self) -> Vec<(&Symbol, &Decimal)> {
        let positions = self.asset_positions.iter().map(|asset| &asset.position);
        positions
            .map(|position| (&position.coin, &position.szi))
            .collect()
    }
}

impl From<WireBalances> for Vec<Balance> {
    fn from(wire: WireBalances) -> Self {
        let row = |balance: WireBalance| Balance {
            token: balance.coin,
            total: balance.total,
            held: balance.hold,
        };
        wire.balances.into_iter().map(row).collect()
    }
}

impl From<WireFill> for Fill {
    fn from(row: WireFill) -> Self {
        Fill {
            id: row.tid,
            order_id: row.oid,
            symbol: row.coin,
            side: row.side.into(),
            price: row.px,
            size: row.sz,
            direction: row.dir,
            closed_pnl: row.closed_pnl,
            fee: row.fee,
            fee_token: row.fee_token,
            timestamp: row.time,
        }
    }
}

impl From<WireSide> for Side {
    fn from(side: WireSide) -> Self {
        match side {
            WireSide::B => Side::Buy,
            WireSide::A => Side::Sell,
        }
    }
}
