//! The session: one door in, one door out, and the states between.

mod connect;
mod receive;
mod send;
mod timers;
mod token;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use nexus_protocol::{CloseCode, Timestamp, Topic};

use crate::asks::Asks;
use crate::link::Link;
use crate::rooms::Rooms;
use crate::servers::Servers;
use crate::topics::Topics;
use crate::window::Window;
use crate::{AskError, Backoff, Config, Event, LinkId, LinkState, Output, Stop, Trouble, Wish};

/// A server that asks for more patience than this is not obeyed.
const MOST_ANNOUNCED_DELAY: Duration = Duration::from_secs(300);
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
    rooms: Rooms,
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
            rooms: Rooms::default(),
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

    /// A message came, as JSON.
    pub fn handle_text(&mut self, now: Duration, link: LinkId, text: &str) {
        self.advance(now);
        self.receive(link, text);
        self.proceed();
    }

    /// A frame came that the subprotocol does not have, or that cannot be read.
    pub fn handle_unreadable(&mut self, now: Duration, link: LinkId) {
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
            Wish::Unsubscribe(topic) => self.unsubscribe(&topic),
            Wish::Join(topic) => self.join(topic),
            Wish::Leave(topic) => self.leave(&topic),
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
