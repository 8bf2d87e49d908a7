//! `/info`: bodies that fit together, refusals as the venue refuses.

use nexus_standin::exchange::{Config, Fault, HttpMode, Limits};
use serde_json::{Value, json};

use crate::support::{exchange, info, patiently, post, start};

async fn body(exchange: &nexus_standin::exchange::ExchangeHandle, request: Value) -> Value {
    let (status, body) = info(exchange, request).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn the_universe_and_the_contexts_run_in_parallel() {
    let exchange = exchange(1.0).await;
    for dex in ["", "xyz"] {
        let both = body(&exchange, json!({"type":"metaAndAssetCtxs","dex":dex})).await;
        let meta = body(&exchange, json!({"type":"meta","dex":dex})).await;
        assert_eq!(both[0], meta);
        let universe = meta["universe"].as_array().unwrap();
        let ctxs = both[1].as_array().unwrap();
        assert_eq!(universe.len(), ctxs.len());
        for (perp, ctx) in universe.iter().zip(ctxs) {
            let delisted = perp.get("isDelisted").is_some();
            assert_eq!(ctx["midPx"].is_null(), delisted, "{perp}");
        }
        let tables: Vec<&Value> = meta["marginTables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| &table[0])
            .collect();
        assert!(
            universe
                .iter()
                .all(|perp| tables.contains(&&perp["marginTableId"]))
        );
    }
}

#[tokio::test]
async fn spot_contexts_are_joined_by_coin_and_tokens_by_index() {
    let exchange = exchange(1.0).await;
    let both = body(&exchange, json!({"type":"spotMetaAndAssetCtxs"})).await;
    let tokens = both[0]["tokens"].as_array().unwrap();
    let coins: Vec<&Value> = both[1]
        .as_array()
        .unwrap()
        .iter()
        .map(|ctx| &ctx["coin"])
        .collect();
    for pair in both[0]["universe"].as_array().unwrap() {
        assert!(coins.contains(&&pair["name"]), "{pair} has no context");
        assert!(
            tokens.iter().any(|token| token["index"] == pair["tokens"][0]),
            "{pair} has no token"
        );
    }
    let hype = both[0]["universe"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pair| pair["name"] == "@107")
        .unwrap();
    assert_eq!((&hype["index"], &hype["tokens"]), (&json!(107), &json!([150, 0])));
    assert_eq!(body(&exchange, json!({"type":"spotMeta"})).await, both[0]);
}

#[tokio::test]
async fn every_coin_of_the_metas_has_a_mid() {
    let exchange = exchange(1.0).await;
    let mids = body(&exchange, json!({"type":"allMids"})).await;
    let meta = body(&exchange, json!({"type":"meta"})).await;
    let spot = body(&exchange, json!({"type":"spotMeta"})).await;
    for listed in [&meta["universe"], &spot["universe"]] {
        for coin in listed.as_array().unwrap() {
            assert!(mids[coin["name"].as_str().unwrap()].is_string(), "{coin}");
        }
    }
    let dexs = body(&exchange, json!({"type":"perpDexs"})).await;
    assert_eq!((&dexs[0], &dexs[1]["name"]), (&Value::Null, &json!("xyz")));
}

#[tokio::test]
async fn what_does_not_exist_is_null() {
    let exchange = exchange(1.0).await;
    let range = json!({"coin":"NOPE","interval":"1m","startTime":0});
    for request in [
        json!({"type":"l2Book","coin":"NOPE"}),
        json!({"type":"recentTrades","coin":"NOPE"}),
        json!({"type":"candleSnapshot","req":range}),
    ] {
        assert_eq!(body(&exchange, request).await, Value::Null);
    }
}

#[tokio::test]
async fn a_malformed_body_is_unprocessable() {
    let exchange = exchange(1.0).await;
    for request in [
        "{",
        "{}",
        r#"{"type":"webData2"}"#,
        r#"{"type":"l2Book"}"#,
        r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"7m","startTime":0}}"#,
    ] {
        let (status, body) = post(&exchange, "/info", request.to_owned()).await;
        assert_eq!(
            (status, body.as_str()),
            (422, "Failed to deserialize the JSON body into the target type"),
            "{request}"
        );
    }
    let plain = reqwest::Client::new()
        .post(format!("{}/info", exchange.url()))
        .body(r#"{"type":"meta"}"#)
        .send();
    assert_eq!(
        patiently("an answer", plain).await.unwrap().status().as_u16(),
        415
    );
}

#[tokio::test]
async fn weight_is_counted_by_kind_and_rows() {
    let exchange = start(Config {
        limits: Limits {
            weight: 150,
            ..Limits::default()
        },
        ..Config::small()
    })
    .await;
    let used = || exchange.observe().weight;
    body(&exchange, json!({"type":"allMids"})).await;
    assert_eq!(used(), 2);
    body(&exchange, json!({"type":"l2Book","coin":"BTC"})).await;
    assert_eq!(used(), 4);
    body(&exchange, json!({"type":"meta"})).await;
    assert_eq!(used(), 24);
    // An hour of minutes: 61 bars, one point more than an empty answer.
    let now = exchange.clock().now();
    let range = json!({"coin":"BTC","interval":"1m","startTime":now - 3_600_000,"endTime":now});
    body(&exchange, json!({"type":"candleSnapshot","req":range})).await;
    assert_eq!(used(), 24 + 20 + 1);
    for _ in 0..5 {
        body(&exchange, json!({"type":"spotMeta"})).await;
    }
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 200);
    let (status, _) = info(&exchange, json!({"type":"meta"})).await;
    assert_eq!(status, 429);
}

#[tokio::test]
async fn weight_is_forgiven_after_a_minute() {
    let limits = Limits {
        weight: 20,
        ..Limits::default()
    };
    let exchange = start(Config {
        speed: 200.0,
        limits,
        ..Config::small()
    })
    .await;
    body(&exchange, json!({"type":"meta"})).await;
    patiently("forgiveness", async {
        while info(&exchange, json!({"type":"meta"})).await.0 != 200 {}
    })
    .await;
}

#[tokio::test]
async fn it_can_answer_with_the_page_of_a_proxy() {
    let exchange = exchange(1.0).await;
    exchange.fault(Fault::Http {
        mode: HttpMode::Html500,
        times: Some(2),
    });
    for _ in 0..2 {
        let (status, body) = info(&exchange, json!({"type":"allMids"})).await;
        assert_eq!(status, 500);
        assert!(body.starts_with("<html>"), "{body}");
    }
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 200);
}

#[tokio::test]
async fn it_can_refuse_be_slow_and_hang() {
    let exchange = exchange(20.0).await;
    exchange.fault(Fault::Http {
        mode: HttpMode::TooMany,
        times: Some(1),
    });
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 429);

    exchange.fault(Fault::Http {
        mode: HttpMode::Slow,
        times: Some(1),
    });
    let asked = exchange.clock().now();
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 200);
    assert!(exchange.clock().now() - asked >= 2_000);

    exchange.fault(Fault::Http {
        mode: HttpMode::Hang,
        times: Some(1),
    });
    let hung = reqwest::Client::new()
        .post(format!("{}/info", exchange.url()))
        .header("content-type", "application/json")
        .body(r#"{"type":"allMids"}"#)
        .timeout(std::time::Duration::from_millis(300))
        .send();
    assert!(hung.await.unwrap_err().is_timeout());
    assert_eq!(info(&exchange, json!({"type":"allMids"})).await.0, 200);
}

#[tokio::test]
async fn the_ends_of_time_and_nonsense_are_answered() {
    let exchange = exchange(1.0).await;
    let (min, max) = (i64::MIN, i64::MAX);
    for interval in ["1m", "1d", "1w", "1M"] {
        for (from, to) in [(min, max), (max, min), (min, min), (max, max), (0, -1)] {
            let range = json!({"coin":"CANTO","interval":interval,"startTime":from,"endTime":to});
            let (status, body) = info(&exchange, json!({"type":"candleSnapshot","req":range})).await;
            assert!(status == 200 || status == 429, "{status} {body}");
        }
    }
    for coin in ["", "\u{0}", "💥", "BTC\"", &"x".repeat(10_000)] {
        let (status, _) = info(&exchange, json!({"type":"l2Book","coin":coin})).await;
        assert!(status == 200 || status == 429);
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post(&exchange, "/info", nested).await.0, 422);
    for query in [
        format!("from={min}&to={max}"),
        format!("from={max}&to={min}"),
        format!("from={min}&to={min}"),
    ] {
        let url = format!("{}/_state?coin=CANTO&{query}", exchange.url());
        let state: Value =
            serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(state["trades"], json!([]));
    }
    assert!(exchange.trades("BTC", max, min).is_empty());
    assert!(exchange.trades("CANTO", min, max).is_empty());
}
