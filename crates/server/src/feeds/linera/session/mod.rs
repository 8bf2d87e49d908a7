//! The link to the node as a state machine without IO: the handshake, one subscription a chain, pings, and when to try
//! again. It takes what the protocol says and what the node really does: a refused subscription may come as `error`, or
//! as `next` with errors and then `complete`; a `complete` of ours may be echoed or not; nothing ever says that a
//! subscription stands.
//!
//! **After each `handle_*`, `want` or `unwant`, call [`Session::poll`] until it answers `Wait`.** Time is an argument,
//! chance comes from a seed.
//!
//! Promises: every chain that is wanted is subscribed again after every loss; nothing is sent before the node took us
//! in; a link that does not answer is given up. Must never touch a socket, a clock or what notifications mean.

mod output;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use nexus_protocol::ChainId;

pub(crate) use self::output::{Counts, LinkState, Output, Told};
use super::wire::{self, Inbound};
use crate::feeds::backoff::Backoff;
use crate::feeds::clock::Moment;

/// The node must take us in within this.
const ACK_WITHIN: Duration = Duration::from_secs(10);
/// When nothing came for so long, a ping asks whether anybody is there.
const PING_WHEN_QUIET: Duration = Duration::from_secs(10);
/// A link that has not answered a ping for so long is doubtful, and what came on it is old.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(5);
/// And after this it is dead.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// What stood for so long has proved healthy.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
/// Between two attempts to open the link.
const LINK_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// Between two attempts to subscribe a chain.
const STREAM_BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));

/// The state machine of the link.
#[derive(Debug)]
pub(crate) struct Session {
    state: State,
    /// What is wanted.
    streams: BTreeMap<ChainId, Stream>,
    /// Which chain a running subscription is of. An id is never used twice.
    running: HashMap<String, ChainId>,
    last_id: u64,
    backoff: Backoff,
    /// Why the link is not up.
    trouble: Option<Trouble>,
    out: VecDeque<Output>,
    counts: Counts,
    rng: fastrand::Rng,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing is wanted.
    Idle,
    /// The next attempt is then.
    Waiting(Moment),
    /// Being opened; the driver has a deadline for that.
    Opening,
    /// Open; the node must take us in until then.
    Greeting(Moment),
    /// The node took us in.
    Up(Health),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Health {
    since: Moment,
    /// When something came last.
    heard: Moment,
    /// When a ping went that was not answered yet.
    pinged: Option<Moment>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Trouble {
    reason: String,
    /// The node could not be reached, or did not take us in.
    is_down: bool,
}

#[derive(Debug)]
struct Stream {
    stage: Stage,
    backoff: Backoff,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// To be subscribed then, if the link is up.
    Due(Moment),
    /// Subscribed under this id, since then.
    Running(String, Moment),
}

impl Session {
    /// Nothing is wanted yet.
    pub(crate) fn new(seed: u64) -> Self {
        Session {
            state: State::Idle,
            streams: BTreeMap::new(),
            running: HashMap::new(),
            last_id: 0,
            backoff: LINK_BACKOFF,
            trouble: None,
            out: VecDeque::new(),
            counts: Counts::default(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// A chain is to be followed.
    pub(crate) fn want(&mut self, chain: ChainId, now: Moment) {
        self.streams.entry(chain).or_insert(Stream {
            stage: Stage::Due(now),
            backoff: STREAM_BACKOFF,
        });
        if self.state == State::Idle {
            self.open();
        }
    }

    /// A chain is not to be followed any more.
    pub(crate) fn unwant(&mut self, chain: &ChainId) {
        let Some(stream) = self.streams.remove(chain) else {
            return;
        };
        if let Stage::Running(id, _) = stream.stage {
            self.running.remove(&id);
            self.send(wire::complete(&id));
        }
        if self.streams.is_empty() {
            // Whatever was going on, nobody waits for it.
            if !matches!(self.state, State::Idle | State::Waiting(_)) {
                self.out.push_back(Output::HangUp);
            }
            self.state = State::Idle;
            self.trouble = None;
        }
    }

    /// The link is open.
    pub(crate) fn handle_opened(&mut self, now: Moment) {
        if self.state == State::Opening {
            self.counts.opened += 1;
            self.state = State::Greeting(now + ACK_WITHIN);
            self.send(wire::INIT.to_owned());
        }
    }

    /// The link could not be opened, or it ended.
    pub(crate) fn handle_ended(&mut self, reason: String, now: Moment) {
        if !matches!(self.state, State::Idle | State::Waiting(_)) {
            self.lose(reason, now);
        }
    }

    /// A text frame came.
    pub(crate) fn handle_text(&mut self, text: &str, now: Moment) {
        self.counts.frames += 1;
        self.hear(now);
        match (wire::read(text), self.state) {
            (Inbound::Ack, State::Greeting(_)) => {
                self.state = State::Up(Health {
                    since: now,
                    heard: now,
                    pinged: None,
                });
                self.trouble = None;
                for stream in self.streams.values_mut() {
                    stream.stage = Stage::Due(now);
                }
                self.tell(Told::Up);
            }
            (Inbound::Ping, _) => self.send(wire::PONG.to_owned()),
            (Inbound::Pong, _) => {}
            (Inbound::Next(id, notice), State::Up(_)) => match self.running.get(&id) {
                Some(chain) if chain.as_str() == notice.chain_id => {
                    let chain = chain.clone();
                    if let Some(stream) = self.streams.get_mut(&chain) {
                        stream.backoff.reset();
                    }
                    self.tell(Told::Notice(chain, Box::new(notice.update)));
                }
                Some(_) | None => self.counts.stray += 1,
            },
            (Inbound::Refused(id, reason), State::Up(_)) => {
                self.counts.errors += 1;
                self.end_stream(&id, format!("the node refuses the subscription: {reason}"), now);
            }
            (Inbound::Complete(id), State::Up(_)) => {
                self.end_stream(&id, "the node ended the subscription".to_owned(), now);
            }
            (Inbound::Garbled(id), _) => {
                self.counts.garbled += 1;
                // Whatever it was to say is lost.
                match id.and_then(|id| self.running.get(&id).cloned()) {
                    Some(chain) => self.tell(Told::Doubtful(chain)),
                    None => self.doubt_all(),
                }
            }
            (Inbound::Unknown, _) => self.counts.unknown += 1,
            (Inbound::Ack | Inbound::Next(..) | Inbound::Refused(..) | Inbound::Complete(_), _) => {
                self.counts.stray += 1;
            }
        }
    }

    /// A binary frame came; there is none in the protocol.
    pub(crate) fn handle_binary(&mut self, now: Moment) {
        self.counts.binary += 1;
        self.hear(now);
        self.doubt_all();
    }

    /// What is to be done next.
    pub(crate) fn poll(&mut self, now: Moment) -> Output {
        if self.out.is_empty() {
            self.handle_time(now);
        }
        match self.out.pop_front() {
            Some(output) => output,
            None => Output::Wait(self.next_wake()),
        }
    }

    /// How the link is.
    pub(crate) fn link(&self) -> LinkState {
        match (&self.state, &self.trouble) {
            (State::Idle, _) => LinkState::Idle,
            (State::Up(_), None) => LinkState::Up,
            (State::Up(_), Some(trouble)) => LinkState::Lost(trouble.reason.clone()),
            (State::Waiting(_) | State::Opening | State::Greeting(_), None) => LinkState::New,
            (State::Waiting(_) | State::Opening | State::Greeting(_), Some(trouble)) => {
                if trouble.is_down {
                    LinkState::Down(trouble.reason.clone())
                } else {
                    LinkState::Lost(trouble.reason.clone())
                }
            }
        }
    }

    /// Subscriptions that run.
    pub(crate) fn subscriptions(&self) -> usize {
        self.running.len()
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    fn handle_time(&mut self, now: Moment) {
        match self.state {
            State::Idle | State::Opening => {}
            State::Waiting(until) if until <= now => self.open(),
            State::Waiting(_) => {}
            State::Greeting(until) if until <= now => {
                self.hang_up("the node does not take part in the protocol", now);
            }
            State::Greeting(_) => {}
            State::Up(health) => self.keep_up(health, now),
        }
    }

    fn keep_up(&mut self, health: Health, now: Moment) {
        match health.pinged {
            Some(pinged) if now.since(pinged) >= PONG_WITHIN => {
                return self.hang_up("the node does not answer any more", now);
            }
            Some(pinged) if now.since(pinged) >= DOUBTFUL_AFTER && self.trouble.is_none() => {
                self.trouble = Some(Trouble {
                    reason: "nothing comes from the node".to_owned(),
                    is_down: false,
                });
                self.tell(Told::Doubt);
            }
            Some(_) => {}
            None if now.since(health.heard) >= PING_WHEN_QUIET => {
                self.state = State::Up(Health {
                    pinged: Some(now),
                    ..health
                });
                self.send(wire::PING.to_owned());
            }
            None => {}
        }
        if now.since(health.since) >= HEALTHY_AFTER && health.pinged.is_none() {
            self.backoff.reset();
        }
        let mut subscribes = Vec::new();
        for (chain, stream) in &mut self.streams {
            match &stream.stage {
                Stage::Due(at) if *at <= now => {
                    self.last_id += 1;
                    let id = self.last_id.to_string();
                    stream.stage = Stage::Running(id.clone(), now);
                    subscribes.push((id, chain.clone()));
                }
                Stage::Running(_, since) if now.since(*since) >= HEALTHY_AFTER => stream.backoff.reset(),
                Stage::Due(_) | Stage::Running(..) => {}
            }
        }
        for (id, chain) in subscribes {
            self.send(wire::subscribe(&id, &chain));
            self.running.insert(id, chain.clone());
            self.tell(Told::Subscribed(chain));
        }
    }

    fn next_wake(&self) -> Option<Moment> {
        match self.state {
            State::Idle | State::Opening => None,
            State::Waiting(until) | State::Greeting(until) => Some(until),
            State::Up(health) => {
                let link = match health.pinged {
                    None => health.heard + PING_WHEN_QUIET,
                    Some(pinged) if self.trouble.is_none() => pinged + DOUBTFUL_AFTER,
                    Some(pinged) => pinged + PONG_WITHIN,
                };
                let due = self.streams.values().filter_map(|stream| match stream.stage {
                    Stage::Due(at) => Some(at),
                    Stage::Running(..) => None,
                });
                due.chain([link]).min()
            }
        }
    }

    /// Something came, so somebody is there.
    fn hear(&mut self, now: Moment) {
        if let State::Up(health) = &mut self.state {
            health.heard = now;
            health.pinged = None;
            if self.trouble.take().is_some() {
                self.tell(Told::Doubt);
                // It was silent for a while; what it said meanwhile may be lost.
                self.doubt_all();
            }
        }
    }

    fn doubt_all(&mut self) {
        for chain in self.running.values().cloned().collect::<Vec<_>>() {
            self.tell(Told::Doubtful(chain));
        }
    }

    fn end_stream(&mut self, id: &str, reason: String, now: Moment) {
        let Some(chain) = self.running.remove(id) else {
            // The echo of our own `complete`, or what follows a refusal.
            return;
        };
        if let Some(stream) = self.streams.get_mut(&chain) {
            let wait = stream.backoff.next(&mut self.rng);
            stream.stage = Stage::Due(now + wait);
        }
        self.tell(Told::Ended(chain, reason));
    }

    fn hang_up(&mut self, reason: &str, now: Moment) {
        self.out.push_back(Output::HangUp);
        self.lose(reason.to_owned(), now);
    }

    fn lose(&mut self, reason: String, now: Moment) {
        self.counts.lost += 1;
        let was_up = matches!(self.state, State::Up(_));
        self.trouble = Some(Trouble {
            reason,
            is_down: !was_up,
        });
        self.running.clear();
        for stream in self.streams.values_mut() {
            stream.stage = Stage::Due(now);
        }
        self.state = State::Waiting(now + self.backoff.next(&mut self.rng));
        self.tell(Told::Lost);
    }

    fn open(&mut self) {
        self.state = State::Opening;
        self.out.push_back(Output::Open);
    }

    fn send(&mut self, text: String) {
        self.out.push_back(Output::Send(text));
    }

    fn tell(&mut self, told: Told) {
        self.out.push_back(Output::Told(told));
    }
}
