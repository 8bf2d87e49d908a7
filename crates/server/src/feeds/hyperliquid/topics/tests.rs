//! The states of topics, fed with rows and fetched bodies, with time as a number.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use nexus_protocol::{
    Book, Candles, Decimal, Depth, Interval, Prices, Side, Symbol, Symbols, Topic, TradeGap, Trades,
};
use proptest::prelude::*;

use super::books::Books;
use super::candles::{BARS, Bars};
use super::prices::Board;
use super::trades::Tape;
use super::{Effect, Fetch};
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::wire::info::Context;
use crate::feeds::hyperliquid::wire::{BookPace, Source, WireBook, WireCandle, WireTrade};

fn at(millis: u64) -> Moment {
    Moment::START + Duration::from_millis(millis)
}

fn symbol(name: &str) -> Symbol {
    Symbol::parse(name).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

/// Trades that happen at these times; the id is the time.
fn rows(times: impl IntoIterator<Item = u64>) -> Vec<WireTrade> {
    let row = |time: u64| {
        format!(
            r#"{{"coin":"BTC","side":"A","px":"106296.0","sz":"0.1","time":{time},"tid":{time},"hash":"0x0"}}"#
        )
    };
    times
        .into_iter()
        .map(|time| serde_json::from_str(&row(time)).unwrap())
        .collect()
}

/// What was published and declared.
fn published(effects: &[Effect]) -> (Vec<u64>, Vec<TradeGap>) {
    let (mut times, mut gaps) = (Vec::new(), Vec::new());
    for effect in effects {
        if let Effect::Publish(_, content) = effect {
            let Trades { trades, gap, .. } = serde_json::from_str(&content.render()).unwrap();
            times.extend(trades.iter().map(|trade| trade.timestamp));
            gaps.extend(gap);
        }
    }
    (times, gaps)
}

fn round(effects: &[Effect]) -> u64 {
    let round = effects.iter().find_map(|effect| match effect {
        Effect::Fetch(
            Fetch::Trades { round, .. } | Fetch::Candles { round, .. } | Fetch::Book { round, .. },
        ) => Some(*round),
        _ => None,
    });
    round.unwrap_or_else(|| panic!("nothing is fetched: {effects:?}"))
}

/// A tape that published the trades of the first second, and runs.
fn running() -> Tape {
    let mut tape = Tape::new(symbol("BTC"), at(0));
    tape.handle_subscribed(at(0));
    assert_eq!(
        published(&tape.handle_trades(rows([100, 200, 300, 400]), at(10))).0,
        [] as [u64; 0]
    );
    let asked = tape.poll(at(10));
    let effects = tape.handle_fetched(round(&asked), rows([50, 100, 200, 300, 400]), at(20));
    assert_eq!(published(&effects), (vec![50, 100, 200, 300, 400], vec![]));
    assert!(tape.is_current());
    tape
}

#[test]
fn a_fresh_tape_joins_the_replay_with_the_archive() {
    running();
}

#[test]
fn sides_and_digits_are_the_exchanges() {
    let mut tape = running();
    let effects = tape.handle_trades(rows([500]), at(30));
    let Effect::Publish(Topic::Trades(_), content) = &effects[0] else {
        panic!("{effects:?}")
    };
    let trades: Trades = serde_json::from_str(&content.render()).unwrap();
    assert_eq!(trades.trades[0].side, Side::Sell);
    assert_eq!(trades.trades[0].price.as_str(), "106296.0");
}

#[test]
fn repeats_are_dropped_and_order_is_kept() {
    let mut tape = running();
    assert_eq!(
        published(&tape.handle_trades(rows([300, 400, 500, 500]), at(30))).0,
        [500]
    );
    assert_eq!(
        published(&tape.handle_trades(rows([600, 500, 700]), at(40))).0,
        [600, 700]
    );
    assert!(tape.handle_trades(rows([500, 600]), at(50)).is_empty());
}

#[test]
fn a_replay_that_reaches_back_needs_no_archive() {
    let mut tape = running();
    tape.handle_lost();
    assert!(!tape.is_current());
    tape.handle_subscribed(at(1_000));
    let effects = tape.handle_trades(rows([400, 500, 600]), at(1_010));
    assert_eq!(published(&effects), (vec![500, 600], vec![]));
    assert!(tape.is_current());
}

#[test]
fn a_replay_that_does_not_reach_back_is_joined_by_the_archive() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(at(1_000));
    assert!(
        tape.handle_trades(rows([800, 900]), at(1_010)).is_empty(),
        "held back"
    );
    assert!(!tape.is_current());
    let asked = tape.poll(at(1_010));
    assert!(
        tape.handle_trades(rows([1_000]), at(1_020)).is_empty(),
        "held back"
    );
    let effects = tape.handle_fetched(round(&asked), rows([400, 500, 800, 900]), at(1_030));
    assert_eq!(published(&effects), (vec![500, 800, 900, 1_000], vec![]));
}

#[test]
fn what_the_archive_does_not_reach_either_is_a_gap() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(at(1_000));
    tape.handle_trades(rows([800, 900]), at(1_010));
    let asked = tape.poll(at(1_010));
    let effects = tape.handle_fetched(round(&asked), rows([700, 800]), at(1_030));
    assert_eq!(
        published(&effects),
        (vec![700, 800, 900], vec![TradeGap { from: 400, to: 700 }])
    );
    assert!(
        matches!(effects[0], Effect::Gap(_, TradeGap { from: 400, to: 700 })),
        "announced first"
    );
    assert_eq!(
        published(&tape.handle_trades(rows([1_000]), at(1_040))).1,
        [],
        "declared once"
    );
}

#[test]
fn an_answer_from_before_the_break_is_not_taken() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(at(1_000));
    let old = round(&tape.poll(at(2_100)));
    tape.handle_lost();
    tape.handle_subscribed(at(3_000));
    assert!(tape.handle_fetched(old, rows([400, 500]), at(3_010)).is_empty());
    assert!(!tape.is_current());
}

#[test]
fn when_nothing_can_be_fetched_the_gap_is_declared_after_a_while() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(at(1_000));
    tape.handle_trades(rows([900]), at(1_010));
    let mut now = 1_010;
    let mut attempts = 0;
    let effects = loop {
        let effects = tape.poll(at(now));
        if let Some(Effect::Fetch(Fetch::Trades { round, .. })) = effects.first() {
            attempts += 1;
            tape.handle_not_fetched(*round, at(now));
        } else if !effects.is_empty() {
            break effects;
        }
        now += 100;
        assert!(now < 20_000, "it never gives up");
    };
    assert!((2..=6).contains(&attempts), "{attempts}");
    assert_eq!(
        published(&effects),
        (vec![900], vec![TradeGap { from: 400, to: 900 }])
    );
    assert!(tape.is_current());
}

#[test]
fn a_gap_is_declared_with_the_next_trade_when_there_is_none_yet() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(at(1_000));
    let asked = tape.poll(at(2_100));
    assert!(tape.handle_fetched(round(&asked), rows([]), at(2_110)).is_empty());
    // The source itself has not spoken yet: the archive is asked once more.
    assert!(tape.handle_trades(rows([5_000]), at(5_000)).is_empty());
    let asked = tape.poll(at(5_000));
    let effects = tape.handle_fetched(round(&asked), rows([5_000]), at(5_010));
    assert_eq!(
        published(&effects),
        (vec![5_000], vec![TradeGap { from: 400, to: 5_000 }])
    );
}

#[test]
fn after_an_unusual_pause_the_archive_is_asked_before_anything_is_published() {
    let mut tape = running();
    for step in 1..50 {
        tape.handle_trades(rows([400 + step * 100]), at(20 + step * 100));
    }
    let last = 400 + 49 * 100;
    assert!(
        tape.handle_trades(rows([last + 9_000]), at(20 + 4_900 + 9_000))
            .is_empty()
    );
    let asked = tape.poll(at(14_000));
    let effects = tape.handle_fetched(round(&asked), rows([last, last + 50, last + 9_000]), at(14_010));
    assert_eq!(published(&effects), (vec![last + 50, last + 9_000], vec![]));
}

#[test]
fn a_quiet_source_is_questioned_and_one_that_owes_is_subscribed_anew() {
    let mut tape = running();
    let due = tape.next_wake().unwrap();
    let asked = tape.poll(due);
    assert!(
        tape.handle_fetched(round(&asked), rows([300, 400]), due)
            .is_empty(),
        "merely quiet"
    );
    assert!(tape.is_current());
    let due = tape.next_wake().unwrap();
    let asked = tape.poll(due);
    let effects = tape.handle_fetched(round(&asked), rows([400, 500]), due);
    assert_eq!(published(&effects), (vec![500], vec![]), "found in the archive");
    let due = tape.next_wake().unwrap();
    assert_eq!(
        tape.poll(due),
        [Effect::Renew(Source::Trades { coin: symbol("BTC") })]
    );
    assert!(!tape.is_current());
}

#[test]
fn a_trade_that_comes_too_late_for_its_place_is_declared() {
    let mut tape = running();
    tape.handle_trades(rows([500, 700]), at(30));
    assert!(tape.handle_trades(rows([600]), at(40)).is_empty());
    let effects = tape.handle_trades(rows([800]), at(50));
    assert_eq!(
        published(&effects),
        (vec![800], vec![TradeGap { from: 600, to: 800 }])
    );
    assert!(
        tape.handle_trades(rows([600]), at(60)).is_empty(),
        "and known from then on"
    );
}

#[test]
fn what_is_older_than_the_tape_is_no_gap() {
    let mut tape = running();
    assert!(tape.handle_trades(rows([10, 40]), at(30)).is_empty());
    assert_eq!(published(&tape.handle_trades(rows([500]), at(40))).1, []);
}

#[test]
fn several_trades_of_one_millisecond_are_all_told() {
    let mut tape = Tape::new(symbol("BTC"), at(0));
    tape.handle_subscribed(at(0));
    let mut twins = rows([100, 100, 100]);
    for (tid, row) in twins.iter_mut().enumerate() {
        row.tid = tid as u64;
    }
    tape.handle_trades(twins[..1].to_vec(), at(10));
    let asked = tape.poll(at(10));
    assert_eq!(
        published(&tape.handle_fetched(round(&asked), twins[..1].to_vec(), at(20))).0,
        [100]
    );
    assert_eq!(
        published(&tape.handle_trades(twins.clone(), at(30))).0,
        [100, 100]
    );
    assert!(tape.handle_trades(twins, at(40)).is_empty());
}

#[test]
fn a_long_backlog_is_cut_into_publications() {
    let mut tape = Tape::new(symbol("BTC"), at(0));
    tape.handle_subscribed(at(0));
    let asked = tape.poll(at(1_100));
    let effects = tape.handle_fetched(round(&asked), rows(1..=450), at(1_110));
    assert_eq!(effects.len(), 3);
    assert_eq!(published(&effects).0.len(), 450);
}

proptest! {
    /// A venue that loses frames, replays and repeats: what is published is in order, once, and complete but for gaps.
    #[test]
    fn a_tape_is_complete_or_says_that_it_is_not(
        breaks in proptest::collection::vec((0..400_u64, 0..100_u64, any::<bool>(), 0..3_u8), 0..6),
        steps in 100..500_u64,
    ) {
        const EVERY: u64 = 200;
        let mut tape = Tape::new(symbol("BTC"), at(0));
        let mut effects = Vec::new();
        let recent = |now: u64| rows((now.saturating_sub(10)..now).map(|step| step * EVERY + 1));
        tape.handle_subscribed(at(0));
        let mut off_until = None;
        // When the source was silent for a time that may be usual: nobody can notice that.
        let mut unnoticed = HashSet::new();
        for step in 0..steps {
            let now = at(step * EVERY + 2);
            let begins = breaks.iter().find(|(from, ..)| *from == step && off_until.is_none());
            if let Some((_, length, silent, _)) = begins {
                off_until = Some((step + length, *silent));
                if !silent {
                    tape.handle_lost();
                } else if length * EVERY <= 10_000 {
                    unnoticed.extend(step..=step + length);
                }
            }
            match off_until {
                Some((until, silent)) if until <= step => {
                    off_until = None;
                    if !silent {
                        tape.handle_subscribed(now);
                        effects.extend(tape.handle_trades(recent(step + 1), now));
                    } else {
                        effects.extend(tape.handle_trades(rows([step * EVERY + 1]), now));
                    }
                }
                Some(_) => {}
                None => effects.extend(tape.handle_trades(rows([step * EVERY + 1]), now)),
            }
            let asked = tape.poll(now);
            for effect in &asked {
                match effect {
                    Effect::Fetch(Fetch::Trades { round, .. }) => {
                        let fails = breaks.iter().any(|(from, length, _, fail)| *fail == 0 && (*from..from + length).contains(&step));
                        if fails {
                            tape.handle_not_fetched(*round, now);
                        } else {
                            effects.extend(tape.handle_fetched(*round, recent(step + 1), now));
                        }
                    }
                    Effect::Renew(_) if off_until.is_none() => {
                        tape.handle_subscribed(now);
                        effects.extend(tape.handle_trades(recent(step + 1), now));
                    }
                    _ => {}
                }
            }
            effects.extend(asked);
        }
        let (times, gaps) = published(&effects);
        prop_assert!(times.is_sorted());
        prop_assert_eq!(times.iter().collect::<HashSet<_>>().len(), times.len());
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            for step in 0..steps {
                let time = step * EVERY + 1;
                let is_inside = time > *first && time < *last;
                let is_declared = gaps.iter().any(|gap| (gap.from..=gap.to).contains(&time));
                let in_short_pause = unnoticed.contains(&step);
                prop_assert!(!is_inside || is_declared || in_short_pause || times.contains(&time), "{time} of {gaps:?}");
            }
        }
    }
}

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

fn book(time: u64, fast: bool, bids: &[u64], asks: &[u64]) -> WireBook {
    let side = |prices: &[u64]| {
        let levels = prices
            .iter()
            .map(|price| format!(r#"{{"px":"{price}.0","sz":"1.50","n":1}}"#));
        levels.collect::<Vec<_>>().join(",")
    };
    let text = format!(
        r#"{{"coin":"BTC","time":{time},"levels":[[{}],[{}]],"fast":{fast}}}"#,
        side(bids),
        side(asks)
    );
    serde_json::from_str(&text).unwrap()
}

fn depths(of: &[u64]) -> BTreeSet<Depth> {
    of.iter().map(|levels| Depth::new(*levels).unwrap()).collect()
}

fn seen(effects: &[Effect]) -> Vec<Book> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Publish(_, content) => serde_json::from_str(&content.render()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn prices(side: &[nexus_protocol::BookLevel]) -> Vec<f64> {
    side.iter().map(|level| level.price.to_f64()).collect()
}

/// Both variants on.
fn both() -> Books {
    let mut books = Books::new(symbol("BTC"));
    books.handle_subscribed(BookPace::Fast, at(0));
    books.handle_subscribed(BookPace::Full, at(0));
    books
}

#[test]
fn shallow_books_come_from_the_fast_variant_and_deep_ones_from_both() {
    let mut books = both();
    let of = depths(&[2, 10]);
    let full: (Vec<u64>, Vec<u64>) = ((80..100).rev().collect(), (101..121).collect());
    let effects = books.handle_book(book(1_000, false, &full.0, &full.1), &of, at(10));
    assert_eq!(seen(&effects).len(), 1, "only the deep one");
    assert_eq!(seen(&effects)[0].deep_timestamp, None);

    // The market moved up by three: what the fast levels cover is theirs, the rest is older and says so.
    let fast = book(1_500, true, &[102, 101, 100, 99, 98], &[104, 105, 106, 107, 108]);
    let books = seen(&books.handle_book(fast, &of, at(20)));
    let [shallow, deep] = &books[..] else {
        panic!("{books:?}")
    };
    assert_eq!(prices(&shallow.bids), [102.0, 101.0]);
    assert_eq!(
        prices(&deep.bids),
        [102.0, 101.0, 100.0, 99.0, 98.0, 97.0, 96.0, 95.0, 94.0, 93.0]
    );
    assert_eq!(
        prices(&deep.asks)[..7],
        [104.0, 105.0, 106.0, 107.0, 108.0, 109.0, 110.0]
    );
    assert_eq!((deep.timestamp, deep.deep_timestamp), (1_500, Some(1_000)));
    assert_eq!(deep.bids[0].price.as_str(), "102.0");
    assert_eq!(deep.bids[0].size.as_str(), "1.50");
}

#[test]
fn a_fast_side_of_fewer_levels_is_all_there_is() {
    let mut books = both();
    let of = depths(&[10]);
    books.handle_book(book(1_000, false, &[99, 98, 97, 96, 95, 94], &[101]), &of, at(10));
    let effects = books.handle_book(book(1_500, true, &[99, 98], &[]), &of, at(20));
    let deep = &seen(&effects)[0];
    assert_eq!(
        (prices(&deep.bids), deep.asks.len(), deep.deep_timestamp),
        (vec![99.0, 98.0], 0, None)
    );
}

#[test]
fn older_frames_are_dropped_and_never_shown() {
    let mut books = both();
    let of = depths(&[5, 20]);
    books.handle_book(book(2_000, false, &[99], &[101]), &of, at(10));
    assert_eq!(
        seen(&books.handle_book(book(1_900, true, &[98], &[100]), &of, at(20))).len(),
        1,
        "the deep one is newer"
    );
    assert!(
        books
            .handle_book(book(1_800, true, &[97], &[99]), &of, at(30))
            .is_empty()
    );
    assert!(
        books
            .handle_book(book(1_999, false, &[97], &[99]), &of, at(40))
            .is_empty()
    );
    assert!(
        !books
            .handle_book(book(2_500, true, &[97], &[99]), &of, at(50))
            .is_empty()
    );
}

#[test]
fn a_crossed_or_disordered_book_is_not_published() {
    let mut books = both();
    let of = depths(&[5]);
    assert!(
        books
            .handle_book(book(1_000, true, &[101], &[101]), &of, at(10))
            .is_empty()
    );
    assert!(
        books
            .handle_book(book(1_001, true, &[98, 99], &[101]), &of, at(10))
            .is_empty()
    );
    assert_eq!(books.unsound, 2);
    assert_eq!(
        books.handle_book(book(1_002, true, &[], &[]), &of, at(10)).len(),
        1,
        "an empty one is a book"
    );
}

#[test]
fn a_book_that_did_not_change_is_repeated_only_now_and_then() {
    let mut books = both();
    let of = depths(&[5]);
    let shown = (0..20).filter(|step| {
        let frame = book(1_000 + step * 500, true, &[99], &[101]);
        !books.handle_book(frame, &of, at(step * 500)).is_empty()
    });
    assert_eq!(shown.count(), 2);
}

#[test]
fn a_deep_book_is_fetched_at_the_start_and_current_only_with_both() {
    let mut books = both();
    let (deep, shallow) = (Depth::new(20).unwrap(), Depth::new(5).unwrap());
    let asked = books.poll(at(10));
    books.handle_book(book(1_000, true, &[99], &[101]), &depths(&[5, 20]), at(20));
    assert!(books.is_current(shallow) && !books.is_current(deep));
    books.handle_fetched(
        round(&asked),
        Some(book(900, false, &[99, 98], &[101])),
        &depths(&[20]),
        at(30),
    );
    assert!(books.is_current(deep));
    books.handle_lost(BookPace::Full);
    assert!(books.is_current(shallow) && !books.is_current(deep));
}

proptest! {
    #[test]
    fn no_published_book_is_ever_crossed_too_deep_or_older_than_the_one_before(
        frames in proptest::collection::vec((0..2_000_u64, any::<bool>(), 50..150_u64, 1..4_u64, 0..21_usize, 0..21_usize), 1..60),
    ) {
        let mut books = both();
        let of = depths(&[1, 5, 6, 20]);
        let mut last: HashMap<Topic, u64> = HashMap::new();
        for (step, (time, fast, mid, spread, bids, asks)) in frames.into_iter().enumerate() {
            let most = if fast { 5 } else { 20 };
            let bids: Vec<u64> = (0..bids.min(most) as u64).map(|level| mid - level).collect();
            let asks: Vec<u64> = (0..asks.min(most) as u64).map(|level| mid + spread + level).collect();
            for effect in books.handle_book(book(time, fast, &bids, &asks), &of, at(step as u64 * 100)) {
                let Effect::Publish(topic, content) = effect else { panic!() };
                let Topic::OrderBook(_, depth) = &topic else { panic!() };
                let shown: Book = serde_json::from_str(&content.render()).unwrap();
                let most = usize::from(depth.levels());
                prop_assert!(shown.bids.len() <= most && shown.asks.len() <= most);
                let (bids, asks) = (prices(&shown.bids), prices(&shown.asks));
                prop_assert!(bids.windows(2).all(|pair| pair[0] > pair[1]), "{bids:?}");
                prop_assert!(asks.windows(2).all(|pair| pair[0] < pair[1]), "{asks:?}");
                if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
                    prop_assert!(bid < ask);
                }
                prop_assert!(shown.deep_timestamp.is_none_or(|deep| deep <= shown.timestamp));
                let before = last.insert(topic, shown.timestamp);
                prop_assert!(before.is_none_or(|before| before <= shown.timestamp));
            }
        }
    }
}

fn mids(of: &[(&str, &str)]) -> BTreeMap<Symbol, Decimal> {
    of.iter()
        .map(|(name, price)| (symbol(name), decimal(price)))
        .collect()
}

fn context(before: &str, volume: &str) -> Context {
    Context {
        previous_day_price: decimal(before),
        day_volume: decimal(volume),
    }
}

fn told(effects: &[Effect]) -> Prices {
    let mut prices = Prices::new();
    for effect in effects {
        if let Effect::Publish(_, content) = effect {
            prices.extend(serde_json::from_str::<Prices>(&content.render()).unwrap());
        }
    }
    prices
}

fn board() -> Board {
    let mut board = Board::new();
    board.list(["BTC", "ETH", "PURR/USDC"].map(symbol).into());
    board
}

#[test]
fn only_markets_that_changed_are_published() {
    let mut board = board();
    let (changed, gone) = board.handle_mids(
        "",
        mids(&[("BTC", "100"), ("ETH", "10"), ("#1", "0.5")]),
        1,
        at(0),
    );
    let first = told(&board.publish(None, &changed, &gone));
    assert_eq!(
        first.keys().map(Symbol::as_str).collect::<Vec<_>>(),
        ["BTC", "ETH"]
    );
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10.0")]), 2, at(2_000));
    let second = told(&board.publish(None, &changed, &gone));
    assert_eq!(second.keys().map(Symbol::as_str).collect::<Vec<_>>(), ["ETH"]);
    assert_eq!(second["ETH"].timestamp, 2);
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10.0")]), 3, at(4_000));
    assert!(board.publish(None, &changed, &gone).is_empty());
}

#[test]
fn change_and_volume_are_joined_and_left_out_when_they_are_old() {
    let mut board = board();
    board.handle_contexts(
        [(symbol("BTC"), context("90", "1516669192.1953897476"))].into(),
        at(0),
    );
    let (changed, _) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 1, at(0));
    let prices = told(&board.publish(None, &changed, &[]));
    let btc = &prices["BTC"];
    assert_eq!(btc.change24h.as_ref().unwrap().as_str(), "11.11");
    assert_eq!(btc.volume24h.as_ref().unwrap().as_str(), "1516669192.1953897476");
    assert_eq!(
        (&prices["ETH"].change24h, &prices["ETH"].volume24h),
        (&None, &None)
    );
    let (changed, _) = board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 2, at(301_000));
    let prices = told(&board.publish(None, &changed, &[]));
    assert_eq!(prices["BTC"].change24h, None);
}

#[test]
fn a_selection_gets_its_own_and_what_it_names_beyond_the_board() {
    let mut board = board();
    let selection = Symbols::new(["ETH", "#1", "xyz:NVDA"].map(symbol)).unwrap();
    let (changed, _) = board.handle_mids(
        "",
        mids(&[("BTC", "100"), ("ETH", "10"), ("#1", "0.5")]),
        1,
        at(0),
    );
    assert_eq!(told(&board.publish(Some(&selection), &changed, &[])).len(), 2);
    let (changed, _) = board.handle_mids("xyz", mids(&[("xyz:NVDA", "232.165")]), 1, at(0));
    assert_eq!(told(&board.publish(Some(&selection), &changed, &[])).len(), 1);
    assert!(board.publish(None, &changed, &[]).is_empty());
    assert_eq!(
        told(
            &board
                .whole(Some(&selection), at(1_000))
                .into_iter()
                .collect::<Vec<_>>()
        )
        .len(),
        3
    );
    assert_eq!(
        board.whole(Some(&selection), at(61_000)),
        None,
        "too old to greet anybody"
    );
}

#[test]
fn a_market_that_is_gone_leaves_the_snapshot() {
    let mut board = board();
    board.handle_mids("", mids(&[("BTC", "100"), ("ETH", "10")]), 1, at(0));
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "101")]), 2, at(30_000));
    assert!(gone.is_empty(), "one frame without it is nothing");
    assert_eq!(changed, [symbol("BTC")]);
    let (changed, gone) = board.handle_mids("", mids(&[("BTC", "102")]), 3, at(61_000));
    assert_eq!(gone, [symbol("ETH")]);
    let effects = board.publish(None, &changed, &gone);
    assert!(matches!(effects[0], Effect::Forget(Topic::Prices(None))));
    assert_eq!(
        told(&effects).keys().map(Symbol::as_str).collect::<Vec<_>>(),
        ["BTC"]
    );
}
