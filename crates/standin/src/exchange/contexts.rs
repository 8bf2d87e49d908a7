//! Asset contexts: funding, open interest, day figures, mark and oracle price, in the venue's two forms.

use serde::Serialize;

use crate::exchange::frames::{frame, noisy, size};
use crate::exchange::market::{BLOCK_MS, Coin, CoinId, DayFigures, Draw, Market, mix, roll, scaled, unit};

/// The context of a perp.
#[derive(Serialize)]
pub(crate) struct PerpCtx {
    funding: String,
    #[serde(rename = "openInterest")]
    open_interest: String,
    #[serde(rename = "prevDayPx")]
    prev_day_px: String,
    #[serde(rename = "dayNtlVlm")]
    day_ntl_vlm: String,
    premium: Option<String>,
    #[serde(rename = "oraclePx")]
    oracle_px: String,
    #[serde(rename = "markPx")]
    mark_px: String,
    #[serde(rename = "midPx")]
    mid_px: Option<String>,
    #[serde(rename = "impactPxs")]
    impact_pxs: Option<[String; 2]>,
    #[serde(rename = "dayBaseVlm")]
    day_base_vlm: String,
}

impl PerpCtx {
    pub(crate) fn new(market: &Market, id: CoinId, block: i64) -> Self {
        let coin = market.coin(id);
        let day = market.day(id, block);
        let touch = market.touch(id, block);
        let mid = market.mid(id, block);
        // Changes every three seconds, as the oracle's updates do.
        let dice = roll(coin.key, Draw::Context, block.div_euclid(3_000 / BLOCK_MS));
        let mark = touch.mid().to_f64();
        let premium = (unit(dice) - 0.55) * 0.0009;
        let oracle = coin.grid.snap(mark * (1.0 - premium));
        let funding = 0.000_012_5 + (unit(mix(dice, 1)) - 0.5) * 0.000_004;
        let interest = coin.mean_lots
            * coin.rate
            * (380.0 + 20.0 * unit(roll(coin.key, Draw::Context, -1 - block / 240)));
        Self {
            funding: if coin.delisted {
                "0.0".into()
            } else {
                scaled((funding * 1e10) as i128, 10)
            },
            open_interest: size(coin, interest as i64),
            prev_day_px: day.prev_px.to_string(),
            day_ntl_vlm: notional(coin, day),
            premium: mid.map(|_| scaled((premium * 1e10) as i128, 10)),
            oracle_px: if coin.delisted {
                touch.bid.to_string()
            } else {
                oracle.to_string()
            },
            mark_px: coin.grid.snap(mark).to_string(),
            mid_px: mid.map(|mid| mid.to_string()),
            impact_pxs: mid.map(|_| [touch.bid.to_string(), touch.ask.to_string()]),
            day_base_vlm: size(coin, day.lots),
        }
    }
}

/// The context of a spot pair or an outcome.
#[derive(Serialize)]
pub(crate) struct SpotCtx<'a> {
    #[serde(rename = "prevDayPx")]
    prev_day_px: String,
    #[serde(rename = "dayNtlVlm")]
    day_ntl_vlm: String,
    #[serde(rename = "markPx")]
    mark_px: String,
    #[serde(rename = "midPx")]
    mid_px: Option<String>,
    #[serde(rename = "circulatingSupply")]
    circulating_supply: String,
    coin: &'a str,
    #[serde(rename = "totalSupply")]
    total_supply: String,
    #[serde(rename = "dayBaseVlm")]
    day_base_vlm: String,
}

impl<'a> SpotCtx<'a> {
    pub(crate) fn new(market: &'a Market, id: CoinId, block: i64) -> Self {
        let coin = market.coin(id);
        let day = market.day(id, block);
        let total = i128::from(coin.key % 9_000_000_000_000_000_000) + 1_000_000_000_000_000;
        Self {
            prev_day_px: day.prev_px.to_string(),
            day_ntl_vlm: notional(coin, day),
            mark_px: coin.grid.snap(market.touch(id, block).mid().to_f64()).to_string(),
            mid_px: market.mid(id, block).map(|mid| mid.to_string()),
            circulating_supply: scaled(total * 19 / 20 + 3, 10),
            coin: &coin.name,
            total_supply: scaled(total, 10),
            day_base_vlm: noisy(coin, day.lots, block / 240),
        }
    }
}

/// Context push of a coin, on the channel of its kind.
pub(crate) fn asset_ctx(market: &Market, id: CoinId, block: i64) -> String {
    #[derive(Serialize)]
    struct Data<'a, T> {
        coin: &'a str,
        ctx: T,
    }
    let coin = market.coin(id);
    if coin.is_spot() {
        frame(
            "activeSpotAssetCtx",
            &Data {
                coin: &coin.name,
                ctx: SpotCtx::new(market, id, block),
            },
        )
    } else {
        frame(
            "activeAssetCtx",
            &Data {
                coin: &coin.name,
                ctx: PerpCtx::new(market, id, block),
            },
        )
    }
}

/// Dollars of a day, with the digits behind that only a sum of many floats has.
fn notional(coin: &Coin, day: DayFigures) -> String {
    if day.notional == 0 {
        return "0.0".to_owned();
    }
    let dust = roll(coin.key, Draw::Frame, day.lots) % 100_000;
    scaled(day.notional / 100_000 * 100_000 + i128::from(dust), 10)
}
