//! The session against a scripted exchange, with time as a number.

mod blame;
mod life;
mod link;
mod subscribing;

use nexus_protocol::Symbol;

use super::*;

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
