//! All links together, against the stand-in over real sockets: a source that kills links does so alone.

use std::time::Duration;

use nexus_protocol::Symbol;
use nexus_standin::exchange::{Config, Exchange, ExchangeHandle, Fault};
use tokio::time::{Instant, timeout};

use super::*;

const SPEED: f64 = 40.0;

struct Bench {
    exchange: ExchangeHandle,
    links: Links,
    events: mpsc::Receiver<Event>,
    clock: Clock,
    told: Vec<Told>,
}

fn trades(name: &str) -> Source {
    Source::Trades {
        coin: Symbol::parse(name).unwrap(),
    }
}

impl Bench {
    async fn new() -> Self {
        let config = Config {
            speed: SPEED,
            ..Config::small()
        };
        let exchange = Exchange::start(config).await.unwrap();
        let clock = Clock::new(None, SPEED);
        let (events_tx, events) = mpsc::channel(64);
        Bench {
            links: Links::new(exchange.ws_url(), 3, clock, events_tx, TaskTracker::new()),
            exchange,
            events,
            clock,
            told: Vec::new(),
        }
    }

    /// Runs the links until a condition comes true.
    async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Bench) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let wake = loop {
                match self.links.poll(self.clock.now()) {
                    News::Source(told) => self.told.push(told),
                    News::Wait(wake) => break wake,
                    News::Line(_) | News::Lost(_) | News::Doubtful(_) => {}
                }
            };
            if is_so(self) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{what} never came true: {:?}",
                self.links.places
            );
            let wake = wake.map_or(end, |wake| self.clock.instant(wake)).min(end);
            if let Ok(Some(event)) = timeout(wake - Instant::now(), self.events.recv()).await {
                self.links.handle(event, self.clock.now());
            }
        }
    }

    fn news(&self, source: &Source) -> usize {
        self.told
            .iter()
            .filter(|told| matches!(told, Told::News(its, _) if its == source))
            .count()
    }

    fn want(&mut self, source: &Source) {
        self.links.want(source.clone(), self.clock.now());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_kills_links_does_so_alone() {
    let mut bench = Bench::new().await;
    let (good, bad) = (trades("BTC"), trades("NOPE"));
    bench.want(&good);
    bench.until("news", |bench| bench.news(&good) > 3).await;
    bench.want(&bad);
    bench
        .until(
            "it is set apart",
            |bench| matches!(bench.links.places[&bad], Place::On(place) if place >= FIRST_WARD),
        )
        .await;
    assert_eq!(bench.links.quarantined(), 1);
    // From here on the others are left in peace, while it is tried again and again.
    bench
        .until("the good one is back", |bench| {
            bench.links.state(&good) == LineState::Up
        })
        .await;
    let main = bench.links.lines[MAIN].opening;
    let opened = bench.exchange.observe().opened;
    bench
        .until("three more attempts", |bench| {
            bench.exchange.observe().opened >= opened + 3
        })
        .await;
    assert_eq!(bench.links.lines[MAIN].opening, main);
    assert_eq!(bench.links.places[&good], Place::On(MAIN));
    let before = bench.news(&good);
    bench.until("more news", |bench| bench.news(&good) > before).await;

    bench.links.unwant(&bad, bench.clock.now());
    bench
        .until("one link is left", |bench| {
            bench.exchange.observe().connections.len() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_suspects_than_wards_wait_for_their_turn() {
    let mut bench = Bench::new().await;
    let good = trades("BTC");
    bench.want(&good);
    bench.until("news", |bench| bench.news(&good) > 3).await;
    let bad: Vec<Source> = (0..WARDS + 2)
        .map(|number| trades(&format!("NOPE{number}")))
        .collect();
    for source in &bad {
        bench.want(source);
    }
    bench
        .until("all are set apart", |bench| {
            bench.links.quarantined() >= bad.len() as u64 && bench.links.state(&good) == LineState::Up
        })
        .await;
    assert_eq!(bench.links.bench.len(), 2);
    assert!(bench.links.connections() <= MAX_CONNECTIONS);
    assert!(matches!(
        bench.links.state(&bench.links.bench[0].clone()),
        LineState::Apart(_)
    ));
    for source in &bad {
        bench.links.unwant(source, bench.clock.now());
    }
    bench
        .until("one link is left", |bench| {
            bench.exchange.observe().connections.len() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrongly_accused_comes_back_among_the_others() {
    let mut bench = Bench::new().await;
    let (first, second) = (trades("BTC"), trades("ETH"));
    bench.want(&first);
    bench.until("news", |bench| bench.news(&first) > 3).await;
    bench.want(&second);
    bench.until("news of both", |bench| bench.news(&second) > 0).await;
    bench.exchange.fault(Fault::Cut { connection: None });
    bench
        .until("set apart", |bench| bench.links.quarantined() > 0)
        .await;
    bench
        .until("all are at home", |bench| {
            let at_home = |source| bench.links.places[source] == Place::On(MAIN);
            at_home(&first) && at_home(&second) && bench.links.state(&second) == LineState::Up
        })
        .await;
    let before = bench.news(&second);
    bench
        .until("more news", |bench| bench.news(&second) > before)
        .await;
    bench
        .until("the ward is empty", |bench| {
            bench.exchange.observe().connections.len() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_exchange_cannot_take_waits_until_there_is_room() {
    let mut bench = Bench::new().await;
    let now = bench.clock.now();
    for number in 0..MAX_SUBSCRIPTIONS {
        bench.links.want(trades(&format!("X{number}")), now);
    }
    let late = trades("LATE");
    bench.links.want(late.clone(), now);
    assert!(matches!(bench.links.state(&late), LineState::Apart(_)));
    bench.links.unwant(&trades("X0"), now);
    assert_eq!(bench.links.places[&late], Place::On(MAIN));
}
