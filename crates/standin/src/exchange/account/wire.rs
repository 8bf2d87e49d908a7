//! Orders, fills and states of accounts as the venue writes them.

use serde::Serialize;

use crate::exchange::account::events::{Fill, OrderState};
use crate::exchange::account::standing::{Position, Standing};
use crate::exchange::account::{Account, Address};
use crate::exchange::frames::{frame, hash, json, size};
use crate::exchange::market::{Market, Side, mix, scaled};

/// Decimals of amounts of money.
const USD_DECIMALS: u32 = 6;

/// An order as `orderUpdates` has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BasicOrder<'a> {
    coin: &'a str,
    side: &'static str,
    limit_px: String,
    sz: String,
    oid: u64,
    timestamp: i64,
    orig_sz: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloid: Option<String>,
}

/// An order as everything else has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrontendOrder<'a> {
    coin: &'a str,
    side: &'static str,
    limit_px: String,
    sz: String,
    oid: u64,
    timestamp: i64,
    trigger_condition: &'static str,
    is_trigger: bool,
    trigger_px: &'static str,
    children: [(); 0],
    is_position_tpsl: bool,
    reduce_only: bool,
    order_type: &'static str,
    orig_sz: String,
    tif: &'static str,
    cloid: Option<String>,
}

/// An order and what happened to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change<T> {
    order: T,
    status: &'static str,
    status_timestamp: i64,
}

/// A fill.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FillRow<'a> {
    coin: &'a str,
    px: String,
    sz: String,
    side: &'static str,
    time: i64,
    start_position: String,
    dir: &'static str,
    closed_pnl: String,
    hash: String,
    oid: u64,
    crossed: bool,
    fee: String,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloid: Option<String>,
    fee_token: &'static str,
    twap_id: Option<u64>,
}

impl<'a> BasicOrder<'a> {
    fn new(market: &'a Market, order: &OrderState) -> Self {
        let coin = market.coin(order.coin);
        Self {
            coin: &coin.name,
            side: side(order.side),
            limit_px: order.limit.to_string(),
            sz: size(coin, order.lots),
            oid: order.oid,
            timestamp: order.placed,
            orig_sz: size(coin, order.ordered),
            cloid: order.cloid.map(cloid),
        }
    }
}

impl<'a> FrontendOrder<'a> {
    fn new(market: &'a Market, order: &OrderState) -> Self {
        let coin = market.coin(order.coin);
        Self {
            coin: &coin.name,
            side: side(order.side),
            limit_px: order.limit.to_string(),
            sz: size(coin, order.lots),
            oid: order.oid,
            timestamp: order.placed,
            trigger_condition: "N/A",
            is_trigger: false,
            trigger_px: "0.0",
            children: [],
            is_position_tpsl: false,
            reduce_only: order.reduce_only,
            order_type: "Limit",
            orig_sz: size(coin, order.ordered),
            tif: order.tif,
            cloid: order.cloid.map(cloid),
        }
    }
}

impl<'a> FillRow<'a> {
    fn new(market: &'a Market, fill: &Fill) -> Self {
        let coin = market.coin(fill.coin);
        Self {
            coin: &coin.name,
            px: fill.px.to_string(),
            sz: size(coin, fill.lots),
            side: side(fill.side),
            time: fill.time,
            start_position: size(coin, fill.start),
            dir: fill.dir,
            closed_pnl: usd(fill.closed),
            hash: hash(fill.hash),
            oid: fill.oid,
            crossed: fill.crossed,
            fee: usd(fill.fee),
            tid: fill.tid,
            cloid: fill.cloid.map(cloid),
            fee_token: "USDC",
            twap_id: None,
        }
    }
}

/// Changes of orders as `orderUpdates` has them.
pub(crate) fn order_updates<'a>(market: &'a Market, orders: &[OrderState]) -> Vec<Change<BasicOrder<'a>>> {
    changes(orders, |order| BasicOrder::new(market, order))
}

/// Changes of orders as `userHistoricalOrders` and `historicalOrders` have them.
pub(crate) fn history<'a>(market: &'a Market, orders: &[OrderState]) -> Vec<Change<FrontendOrder<'a>>> {
    changes(orders, |order| FrontendOrder::new(market, order))
}

/// Fills.
pub(crate) fn fills<'a>(market: &'a Market, fills: &[Fill]) -> Vec<FillRow<'a>> {
    fills.iter().map(|fill| FillRow::new(market, fill)).collect()
}

/// Open orders with everything that is known of them.
pub(crate) fn open_orders<'a>(market: &'a Market, standing: &Standing) -> Vec<FrontendOrder<'a>> {
    let open = standing.open.iter();
    open.map(|order| FrontendOrder::new(market, order)).collect()
}

/// Open orders in the short form.
pub(crate) fn basic_open_orders<'a>(market: &'a Market, standing: &Standing) -> Vec<BasicOrder<'a>> {
    standing
        .open
        .iter()
        .map(|order| BasicOrder::new(market, order))
        .collect()
}

fn changes<T>(orders: &[OrderState], row: impl Fn(&OrderState) -> T) -> Vec<Change<T>> {
    let change = |order: &OrderState| Change {
        order: row(order),
        status: order.status,
        status_timestamp: order.time,
    };
    orders.iter().map(change).collect()
}

/// The frame of rows that name their user; with `isSnapshot` if it is the first.
pub(crate) fn rows(
    channel: &str,
    key: &str,
    user: &Address,
    is_snapshot: bool,
    rows: &impl Serialize,
) -> String {
    let first = if is_snapshot { r#""isSnapshot":true,"# } else { "" };
    let rows = json(rows);
    format!(r#"{{"channel":"{channel}","data":{{{first}"user":"{user}","{key}":{rows}}}}}"#)
}

/// The frame of a state that names its user and its dex.
pub(crate) fn of_dex(channel: &str, key: &str, dex: &str, user: &Address, value: &str) -> String {
    let dex = json(&dex);
    format!(r#"{{"channel":"{channel}","data":{{"dex":{dex},"user":"{user}","{key}":{value}}}}}"#)
}

/// The frame of a spot account.
pub(crate) fn spot(user: &Address, state: &str) -> String {
    format!(r#"{{"channel":"spotState","data":{{"user":"{user}","spotState":{state}}}}}"#)
}

/// A frame that does not name its user.
pub(crate) fn nameless(channel: &str, data: &impl Serialize) -> String {
    frame(channel, data)
}

/// The perps of an account, as after `block`.
pub(crate) fn clearinghouse(market: &Market, standing: &Standing, block: i64) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Summary {
        account_value: String,
        total_ntl_pos: String,
        total_raw_usd: String,
        total_margin_used: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Leverage {
        r#type: &'static str,
        value: u32,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Funding {
        all_time: &'static str,
        since_open: &'static str,
        since_change: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct WirePosition<'a> {
        coin: &'a str,
        szi: String,
        leverage: Leverage,
        entry_px: String,
        position_value: String,
        unrealized_pnl: String,
        return_on_equity: String,
        liquidation_px: Option<String>,
        margin_used: String,
        max_leverage: u32,
        cum_funding: Funding,
    }
    #[derive(Serialize)]
    struct AssetPosition<'a> {
        r#type: &'static str,
        position: WirePosition<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct State<'a> {
        margin_summary: Summary,
        cross_margin_summary: Summary,
        cross_maintenance_margin_used: String,
        withdrawable: String,
        asset_positions: Vec<AssetPosition<'a>>,
        time: i64,
    }
    let whole = standing.worth(market, block);
    let value = standing.cash + whole.unrealized;
    let summary = || Summary {
        account_value: usd(value),
        total_ntl_pos: usd(whole.value),
        total_raw_usd: usd(value - whole.value),
        total_margin_used: usd(whole.margin),
    };
    let position = |position: &Position| {
        let coin = market.coin(position.coin);
        let worth = position.worth(market, block);
        let ten_digits = 10_i128.pow(10);
        WirePosition {
            coin: &coin.name,
            szi: size(coin, position.lots),
            leverage: Leverage {
                r#type: "cross",
                value: coin.max_leverage,
            },
            entry_px: position.entry().to_string(),
            position_value: usd(worth.value),
            unrealized_pnl: usd(worth.unrealized),
            return_on_equity: scaled(worth.unrealized * ten_digits / worth.margin.max(1), 10),
            liquidation_px: None,
            margin_used: usd(worth.margin),
            max_leverage: coin.max_leverage,
            cum_funding: Funding {
                all_time: "0.0",
                since_open: "0.0",
                since_change: "0.0",
            },
        }
    };
    let positions = standing.positions.iter().map(|it| AssetPosition {
        r#type: "oneWay",
        position: position(it),
    });
    json(&State {
        margin_summary: summary(),
        cross_margin_summary: summary(),
        cross_maintenance_margin_used: usd(whole.margin / 2),
        withdrawable: usd((value - whole.margin).max(0)),
        asset_positions: positions.collect(),
        time: market.block_time(block),
    })
}

/// The balances of an account: some of them, and they stand still.
pub(crate) fn spot_state(account: &Account) -> String {
    let key = account.address.key();
    let usdc = scaled(i128::from(key % 40_000_000_000), USD_DECIMALS);
    let hype = scaled(i128::from(mix(key, 1) % 90_000), 2);
    format!(
        r#"{{"balances":[{{"coin":"USDC","token":0,"total":"{usdc}","hold":"0.0","entryNtl":"0.0"}},{{"coin":"HYPE","token":150,"total":"{hype}","hold":"0.0","entryNtl":"75.4"}}],"tokenToAvailableAfterMaintenance":[[0,"{usdc}"]]}}"#
    )
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}

fn usd(millionths: i128) -> String {
    scaled(millionths, USD_DECIMALS)
}

fn cloid(seed: u64) -> String {
    format!("0x{:016x}{seed:016x}", mix(seed, 7))
}
