//! The clock, the links with their faults, the servers, the application, and what must hold between them at all times.

mod checks;
mod client;
mod faults;
mod person;
mod servers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use nexus_client::{
    Ask, AskId, Config, Event, Freshness, LinkId, LinkState, Output, ServerUrl, Session, Stop, Wish,
};
use nexus_protocol::{History, Mode, Subscribe, Topic};

use crate::broker::{Broker, topic};
use crate::ledger::Ledger;
use crate::server::{Frame, Rules, Server};

/// How long faults go on.
const FAULTS: Duration = Duration::from_secs(150);
/// How long everything may take to be well again after the last fault.
const SETTLING: Duration = Duration::from_secs(300);

/// In some runs so many topics are wanted that the server's limits do not let them be asked for in a minute.
const MANY: usize = 150;
/// Nothing is published for so long before the end, so that the last publication must have come.
const LAST_WORDS: Duration = Duration::from_secs(10);

pub(crate) struct World {
    rng: Rng,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Act>,
    next_act: u64,

    session: Session,
    wake: u64,
    ledger: Ledger,
    wanted: BTreeMap<String, Topic>,
    joined: BTreeMap<String, Topic>,
    unknown: BTreeSet<String>,
    hidden: bool,
    reading: bool,
    /// The client's machine sleeps until then: nothing reaches the session, nor does its timer.
    asleep_until: Duration,
    /// When a frame last reached the session.
    heard: Duration,
    heartbeat: Duration,
    asks: BTreeMap<AskId, Duration>,
    next_ask: u64,

    servers: Vec<Server>,
    brokers: Vec<Broker>,
    wires: BTreeMap<u64, Wire>,
    next_wire: u64,
    /// The client's one connection.
    current: Option<(LinkId, u64)>,
    attempts: VecDeque<Duration>,
    faults: bool,
    /// Topics of which a publication was left out, against all rules: only a later one can show that.
    damaged: BTreeMap<String, Topic>,
    topics: usize,
    traced: bool,
}

/// One connection's way there and back. What is on it arrives in order, or not at all.
struct Wire {
    link: LinkId,
    server: usize,
    latency: Duration,
    to_server: VecDeque<String>,
    to_client: VecDeque<Frame>,
    /// Nothing moves before then.
    stalled_until: Duration,
    /// Nothing moves any more, and nobody is told.
    black: bool,
    client_has_it: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Timer(u64),
    Opens(u64),
    Fails(u64),
    ReachesServer(u64),
    ReachesClient(u64),
    BreaksForClient(u64),
    BreaksForServer(u64),
    Publish,
    SomeoneMoves,
    Fault,
    FaultsEnd,
    Person,
    ServerChecks,
    ServerStarts(usize),
    UpstreamReturns(usize),
    Unblocks(usize, u64),
    ReadsAgain,
    Shows,
    ComesOnline,
    GivesToken(bool),
    Reconnects,
    Sample,
    End,
}

impl World {
    /// `traced`: whether to print what happens.
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let topics = if rng.u32(..20) == 0 { 150 } else { rng.usize(1..12) };
        let heartbeat = Duration::from_secs(rng.u64(5..=30));
        let unknown: BTreeSet<String> = (0..topics)
            .filter(|_| rng.u32(..if topics == MANY { 50 } else { 15 }) == 0)
            .map(|number| topic(number).to_string())
            .collect();
        let members_only: BTreeSet<String> = (0..topics)
            .filter(|_| rng.u32(..6) == 0)
            .map(|number| topic(number).to_string())
            .collect();
        let rules = Rules {
            heartbeat,
            // With many topics, limits that let them all be asked for while everything settles.
            messages_per_minute: match topics {
                MANY => 100,
                _ => *rng.choice(&[30, 60, 100]).expect("one of three"),
            },
            errors_per_minute: match topics {
                MANY => 10,
                _ => rng.u32(4..=10),
            },
            subscriptions: 256,
            members_only,
            unknown: unknown.clone(),
            // With many topics, so long that they can all be asked for before it ends.
            token_lasts: Duration::from_secs(rng.u64(if topics == MANY { 100 } else { 20 }..200)),
            grumpy: if rng.u32(..4) == 0 { 40 } else { 0 },
        };
        let shared = rng.bool();
        let count = rng.usize(1..=3);
        let ring = rng.usize(3..60);
        let brokers = (0..count)
            .map(|number| Broker::new(ring, number as u64 * 1_000_000))
            .collect();
        let servers = (0..count)
            .map(|number| Server::new(if shared { 0 } else { number }, rules.clone()))
            .collect();
        let mut urls = (0..count).map(|number| {
            let host = if number == 0 { "127.0.0.1:1" } else { "example.org" };
            ServerUrl::parse(&format!("ws://{host}/{number}")).expect("an address")
        });
        let mut config = Config::new(urls.next().expect("at least one"));
        config.others = urls.collect();
        let mut world = World {
            session: Session::new(config, rng.u64(..), Duration::ZERO),
            rng,
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            next_act: 0,
            wake: 0,
            ledger: Ledger::default(),
            wanted: BTreeMap::new(),
            joined: BTreeMap::new(),
            unknown,
            hidden: false,
            reading: true,
            asleep_until: Duration::ZERO,
            heard: Duration::ZERO,
            heartbeat,
            asks: BTreeMap::new(),
            next_ask: 0,
            servers,
            brokers,
            wires: BTreeMap::new(),
            next_wire: 0,
            current: None,
            attempts: VecDeque::new(),
            faults: true,
            damaged: BTreeMap::new(),
            topics,
            traced,
        };
        world.drain();
        for number in 0..topics {
            world.subscribe(number);
        }
        if world.rng.bool() {
            world.give_token(true);
        }
        for act in [
            Act::Publish,
            Act::SomeoneMoves,
            Act::Fault,
            Act::Person,
            Act::ServerChecks,
            Act::Sample,
        ] {
            world.at(world.now, act);
        }
        world.at(FAULTS, Act::FaultsEnd);
        world.at(FAULTS + SETTLING, Act::End);
        world
    }

    /// Runs to the end, checking on the way.
    pub(crate) fn run(&mut self) -> Report {
        while let Some(((at, _), act)) = self.queue.pop_first() {
            self.now = self.now.max(at);
            if matches!(act, Act::End) {
                break;
            }
            self.act(act);
        }
        self.check_the_end();
        Report {
            publications: self.ledger.publications,
            losses: self.ledger.losses,
            recovered: self.ledger.recovered_told,
            entered: self.ledger.entered,
            snapshots: self.ledger.snapshots,
            continued: self.ledger.continued,
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Timer(wake) => {
                // An old timer that fires all the same does no harm; some drivers do not cancel.
                if wake == self.wake || self.rng.u32(..10) == 0 {
                    self.reach(Act::Timer(wake), |world| world.session.handle_timer(world.now));
                }
            }
            Act::Opens(wire) => self.opens(wire),
            Act::Fails(wire) => self.reach(Act::Fails(wire), |world| world.closed(wire, 1006)),
            Act::ReachesServer(wire) => self.reaches_server(wire),
            Act::ReachesClient(wire) => self.reaches_client(wire),
            Act::BreaksForClient(wire) => {
                self.reach(Act::BreaksForClient(wire), |world| world.closed(wire, 1006));
            }
            Act::BreaksForServer(wire) => self.server_forgets(wire),
            Act::Publish => self.publish(),
            Act::SomeoneMoves => self.someone_moves(),
            Act::Fault => self.fault(),
            Act::FaultsEnd => self.faults_end(),
            Act::Person => self.person(),
            Act::ServerChecks => self.server_checks(),
            Act::ServerStarts(server) => self.servers[server].up = true,
            Act::UpstreamReturns(server) => self.servers[server].upstream_down = false,
            Act::Unblocks(server, wire) => self.unblocks(server, wire),
            Act::ReadsAgain => {
                self.trace(|| "reads again".to_owned());
                self.reading = true;
                self.session.handle_reading_resumed(self.now);
                self.drain();
            }
            Act::Shows => {
                self.hidden = false;
                self.wish(Wish::Shown);
            }
            Act::ComesOnline => self.wish(Wish::Online),
            Act::GivesToken(good) => self.give_token(good),
            Act::Reconnects => {
                if self.session.is_stopped().is_some() {
                    self.wish(Wish::ReconnectNow);
                }
            }
            Act::Sample => {
                self.check_now();
                let pause = if self.faults { 700 } else { 5_000 };
                self.after(pause, Act::Sample);
            }
            Act::End => {}
        }
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            eprintln!("{:>9.3} {}", self.now.as_secs_f64(), line());
        }
    }

    fn at(&mut self, at: Duration, act: Act) {
        self.queue.insert((at, self.next_act), act);
        self.next_act += 1;
    }

    fn after(&mut self, millis: u64, act: Act) {
        self.at(self.now + Duration::from_millis(millis), act);
    }
}

/// What a run came to, so that a test can see that the runs together had something to prove.
pub(crate) struct Report {
    pub(crate) publications: u64,
    pub(crate) losses: u64,
    pub(crate) recovered: u64,
    /// How often a room was entered.
    pub(crate) entered: u64,
    /// Snapshots of one key.
    pub(crate) snapshots: u64,
    /// How often a topic went on under another epoch.
    pub(crate) continued: u64,
}
