//! The session against a scripted exchange, with time as a number.

use std::collections::BTreeSet;

use nexus_protocol::Symbol;
use proptest::prelude::*;

use super::*;
use crate::feeds::hyperliquid::wire::BookPace;

fn at(millis: u64) -> Moment {
    Moment::START + Duration::from_millis(millis)
}

fn trades(name: &str) -> Source {
    Source::Trades {
        coin: Symbol::parse(name).unwrap(),
    }
}

fn mids() -> Source {
    Source::Mids { dex: String::new() }
}

/// A session with its budget, a clock and a note of what it did.
struct Bench {
    session: Session,
    budget: Budget,
    now: u64,
    sent: Vec<(u64, String)>,
    told: Vec<Told>,
    connects: Vec<u64>,
    hung_up: Vec<u64>,
    wake: Option<Moment>,
}

impl Bench {
    fn new() -> Self {
        Bench {
            session: Session::new(5, Session::BACKOFF),
            budget: Budget::new(),
            now: 0,
            sent: Vec::new(),
            told: Vec::new(),
            connects: Vec::new(),
            hung_up: Vec::new(),
            wake: None,
        }
    }

    /// A session that is up and has subscribed to these, each answered.
    fn up_with(sources: &[Source]) -> Self {
        let mut bench = Bench::new();
        for source in sources {
            bench.session.want(source.clone(), at(0));
        }
        bench.open();
        for source in sources {
            bench.ack(source);
        }
        bench
    }

    fn poll(&mut self) {
        for _ in 0..10_000 {
            match self.session.poll(&mut self.budget, at(self.now)) {
                Output::Connect => self.connects.push(self.now),
                Output::Send(text) => self.sent.push((self.now, text)),
                Output::HangUp => self.hung_up.push(self.now),
                Output::Told(told) => self.told.push(told),
                Output::Wait(wake) => {
                    self.wake = wake.map(|(at, _)| at);
                    return;
                }
            }
        }
        panic!("the session never comes to rest");
    }

    /// Lets the next attempt to connect succeed.
    fn open(&mut self) {
        let before = self.connects.len();
        for _ in 0..1_000 {
            self.poll();
            if self.connects.len() > before {
                self.session.handle_opened(at(self.now));
                self.poll();
                return;
            }
            self.now += 100;
        }
        panic!("it never connects");
    }

    fn text(&mut self, text: &str) {
        self.session.handle_text(text, at(self.now));
        self.poll();
    }

    fn ack(&mut self, source: &Source) {
        self.text(&ack(Act::Subscribe, source));
    }

    fn end(&mut self, ending: Ending) {
        self.session.handle_ended(ending, at(self.now));
        self.poll();
    }

    /// Lets time pass, waking the session when it asks to be. Pings are answered.
    fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        while self.now < end {
            self.now += 100;
            let pings = self.sent.iter().filter(|(_, text)| text == PING).count();
            self.poll();
            if self.sent.iter().filter(|(_, text)| text == PING).count() > pings {
                self.text(r#"{"channel":"pong"}"#);
            }
        }
    }

    fn sent_since(&self, from: u64) -> Vec<&str> {
        self.sent
            .iter()
            .filter(|(at, text)| *at >= from && text != PING)
            .map(|(_, text)| text.as_str())
            .collect()
    }
}

fn ack(act: Act, source: &Source) -> String {
    let request: serde_json::Value = serde_json::from_str(&source.request(act)).unwrap();
    serde_json::json!({"channel": "subscriptionResponse", "data": request}).to_string()
}

fn trade(coin: &str, tid: u64) -> String {
    let row = serde_json::json!({"coin": coin, "side": "B", "px": "1", "sz": "1", "time": tid, "tid": tid});
    serde_json::json!({"channel": "trades", "data": [row]}).to_string()
}

const MIDS: &str = r#"{"channel":"allMids","data":{"mids":{"BTC":"1"}}}"#;

fn cut() -> Ending {
    Ending::Cut("the connection ended".to_owned())
}

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

#[test]
fn a_ping_is_sent_every_twenty_seconds_and_a_missing_pong_ends_the_link() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..60 {
        bench.text(MIDS);
        bench.pass(1_000);
    }
    let pings: Vec<u64> = bench
        .sent
        .iter()
        .filter(|(_, text)| text == PING)
        .map(|(at, _)| *at)
        .collect();
    assert!((2..=3).contains(&pings.len()), "{pings:?}");
    // From here on nobody answers pings, though news comes.
    let start = bench.now;
    while bench.hung_up.is_empty() && bench.now < start + 40_000 {
        bench.now += 500;
        bench.text(MIDS);
    }
    assert!(bench.hung_up[0] - start <= 31_000, "{:?}", bench.hung_up);
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Lost(reason) if reason.contains("ping")))
    );
}

#[test]
fn a_link_on_which_nothing_comes_is_doubted_within_fifteen_seconds_and_dropped_soon_after() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    let start = bench.now;
    while bench.hung_up.is_empty() && bench.now < start + 90_000 {
        bench.now += 100;
        bench.poll();
    }
    assert!(bench.told.contains(&Told::Silent) || bench.hung_up[0] - start < 21_000);
    assert!(bench.hung_up[0] - start <= 21_000, "{:?}", bench.hung_up);
}

#[test]
fn a_source_that_falls_silent_is_told_and_subscribed_anew() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    bench.text(MIDS);
    let start = bench.now + 1;
    // The other source goes on.
    for tid in 0..11 {
        bench.pass(1_000);
        bench.text(&trade("BTC", tid));
    }
    assert!(bench.told.contains(&Told::Quiet(mids())));
    assert!(
        bench
            .sent_since(start)
            .contains(&mids().request(Act::Unsubscribe).as_str())
    );
    bench.text(&ack(Act::Unsubscribe, &mids()));
    assert!(
        bench
            .sent_since(start)
            .contains(&mids().request(Act::Subscribe).as_str())
    );
    assert!(
        bench.hung_up.is_empty(),
        "the link is not given up for one source"
    );
}

#[test]
fn the_link_is_given_up_for_a_source_that_stays_silent_but_not_again_and_again() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    let mut tid = 0;
    while bench.now < 600_000 {
        let sent = bench.sent.len();
        bench.pass(500);
        tid += 1;
        bench.text(&trade("BTC", tid));
        for (_, text) in bench.sent[sent..].to_vec() {
            if text == PING {
                continue;
            }
            let request: serde_json::Value = serde_json::from_str(&text).unwrap();
            bench.text(&serde_json::json!({"channel": "subscriptionResponse", "data": request}).to_string());
        }
        if !bench.session.is_connected() {
            bench.open();
            for (_, text) in bench.sent[sent..].to_vec() {
                let request: serde_json::Value = serde_json::from_str(&text).unwrap();
                bench.text(
                    &serde_json::json!({"channel": "subscriptionResponse", "data": request}).to_string(),
                );
            }
        }
    }
    assert!((1..=6).contains(&bench.hung_up.len()), "{:?}", bench.hung_up);
}

#[test]
fn quiet_trades_are_no_reason_for_anything() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    let start = bench.now + 1;
    bench.pass(300_000);
    assert!(bench.sent_since(start).is_empty() && bench.hung_up.is_empty());
}

#[test]
fn after_a_loss_everything_is_subscribed_again() {
    let sources = [mids(), trades("BTC"), trades("ETH")];
    let mut bench = Bench::up_with(&sources);
    bench.pass(11_000);
    let start = bench.now;
    bench.end(Ending::Closed("Expired".to_owned()));
    bench.open();
    let asked: BTreeSet<String> = bench.sent_since(start).into_iter().map(str::to_owned).collect();
    assert_eq!(
        asked,
        sources
            .iter()
            .map(|source| source.request(Act::Subscribe))
            .collect()
    );
}

#[test]
fn what_was_not_wanted_any_more_is_not_subscribed_again() {
    let mut bench = Bench::up_with(&[mids(), trades("BTC")]);
    bench.session.unwant(&trades("BTC"), at(bench.now));
    let start = bench.now + 1;
    bench.end(cut());
    bench.now += 1;
    bench.open();
    assert!(!bench.sent_since(start).iter().any(|text| text.contains("trades")));
}

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

#[test]
fn a_refused_or_never_answered_source_is_given_up() {
    let mut bench = Bench::up_with(&[mids()]);
    bench.session.want(trades("NOPE"), at(bench.now));
    bench.poll();
    bench.text(
        r#"{"channel":"error","data":"Invalid subscription: {\"type\":\"trades\",\"coin\":\"NOPE\"}"}"#,
    );
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Refused(source, _) if *source == trades("NOPE")))
    );

    bench.session.want(trades("MUTE"), at(bench.now));
    for _ in 0..40 {
        bench.pass(1_000);
        bench.text(MIDS);
    }
    assert!(
        bench
            .told
            .iter()
            .any(|told| matches!(told, Told::Refused(source, _) if *source == trades("MUTE")))
    );
    assert!(bench.hung_up.is_empty());
}

#[test]
fn too_much_makes_it_hold_still() {
    let mut bench = Bench::up_with(&[mids()]);
    bench.text(r#"{"channel":"error","data":"Cannot send more than 2000 messages per minute."}"#);
    let start = bench.now;
    bench.session.want(trades("BTC"), at(bench.now));
    bench.pass(9_000);
    assert_eq!(
        bench
            .sent_since(start)
            .iter()
            .filter(|text| text.contains("trades"))
            .count(),
        0
    );
    bench.text(MIDS);
    bench.pass(2_000);
    assert_eq!(
        bench
            .sent_since(start)
            .iter()
            .filter(|text| text.contains("trades"))
            .count(),
        1
    );
}

#[test]
fn a_link_without_use_is_closed_and_opened_again_for_the_next_want() {
    let mut bench = Bench::up_with(&[trades("BTC")]);
    bench.session.unwant(&trades("BTC"), at(bench.now));
    bench.poll();
    bench.text(&ack(Act::Unsubscribe, &trades("BTC")));
    bench.pass(11_000);
    assert_eq!(bench.hung_up.len(), 1);
    assert!(bench.session.is_idle());
    bench.session.want(trades("ETH"), at(bench.now));
    bench.open();
}

#[test]
fn a_thousand_subscriptions_are_paced() {
    let mut bench = Bench::new();
    for number in 0..1_000 {
        bench.session.want(trades(&format!("@{number}")), at(0));
    }
    bench.open();
    bench.pass(9_000);
    assert_eq!(bench.sent_since(0).len(), 1_000);
    for window in bench.sent.windows(21) {
        assert!(
            window[20].0 - window[0].0 >= 100,
            "more than 20 messages within 100 ms"
        );
    }
}

#[test]
fn back_off_is_not_reset_by_a_link_that_dies_young() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..30 {
        bench.text(MIDS);
        bench.now += 500;
        bench.end(Ending::Closed("Expired".to_owned()));
        bench.open();
        bench.ack(&mids());
    }
    let minute = |from: u64| {
        bench
            .connects
            .iter()
            .filter(|at| (from..from + 60_000).contains(*at))
            .count()
    };
    for from in (0..bench.now).step_by(1_000) {
        assert!(
            minute(from) <= 10,
            "{} attempts in the minute from {from}",
            minute(from)
        );
    }
    assert!(bench.now > 150_000, "thirty deaths take minutes: {}", bench.now);
}

#[test]
fn a_healthy_minute_resets_the_back_off() {
    let mut bench = Bench::up_with(&[mids()]);
    for _ in 0..6 {
        bench.end(Ending::Closed("Expired".to_owned()));
        bench.open();
        bench.ack(&mids());
    }
    for _ in 0..70 {
        bench.text(MIDS);
        bench.pass(1_000);
    }
    let start = bench.now;
    bench.end(Ending::Closed("Expired".to_owned()));
    bench.open();
    assert!(bench.now - start <= 1_100, "{}", bench.now - start);
}

#[test]
fn strange_frames_are_counted_and_survived() {
    let mut bench = Bench::up_with(&[mids()]);
    for text in [
        "Websocket connection established.",
        "",
        "{",
        r#"{"channel":"surprise","data":1}"#,
        "[1]",
    ] {
        bench.text(text);
    }
    bench.text(&"x".repeat(1 << 20));
    bench.session.handle_binary(at(bench.now));
    bench.poll();
    bench.text(MIDS);
    let counts = bench.session.counts();
    assert_eq!((counts.garbled, counts.binary, counts.unknown), (1, 1, 5));
    assert!(bench.told.contains(&Told::Doubtful));
    assert!(matches!(bench.told.last(), Some(Told::News(..))));
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    Want(u8),
    Unwant(u8),
    Renew(u8),
    Pass(u16),
    Cut,
    Close,
    /// The exchange answers so many of the messages that wait.
    Answer(u8),
    LoseAnswer,
    News(u8),
    Noise,
    Silence(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_u8).prop_map(Step::Want),
        2 => (0..6_u8).prop_map(Step::Unwant),
        1 => (0..6_u8).prop_map(Step::Renew),
        4 => (1..5_000_u16).prop_map(Step::Pass),
        1 => Just(Step::Cut),
        1 => Just(Step::Close),
        6 => (1..5_u8).prop_map(Step::Answer),
        1 => Just(Step::LoseAnswer),
        4 => (0..6_u8).prop_map(Step::News),
        1 => Just(Step::Noise),
        1 => (1..60_000_u16).prop_map(Step::Silence),
    ]
}

/// A small exchange: what it has subscribed, and what it has not answered.
#[derive(Default)]
struct Venue {
    subscribed: BTreeSet<Source>,
    waiting: VecDeque<String>,
    read: usize,
}

impl Venue {
    /// Reads what was sent since. Checks that nothing is subscribed twice without need.
    fn read(&mut self, bench: &Bench) {
        for (_, text) in &bench.sent[self.read..] {
            self.waiting.push_back(text.clone());
        }
        self.read = bench.sent.len();
    }

    /// Does what the next message asks for and says so.
    fn answer(&mut self, bench: &mut Bench) {
        if let Some(answer) = self.obey() {
            bench.text(&answer);
        }
    }

    /// Does what the next message asks for; what would be said.
    fn obey(&mut self) -> Option<String> {
        let text = self.waiting.pop_front()?;
        if text == PING {
            return Some(r#"{"channel":"pong"}"#.to_owned());
        }
        let request: serde_json::Value = serde_json::from_str(&text).unwrap();
        let source = Source::from_echo(&request["subscription"].to_string()).unwrap();
        let was_there = self.subscribed.contains(&source);
        let (is_subscribe, already) = match request["method"].as_str() {
            Some("subscribe") => (true, was_there),
            _ => (false, !was_there),
        };
        if is_subscribe {
            self.subscribed.insert(source);
        } else {
            self.subscribed.remove(&source);
        }
        let word = if is_subscribe {
            "subscribed"
        } else {
            "unsubscribed"
        };
        let said = if already {
            let text = format!("Already {word}: {}", request["subscription"]);
            serde_json::json!({"channel": "error", "data": text})
        } else {
            serde_json::json!({"channel": "subscriptionResponse", "data": request})
        };
        Some(said.to_string())
    }
}

fn source(number: u8) -> Source {
    match number {
        0 => mids(),
        1 => Source::Book {
            coin: Symbol::parse("BTC").unwrap(),
            pace: BookPace::Fast,
        },
        other => trades(&format!("C{other}")),
    }
}

fn frame(source: &Source) -> String {
    match source {
        Source::Mids { .. } => MIDS.to_owned(),
        Source::Book { coin, .. } => {
            format!(
                r#"{{"channel":"l2Book","data":{{"coin":"{coin}","time":1,"levels":[[],[]],"fast":true}}}}"#
            )
        }
        Source::Trades { coin } => trade(coin.as_str(), 1),
        Source::Candles { .. } => String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens, when the exchange behaves again all that is wanted is subscribed, once, and nothing else is.
    #[test]
    fn what_is_wanted_ends_subscribed_and_nothing_else(steps in proptest::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new();
        let mut venue = Venue::default();
        let mut wanted = BTreeSet::new();
        for step in steps {
            let (connects, losses) = (bench.connects.len(), bench.session.counts().lost);
            match step {
                Step::Want(number) => {
                    wanted.insert(source(number));
                    bench.session.want(source(number), at(bench.now));
                }
                Step::Unwant(number) => {
                    wanted.remove(&source(number));
                    bench.session.unwant(&source(number), at(bench.now));
                }
                Step::Renew(number) => bench.session.renew(&source(number)),
                Step::Pass(millis) => bench.now += u64::from(millis),
                Step::Cut | Step::Close => {
                    let closed = Ending::Closed("bye".to_owned());
                    bench.end(if matches!(step, Step::Cut) { cut() } else { closed });
                }
                Step::Answer(count) => (0..count).for_each(|_| venue.answer(&mut bench)),
                Step::LoseAnswer => drop(venue.obey()),
                Step::News(number) => bench.text(&frame(&source(number))),
                Step::Noise => bench.text("{"),
                Step::Silence(millis) => {
                    let end = bench.now + u64::from(millis);
                    while bench.now < end {
                        bench.now += 1_000;
                        bench.poll();
                    }
                }
            }
            bench.poll();
            if bench.session.counts().lost > losses || !bench.session.is_connected() {
                venue = Venue { read: bench.sent.len(), ..Venue::default() };
            }
            if bench.connects.len() > connects {
                venue = Venue { read: bench.sent.len(), ..Venue::default() };
                bench.session.handle_opened(at(bench.now));
                bench.poll();
            }
            venue.read(&bench);
            // What was accused is somebody else's from here on.
            for told in &bench.told {
                if let Told::Accused(source) | Told::Refused(source, _) = told {
                    wanted.remove(source);
                }
            }
            bench.told.clear();
        }
        for _ in 0..600 {
            bench.now += 250;
            let (connects, losses) = (bench.connects.len(), bench.session.counts().lost);
            bench.poll();
            if bench.session.counts().lost > losses {
                venue = Venue { read: bench.sent.len(), ..Venue::default() };
            }
            if bench.connects.len() > connects {
                venue = Venue { read: bench.sent.len(), ..Venue::default() };
                bench.session.handle_opened(at(bench.now));
                bench.poll();
            }
            venue.read(&bench);
            while !venue.waiting.is_empty() {
                venue.answer(&mut bench);
                venue.read(&bench);
            }
            for source in venue.subscribed.clone() {
                bench.text(&frame(&source));
            }
            for told in bench.told.drain(..) {
                if let Told::Accused(source) | Told::Refused(source, _) = told {
                    wanted.remove(&source);
                }
            }
        }
        prop_assert_eq!(&venue.subscribed, &wanted);
    }
}
