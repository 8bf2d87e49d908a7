//! The tape: each trade once, in order, or a declared gap.

use std::collections::HashSet;

use nexus_protocol::{Side, Topic, TradeGap, Trades};
use proptest::prelude::*;

use super::{at, round, symbol};
use crate::feeds::hyperliquid::topics::trades::Tape;
use crate::feeds::hyperliquid::topics::{Effect, Fetch};
use crate::feeds::hyperliquid::wire::{Source, WireTrade};

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
