//! Random lives of a session with a small exchange.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::feeds::hyperliquid::wire::BookPace;

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
        Source::Candles { .. }
        | Source::Fills { .. }
        | Source::Orders { .. }
        | Source::OpenOrders { .. }
        | Source::Perps { .. }
        | Source::Balances { .. } => String::new(),
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
