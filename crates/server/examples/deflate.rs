//! What compressing costs and saves: messages as Nexus sends them, at each level and with some windows.
//!
//! `cargo run --release -p nexus-server --example deflate` prints the tables that the defaults of `compression` rest on
//! (docs/OPERATING.md). A row is one kind of message; a cell says what is left of it, in percent, and how many microseconds
//! that takes. Each message is compressed on its own, as on the wire.

use std::fmt::Write;
use std::time::Instant;

use nexus_server::deflate::{Compression, Deflate, Inflate};

/// Different messages of each kind.
const MESSAGES: usize = 200;
/// How often all of them are compressed; the fastest time counts.
const ROUNDS: usize = 7;

fn main() {
    let kinds = kinds(&mut fastrand::Rng::with_seed(11));
    let levels = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|level| (format!("level {level}"), level, 15));
    print_table("By level, with a window of 15 bits", &kinds, &levels);
    let windows =
        [9, 10, 11, 12, 13, 15].map(|bits| (format!("{bits} bits"), Compression::DEFAULT.level, bits));
    print_table("By window, at the default level", &kinds, &windows);
    print_inflating(&kinds);
}

type Kinds = Vec<(&'static str, Vec<String>)>;

fn print_table(title: &str, kinds: &Kinds, columns: &[(String, u8, u8)]) {
    let mut table = format!("\n{title}: percent left, microseconds\n\n| message | bytes |");
    for (name, ..) in columns {
        let _ = write!(table, " {name} |");
    }
    let _ = write!(table, "\n|---|---|{}", "---|".repeat(columns.len()));
    for (kind, messages) in kinds {
        let _ = write!(table, "\n| {kind} | {} |", bytes(messages) / messages.len());
        for (_, level, window_bits) in columns {
            let (left, micros) = compress(
                messages,
                Compression {
                    level: *level,
                    window_bits: *window_bits,
                    threshold: 0,
                },
            );
            let _ = write!(table, " {left:.0} % {micros:.1} |");
        }
    }
    println(&table);
}

fn print_inflating(kinds: &Kinds) {
    let mut table = "\nBack: microseconds\n\n| message | inflating |\n|---|---|".to_owned();
    for (kind, messages) in kinds {
        let mut deflate = Deflate::new(Compression {
            threshold: 0,
            ..Compression::DEFAULT
        });
        let payloads: Vec<Vec<u8>> = messages
            .iter()
            .filter_map(|message| deflate.payload(message.as_bytes()))
            .collect();
        let mut inflate = Inflate::new();
        let mut into = Vec::new();
        let micros = fastest(|| {
            for payload in &payloads {
                let _ = inflate.message(payload, 1 << 20, &mut into);
            }
        }) / payloads.len() as f64;
        let _ = write!(table, "\n| {kind} | {micros:.1} |");
    }
    println(&table);
}

/// What is left in percent, and the microseconds of one message.
fn compress(messages: &[String], how: Compression) -> (f64, f64) {
    let mut deflate = Deflate::new(how);
    let mut left = 0;
    let micros = fastest(|| {
        left = messages
            .iter()
            .map(|message| {
                deflate
                    .payload(message.as_bytes())
                    .map_or(message.len(), |payload| payload.len())
            })
            .sum();
    });
    (
        100.0 * left as f64 / bytes(messages) as f64,
        micros / messages.len() as f64,
    )
}

fn bytes(messages: &[String]) -> usize {
    messages.iter().map(String::len).sum()
}

fn fastest(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64() * 1e6
    };
    (0..ROUNDS).map(once).fold(f64::INFINITY, f64::min)
}

#[allow(clippy::print_stdout)]
fn println(text: &str) {
    println!("{text}");
}

/// Messages as they stand on the wire.
fn kinds(rng: &mut fastrand::Rng) -> Kinds {
    vec![
        many("token of an answer", || token(rng)),
        many("trade", || trade(rng)),
        many("telemetry", || telemetry(rng)),
        many("prices, 5 changed", || prices(rng, 5)),
        many("book, depth 10", || book(rng, 10)),
        many("JSON of 2 KiB", || records(rng, 2048)),
        many("book, depth 50", || book(rng, 50)),
        many("prices, all 200", || prices(rng, 200)),
    ]
}

fn many(kind: &'static str, mut make: impl FnMut() -> String) -> (&'static str, Vec<String>) {
    (kind, (0..MESSAGES).map(|_| make()).collect())
}

fn envelope(rng: &mut fastrand::Rng, kind: &str, payload: &str) -> String {
    let offset = rng.u32(1_000..9_000_000);
    let (minute, milli) = (rng.u32(10..60), rng.u32(100..1000));
    format!(
        r#"{{"type":"{kind}.update","channel":"{kind}","offset":{offset},"timestamp":"2026-11-03T01:{minute}:54.{milli}Z","payload":{payload}}}"#
    )
}

fn token(rng: &mut fastrand::Rng) -> String {
    let words = [
        "the ", "gateway ", "keeps ", "every ", "order ", "and ", "never ", "waits",
    ];
    let text = words[rng.usize(..words.len())];
    let seq = rng.u32(1..900);
    envelope(
        rng,
        "ai",
        &format!(r#"{{"stream_id":"answer-17","seq":{seq},"text":"{text}","done":false}}"#),
    )
}

fn trade(rng: &mut fastrand::Rng) -> String {
    let (price, size) = (rng.u32(106_000..107_000), rng.u32(1..99_999));
    let (id, time) = (
        rng.u64(1 << 40..1 << 50),
        rng.u64(1_793_670_000_000..1_793_679_999_999),
    );
    let side = ["buy", "sell"][rng.usize(..2)];
    envelope(
        rng,
        "trades",
        &format!(
            r#"[{{"symbol":"BTC","side":"{side}","price":"{price}.0","size":"0.{size:05}","timestamp":{time},"tid":{id}}}]"#
        ),
    )
}

fn telemetry(rng: &mut fastrand::Rng) -> String {
    let mut reading = |most: u32| format!("{}.{:02}", rng.u32(0..most), rng.u32(0..100));
    let metrics = format!(
        r#"{{"temperature":{},"humidity":{},"battery":{},"rssi":-{},"load":{},"latitude":48.{},"longitude":11.{}}}"#,
        reading(40),
        reading(100),
        reading(100),
        reading(90),
        reading(8),
        reading(90),
        reading(90),
    );
    let device = rng.u32(1..999);
    envelope(
        rng,
        "telemetry",
        &format!(
            r#"{{"device_id":"device-{device:03}","metrics":{metrics},"at":"2026-11-03T01:53:50.000Z","skew_ms":-4518}}"#
        ),
    )
}

fn prices(rng: &mut fastrand::Rng, symbols: usize) -> String {
    let mut price = |_| {
        let symbol: String = (0..rng.usize(3..6)).map(|_| rng.uppercase()).collect();
        let (whole, tenth) = (rng.u32(1..110_000), rng.u32(0..100));
        let (change, volume) = (rng.u32(0..999), rng.u64(1_000_000..4_000_000_000));
        format!(
            r#""{symbol}":{{"price":"{whole}.{tenth}","change24h":"-{}.{:02}","volume24h":"{volume}.{}","timestamp":1793670834518}}"#,
            change / 100,
            change % 100,
            rng.u32(1_000_000..u32::MAX),
        )
    };
    let prices: Vec<String> = (0..symbols).map(&mut price).collect();
    envelope(rng, "prices", &format!("{{{}}}", prices.join(",")))
}

fn book(rng: &mut fastrand::Rng, depth: u32) -> String {
    let mut side = |step: i64| {
        let level = |nth: u32| {
            let price = 106_295 + step * i64::from(nth) * rng.i64(1..3);
            format!(r#"["{price}.0","{}.{}"]"#, rng.u32(0..9), rng.u32(1..99_999))
        };
        (0..depth).map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(-1), side(1));
    envelope(
        rng,
        "orderbook",
        &format!(r#"{{"symbol":"BTC","bids":[{bids}],"asks":[{asks}],"timestamp":1793670834518}}"#),
    )
}

/// Records of an application, up to a length.
fn records(rng: &mut fastrand::Rng, length: usize) -> String {
    let cities = [
        "Lisbon", "Utrecht", "Graz", "Malmö", "Leeds", "Turin", "Gdańsk", "Ghent",
    ];
    let states = ["open", "assigned", "in_transit", "delivered", "returned"];
    let mut records = String::from("[");
    while records.len() + 190 < length {
        let comma = if records.len() > 1 { "," } else { "" };
        let _ = write!(
            records,
            r#"{comma}{{"id":{},"status":"{}","city":"{}","weight_kg":{}.{},"courier":{{"name":"courier-{}","eta_minutes":{}}},"paid":{}}}"#,
            rng.u32(100_000..999_999),
            states[rng.usize(..states.len())],
            cities[rng.usize(..cities.len())],
            rng.u32(0..40),
            rng.u32(0..10),
            rng.u32(1..60),
            rng.u32(1..240),
            rng.bool(),
        );
    }
    envelope(rng, "events", &format!("{records}]"))
}
