//! What the channels say over time: cadence, groupings, the kinds of coins.

use nexus_standin::exchange::Config;
use nexus_standin::exchange::market::Market;
use serde_json::{Value, json};

use crate::support::{Client, exchange, start};

fn levels(frame: &Value, side: usize) -> Vec<(f64, String)> {
    let rows = frame["data"]["levels"][side].as_array().unwrap();
    rows.iter()
        .map(|row| (number(&row["px"]), row["px"].as_str().unwrap().to_owned()))
        .collect()
}

fn number(text: &Value) -> f64 {
    text.as_str()
        .unwrap_or_else(|| panic!("{text} is no text"))
        .parse()
        .unwrap()
}

async fn times(client: &mut Client, count: usize) -> Vec<i64> {
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(client.frame("l2Book").await["data"]["time"].as_i64().unwrap());
    }
    times
}

#[tokio::test]
async fn a_book_has_twenty_levels_every_five_seconds() {
    let exchange = exchange(20.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"l2Book","coin":"BTC"})).await;
    let frame = client.frame("l2Book").await;
    assert_eq!((levels(&frame, 0).len(), levels(&frame, 1).len()), (20, 20));
    assert!(frame["data"].get("fast").is_none() && frame["data"].get("spread").is_none());
    let times = times(&mut client, 4).await;
    let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // A busy machine makes a gap longer, never shorter.
    assert!(gaps.iter().all(|gap| *gap >= 4_500), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap < 7_500), "{gaps:?}");
}

#[tokio::test]
async fn a_fast_book_has_five_levels_twice_a_second() {
    let exchange = exchange(5.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"l2Book","coin":"BTC","fast":true}))
        .await;
    let frame = client.frame("l2Book").await;
    assert_eq!((levels(&frame, 0).len(), levels(&frame, 1).len()), (5, 5));
    assert_eq!(frame["data"]["fast"], true);
    let times = times(&mut client, 9).await;
    let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Block times are not quite regular.
    assert!(gaps.iter().all(|gap| *gap >= 300), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap <= 750), "{gaps:?}");
}

#[tokio::test]
async fn a_grouped_book_has_rounded_prices_and_a_spread() {
    let exchange = exchange(1.0).await;
    let cases = [
        (5, Some(2)),
        (5, Some(5)),
        (5, None),
        (4, None),
        (3, None),
        (2, None),
    ];
    for (figures, mantissa) in cases {
        let mut client = Client::connect(&exchange).await;
        client
            .subscribe(json!({"type":"l2Book","coin":"ETH","nSigFigs":figures,"mantissa":mantissa}))
            .await;
        let frame = client.frame("l2Book").await;
        for (px, text) in levels(&frame, 0).into_iter().chain(levels(&frame, 1)) {
            // So many figures of the price itself, which may be shorter by one deep in the book.
            let step =
                10_f64.powi(px.log10().floor() as i32 + 1 - figures) * f64::from(mantissa.unwrap_or(1));
            let steps = px / step;
            assert!(
                (steps - steps.round()).abs() < 1e-6,
                "{text} is no multiple of {step}"
            );
        }
        assert!(number(&frame["data"]["spread"]) > 0.0);
        // The frame names neither figures nor mantissa.
        let mut keys: Vec<&String> = frame["data"].as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["coin", "levels", "spread", "time"]);
    }
}

#[tokio::test]
async fn books_of_outcomes_may_be_empty_or_one_sided() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"l2Book","coin":"#14721"})).await;
    assert_eq!(client.frame("l2Book").await["data"]["levels"], json!([[], []]));
    client.subscribe(json!({"type":"bbo","coin":"#14720"})).await;
    let frame = client.frame("bbo").await;
    assert!(
        frame["data"]["bbo"][0].is_object() && frame["data"]["bbo"][1].is_null(),
        "{frame}"
    );
}

#[tokio::test]
async fn a_bbo_comes_only_when_it_changed_and_is_the_touch() {
    let exchange = exchange(10.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"bbo","coin":"BTC"})).await;
    let id = exchange.market().universe.find("BTC").unwrap();
    let mut last = Value::Null;
    for _ in 0..60 {
        let frame = client.frame("bbo").await;
        let prices = json!([frame["data"]["bbo"][0]["px"], frame["data"]["bbo"][1]["px"]]);
        assert_ne!(prices, last, "a frame without news");
        let touch = exchange
            .market()
            .touch(id, Market::block_at(frame["data"]["time"].as_i64().unwrap()));
        assert_eq!(prices, json!([touch.bid.to_string(), touch.ask.to_string()]));
        last = prices;
    }
}

#[tokio::test]
async fn all_mids_hold_every_spelling_and_more_than_20_kilobytes() {
    let exchange = start(Config {
        start: Config::small().start,
        ..Config::default()
    })
    .await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"allMids"})).await;
    let text = client.text_of("allMids").await;
    assert!(text.len() > 20_000, "{} bytes", text.len());
    let frame: Value = serde_json::from_str(&text).unwrap();
    for coin in ["BTC", "kPEPE", "@1", "@107", "PURR/USDC", "#14720"] {
        assert!(number(&frame["data"]["mids"][coin]) > 0.0, "{coin}");
    }
    assert!(frame["data"].get("dex").is_none());
    assert!(
        frame["data"]["mids"]
            .as_object()
            .unwrap()
            .keys()
            .all(|coin| !coin.contains(':'))
    );
}

#[tokio::test]
async fn all_mids_of_a_dex_name_it_and_hold_only_its_coins() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"allMids","dex":"xyz"})).await;
    let frame = client.frame("allMids").await;
    assert_eq!(frame["data"]["dex"], "xyz");
    let mids = frame["data"]["mids"].as_object().unwrap();
    assert!(mids.len() > 10 && mids.keys().all(|coin| coin.starts_with("xyz:")));
}

#[tokio::test]
async fn mids_are_the_middle_of_the_books() {
    let exchange = exchange(4.0).await;
    let mut client = Client::connect(&exchange).await;
    client.subscribe(json!({"type":"allMids"})).await;
    let market = exchange.market();
    let before = Market::block_at(exchange.clock().now()) - 1;
    let frame = client.frame("allMids").await;
    let after = Market::block_at(exchange.clock().now());
    for name in ["BTC", "ETH", "@107", "kPEPE"] {
        let id = market.universe.find(name).unwrap();
        let mid = frame["data"]["mids"][name].as_str().unwrap();
        // The first frame may have waited in the socket since the subscription.
        let possible: Vec<String> = (before - 100..=after)
            .filter_map(|block| market.mid(id, block))
            .map(|mid| mid.to_string())
            .collect();
        assert!(
            possible.iter().any(|px| px == mid),
            "{name} {mid} was never the middle"
        );
    }
}

#[tokio::test]
async fn contexts_of_spot_coins_come_on_their_own_channel() {
    let exchange = exchange(1.0).await;
    for coin in ["@107", "PURR/USDC", "#14722"] {
        let mut client = Client::connect(&exchange).await;
        let ack = client
            .subscribe(json!({"type":"activeAssetCtx","coin":coin}))
            .await;
        assert_eq!(ack["data"]["subscription"]["type"], "activeAssetCtx");
        let frame = client.frame("activeSpotAssetCtx").await;
        assert_eq!(frame["data"]["coin"], coin);
        assert_eq!(frame["data"]["ctx"]["coin"], coin);
    }
}

#[tokio::test]
async fn a_delisted_coin_has_no_mid_no_premium_and_no_impact_prices() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"activeAssetCtx","coin":"CANTO"}))
        .await;
    let frame = client.frame("activeAssetCtx").await;
    let sample: Value =
        serde_json::from_str(&crate::support::fixture("ws_active_asset_ctx_nulls.json")).unwrap();
    assert_eq!(frame, sample);
}

#[tokio::test]
async fn volumes_have_more_digits_than_a_float() {
    let exchange = exchange(1.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"activeAssetCtx","coin":"BTC"}))
        .await;
    let frame = client.frame("activeAssetCtx").await;
    let volume = frame["data"]["ctx"]["dayNtlVlm"].as_str().unwrap().to_owned();
    let digits = volume.chars().filter(char::is_ascii_digit).count();
    assert!(digits >= 19, "{volume} has only {digits} digits");
    let survives = volume.parse::<f64>().unwrap().to_string();
    assert_ne!(survives, volume, "a float would do");
}
