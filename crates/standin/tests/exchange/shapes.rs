//! What the stand-in says has the shape of what the venue says: the samples in `tests/fixtures` are the yardstick.
//!
//! The same keys, in the same order where the sample shows the venue's order, and values of the same kind: a decimal in a
//! text stays a decimal in a text. A list is compared row by row with the rows of the sample.

use std::fmt;

use nexus_standin::exchange::{Config, ExchangeHandle};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::support::{Client, exchange, fixture, info, start};

#[tokio::test]
async fn frames_have_the_shape_of_the_samples() {
    let exchange = exchange(1.0).await;
    let cases = [
        (json!({"type":"allMids"}), "allMids", "ws_all_mids_edge.json"),
        (
            json!({"type":"allMids","dex":"xyz"}),
            "allMids",
            "ws_all_mids_dex.json",
        ),
        (json!({"type":"l2Book","coin":"BTC"}), "l2Book", "ws_l2_book.json"),
        (
            json!({"type":"l2Book","coin":"SOL","fast":true}),
            "l2Book",
            "ws_l2_book_fast.json",
        ),
        (
            json!({"type":"l2Book","coin":"ETH","nSigFigs":5,"mantissa":2}),
            "l2Book",
            "ws_l2_book_sigfigs.json",
        ),
        (
            json!({"type":"l2Book","coin":"#14721"}),
            "l2Book",
            "ws_l2_book_empty.json",
        ),
        (json!({"type":"trades","coin":"BTC"}), "trades", "ws_trades.json"),
        (
            json!({"type":"trades","coin":"BTC"}),
            "trades",
            "ws_trades_twap_zero_hash.json",
        ),
        (
            json!({"type":"trades","coin":"@107"}),
            "trades",
            "ws_trades_spot.json",
        ),
        (
            json!({"type":"trades","coin":"CANTO"}),
            "trades",
            "ws_trades_empty.json",
        ),
        (json!({"type":"bbo","coin":"HYPE"}), "bbo", "ws_bbo.json"),
        (
            json!({"type":"bbo","coin":"#14720"}),
            "bbo",
            "ws_bbo_one_side_null.json",
        ),
        (
            json!({"type":"candle","coin":"BTC","interval":"1m"}),
            "candle",
            "ws_candle.json",
        ),
        (
            json!({"type":"candle","coin":"HYPE","interval":"1d"}),
            "candle",
            "ws_candle_1d_float_noise.json",
        ),
        (
            json!({"type":"activeAssetCtx","coin":"CANTO"}),
            "activeAssetCtx",
            "ws_active_asset_ctx_nulls.json",
        ),
        (
            json!({"type":"activeAssetCtx","coin":"@107"}),
            "activeSpotAssetCtx",
            "ws_active_spot_asset_ctx.json",
        ),
    ];
    for (subscription, channel, sample) in cases {
        let mut client = Client::connect(&exchange).await;
        client.subscribe(subscription).await;
        check(
            &client.text_of(channel).await,
            &fixture(sample),
            sample,
            Order::Shown,
        );
        drop(client);
        exchange.until(|seen| seen.connections.is_empty()).await;
    }
}

#[tokio::test]
async fn bodies_have_the_shape_of_the_samples() {
    let exchange = start(Config {
        recent_trades: 300,
        ..Config::small()
    })
    .await;
    let range = json!({"coin":"kPEPE","interval":"1h","startTime":exchange.clock().now() - 86_400_000});
    let cases = [
        (json!({"type":"allMids"}), "http_all_mids.json", Order::Sorted),
        (
            json!({"type":"metaAndAssetCtxs","dex":"xyz"}),
            "http_meta_and_asset_ctxs.json",
            Order::Shown,
        ),
        (
            json!({"type":"spotMetaAndAssetCtxs"}),
            "http_spot_meta_and_asset_ctxs.json",
            Order::Shown,
        ),
        (json!({"type":"perpDexs"}), "http_perp_dexs.json", Order::Sorted),
        (
            json!({"type":"l2Book","coin":"BTC"}),
            "http_l2_book.json",
            Order::Sorted,
        ),
        (
            json!({"type":"l2Book","coin":"NOPE"}),
            "http_l2_book_unknown_coin.json",
            Order::Shown,
        ),
        (
            json!({"type":"candleSnapshot","req":range}),
            "http_candle_snapshot.json",
            Order::Sorted,
        ),
        (
            json!({"type":"recentTrades","coin":"BTC"}),
            "http_recent_trades.json",
            Order::Shown,
        ),
    ];
    for (request, sample, order) in cases {
        let (status, body) = info(&exchange, request).await;
        assert_eq!(status, 200);
        check(&body, &fixture(sample), sample, order);
    }
}

#[tokio::test]
async fn the_context_of_a_perp_has_the_shape_of_the_recorded_one() {
    let exchange: ExchangeHandle = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"activeAssetCtx","coin":"BTC"}))
        .await;
    let text = client.text_of("activeAssetCtx").await;
    let recorded: Value = serde_json::from_str(&fixture("http_meta_and_asset_ctxs.json")).unwrap();
    let sample = json!({"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":recorded[1][0]}}).to_string();
    check(
        &text,
        &sample,
        "ctx of http_meta_and_asset_ctxs.json",
        Order::Sorted,
    );
}

/// What the venue documents as null for an empty book; the sample shows a full one.
const NULLABLE: [&str; 3] = [".midPx", ".premium", ".impactPxs"];

/// Whether a sample shows the order of keys the venue writes, or was sorted by whoever kept it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Shown,
    Sorted,
}

fn check(ours: &str, sample: &str, name: &str, order: Order) {
    let ours: Shape = serde_json::from_str(ours).unwrap();
    let sample: Shape = serde_json::from_str(sample).unwrap();
    if let Err(difference) = fits(&ours, &sample, "", order) {
        panic!("{name}: {difference}");
    }
}

/// A JSON value reduced to what must agree.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Null,
    Bool,
    Integer,
    Float,
    /// A text that reads as a number with a decimal point.
    Decimal,
    /// `0x` and so many hexadecimal digits.
    Hex(usize),
    Text,
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

fn fits(ours: &Shape, sample: &Shape, path: &str, order: Order) -> Result<(), String> {
    match (ours, sample) {
        (Shape::Object(ours), Shape::Object(sample)) if is_map(path, sample) => ours
            .iter()
            .try_for_each(|(key, value)| fits(value, &sample[0].1, &format!("{path}.{key}"), order)),
        (Shape::Object(ours), Shape::Object(sample)) => {
            let keys = |object: &[(String, Shape)]| {
                let mut keys: Vec<String> = object.iter().map(|(key, _)| key.clone()).collect();
                if order == Order::Sorted {
                    keys.sort();
                }
                keys
            };
            if keys(ours) != keys(sample) {
                return Err(format!(
                    "{path}: keys {:?}, the sample has {:?}",
                    keys(ours),
                    keys(sample)
                ));
            }
            ours.iter().try_for_each(|(key, value)| {
                let other = sample
                    .iter()
                    .find(|(name, _)| name == key)
                    .map_or(&Shape::Null, |(_, value)| value);
                fits(value, other, &format!("{path}.{key}"), order)
            })
        }
        (Shape::List(ours), Shape::List(sample)) if sample.is_empty() && !ours.is_empty() => {
            Err(format!("{path}: {} rows, the sample has none", ours.len()))
        }
        (Shape::List(ours), Shape::List(sample)) => ours.iter().enumerate().try_for_each(|(i, row)| {
            let path = format!("{path}[{i}]");
            let mut last = Ok(());
            for other in sample {
                last = fits(row, other, &path, order);
                if last.is_ok() {
                    return Ok(());
                }
            }
            last
        }),
        (ours, sample) if ours == sample => Ok(()),
        (Shape::Null, _) if NULLABLE.iter().any(|key| path.ends_with(key)) => Ok(()),
        _ => Err(format!("{path}: {ours:?}, the sample has {sample:?}")),
    }
}

/// Objects whose keys are data: coins.
fn is_map(path: &str, sample: &[(String, Shape)]) -> bool {
    path.ends_with(".mids") || (path.is_empty() && sample.iter().all(|(_, value)| *value == Shape::Decimal))
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Bool)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Integer)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Integer)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Float)
            }

            fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
                let hex = text
                    .strip_prefix("0x")
                    .filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
                Ok(match hex {
                    Some(digits) => Shape::Hex(digits.len()),
                    None if text.contains('.') && text.parse::<f64>().is_ok() => Shape::Decimal,
                    None => Shape::Text,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Shape, A::Error> {
                let mut list = Vec::new();
                while let Some(row) = rows.next_element()? {
                    list.push(row);
                }
                Ok(Shape::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
                let mut object = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    object.push(entry);
                }
                Ok(Shape::Object(object))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
