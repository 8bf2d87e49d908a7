//! The fills of one account through breaks: what is held, asked for, merged and declared.

use super::*;

fn row(oid: u64, tid: u64, time: u64, start: &str, size: &str) -> WireFill {
    let text = format!(
        r#"{{"coin":"ETH","px":"2080.0","sz":"{size}","side":"B","time":{time},"startPosition":"{start}","dir":"Open Long","closedPnl":"0.0","fee":"0.1","oid":{oid},"tid":{tid}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn at(secs: u64) -> Moment {
    Moment::START + Duration::from_secs(secs)
}

/// A tape that has one fill and runs.
fn running() -> FillTape {
    let address = Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
    let mut tape = FillTape::new(UserId::parse("ann").unwrap(), address, at(0));
    tape.handle_subscribed(true, at(0));
    let effects = tape.handle_fills(true, vec![row(1, 1, 1_000, "0.0", "1.0")], 2_000, at(1));
    assert_eq!(told(&effects), [1]);
    assert!(tape.is_current());
    tape
}

/// The times of the fills that were published.
fn told(effects: &[Effect]) -> Vec<u64> {
    let text = |effect: &Effect| match effect {
        Effect::Publish(_, content) => Some(content.render()),
        _ => None,
    };
    let fills = effects.iter().filter_map(text).flat_map(|text| {
        let fills: Fills = serde_json::from_str(&text).unwrap();
        fills.fills
    });
    fills.map(|fill| fill.timestamp / 1_000).collect()
}

fn asked(effects: &[Effect]) -> Vec<(Option<u64>, u64)> {
    let question = |effect: &Effect| match effect {
        Effect::Fetch(Fetch::Account {
            what: AccountFetch::Fills { from },
            round,
            ..
        }) => Some((*from, *round)),
        _ => None,
    };
    effects.iter().filter_map(question).collect()
}

#[test]
fn the_past_is_cut_between_times_and_not_among_fills_of_one() {
    for (sharing, expected) in [(1, 200), (2, 199), (5, 196)] {
        let address = Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
        let mut tape = FillTape::new(UserId::parse("ann").unwrap(), address, at(0));
        tape.handle_subscribed(true, at(0));
        // The oldest of the newest 200 share their time with the one before them.
        let time = |number: u64| 1_000 * number.max(sharing);
        let rows = (1..=201).map(|number| row(number, number, time(number), "0.0", "1.0"));
        let effects = tape.handle_fills(true, rows.collect(), 300_000, at(1));
        assert_eq!(told(&effects).len(), expected, "{sharing}");
    }
}

#[test]
fn a_fill_that_does_not_fit_is_held_until_the_archive_was_asked() {
    let mut tape = running();
    let second = row(2, 2, 2_000, "1.0", "1.0");
    let third = row(3, 3, 3_000, "2.00", "1.0");
    assert!(told(&tape.handle_fills(false, vec![third.clone()], 3_000, at(3))).is_empty());
    let (from, round) = asked(&tape.poll(3_000, at(3)))[0];
    assert_eq!(from, Some(1_000), "from the last that is sure");
    let page = vec![row(1, 1, 1_000, "0.0", "1.0"), second, third];
    assert_eq!(told(&tape.handle_fetched(round, page, 3_000, at(4))), [2, 3]);
    let fourth = row(4, 4, 4_000, "3.0", "1.0");
    assert_eq!(told(&tape.handle_fills(false, vec![fourth], 4_000, at(5))), [4]);
}

#[test]
fn a_snapshot_is_merged_without_repeats_and_a_page_that_does_not_reach_back_is_a_gap() {
    let mut tape = running();
    tape.handle_lost();
    assert!(!tape.is_current());
    tape.handle_subscribed(true, at(10));
    let snapshot = vec![row(1, 1, 1_000, "0.0", "1.0"), row(2, 2, 2_000, "1.0", "1.0")];
    assert_eq!(told(&tape.handle_fills(true, snapshot, 10_000, at(11))), [2]);

    tape.handle_lost();
    tape.handle_subscribed(true, at(20));
    let far = row(9, 9, 9_000, "7.0", "1.0");
    assert!(told(&tape.handle_fills(true, vec![far.clone()], 20_000, at(21))).is_empty());
    let (from, round) = asked(&tape.poll(20_000, at(21)))[0];
    assert_eq!(from, Some(2_000));
    let effects = tape.handle_fetched(round, vec![far], 20_000, at(22));
    assert!(matches!(
        effects[0],
        Effect::Gap(
            _,
            TradeGap {
                from: 2_000,
                to: 9_000
            }
        )
    ));
    assert_eq!(told(&effects), [9]);
}

#[test]
fn what_cannot_be_asked_is_declared_in_the_end() {
    let mut tape = running();
    tape.handle_lost();
    tape.handle_subscribed(true, at(20));
    let effects = tape.handle_fills(false, vec![row(5, 5, 5_000, "1.0", "1.0")], 20_000, at(21));
    assert!(effects.is_empty());
    for secs in 22..50 {
        for (_, round) in asked(&tape.poll(20_000, at(secs))) {
            tape.handle_not_fetched(round, at(secs));
        }
    }
    let effects = tape.poll(50_000, at(50));
    assert!(matches!(
        effects[0],
        Effect::Gap(
            _,
            TradeGap {
                from: 1_000,
                to: 5_000
            }
        )
    ));
    assert_eq!(told(&effects), [5]);
}

#[test]
fn a_source_that_owes_fills_is_not_trusted_until_it_speaks() {
    let mut tape = running();
    let (from, round) = asked(&tape.poll(300_000, at(300)))[0];
    assert_eq!(from, Some(1_000), "asked because it was quiet for so long");
    let page = vec![row(1, 1, 1_000, "0.0", "1.0"), row(2, 2, 200_000, "1.0", "1.0")];
    let effects = tape.handle_fetched(round, page, 300_000, at(300));
    assert_eq!(told(&effects), [200]);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Renew(Source::Fills { .. })))
    );
    assert!(!tape.is_current());
    tape.handle_subscribed(true, at(301));
    tape.handle_fills(true, vec![row(2, 2, 200_000, "1.0", "1.0")], 302_000, at(302));
    assert!(tape.is_current());
}

#[test]
fn two_fills_of_one_trade_and_fills_without_a_number_are_told_apart() {
    let mut tape = running();
    let rows = vec![
        row(2, 7, 2_000, "1.0", "1.0"),
        row(3, 7, 2_000, "2.0", "1.0"),
        row(0, 0, 3_000, "3.0", "1.0"),
        row(0, 0, 3_000, "4.0", "2.0"),
    ];
    assert_eq!(
        told(&tape.handle_fills(false, rows.clone(), 3_000, at(3))),
        [2, 2, 3, 3]
    );
    assert!(told(&tape.handle_fills(false, rows, 3_000, at(4))).is_empty());
}

#[test]
fn the_first_viewer_gets_the_last_ones_and_no_older_ones_later() {
    let address = Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
    let mut tape = FillTape::new(UserId::parse("ann").unwrap(), address, at(0));
    tape.handle_subscribed(true, at(0));
    let page: Vec<WireFill> = (0..500)
        .map(|n| row(n, n, 1_000 + n, &n.to_string(), "1"))
        .collect();
    let effects = tape.handle_fills(true, page.clone(), 9_000, at(1));
    assert_eq!(told(&effects).len(), FIRST);
    assert!(told(&tape.handle_fills(true, page, 9_000, at(2))).is_empty());
}
