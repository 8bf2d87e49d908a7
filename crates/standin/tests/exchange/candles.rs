//! Candles over the wire: the forming bar again and again, then the next; the same bars over HTTP.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Client, exchange, info};

async fn collect(client: &mut Client, bars: usize) -> Vec<Value> {
    let mut frames: Vec<Value> = Vec::new();
    let mut starts = std::collections::BTreeSet::new();
    while starts.len() < bars {
        let frame = client.frame("candle").await["data"].clone();
        starts.insert(frame["t"].as_i64().unwrap());
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn a_bar_repeats_with_a_growing_count_and_ends_as_the_history_shows_it() {
    let exchange = exchange(120.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"candle","coin":"BTC","interval":"1m"}))
        .await;
    let frames = collect(&mut client, 6).await;

    let mut by_start: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    for frame in &frames {
        by_start
            .entry(frame["t"].as_i64().unwrap())
            .or_default()
            .push(frame);
    }
    let (first, last) = (*by_start.keys().next().unwrap(), *by_start.keys().last().unwrap());
    let request = json!({"coin":"BTC","interval":"1m","startTime":first,"endTime":last});
    let (_, body) = info(&exchange, json!({"type":"candleSnapshot","req":request})).await;
    let history: Vec<Value> = serde_json::from_str(&body).unwrap();

    for (bar, frames) in history.iter().zip(by_start.values()) {
        let counts: Vec<u64> = frames.iter().map(|frame| frame["n"].as_u64().unwrap()).collect();
        assert!(counts.is_sorted(), "{counts:?}");
        if bar["t"] != last {
            assert_eq!(frames.last().unwrap(), &bar, "the last frame of a bar is the bar");
            assert!(frames.len() > 1, "a bar of BTC changes often");
        }
    }
}

#[tokio::test]
async fn some_bars_are_told_of_once_more_after_the_next_began() {
    let exchange = exchange(600.0).await;
    let mut client = Client::connect(&exchange).await;
    client
        .subscribe(json!({"type":"candle","coin":"BTC","interval":"1m"}))
        .await;
    let mut newest = 0;
    loop {
        let t = client.frame("candle").await["data"]["t"].as_i64().unwrap();
        if t < newest {
            assert_eq!(t, newest - 60_000, "only the previous bar comes late");
            break;
        }
        newest = t;
    }
}

#[tokio::test]
async fn every_interval_is_served_with_its_own_end() {
    let exchange = exchange(60.0).await;
    let mut client = Client::connect(&exchange).await;
    let minutes: [(&str, i64); 13] = [
        ("1m", 1),
        ("3m", 3),
        ("5m", 5),
        ("15m", 15),
        ("30m", 30),
        ("1h", 60),
        ("2h", 120),
        ("4h", 240),
        ("8h", 480),
        ("12h", 720),
        ("1d", 1_440),
        ("3d", 4_320),
        ("1w", 10_080),
    ];
    for (interval, minutes) in minutes {
        client
            .subscribe(json!({"type":"candle","coin":"ETH","interval":interval}))
            .await;
        loop {
            let frame = client.frame("candle").await["data"].clone();
            if frame["i"] == interval {
                assert_eq!(
                    frame["T"].as_i64().unwrap() - frame["t"].as_i64().unwrap(),
                    minutes * 60_000 - 1
                );
                break;
            }
        }
        client
            .request(
                "unsubscribe",
                json!({"type":"candle","coin":"ETH","interval":interval}),
            )
            .await;
    }
    client
        .subscribe(json!({"type":"candle","coin":"ETH","interval":"1M"}))
        .await;
    loop {
        let frame = client.frame("candle").await["data"].clone();
        if frame["i"] == "1M" {
            // The market starts on 8 October 2026.
            assert_eq!(
                (frame["t"].as_i64(), frame["T"].as_i64()),
                (Some(1_790_812_800_000), Some(1_793_491_199_999))
            );
            break;
        }
    }
}

#[tokio::test]
async fn history_is_full_at_once() {
    let exchange = exchange(1.0).await;
    let now = exchange.clock().now();
    for (interval, length, least) in [
        ("1m", 60_000, 4_900),
        ("15m", 900_000, 4_900),
        ("1h", 3_600_000, 1_300),
    ] {
        let request = json!({"coin":"BTC","interval":interval,"startTime":0,"endTime":now});
        let (status, body) = info(&exchange, json!({"type":"candleSnapshot","req":request})).await;
        assert_eq!(status, 200);
        let bars: Vec<Value> = serde_json::from_str(&body).unwrap();
        assert!(
            (least..=5_000).contains(&bars.len()),
            "{interval}: {} bars",
            bars.len()
        );
        let starts: Vec<i64> = bars.iter().map(|bar| bar["t"].as_i64().unwrap()).collect();
        assert!(
            starts.windows(2).all(|pair| pair[0] < pair[1]),
            "{interval} is not ascending"
        );
        assert!(
            starts.last().unwrap() + length > now,
            "{interval} ends before the forming bar"
        );
    }
}
