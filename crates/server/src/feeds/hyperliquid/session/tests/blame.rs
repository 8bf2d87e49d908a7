//! Who is left out when a link dies.

use super::*;

#[test]
fn the_source_that_killed_the_link_is_left_out() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    bench.pass(12_000);
    bench.session.want(trades("NOPE"), at(bench.now));
    bench.poll();
    bench.now += 900;
    bench.end(cut());
    assert!(bench.told.contains(&Told::Accused(trades("NOPE"))));
    let start = bench.now + 1;
    bench.open();
    let asked = bench.sent_since(start);
    assert!(
        asked.len() == 2 && !asked.iter().any(|text| text.contains("NOPE")),
        "{asked:?}"
    );
}

#[test]
fn an_answered_source_is_accused_only_if_it_was_just_now() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    bench.now += 2_000;
    bench.end(cut());
    assert!(
        bench.told.contains(&Told::Accused(trades("BTC"))),
        "died two seconds after it"
    );

    let mut bench = Bench::up_with(&[trades("BTC")]);
    bench.pass(12_000);
    bench.end(cut());
    assert!(
        !bench.told.iter().any(|told| matches!(told, Told::Accused(_))),
        "it stood for long enough"
    );
}

#[test]
fn nobody_is_accused_when_the_exchange_says_goodbye() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    bench.now += 500;
    bench.end(Ending::Closed("1000 Expired".to_owned()));
    assert!(!bench.told.iter().any(|told| matches!(told, Told::Accused(_))));
}

#[test]
fn the_unanswered_one_is_accused_and_not_those_that_were_answered() {
    let mut bench = Bench::new();
    for name in ["A", "B", "C"] {
        bench.session.want(trades(name), at(bench.now));
    }
    bench.open();
    bench.ack(&trades("A"));
    bench.now += 1_000;
    bench.end(cut());
    let asked: Vec<&(u64, String)> = bench
        .sent
        .iter()
        .filter(|(_, text)| text.contains("trades"))
        .collect();
    let second = &asked[1].1;
    let accused = bench.told.iter().find_map(|told| match told {
        Told::Accused(source) => Some(source.request(Act::Subscribe)),
        _ => None,
    });
    assert_eq!(accused.as_ref(), Some(second));
}

#[test]
fn a_proven_source_is_accused_after_three_young_deaths() {
    let mut bench = Bench::up_with(&[mids(), trades("GONE")]);
    bench.pass(12_000);
    for _ in 0..4 {
        bench.end(cut());
        bench.open();
        bench.ack(&mids());
        bench.now += 1_000;
    }
    assert!(
        bench.told.contains(&Told::Accused(trades("GONE"))),
        "{:?}",
        bench.told
    );
}
