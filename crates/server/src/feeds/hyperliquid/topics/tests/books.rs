//! Books: two variants joined, never crossed, never older than before.

use std::collections::{BTreeSet, HashMap};

use nexus_protocol::{Book, Depth, Topic};
use proptest::prelude::*;

use super::{at, round, symbol};
use crate::feeds::hyperliquid::topics::Effect;
use crate::feeds::hyperliquid::topics::books::Books;
use crate::feeds::hyperliquid::wire::{BookPace, WireBook};

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
