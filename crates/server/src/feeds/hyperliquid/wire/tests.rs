//! Every frame and body of `tests/fixtures/hyperliquid`, by what it means to this feed.

use std::fs;
use std::path::PathBuf;

use nexus_protocol::Interval;

use super::info::{read_book, read_candles, read_dexes, read_mids, read_perps, read_spot, read_trades};
use super::*;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/hyperliquid")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn coin(name: &str) -> Symbol {
    Symbol::parse(name).unwrap()
}

fn ann() -> Address {
    Address::parse("0x00000000000000000000000000000000000000a1").unwrap()
}

fn read(name: &str) -> Inbound {
    Inbound::read(&fixture(name))
}

fn news(name: &str) -> News {
    match read(name) {
        Inbound::News(news) => news,
        other => panic!("{name} is no news but {other:?}"),
    }
}

#[test]
fn acks_name_what_was_subscribed_whatever_the_exchange_filled_in() {
    let book = |name, pace| Source::Book {
        coin: coin(name),
        pace,
    };
    for (name, act, source) in [
        (
            "ws_ack_all_mids.json",
            Act::Subscribe,
            Some(Source::Mids { dex: String::new() }),
        ),
        (
            "ws_ack_candle.json",
            Act::Subscribe,
            Some(Source::Candles {
                coin: coin("HYPE"),
                interval: Interval::Day1,
            }),
        ),
        (
            "ws_ack_l2_book_2025.json",
            Act::Subscribe,
            Some(book("HYPE", BookPace::Full)),
        ),
        (
            "ws_ack_l2_book_fast.json",
            Act::Subscribe,
            Some(book("SOL", BookPace::Fast)),
        ),
        (
            "ws_ack_trades.json",
            Act::Subscribe,
            Some(Source::Trades { coin: coin("HYPE") }),
        ),
        (
            "ws_ack_unsubscribe_trades.json",
            Act::Unsubscribe,
            Some(Source::Trades { coin: coin("BTC") }),
        ),
        (
            "ws_ack_user_fills.json",
            Act::Subscribe,
            Some(Source::Fills { user: ann() }),
        ),
        ("ws_ack_bbo.json", Act::Subscribe, None),
    ] {
        assert_eq!(read(name), Inbound::Ack(act, source), "{name}");
    }
}

#[test]
fn complaints_name_what_they_are_about() {
    let trades = |name| Source::Trades { coin: coin(name) };
    for (name, complaint) in [
        (
            "ws_error_already_subscribed.json",
            Complaint::AlreadySubscribed(trades("BTC")),
        ),
        (
            "ws_error_already_unsubscribed.json",
            Complaint::AlreadyUnsubscribed(trades("SOL")),
        ),
        (
            "ws_error_unsubscribe_options_differ.json",
            Complaint::AlreadyUnsubscribed(Source::Book {
                coin: coin("SOL"),
                pace: BookPace::Full,
            }),
        ),
        (
            "ws_error_invalid_subscription.json",
            Complaint::Refused(Source::Book {
                coin: coin("NOPE"),
                pace: BookPace::Full,
            }),
        ),
        ("ws_error_too_many_messages.json", Complaint::TooManyMessages),
        (
            "ws_error_too_many_subscriptions.json",
            Complaint::TooManySubscriptions,
        ),
        ("ws_error_bad_interval.json", Complaint::Other),
        ("ws_error_bad_request.json", Complaint::Other),
        ("ws_error_not_json.json", Complaint::Other),
        ("ws_error_removed_type_web_data2.json", Complaint::Other),
        ("ws_error_too_many_posts.json", Complaint::Other),
        ("ws_error_too_many_users.json", Complaint::TooManySubscriptions),
        ("ws_error_too_many_users_15.json", Complaint::TooManySubscriptions),
    ] {
        assert_eq!(read(name), Inbound::Error(complaint), "{name}");
    }
}

#[test]
fn a_refused_request_that_is_echoed_whole_is_recognised() {
    let echoed = r#"{"channel":"error","data":"Error parsing JSON into valid websocket request: {\"method\":\"subscribe\",\"subscription\":{\"type\":\"trades\",\"coin\":\"BTC\"}}"}"#;
    let source = Source::Trades { coin: coin("BTC") };
    assert_eq!(Inbound::read(echoed), Inbound::Error(Complaint::Refused(source)));
}

#[test]
fn news_belong_to_their_source() {
    let book = |name, pace| {
        Some(Source::Book {
            coin: coin(name),
            pace,
        })
    };
    for (name, source) in [
        (
            "ws_all_mids_dex.json",
            Some(Source::Mids {
                dex: "xyz".to_owned(),
            }),
        ),
        ("ws_all_mids_edge.json", Some(Source::Mids { dex: String::new() })),
        ("ws_l2_book.json", book("BTC", BookPace::Full)),
        ("ws_l2_book_empty.json", book("#14720", BookPace::Full)),
        ("ws_l2_book_fast.json", book("SOL", BookPace::Fast)),
        ("ws_l2_book_sigfigs.json", book("ETH", BookPace::Full)),
        (
            "ws_trades_2024_no_users.json",
            Some(Source::Trades { coin: coin("BTC") }),
        ),
        ("ws_trades_empty.json", None),
        ("ws_trades_spot.json", Some(Source::Trades { coin: coin("@107") })),
        (
            "ws_trades_twap_zero_hash.json",
            Some(Source::Trades { coin: coin("HYPE") }),
        ),
        (
            "ws_candle.json",
            Some(Source::Candles {
                coin: coin("BTC"),
                interval: Interval::Minute1,
            }),
        ),
        (
            "ws_candle_1d_float_noise.json",
            Some(Source::Candles {
                coin: coin("HYPE"),
                interval: Interval::Day1,
            }),
        ),
        ("ws_user_fills_snapshot.json", None),
        ("ws_user_fills_update.json", Some(Source::Fills { user: ann() })),
        (
            "ws_user_historical_orders.json",
            Some(Source::Orders { user: ann() }),
        ),
        ("ws_open_orders.json", Some(Source::OpenOrders { user: ann() })),
        ("ws_clearinghouse_state.json", Some(Source::Perps { user: ann() })),
        ("ws_spot_state.json", Some(Source::Balances { user: ann() })),
    ] {
        if name == "ws_user_fills_snapshot.json" {
            let News::Fills {
                is_snapshot, fills, ..
            } = news(name)
            else {
                panic!("{name} has fills")
            };
            assert!(is_snapshot && !fills.is_empty());
            continue;
        }
        assert_eq!(news(name).source(), source, "{name}");
    }
}

#[test]
fn what_this_feed_has_no_use_for_is_no_error() {
    for name in [
        "ws_active_asset_ctx_nulls.json",
        "ws_asset_ctxs.json",
        "ws_bbo.json",
        "ws_bbo_one_side_null.json",
        "ws_fast_asset_ctxs_update.json",
        "ws_order_updates_open.json",
        "ws_outcome_meta_updates.json",
        "ws_post_error.json",
        "ws_spot_asset_ctxs.json",
    ] {
        assert_eq!(read(name), Inbound::Unknown, "{name}");
    }
    assert_eq!(read("ws_pong.json"), Inbound::Pong);
    assert_eq!(read("ws_plaintext_greeting.txt"), Inbound::Chatter);
}

#[test]
fn digits_stay_as_they_are() {
    let News::Candle(candle) = news("ws_candle_1d_float_noise.json") else {
        panic!()
    };
    assert_eq!(candle.volume.as_str(), "3495670.8399999999");
    let News::Mids { mids, .. } = news("ws_all_mids_edge.json") else {
        panic!()
    };
    assert_eq!(mids["@93"].as_str(), "0.00001495");
    assert_eq!(mids.len(), 8);
    let News::Book(book) = news("ws_l2_book_fast.json") else {
        panic!()
    };
    assert_eq!(book.levels[0].len(), 5);
    assert!(book.is_sound());
    assert_eq!(book.levels[1][4].px.as_str(), "106.6");
}

#[test]
fn one_odd_market_does_not_hide_the_others() {
    let text = r#"{"channel":"allMids","data":{"mids":{"BTC":"1.5","a b":"2","ETH":null,"SOL":7,"X":"NaN","HYPE":"3"},"new":[1]},"more":{}}"#;
    let Inbound::News(News::Mids { mids, .. }) = Inbound::read(text) else {
        panic!()
    };
    let names: Vec<&str> = mids.keys().map(Symbol::as_str).collect();
    assert_eq!(names, ["BTC", "HYPE"]);
}

#[test]
fn what_cannot_be_read_is_told_apart_from_chatter() {
    for text in [
        r#"{"channel":"trades","data":[{"coin":"BTC","side":"#,
        r#"{"channel":"trades","data":[{"coin":"BTC"}]}"#,
        r#"{"channel":"trades","data":null}"#,
        r#"{"channel":"l2Book","data":{"coin":"BTC","time":1,"levels":[[]]}}"#,
        r#"{"channel":"candle","data":[]}"#,
        r#"{"data":1}"#,
        r#"{"channel":7}"#,
        "{",
    ] {
        assert_eq!(Inbound::read(text), Inbound::Garbled, "{text}");
    }
    for text in ["", "hello", "[1,2]", "null", "\u{0}\u{1}"] {
        assert_eq!(Inbound::read(text), Inbound::Chatter, "{text:?}");
    }
    assert_eq!(Inbound::read(r#"{"channel":"surprise"}"#), Inbound::Unknown);
    let huge = format!(r#"{{"channel":"notice","data":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(Inbound::read(&huge), Inbound::Unknown);
    let deep = format!(r#"{{"channel":"trades","data":{}"#, "[".repeat(100_000));
    assert_eq!(Inbound::read(&deep), Inbound::Garbled);
}

#[test]
fn bodies_say_what_they_should() {
    let perps = read_perps(&fixture("http_meta_and_asset_ctxs.json")).unwrap();
    assert_eq!(perps.markets.len(), 4);
    assert_eq!(perps.markets[0].name.as_str(), "xyz:XYZ100");
    assert_eq!(
        perps.contexts["xyz:XYZ100"].previous_day_price.as_str(),
        "24671.0"
    );
    assert_eq!(
        perps.contexts["xyz:XYZ100"].day_volume.as_str(),
        "527123746.7819995284"
    );

    let meta = read_perps(&fixture("http_meta_2023.json")).unwrap();
    assert!(meta.markets.iter().any(|market| market.name.as_str() == "kPEPE"));
    assert!(meta.contexts.is_empty());

    let spot = read_spot(&fixture("http_spot_meta_and_asset_ctxs.json")).unwrap();
    assert_eq!(spot.markets[0].name.as_str(), "PURR/USDC");
    assert_eq!(spot.markets[1].alias.as_deref(), Some("HFUN/USDC"));
    assert!(spot.contexts.contains_key("PURR/USDC"));

    assert_eq!(read_dexes(&fixture("http_perp_dexs.json")).unwrap(), ["xyz"]);
    assert_eq!(
        read_mids(&fixture("http_all_mids.json")).unwrap()["kPEPE"].as_str(),
        "0.001565"
    );
    assert_eq!(
        read_book(&fixture("http_l2_book_unknown_coin.json")).unwrap(),
        None
    );
    let book = read_book(&fixture("http_l2_book.json")).unwrap().unwrap();
    assert_eq!(
        (book.coin.as_str(), book.levels[0].len(), book.is_sound()),
        ("DYDX", 20, true)
    );

    let trades = read_trades(&fixture("http_recent_trades.json")).unwrap();
    assert!(
        trades.is_sorted_by_key(|trade| trade.time),
        "turned round: oldest first"
    );
    assert_eq!(trades.len(), 2);
    assert_eq!(read_trades("null").unwrap(), []);
    assert_eq!(
        read_candles(&fixture("http_candle_snapshot.json")).unwrap().len(),
        5
    );
    assert_eq!(read_candles("null").unwrap(), []);
}

#[test]
fn contexts_are_joined_by_place_even_where_a_market_is_odd() {
    let body = r#"[{"universe":[{"name":"BTC"},{"name":"a b"},{"name":"ETH","isDelisted":true}]},
        [{"prevDayPx":"1","dayNtlVlm":"10"},{"prevDayPx":"2","dayNtlVlm":"20"},{"prevDayPx":"3","dayNtlVlm":"30","midPx":null}]]"#;
    let perps = read_perps(body).unwrap();
    assert_eq!(perps.contexts["ETH"].day_volume.as_str(), "30");
    assert_eq!(perps.contexts.len(), 2);
    assert!(perps.markets[1].is_delisted);
}

#[test]
fn bodies_of_another_shape_are_refused() {
    for body in [
        "",
        "<html>502</html>",
        "7",
        "[]",
        "{}",
        r#"{"universe":7}"#,
        "[1,2,3]",
    ] {
        assert!(read_perps(body).is_err(), "{body}");
        assert!(read_spot(body).is_err(), "{body}");
        assert!(read_book(body).is_err(), "{body}");
    }
    for body in ["", "<html>", "7", "{}", "[1]", r#"[{"coin":"BTC"}]"#] {
        assert!(read_trades(body).is_err(), "{body}");
        assert!(read_candles(body).is_err(), "{body}");
    }
    assert!(read_dexes("{}").is_err());
    assert!(read_mids("[]").is_err());
}

#[test]
fn books_that_cannot_be_right_are_recognised() {
    let book = |bids: &str, asks: &str| -> WireBook {
        let side = |prices: &str| {
            let levels = prices
                .split_whitespace()
                .map(|px| format!(r#"{{"px":"{px}","sz":"1","n":1}}"#));
            levels.collect::<Vec<_>>().join(",")
        };
        let text = format!(
            r#"{{"coin":"X","time":1,"levels":[[{}],[{}]]}}"#,
            side(bids),
            side(asks)
        );
        serde_json::from_str(&text).unwrap()
    };
    for (bids, asks, is_sound) in [
        ("9.9 9.8", "10 10.1", true),
        ("", "", true),
        ("9.9", "", true),
        ("10.0", "10", false),
        ("11", "10", false),
        ("9.8 9.9", "10", false),
        ("9.9", "10.1 10", false),
        ("9.9 9.90", "10", false),
    ] {
        assert_eq!(book(bids, asks).is_sound(), is_sound, "{bids} | {asks}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_that_arrives_panics(text in "\\PC{0,200}") {
        let _ = Inbound::read(&text);
    }

    #[test]
    fn a_frame_cut_off_anywhere_is_no_news(name in proptest::sample::select(vec![
        "ws_l2_book_fast.json", "ws_trades_spot.json", "ws_candle.json", "ws_all_mids_edge.json",
    ]), at in 0.0_f64..1.0) {
        let whole = fixture(name);
        let whole = whole.trim();
        let cut = (whole.len() as f64 * at) as usize;
        proptest::prop_assert!(!matches!(Inbound::read(&whole[..cut]), Inbound::News(_)));
    }
}

#[test]
fn bodies_about_accounts_are_read_whole() {
    let fills: Vec<account::WireFill> = serde_json::from_str(&fixture("http_user_fills.json")).unwrap();
    assert_eq!((fills.len(), fills[0].tid), (5, 0), "old ones have no number");
    let changes: Vec<account::WireChange> =
        serde_json::from_str(&fixture("http_historical_orders.json")).unwrap();
    assert!(changes.iter().all(|change| change.status == "iocCancelRejected"));
    let open: Vec<account::WireOrder> =
        serde_json::from_str(&fixture("http_frontend_open_orders.json")).unwrap();
    assert_eq!(open.len(), 3);
}
