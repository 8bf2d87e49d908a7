//! What is listed: the bodies of `meta`, `spotMeta` and `perpDexs`.

use serde::Serialize;
use serde_json::json;

use crate::exchange::market::{Coin, CoinId, Kind, Market, mix};

/// The perps of a dex, in its order.
pub(crate) fn perps<'a>(market: &'a Market, dex: &'a str) -> impl Iterator<Item = (CoinId, &'a Coin)> {
    market
        .universe
        .iter()
        .filter(move |(_, coin)| !coin.is_spot() && coin.dex() == dex)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PerpMeta<'a> {
    sz_decimals: u32,
    name: &'a str,
    max_leverage: u32,
    margin_table_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_delisted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_isolated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_growth_mode_change_time: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta<'a> {
    universe: Vec<PerpMeta<'a>>,
    margin_tables: Vec<(u32, MarginTable)>,
    collateral_token: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MarginTable {
    description: &'static str,
    margin_tiers: [MarginTier; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MarginTier {
    lower_bound: &'static str,
    max_leverage: u32,
}

/// `meta`: the perps of a dex and their margin tables.
pub(crate) fn meta<'a>(market: &'a Market, dex: &'a str) -> Meta<'a> {
    let builder = !dex.is_empty();
    let universe: Vec<PerpMeta<'_>> = perps(market, dex)
        .map(|(_, coin)| PerpMeta {
            sz_decimals: coin.sz_decimals,
            name: &coin.name,
            max_leverage: coin.max_leverage,
            margin_table_id: coin.max_leverage,
            is_delisted: coin.delisted.then_some(true),
            only_isolated: (builder || coin.delisted).then_some(true),
            margin_mode: builder.then_some("strictIsolated"),
            growth_mode: builder.then_some("enabled"),
            last_growth_mode_change_time: builder.then_some("2025-11-23T17:37:10.033211662"),
        })
        .collect();
    let mut leverages: Vec<u32> = universe.iter().map(|perp| perp.max_leverage).collect();
    leverages.sort_unstable();
    leverages.dedup();
    let table = |max_leverage| {
        let tier = MarginTier {
            lower_bound: "0.0",
            max_leverage,
        };
        (
            max_leverage,
            MarginTable {
                description: "",
                margin_tiers: [tier],
            },
        )
    };
    Meta {
        universe,
        margin_tables: leverages.into_iter().map(table).collect(),
        collateral_token: 0,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpotPair<'a> {
    tokens: [u32; 2],
    name: &'a str,
    index: u32,
    is_canonical: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    name: String,
    sz_decimals: u32,
    wei_decimals: u32,
    index: u32,
    token_id: String,
    is_canonical: bool,
    evm_contract: Option<EvmContract>,
    full_name: Option<String>,
    deployer_trading_fee_share: &'static str,
}

#[derive(Serialize)]
struct EvmContract {
    address: String,
    evm_extra_wei_decimals: i32,
}

#[derive(Serialize)]
pub(crate) struct SpotMeta<'a> {
    universe: Vec<SpotPair<'a>>,
    tokens: Vec<Token>,
}

/// The index of a pair's token; pairs and tokens are counted apart, so the two numbers drift away from each other.
fn token_index(pair: u32) -> u32 {
    if pair < 100 { pair + 1 } else { pair + 43 }
}

/// `spotMeta`: the pairs and the tokens they trade.
pub(crate) fn spot_meta(market: &Market) -> SpotMeta<'_> {
    let mut universe = Vec::new();
    let mut tokens = vec![token("USDC".to_owned(), 0, 8, 8, true, 1)];
    for (_, coin) in market.universe.iter() {
        let Kind::Spot(index) = coin.kind else { continue };
        let token_index = token_index(index);
        universe.push(SpotPair {
            tokens: [token_index, 0],
            name: &coin.name,
            index,
            is_canonical: index == 0,
        });
        tokens.push(token(
            token_name(index),
            token_index,
            coin.sz_decimals,
            5,
            index == 0,
            coin.key,
        ));
    }
    SpotMeta { universe, tokens }
}

/// The name of a pair's token.
fn token_name(pair: u32) -> String {
    const FIRST: [&str; 10] = [
        "PURR", "HFUN", "LICK", "MANLET", "JEFF", "SIX", "WAGMI", "CAPPY", "POINTS", "TRUMPX",
    ];
    match (pair, FIRST.get(pair as usize)) {
        (107, _) => "HYPE".to_owned(),
        (142, _) => "UBTC".to_owned(),
        (_, Some(name)) => (*name).to_owned(),
        (_, None) => format!("T{pair}"),
    }
}

fn token(
    name: String,
    index: u32,
    sz_decimals: u32,
    wei_decimals: u32,
    is_canonical: bool,
    key: u64,
) -> Token {
    let contract = || EvmContract {
        address: format!(
            "0x{:016x}{:016x}{:08x}",
            mix(key, 1),
            mix(key, 2),
            mix(key, 3) as u32
        ),
        evm_extra_wei_decimals: 13,
    };
    Token {
        name,
        sz_decimals,
        wei_decimals,
        index,
        token_id: format!("0x{:016x}{:016x}", mix(key, 4), mix(key, 5)),
        is_canonical,
        evm_contract: (index % 3 == 1).then(contract),
        full_name: None,
        deployer_trading_fee_share: "0.0",
    }
}

/// `perpDexs`: the first one, the venue's own, is null.
pub(crate) fn perp_dexs(market: &Market) -> String {
    let caps: Vec<[&str; 2]> = perps(market, "xyz")
        .map(|(_, coin)| [&*coin.name, "25000000.0"])
        .collect();
    json!([
        null,
        {
            "name": "xyz",
            "fullName": "XYZ",
            "deployer": "0x00000000000000000000000000000000000000d1",
            "oracleUpdater": null,
            "feeRecipient": "0x00000000000000000000000000000000000000d2",
            "assetToStreamingOiCap": caps,
            "subDeployers": [["setOracle", ["0x00000000000000000000000000000000000000d3"]]],
            "deployerFeeScale": "1.0",
            "lastDeployerFeeScaleChangeTime": "1970-01-01T00:00:00",
            "assetToFundingMultiplier": []
        }
    ])
    .to_string()
}
