//! The clock, the links with their faults, the servers, the application, and what must hold between them at all times.

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
    /// Frames were damaged by something that no server or network of ours does: more losses are told then.
    pub(crate) damaged: u64,
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
            token_lasts: Duration::from_secs(rng.u64(20..200)),
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
            damaged: 0,
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

    // --- the client's side ------------------------------------------------------------------------------------------

    /// Something for the session; later, while its machine sleeps.
    fn reach(&mut self, act: Act, act_on: impl FnOnce(&mut Self)) {
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, act);
        }
        act_on(self);
        self.drain();
    }

    fn wish(&mut self, wish: Wish) {
        self.trace(|| format!("wishes {wish:?}"));
        self.session.handle_wish(self.now, wish);
        self.drain();
    }

    fn subscribe(&mut self, number: usize) {
        let topic = topic(number);
        let mut subscribe = Subscribe::to(topic.clone());
        subscribe.mode = *self
            .rng
            .choice(&[None, None, Some(Mode::Latest)])
            .expect("one of three");
        subscribe.throttle_ms = *self.rng.choice(&[None, None, Some(2_000)]).expect("one of three");
        self.wanted.insert(topic.to_string(), topic);
        self.wish(Wish::Subscribe(subscribe));
    }

    fn give_token(&mut self, good: bool) {
        let token = if good {
            format!("made at {}", self.now.as_millis())
        } else {
            "forged".to_owned()
        };
        self.wish(Wish::SetToken(token));
    }

    /// Does what the session says, and writes the books.
    fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Connect { link, url, .. } => self.connects(link, url.as_str()),
                Output::Send { link, text } => self.sends(link, text),
                Output::Close { link, code, reason } => {
                    self.trace(|| format!("closes {link:?} {code} {reason}"));
                    let (current, wire) = self.current.take().expect("closes what is open");
                    assert_eq!(current, link);
                    self.client_lets_go(wire);
                }
                Output::Event(event) => self.told(event),
                Output::Wait(wake) => {
                    self.wake += 1;
                    if let Some(wake) = wake {
                        // Timers are a little late; in hidden pages, a lot.
                        let late = match self.hidden {
                            true => self.rng.u64(..60_000),
                            false => self.rng.u64(..20),
                        };
                        self.at(
                            wake.at.max(self.now) + Duration::from_millis(late),
                            Act::Timer(self.wake),
                        );
                    }
                    return;
                }
            }
        }
    }

    fn told(&mut self, event: Event) {
        self.trace(|| format!("told {event:?}"));
        self.ledger.enter(&event, &self.session, self.now);
        match event {
            Event::TokenNeeded(_) => {
                let good = !self.faults || self.rng.u32(..4) != 0;
                let delay = self.rng.u64(100..4_000);
                self.after(delay, Act::GivesToken(good));
            }
            Event::Link(LinkState::Stopped(Stop::NeedsPerson { .. })) => {
                let delay = self.rng.u64(100..5_000);
                self.after(delay, Act::Reconnects);
            }
            Event::Answer { id, .. } => {
                assert!(
                    self.asks.remove(&id).is_some(),
                    "one answer, to what was asked: {id:?}"
                );
            }
            _ => {}
        }
    }

    fn connects(&mut self, link: LinkId, url: &str) {
        self.trace(|| format!("connects {link:?} to {url}"));
        assert!(self.current.is_none(), "never two connections");
        self.attempts.push_back(self.now);
        while self
            .attempts
            .front()
            .is_some_and(|at| *at + Duration::from_secs(60) <= self.now)
        {
            self.attempts.pop_front();
        }
        assert!(self.attempts.len() <= 10, "no more than ten attempts a minute");
        let server = url
            .rsplit('/')
            .next()
            .and_then(|number| number.parse().ok())
            .expect("a server of ours");
        let id = self.next_wire;
        self.next_wire += 1;
        self.current = Some((link, id));
        let latency = Duration::from_micros(self.rng.u64(200..300_000));
        self.wires.insert(
            id,
            Wire {
                link,
                server,
                latency,
                to_server: VecDeque::new(),
                to_client: VecDeque::new(),
                stalled_until: Duration::ZERO,
                black: false,
                client_has_it: true,
            },
        );
        let soon = latency.as_millis() as u64 * 2;
        let unlucky = self.faults && self.rng.u32(..8) == 0;
        if unlucky && self.rng.bool() {
            // The handshake hangs: nothing ever comes of it.
        } else if unlucky || !self.servers[server].up {
            self.after(soon, Act::Fails(id));
        } else {
            self.after(soon, Act::Opens(id));
        }
    }

    fn opens(&mut self, id: u64) {
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, Act::Opens(id));
        }
        let Some(wire) = self.wires.get(&id).filter(|wire| wire.client_has_it) else {
            return;
        };
        let (link, server) = (wire.link, wire.server);
        if !self.servers[server].up {
            self.closed(id, 1006);
            return self.drain();
        }
        self.heard = self.now;
        self.session.handle_opened(self.now, link);
        self.drain();
        let greeting = self.servers[server].open(id, self.now);
        let mute = self.faults && self.rng.u32(..20) == 0;
        if !mute {
            self.send_down(id, greeting);
        }
    }

    fn sends(&mut self, link: LinkId, text: String) {
        self.trace(|| format!("sends {text}"));
        let (current, id) = self.current.expect("sends on what is open");
        assert_eq!(current, link);
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        wire.to_server.push_back(text);
        let jitter = Duration::from_micros(self.rng.u64(..50_000));
        let at = (now + wire.latency + jitter).max(wire.stalled_until);
        self.at(at, Act::ReachesServer(id));
    }

    fn reaches_client(&mut self, id: u64) {
        if !self.reading {
            return self.after(200, Act::ReachesClient(id));
        }
        if self.now < self.asleep_until {
            return self.at(self.asleep_until, Act::ReachesClient(id));
        }
        let Some(wire) = self
            .wires
            .get_mut(&id)
            .filter(|wire| wire.client_has_it && !wire.black)
        else {
            return;
        };
        if self.now < wire.stalled_until {
            let at = wire.stalled_until;
            return self.at(at, Act::ReachesClient(id));
        }
        let link = wire.link;
        match wire.to_client.pop_front() {
            Some(Frame::Text(text)) => {
                self.heard = self.now;
                self.session.handle_text(self.now, link, &text);
            }
            Some(Frame::Binary) => {
                self.heard = self.now;
                self.session.handle_binary(self.now, link);
            }
            Some(Frame::Close(code)) => self.closed(id, code),
            None => {}
        }
        self.drain();
    }

    fn closed(&mut self, id: u64, code: u16) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.client_has_it) else {
            return;
        };
        wire.client_has_it = false;
        let link = wire.link;
        self.current.take_if(|(current, _)| *current == link);
        self.session.handle_closed(self.now, link, code, "");
    }

    fn client_lets_go(&mut self, id: u64) {
        let now = self.now;
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.client_has_it = false;
            if !wire.black {
                let at = (now + wire.latency).max(wire.stalled_until);
                self.at(at, Act::BreaksForServer(id));
            }
        }
    }

    // --- the servers' side ------------------------------------------------------------------------------------------

    fn reaches_server(&mut self, id: u64) {
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        if now < wire.stalled_until {
            let at = wire.stalled_until;
            return self.at(at, Act::ReachesServer(id));
        }
        let Some(text) = wire.to_server.pop_front() else {
            return;
        };
        let lot = self.rng.u32(..1_000);
        let server = &mut self.servers[wire.server];
        let broker = &mut self.brokers[server.broker];
        let frames = server.receive(id, &text, broker, now, lot);
        self.send_down(id, frames);
    }

    /// Puts frames on the wire; some are damaged, while there are faults.
    fn send_down(&mut self, id: u64, frames: Vec<Frame>) {
        for frame in frames {
            let is_push = matches!(&frame, Frame::Text(text) if text.starts_with(r#"{"type":"message""#));
            match self.rng.u32(..400) {
                0 if self.faults && is_push => self.put(id, frame.clone()),
                1 if self.faults && is_push => {
                    // A publication is left out, against all rules.
                    self.damaged += 1;
                    continue;
                }
                2 if self.faults => {
                    let odd = [
                        Frame::Binary,
                        Frame::Text(r#"{"type":"weather","payload":{"rain":true}}"#.to_owned()),
                        Frame::Text(r#"{"type":"message","channel":"room:0""#.to_owned()),
                        Frame::Text(String::new()),
                        Frame::Text(
                            r#"{"type":"error","error":{"code":"INTERNAL","message":"?"}}"#.to_owned(),
                        ),
                        Frame::Text(r#"{"type":"pong","id":"99999999"}"#.to_owned()),
                    ];
                    let frame = self.rng.choice(&odd).expect("one of six").clone();
                    self.put(id, frame);
                }
                _ => {}
            }
            self.put(id, frame);
        }
    }

    fn put(&mut self, id: u64, frame: Frame) {
        let jitter = Duration::from_micros(self.rng.u64(..50_000));
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| !wire.black) else {
            return;
        };
        wire.to_client.push_back(frame);
        let at = (self.now + wire.latency + jitter).max(wire.stalled_until);
        self.at(at, Act::ReachesClient(id));
    }

    fn server_forgets(&mut self, id: u64) {
        if let Some(wire) = self.wires.get(&id) {
            self.servers[wire.server].connections.remove(&id);
        }
    }

    fn publish(&mut self) {
        if self.now > FAULTS + SETTLING - LAST_WORDS {
            return;
        }
        let number = self.rng.usize(..self.topics);
        let topic = topic(number);
        let burst = if self.rng.u32(..20) == 0 { 30 } else { 1 };
        for _ in 0..self.rng.usize(1..=burst) {
            for broker in 0..self.brokers.len() {
                self.brokers[broker].publish(&topic, self.now);
            }
            for server in 0..self.servers.len() {
                let server = &mut self.servers[server];
                let broker = &mut self.brokers[server.broker];
                let out = server.fan_out(&topic, broker, self.now);
                for (id, frames) in out {
                    self.send_down(id, frames);
                }
            }
        }
        let pause = if self.faults { 1_200 } else { 6_000 };
        let pause = self.rng.u64(1..pause);
        self.after(pause, Act::Publish);
    }

    fn server_checks(&mut self) {
        for server in 0..self.servers.len() {
            let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
            for id in ids {
                let late = {
                    let server = &mut self.servers[server];
                    server.catch_up(id, &mut self.brokers[server.broker], self.now)
                };
                self.send_down(id, late);
                let leaving = self.servers[server].connections[&id].leaving;
                let code = match leaving {
                    Some(at) if at <= self.now => Some(1012),
                    _ => self.servers[server].check(id, self.now),
                };
                if let Some(code) = code {
                    self.server_closes(server, id, code);
                }
            }
        }
        self.after(1_000, Act::ServerChecks);
    }

    fn server_closes(&mut self, server: usize, id: u64, code: u16) {
        self.servers[server].connections.remove(&id);
        self.put(id, Frame::Close(code));
    }

    fn unblocks(&mut self, server: usize, id: u64) {
        if let Some(connection) = self.servers[server].connections.get_mut(&id) {
            connection.blocked = false;
        }
    }

    // --- faults -----------------------------------------------------------------------------------------------------

    fn fault(&mut self) {
        if !self.faults {
            return;
        }
        let pause = self.rng.u64(500..25_000);
        self.after(pause, Act::Fault);
        let server = self.rng.usize(..self.servers.len());
        let Some((_, id)) = self.current else {
            return self.server_dies(server);
        };
        let on = self.wires[&id].server;
        let lot = self.rng.u32(..13);
        self.trace(|| format!("fault {lot}"));
        match lot {
            0 | 1 => self.cut(id),
            2 => {
                self.wires.get_mut(&id).expect("current").black = true;
            }
            3 | 4 => {
                let until = (self.now + Duration::from_millis(self.rng.u64(100..80_000))).min(FAULTS);
                let wire = self.wires.get_mut(&id).expect("current");
                wire.stalled_until = wire.stalled_until.max(until);
            }
            5 => self.server_dies(on),
            6 => self.server_restarts_as_planned(on),
            7 => {
                let code = *self
                    .rng
                    .choice(&[1000, 1001, 1008, 1011, 1013, 4000, 4008, 4009, 4029])
                    .expect("one of nine");
                if self.servers[on].connections.contains_key(&id) {
                    self.server_closes(on, id, code);
                }
            }
            8 => {
                self.servers[on].upstream_down = true;
                let back = self.rng.u64(1_000..40_000);
                self.after(back, Act::UpstreamReturns(on));
            }
            9 => {
                if let Some(connection) = self.servers[on].connections.get_mut(&id) {
                    connection.blocked = true;
                }
                let back = self.rng.u64(1_000..30_000);
                self.after(back, Act::Unblocks(on, id));
            }
            10 => {
                let until = (self.now + Duration::from_millis(self.rng.u64(1_000..100_000))).min(FAULTS);
                self.asleep_until = self.asleep_until.max(until);
            }
            11 if self.reading => {
                self.reading = false;
                self.session.handle_reading_stopped(self.now);
                self.drain();
                let back = self.rng.u64(500..50_000);
                self.after(back, Act::ReadsAgain);
            }
            _ => self.cut(id),
        }
    }

    /// The connection breaks: what is on it is lost, and each side learns of it in its own time.
    fn cut(&mut self, id: u64) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        wire.to_server.clear();
        // What has arrived already may still be read.
        let rest = self.rng.usize(..=wire.to_client.len());
        wire.to_client.truncate(rest);
        let (for_client, for_server) = (self.rng.u64(1..3_000), self.rng.u64(1..20_000));
        self.after(for_client, Act::BreaksForClient(id));
        self.after(for_server, Act::BreaksForServer(id));
    }

    fn server_dies(&mut self, server: usize) {
        let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
        for id in ids {
            self.cut(id);
        }
        self.stop_server(server);
    }

    fn stop_server(&mut self, server: usize) {
        self.servers[server].connections.clear();
        self.servers[server].up = false;
        if self.rng.u32(..3) == 0 {
            let broker = self.servers[server].broker;
            self.brokers[broker].forget();
        }
        let back = self.rng.u64(100..20_000);
        self.after(back, Act::ServerStarts(server));
    }

    fn server_restarts_as_planned(&mut self, server: usize) {
        let ids: Vec<u64> = self.servers[server].connections.keys().copied().collect();
        for id in ids {
            let delay = Duration::from_millis(self.rng.u64(500..8_000));
            let frames = self.servers[server].announce_end(id, delay, self.now);
            self.send_down(id, frames);
        }
    }

    fn faults_end(&mut self) {
        self.faults = false;
        for server in &mut self.servers {
            server.up = true;
            server.upstream_down = false;
            server.rules.grumpy = 0;
            for connection in server.connections.values_mut() {
                connection.leaving = None;
            }
        }
        self.after(1, Act::Shows);
        self.after(1, Act::ComesOnline);
        self.after(5_000, Act::Reconnects);
        // What was told while tokens were bad may have gone unanswered.
        self.after(2_000, Act::GivesToken(true));
    }

    /// What people do: open and close views, look away, sign out, click without patience.
    fn person(&mut self) {
        if !self.faults {
            return;
        }
        let pause = self.rng.u64(500..10_000);
        self.after(pause, Act::Person);
        if self.now < self.asleep_until {
            return;
        }
        let number = self.rng.usize(..self.topics);
        match self.rng.u32(..12) {
            0 => {
                let topic = topic(number);
                self.wanted.remove(&topic.to_string());
                self.ledger.close(&topic);
                self.wish(Wish::Unsubscribe(topic));
            }
            1..=3 => self.subscribe(number),
            4 => {
                let topic = topic(number);
                self.ledger.close(&topic);
                self.wish(Wish::Unsubscribe(topic));
                self.subscribe(number);
            }
            5 => {
                self.hidden = true;
                self.wish(Wish::Hidden);
                let back = self.rng.u64(500..40_000);
                self.after(back, Act::Shows);
            }
            6 => {
                self.wish(Wish::Offline);
                let back = self.rng.u64(500..20_000);
                self.after(back, Act::ComesOnline);
            }
            7 => {
                for _ in 0..20 {
                    self.wish(Wish::ReconnectNow);
                }
            }
            8 => self.wish(Wish::SignOut),
            9 => {
                let good = self.rng.u32(..4) != 0;
                self.give_token(good);
            }
            _ => {
                let id = AskId(self.next_ask);
                self.next_ask += 1;
                let within = Duration::from_secs(self.rng.u64(1..20));
                let ask = Ask::History(History {
                    topic: topic(number),
                    since: None,
                    before: None,
                    limit: None,
                    reverse: true,
                });
                self.asks.insert(id, self.now + within);
                self.wish(Wish::Ask { id, ask, within });
            }
        }
    }

    // --- what must hold ---------------------------------------------------------------------------------------------

    /// Never called live while the link is not known to be, not even by a session that was not woken for long.
    fn check_now(&mut self) {
        let silent = self.now.saturating_sub(self.heard);
        for topic in self.wanted.values() {
            let freshness = self.session.freshness(topic, self.now).expect("it is wanted");
            if freshness.is_live() {
                assert!(self.current.is_some(), "{topic} is called live without a link");
                assert!(
                    silent < self.heartbeat * 2,
                    "{topic} is called live after {silent:?} of silence"
                );
            }
        }
        let woken = self.asleep_until + Duration::from_secs(1);
        let awake = self.now >= woken && !self.hidden && self.reading;
        if awake && self.session.link_state() == LinkState::Live {
            let late = Duration::from_secs(1);
            assert!(
                silent < self.heartbeat * 2 + late,
                "the link is called live after {silent:?} of silence"
            );
        }
        for (id, deadline) in &self.asks {
            let late = self.now.saturating_sub(*deadline);
            assert!(
                !awake || late < Duration::from_secs(62),
                "{id:?} was not answered in time"
            );
        }
    }

    fn check_the_end(&mut self) {
        assert_eq!(
            self.session.link_state(),
            LinkState::Live,
            "the link is live in the end"
        );
        assert!(self.asks.is_empty(), "every ask was answered");
        let (_, id) = self.current.expect("there is a link");
        let server = &self.servers[self.wires[&id].server];
        let broker = &mut self.brokers[server.broker];
        for (name, topic) in &self.wanted {
            let freshness = self.session.freshness(topic, self.now).expect("it is wanted");
            if self.unknown.contains(name) {
                assert_eq!(freshness, Freshness::Refused, "{name}");
                continue;
            }
            assert!(
                freshness.is_live(),
                "{name} is live in the end, not {freshness:?}"
            );
            let had = self.ledger.position(topic).expect("it is known");
            let log = broker.log(topic);
            assert_eq!(had.epoch, log.position.epoch, "{name} is in the order of now");
            assert_eq!(
                had.offset, log.position.offset,
                "{name} has what was published last"
            );
        }
        let told: u64 = self.servers.iter().map(|server| server.losses_told).sum();
        assert!(
            self.ledger.losses <= told,
            "{} losses, though only {told} were told",
            self.ledger.losses
        );
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            eprintln!("{:>9.3} {}", self.now.as_secs_f64(), line());
        }
    }

    // --- time -------------------------------------------------------------------------------------------------------

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
}
