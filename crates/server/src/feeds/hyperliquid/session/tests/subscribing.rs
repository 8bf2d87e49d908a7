//! What is wanted is subscribed, once, and ended in order.

use super::*;

#[test]
fn nothing_wanted_means_no_link() {
    let mut bench = Bench::new();
    bench.pass(60_000);
    assert!(bench.connects.is_empty() && bench.sent.is_empty());
}

#[test]
fn a_source_is_subscribed_once_and_its_news_are_told_after_the_answer() {
    let mut bench = Bench::new();
    bench.session.want(trades("BTC"), at(0));
    bench.session.want(trades("BTC"), at(0));
    bench.open();
    assert_eq!(bench.sent_since(0), [trades("BTC").request(Act::Subscribe)]);
    bench.text(&trade("BTC", 1));
    assert!(
        !bench.told.iter().any(|told| matches!(told, Told::News(..))),
        "not before it was answered"
    );
    bench.ack(&trades("BTC"));
    bench.text(&trade("BTC", 2));
    bench.text(&trade("ETH", 3));
    let news = bench
        .told
        .iter()
        .filter(|told| matches!(told, Told::News(..)))
        .count();
    assert_eq!((news, bench.session.counts().stray), (1, 2));
}

#[test]
fn already_subscribed_is_as_good_as_an_answer() {
    let mut bench = Bench::new();
    bench.session.want(trades("BTC"), at(0));
    bench.open();
    bench.text(r#"{"channel":"error","data":"Already subscribed: {\"type\":\"trades\",\"coin\":\"BTC\"}"}"#);
    assert!(bench.told.contains(&Told::Subscribed(trades("BTC"))));
}

#[test]
fn subscribing_again_waits_for_the_answer_to_the_unsubscribe() {
    let mut bench = Bench::up_with(&[trades("BTC"), mids()]);
    let start = bench.now;
    bench.session.unwant(&trades("BTC"), at(bench.now));
    bench.poll();
    bench.session.want(trades("BTC"), at(bench.now));
    bench.poll();
    assert_eq!(
        bench.sent_since(start)[2..],
        [trades("BTC").request(Act::Unsubscribe)]
    );
    bench.pass(3_000);
    assert_eq!(bench.sent_since(start + 1).len(), 0, "still waiting");
    bench.text(&ack(Act::Unsubscribe, &trades("BTC")));
    assert_eq!(
        bench.sent_since(start + 1),
        [trades("BTC").request(Act::Subscribe)]
    );
    // The answer comes once more, late: it must not end the new subscription.
    bench.text(&ack(Act::Unsubscribe, &trades("BTC")));
    bench.ack(&trades("BTC"));
    let told = bench
        .told
        .iter()
        .filter(|told| **told == Told::Subscribed(trades("BTC")))
        .count();
    assert_eq!(told, 2);
}

#[test]
fn an_unsubscribe_that_is_never_answered_is_waited_for_ten_seconds() {
    let mut bench = Bench::up_with(&[trades("BTC"), mids()]);
    bench.session.unwant(&trades("BTC"), at(bench.now));
    bench.poll();
    bench.session.want(trades("BTC"), at(bench.now));
    let start = bench.now + 1;
    for _ in 0..9 {
        bench.text(MIDS);
        bench.pass(1_000);
    }
    assert_eq!(bench.sent_since(start).len(), 0);
    bench.pass(2_500);
    assert_eq!(bench.sent_since(start), [trades("BTC").request(Act::Subscribe)]);
}

#[test]
fn wanting_and_not_wanting_again_and_again_sends_little() {
    let mut bench = Bench::up_with(&[mids()]);
    let start = bench.now;
    for _ in 0..500 {
        bench.session.want(trades("BTC"), at(bench.now));
        bench.session.unwant(&trades("BTC"), at(bench.now));
        bench.poll();
    }
    assert!(
        bench.sent_since(start).len() <= 1,
        "{:?}",
        bench.sent_since(start)
    );
}
