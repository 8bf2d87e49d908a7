//! Bars: later states replace earlier ones, and what was missed is read again.

use nexus_protocol::{Candles, Interval, Topic};

use super::{at, round, symbol};
use crate::feeds::hyperliquid::topics::candles::{BARS, Bars};
use crate::feeds::hyperliquid::topics::{Effect, Fetch};
use crate::feeds::hyperliquid::wire::WireCandle;

fn bar(index: u64, count: u64) -> WireCandle {
    let time = index * 60_000;
    let text = format!(
        r#"{{"t":{time},"T":{},"s":"BTC","i":"1m","o":"1.0","c":"{count}","h":"9","l":"0.5","v":"3495670.8399999999","n":{count}}}"#,
        time + 59_999
    );
    serde_json::from_str(&text).unwrap()
}

fn shown(effects: &[Effect]) -> Vec<(u64, u64)> {
    let mut bars = Vec::new();
    for effect in effects {
        if let Effect::Publish(topic, content) = effect {
            assert_eq!(*topic, Topic::Candles(symbol("BTC"), Interval::Minute1));
            let page: Candles = serde_json::from_str(&content.render()).unwrap();
            assert_eq!((page.symbol.as_str(), page.interval), ("BTC", Interval::Minute1));
            bars.extend(page.candles.iter().map(|bar| (bar.time / 60_000, bar.count)));
        }
    }
    bars
}

/// Bars 1 to 10, running; it is minute 10.
fn running_bars() -> Bars {
    let mut bars = Bars::new(symbol("BTC"), Interval::Minute1, at(0));
    bars.handle_subscribed(at(0));
    let asked = bars.poll(600_000, at(0));
    let effects = bars.handle_fetched(
        round(&asked),
        (1..=10).map(|index| bar(index, 5)).collect(),
        at(10),
    );
    assert_eq!(shown(&effects).len(), 10);
    assert!(bars.is_current());
    bars
}

#[test]
fn the_archive_is_asked_for_as_many_bars_as_a_viewer_gets() {
    let mut bars = Bars::new(symbol("BTC"), Interval::Hour1, at(0));
    bars.handle_subscribed(at(0));
    let now = 10_000 * 3_600_000;
    let effects = bars.poll(now, at(0));
    assert!(
        matches!(&effects[..], [Effect::Fetch(Fetch::Candles { from, .. })] if *from == now - BARS * 3_600_000)
    );
}

#[test]
fn a_bar_is_replaced_by_later_states_only() {
    let mut bars = running_bars();
    assert_eq!(shown(&bars.handle_candle(bar(10, 6), at(100))), [(10, 6)]);
    assert!(
        bars.handle_candle(bar(10, 6), at(200)).is_empty(),
        "the same again"
    );
    assert!(
        bars.handle_candle(bar(10, 4), at(300)).is_empty(),
        "an earlier state"
    );
    assert_eq!(shown(&bars.handle_candle(bar(11, 1), at(400))), [(11, 1)]);
    assert_eq!(
        shown(&bars.handle_candle(bar(10, 8), at(500))),
        [(10, 8)],
        "a late state of the bar before"
    );
    assert_eq!(
        shown(&bars.handle_candle(bar(14, 1), at(600))),
        [(14, 1)],
        "quiet bars are skipped"
    );
}

#[test]
fn after_a_break_the_archive_is_read_from_the_bar_before_the_last() {
    let mut bars = running_bars();
    bars.handle_lost();
    assert!(!bars.is_current());
    bars.handle_subscribed(at(1_000));
    assert_eq!(
        shown(&bars.handle_candle(bar(13, 2), at(1_010))),
        [(13, 2)],
        "live bars are right by themselves"
    );
    let effects = bars.poll(13 * 60_000, at(1_010));
    assert!(
        matches!(
            &effects[..],
            [Effect::Fetch(Fetch::Candles { from: 540_000, .. })]
        ),
        "{effects:?}"
    );
    assert!(!bars.is_current(), "the bars between are missing");
    let fetched = vec![bar(9, 5), bar(10, 9), bar(11, 3), bar(12, 4), bar(13, 1)];
    assert_eq!(
        shown(&bars.handle_fetched(round(&effects), fetched, at(1_020))),
        [(10, 9), (11, 3), (12, 4)]
    );
    assert!(bars.is_current());
}

#[test]
fn an_archive_that_cannot_be_read_is_asked_again_until_it_can() {
    let mut bars = running_bars();
    bars.handle_lost();
    bars.handle_subscribed(at(1_000));
    for attempt in 0..20 {
        let now = bars.next_wake().unwrap();
        let asked = bars.poll(700_000, now);
        bars.handle_not_fetched(round(&asked), now);
        assert!(!bars.is_current(), "after attempt {attempt}");
    }
}

#[test]
fn a_break_longer_than_what_is_kept_begins_a_new_series() {
    let mut bars = running_bars();
    bars.handle_lost();
    bars.handle_subscribed(at(1_000));
    let asked = bars.poll((10 + 3 * BARS) * 60_000, at(1_000));
    let fetched = (10 + 2 * BARS..10 + 3 * BARS)
        .map(|index| bar(index, 5))
        .collect();
    let effects = bars.handle_fetched(round(&asked), fetched, at(1_010));
    assert!(matches!(effects[0], Effect::Forget(_)));
    assert_eq!(shown(&effects).len() as u64, BARS);
}
