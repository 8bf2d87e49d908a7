//! The session: one door in, one door out, and the states between.

mod receive;
mod send;
mod timers;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{CloseCode, ComeBack, JSON_SUBPROTOCOL, Timestamp, Topic};

use crate::asks::Asks;
use crate::link::{Link, Phase};
use crate::servers::Servers;
use crate::topics::Topics;
use crate::window::Window;
use crate::{AskError, Backoff, Config, Event, LinkId, LinkState, Output, Stop, TokenNeed, Trouble, Wish};

/// A server that asks for more patience than this is not obeyed.
const MOST_ANNOUNCED_DELAY: Duration = Duration::from_secs(300);
/// After `4029`: not before this, and spread over as long again.
const LATER: Duration = Duration::from_secs(30);
/// The longest reason of a close that is kept.
const REASON_CHARS: usize = 200;

/// Codes with which the session closes a connection.
mod close {
    pub(super) const NORMAL: (u16, &str) = (1000, "bye");
    pub(super) const SILENT: (u16, &str) = (3001, "nothing came for too long");
    pub(super) const MALFORMED: (u16, &str) = (3002, "too much that makes no sense");
    pub(super) const TOO_LATE: (u16, &str) = (3003, "took too long");
}

/// A client's session with one server of several, through any number of connections. See the crate's documentation.
pub struct Session {
    config: Config,
    rng: Rng,
    now: Duration,
    // What was last promised as the time to be woken. Being called much later means that the machine slept.
    wake_at: Option<Duration>,

    state: State,
    told: LinkState,
    servers: Servers,
    backoff: Backoff,
    // Attempts since the link last proved healthy, and all of the last minute.
    attempt: u32,
    attempts: Window,
    hidden: bool,
    offline: bool,
    reading: Reading,

    topics: Topics,
    asks: Asks,
    token: Option<String>,
    // Counts the tokens, so that what was refused under an old one can be tried under a new one.
    token_generation: u64,

    next_link: u64,
    next_request: u64,
    // The server's clock at a moment of ours.
    server_clock: Option<(Timestamp, Duration)>,
    // The last sign of life of a link that is gone; the session's beginning, if there was none.
    last_alive: Duration,
    // Since a link that was live is gone, until everything is back.
    away: Option<Away>,
    round_trip: Option<Duration>,
    counters: Counters,
    outputs: VecDeque<Output>,
}

/// What the session is doing.
enum State {
    /// A connection is being opened.
    Connecting { link: LinkId, deadline: Duration },
    /// A connection is open.
    Up(Box<Link>),
    /// The next attempt comes later. Being shown or online again hastens it, but not to before `floor`.
    Waiting {
        until: Duration,
        floor: Duration,
        trouble: Trouble,
    },
    /// Nothing happens until someone does something.
    Stopped(Stop),
}

/// Whether the driver reads from the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// As fast as it comes.
    Going,
    /// Not now, because the application does not take what was read.
    Stopped,
}

/// What is known about the time without a link.
struct Away {
    since: Duration,
    not_recovered: Vec<Topic>,
}

/// What went by unused; for logs and tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Messages of types that this version does not know.
    pub unknown: u64,
    /// Messages that are none, or on what is no topic.
    pub malformed: u64,
    /// Publications that were had already, or of topics that are not wanted any more.
    pub ignored: u64,
    /// Answers to nothing that was asked, or too late.
    pub unmatched: u64,
    /// Times that a topic was asked for again because its offsets did not fit.
    pub doubted: u64,
    /// Times that the server said `RATE_LIMITED`.
    pub rate_limited: u64,
}

impl Session {
    /// A session that connects at once. `seed` decides the jitter of its waits: give each client another.
    pub fn new(config: Config, seed: u64, now: Duration) -> Self {
        let mut session = Session {
            rng: Rng::with_seed(seed),
            now,
            wake_at: None,
            state: State::Waiting {
                until: now,
                floor: now,
                trouble: Trouble::Wanted,
            },
            told: LinkState::Connecting { attempt: 1 },
            servers: Servers::new(config.server.clone(), config.others.clone()),
            backoff: config.backoff.clone(),
            attempt: 0,
            attempts: Window::new(Duration::from_secs(60)),
            hidden: false,
            offline: false,
            reading: Reading::Going,
            topics: Topics::default(),
            asks: Asks::default(),
            token: config.token.clone(),
            token_generation: 0,
            next_link: 0,
            next_request: 0,
            server_clock: None,
            last_alive: now,
            away: None,
            round_trip: None,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            config,
        };
        session.connect();
        session.tell(Event::Link(LinkState::Connecting { attempt: 1 }));
        session
    }

    /// The connection is open. Its subprotocol is the one that was offered: a driver that finds another closes it and
    /// reports [`handle_closed`](Self::handle_closed).
    pub fn handle_opened(&mut self, now: Duration, link: LinkId) {
        self.advance(now);
        if let State::Connecting { link: awaited, .. } = self.state
            && awaited == link
        {
            let deadline = self.now + self.config.connect_deadline;
            self.state = State::Up(Box::new(Link::opened(link, self.now, deadline)));
        }
        self.proceed();
    }

    /// A text frame came.
    pub fn handle_text(&mut self, now: Duration, link: LinkId, text: &str) {
        self.advance(now);
        self.receive(link, text);
        self.proceed();
    }

    /// A binary frame came, which the JSON subprotocol does not have.
    pub fn handle_binary(&mut self, now: Duration, link: LinkId) {
        self.advance(now);
        self.receive(link, "");
        self.proceed();
    }

    /// The connection is closed, broke, or could not be opened: then `code` is 1006. A driver that sees a refused
    /// handshake's HTTP status gives [`close_code_of_http`](crate::close_code_of_http) of it.
    pub fn handle_closed(&mut self, now: Duration, link: LinkId, code: u16, reason: &str) {
        let is_current = match &self.state {
            State::Connecting { link: current, .. } => *current == link,
            State::Up(up) => up.id == link,
            State::Waiting { .. } | State::Stopped(_) => false,
        };
        // Before any timer: what is closed already must not be closed by us.
        if is_current {
            self.now = self.now.max(now);
            let code = CloseCode::from(code);
            let reason = reason.chars().take(REASON_CHARS).collect();
            self.closed(code, reason);
        }
        self.advance(now);
        self.proceed();
    }

    /// The time that was promised has come. Coming early or late does no harm.
    pub fn handle_timer(&mut self, now: Duration) {
        self.advance(now);
        self.proceed();
    }

    /// The driver reads no more from the connection, because the application does not take what was read. Until it
    /// reads again, silence is not held against the link.
    pub fn handle_reading_stopped(&mut self, now: Duration) {
        self.advance(now);
        self.reading = Reading::Stopped;
        self.proceed();
    }

    /// The driver reads again.
    pub fn handle_reading_resumed(&mut self, now: Duration) {
        self.advance(now);
        self.reading = Reading::Going;
        if let State::Up(link) = &mut self.state {
            // What it has to say waits in the socket; a new ping gives it time from now.
            link.pinged = self.now.saturating_sub(link.heartbeat);
        }
        self.proceed();
    }

    /// The application wants something.
    pub fn handle_wish(&mut self, now: Duration, wish: Wish) {
        self.advance(now);
        if self.state_is_ended() {
            if let Wish::Ask { id, .. } = wish {
                self.tell(Event::Answer {
                    id,
                    result: Err(AskError::Stopped),
                });
            }
            return;
        }
        match wish {
            Wish::Subscribe(subscribe) => self.want(subscribe),
            Wish::Unsubscribe(topic) => self.leave(&topic),
            Wish::Ask { id, ask, within } => self.ask(id, ask, within),
            Wish::Forget(id) => self.forget(id),
            Wish::SetToken(token) => self.set_token(token),
            Wish::SignOut => self.sign_out(),
            Wish::Hidden => self.hidden = true,
            Wish::Shown => {
                self.hidden = false;
                self.hurry();
            }
            Wish::Offline => {
                self.offline = true;
                // Some systems say so while the link goes on working.
                self.doubt_link();
            }
            Wish::Online => {
                self.offline = false;
                self.hurry();
                // The network may be another one, on which this connection does not exist.
                self.doubt_link();
            }
            Wish::ReconnectNow => {
                if let State::Waiting { .. } | State::Stopped(_) = self.state {
                    self.connect();
                }
            }
            Wish::End => self.end(),
        }
        self.proceed();
    }

    /// Gives the next thing to do. **After each `handle_*`, call this until it gives [`Output::Wait`].**
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let wake = self.next_wake();
        self.wake_at = wake.map(|wake| wake.at);
        Output::Wait(wake)
    }

    // --- connecting -------------------------------------------------------------------------------------------------

    /// Opens a connection to the healthiest server, unless too many were opened in the last minute.
    fn connect(&mut self) {
        let most = self.config.attempts_per_minute.max(1);
        if self.attempts.count(self.now) >= most {
            let until = self.attempts.falls_below(most).unwrap_or(self.now);
            self.state = State::Waiting {
                until,
                floor: until,
                trouble: self.trouble_so_far(),
            };
            return;
        }
        self.attempts.record(self.now);
        self.attempt = self.attempt.saturating_add(1);
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.state = State::Connecting {
            link,
            deadline: self.now + self.config.connect_deadline,
        };
        self.outputs.push_back(Output::Connect {
            link,
            url: self.servers.current().clone(),
            subprotocol: JSON_SUBPROTOCOL,
        });
    }

    /// Someone looks again, or the network is back.
    fn hurry(&mut self) {
        match &mut self.state {
            State::Waiting { until, floor, .. } => {
                *until = (*until).min((*floor).max(self.now));
                self.retry_if_due();
            }
            State::Up(link) => {
                let heard_lately = self.now < link.heard + self.config.probe_deadline;
                if !heard_lately {
                    self.doubt_link();
                }
            }
            State::Connecting { .. } | State::Stopped(_) => {}
        }
    }

    fn retry_if_due(&mut self) {
        if let State::Waiting { until, .. } = self.state
            && until <= self.now
            && !self.is_paused()
        {
            self.connect();
        }
    }

    /// Whether attempts to connect make no sense now.
    fn is_paused(&self) -> bool {
        self.hidden || (self.offline && !self.servers.current().is_loopback())
    }

    /// The connection was closed by the other side, or could not be opened.
    fn closed(&mut self, code: CloseCode, reason: String) {
        let announced = self.announced_return();
        let trouble = Trouble::Closed {
            code,
            reason: reason.clone(),
        };
        match code.come_back() {
            ComeBack::WithNewToken if self.has_newer_token() => self.lose(trouble, None),
            ComeBack::WithNewToken => {
                self.drop_link();
                self.tell(Event::TokenNeeded(TokenNeed::Expired));
                self.stop(Stop::NeedsToken(reason));
            }
            // A server that said when to come back meant it, however it then ended.
            ComeBack::WithBackoff | ComeBack::AfterAnnouncedDelay | ComeBack::No if announced.is_some() => {
                self.lose(trouble, announced);
            }
            ComeBack::WithBackoff | ComeBack::AfterAnnouncedDelay => self.lose(trouble, None),
            ComeBack::Later => {
                let later = self.now + LATER + LATER.mul_f64(self.rng.f64());
                self.lose(trouble, Some(later));
            }
            ComeBack::No => {
                self.drop_link();
                self.stop(Stop::NeedsPerson { code, reason });
            }
        }
    }

    /// Closes the connection from our side, and tries again later.
    fn give_up(&mut self, (code, reason): (u16, &'static str), trouble: Trouble) {
        self.close_link(code, reason);
        let announced = self.announced_return();
        self.lose(trouble, announced);
    }

    /// The connection is gone. The next attempt comes at `not_before`, or after the back-off.
    fn lose(&mut self, trouble: Trouble, not_before: Option<Duration>) {
        let proved =
            matches!(&self.state, State::Up(link) if matches!(link.phase, Phase::Live { proved: true, .. }));
        // One that worked is tried again first; but not one that says it is about to end.
        if !proved || not_before.is_some() {
            self.servers.failed();
        }
        self.drop_link();
        let wait = self.backoff.fail(&mut self.rng);
        let floor = not_before.unwrap_or(self.now);
        self.state = State::Waiting {
            until: not_before.unwrap_or(self.now + wait),
            floor,
            trouble,
        };
    }

    /// Lets go of the connection and of all that ends with it.
    fn drop_link(&mut self) {
        let waiting = State::Waiting {
            until: self.now,
            floor: self.now,
            trouble: Trouble::Wanted,
        };
        let State::Up(link) = std::mem::replace(&mut self.state, waiting) else {
            return;
        };
        if link.is_ready() {
            self.last_alive = link.heard;
            // A link that was lost while catching up leaves the first moment of absence as it is.
            self.away.get_or_insert(Away {
                since: link.heard,
                not_recovered: Vec::new(),
            });
        }
        self.round_trip = None;
        self.topics.link_lost();
        for id in self.asks.link_lost() {
            self.tell(Event::Answer {
                id,
                result: Err(AskError::LinkLost),
            });
        }
    }

    /// Nothing more happens by itself.
    fn stop(&mut self, stop: Stop) {
        self.state = State::Stopped(stop);
        for id in self.asks.close_all() {
            self.tell(Event::Answer {
                id,
                result: Err(AskError::Stopped),
            });
        }
    }

    fn end(&mut self) {
        let (code, reason) = close::NORMAL;
        self.close_link(code, reason);
        self.drop_link();
        self.stop(Stop::Ended);
    }

    fn close_link(&mut self, code: u16, reason: &'static str) {
        let link = match &self.state {
            State::Connecting { link, .. } => *link,
            State::Up(up) => up.id,
            State::Waiting { .. } | State::Stopped(_) => return,
        };
        self.outputs.push_back(Output::Close { link, code, reason });
    }

    /// When the server, which is about to end, wants us back.
    fn announced_return(&self) -> Option<Duration> {
        match &self.state {
            State::Up(link) => link.come_back_at.map(|at| at.max(self.now)),
            State::Connecting { .. } | State::Waiting { .. } | State::Stopped(_) => None,
        }
    }

    fn trouble_so_far(&self) -> Trouble {
        match &self.state {
            State::Waiting { trouble, .. } => trouble.clone(),
            State::Connecting { .. } | State::Up(_) | State::Stopped(_) => Trouble::Wanted,
        }
    }

    // --- the token --------------------------------------------------------------------------------------------------

    fn set_token(&mut self, token: String) {
        self.token = Some(token);
        self.token_generation += 1;
        if let State::Stopped(Stop::NeedsToken(_) | Stop::NeedsPerson { .. }) = self.state {
            self.connect();
        }
        // An open link signs in with it when `proceed` gets to it.
    }

    fn sign_out(&mut self) {
        if self.token.take().is_none() && !matches!(self.state, State::Stopped(_)) {
            return;
        }
        self.token_generation += 1;
        match &self.state {
            // A link that signed in stays signed in.
            State::Up(_) => {
                let (code, reason) = close::NORMAL;
                self.close_link(code, reason);
                self.drop_link();
                self.away = None;
                self.connect();
            }
            State::Stopped(_) => self.connect(),
            State::Connecting { .. } | State::Waiting { .. } => {}
        }
    }

    /// Whether there is a token that the link has not been told.
    fn has_newer_token(&self) -> bool {
        match &self.state {
            State::Up(link) => self.token.is_some() && link.token != Some(self.token_generation),
            State::Connecting { .. } | State::Waiting { .. } | State::Stopped(_) => false,
        }
    }

    // --- small things -----------------------------------------------------------------------------------------------

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn state_is_ended(&self) -> bool {
        matches!(self.state, State::Stopped(Stop::Ended))
    }
}

/// The close code that says what a refused handshake's HTTP status says.
///
/// Browsers do not show the status; there such a connection ends with 1006.
pub fn close_code_of_http(status: u16) -> u16 {
    let code = match status {
        401 => CloseCode::AuthFailed,
        403 => CloseCode::Policy,
        429 => CloseCode::TooManyRequests,
        _ => CloseCode::Abnormal,
    };
    code.code()
}
