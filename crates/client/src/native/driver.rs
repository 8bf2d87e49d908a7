//! The task that owns a session: hands in what comes, does what the session says.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use nexus_protocol::Reply;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::native::socket::{self, FromSocket, ToSocket};
use crate::{Ask, AskError, AskId, Clock, Config, Event, LinkId, Output, Session, Wish};

/// Frames that wait to be written; when there are more, the socket is taken to be broken.
const FRAMES_OUT: usize = 256;
/// Frames that were read and wait for the session; then the socket is read no further.
const FRAMES_IN: usize = 64;
/// Events that wait beside those that the channel holds; when there are more, orders wait as well.
const UNTAKEN: usize = 1024;
/// The wall clock is looked at this often, so that a sleep is noticed soon after waking up.
const LOOK: Duration = Duration::from_secs(10);
/// How long a connection may take to be closed properly.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What someone wants to see of a session, at the time of its clock.
pub(super) type Look = Box<dyn FnOnce(&Session, Duration) + Send>;

/// What the handles ask of the driver.
pub(super) enum Order {
    /// Hand this in.
    Wish(Wish),
    /// Ask this, and answer here.
    Ask {
        ask: Ask,
        within: Duration,
        asker: Asker,
    },
    /// Let someone look at the session.
    View(Look),
    /// End, and say so here.
    Close(oneshot::Sender<()>),
}

/// Who waits for an answer.
pub(super) struct Asker {
    /// Is shown what comes before the answer.
    pub(super) progress: Box<dyn FnMut(Reply) + Send>,
    /// Gets the answer.
    pub(super) answer: oneshot::Sender<Result<Reply, AskError>>,
}

/// Owns the session, and the clock.
pub(super) struct Driver {
    session: Session,
    clock: Clock,
    started: Instant,
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    // What the application has not taken yet. While there is any, nothing is read from the socket.
    untaken: VecDeque<Event>,
    askers: HashMap<AskId, Asker>,
    next_ask: u64,
    socket: Option<Socket>,
    frames: mpsc::Receiver<(LinkId, FromSocket)>,
    frames_in: mpsc::Sender<(LinkId, FromSocket)>,
    wake_in: Option<Duration>,
}

/// The connection that the session has, or is making.
struct Socket {
    link: LinkId,
    out: mpsc::Sender<ToSocket>,
    task: JoinHandle<()>,
}

/// Why the loop went on.
enum Input {
    Frame(LinkId, FromSocket),
    Order(Order),
    /// Every handle is gone.
    Abandoned,
    /// The application has taken the event that waited.
    Taken,
    Timer,
}

impl Driver {
    pub(super) fn new(config: Config, orders: mpsc::Receiver<Order>, events: mpsc::Sender<Event>) -> Self {
        let mut clock = Clock::start(Duration::ZERO, wall());
        let now = clock.read(Duration::ZERO, wall());
        let (frames_in, frames) = mpsc::channel(FRAMES_IN);
        Driver {
            session: Session::new(config, fastrand::u64(..), now),
            clock,
            started: Instant::now(),
            orders,
            events,
            untaken: VecDeque::new(),
            askers: HashMap::new(),
            next_ask: 0,
            socket: None,
            frames,
            frames_in,
            wake_in: None,
        }
    }

    /// Runs until the session is to end.
    pub(super) async fn run(mut self) {
        loop {
            self.drain();
            let input = self.next_input().await;
            let now = self.now();
            match input {
                Input::Frame(link, frame) => self.hand_in(now, link, frame),
                Input::Order(Order::Wish(wish)) => self.session.handle_wish(now, wish),
                Input::Order(Order::Ask { ask, within, asker }) => self.ask(now, ask, within, asker),
                Input::Order(Order::View(look)) => look(&self.session, now),
                Input::Order(Order::Close(closed)) => {
                    self.end(now).await;
                    let _ = closed.send(());
                    return;
                }
                Input::Abandoned => return self.end(now).await,
                Input::Taken => {
                    if self.untaken.is_empty() {
                        self.session.handle_reading_resumed(now);
                    }
                }
                Input::Timer => self.session.handle_timer(now),
            }
        }
    }

    /// Waits for whatever comes first.
    async fn next_input(&mut self) -> Input {
        let pause = self.wake_in.map_or(LOOK, |wait| wait.min(LOOK));
        let reading = self.untaken.is_empty();
        tokio::select! {
            Some((link, frame)) = self.frames.recv(), if reading => Input::Frame(link, frame),
            order = self.orders.recv(), if self.untaken.len() < UNTAKEN => order.map_or(Input::Abandoned, Input::Order),
            permit = self.events.reserve(), if !reading => {
                match permit {
                    Ok(permit) => if let Some(event) = self.untaken.pop_front() {
                        permit.send(event);
                    },
                    // Nobody listens any more: those who hold a handle only ask.
                    Err(_) => self.untaken.clear(),
                }
                Input::Taken
            }
            () = sleep(pause) => Input::Timer,
        }
    }

    /// Does what the session says, until it says to wait.
    fn drain(&mut self) {
        let could_read = self.untaken.is_empty();
        loop {
            match self.session.poll_output() {
                Output::Connect { link, url, wire } => {
                    let (out, frames_out) = mpsc::channel(FRAMES_OUT);
                    let run = socket::run(link, url, wire, self.frames_in.clone(), frames_out);
                    let task = tokio::spawn(run);
                    self.socket = Some(Socket { link, out, task });
                }
                Output::Send { link, text } => self.send(link, ToSocket::Text(text)),
                Output::Close { link, code, reason } => {
                    self.send(link, ToSocket::Close { code, reason });
                    // Its task goes on until the close is confirmed or late, and then ends by itself.
                    self.socket.take_if(|socket| socket.link == link);
                }
                Output::Event(event) => self.tell(event),
                Output::Wait(wake) => {
                    if could_read && !self.untaken.is_empty() {
                        let now = self.now();
                        self.session.handle_reading_stopped(now);
                        return self.drain();
                    }
                    let now = self.now();
                    self.wake_in = wake.map(|wake| wake.at.saturating_sub(now));
                    return;
                }
            }
        }
    }

    fn hand_in(&mut self, now: Duration, link: LinkId, frame: FromSocket) {
        match frame {
            FromSocket::Opened => self.session.handle_opened(now, link),
            FromSocket::Text(text) => self.session.handle_text(now, link, &text),
            FromSocket::Unreadable => self.session.handle_unreadable(now, link),
            FromSocket::Closed { code, reason } => self.session.handle_closed(now, link, code, &reason),
        }
    }

    /// A socket that takes no more frames is as good as broken: it is let go, and reported as closed. One whose task has
    /// ended reports by itself why.
    fn send(&mut self, link: LinkId, frame: ToSocket) {
        let Some(socket) = self.socket.as_ref().filter(|socket| socket.link == link) else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = socket.out.try_send(frame) {
            socket.task.abort();
            self.socket = None;
            let now = self.now();
            self.session
                .handle_closed(now, link, 1006, "the connection takes nothing");
        }
    }

    fn ask(&mut self, now: Duration, ask: Ask, within: Duration, asker: Asker) {
        self.askers.retain(|id, asker| {
            let given_up = asker.answer.is_closed();
            if given_up {
                self.session.handle_wish(now, Wish::Forget(*id));
            }
            !given_up
        });
        let id = AskId(self.next_ask);
        self.next_ask += 1;
        self.askers.insert(id, asker);
        self.session.handle_wish(now, Wish::Ask { id, ask, within });
    }

    /// Answers go to those who asked, everything else to the application, in order.
    fn tell(&mut self, event: Event) {
        let event = match event {
            Event::Answer { id, result } => {
                if let Some(asker) = self.askers.remove(&id) {
                    let _ = asker.answer.send(result);
                }
                return;
            }
            Event::Progress { id, reply } if self.askers.contains_key(&id) => {
                if let Some(asker) = self.askers.get_mut(&id) {
                    (asker.progress)(reply);
                }
                return;
            }
            event => event,
        };
        if !self.untaken.is_empty() {
            return self.untaken.push_back(event);
        }
        match self.events.try_send(event) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(event)) => self.untaken.push_back(event),
        }
    }

    /// Closes the connection and waits until that is done.
    async fn end(&mut self, now: Duration) {
        self.session.handle_wish(now, Wish::End);
        let socket = self.socket.take();
        loop {
            match self.session.poll_output() {
                Output::Close { code, reason, .. } => {
                    if let Some(socket) = &socket {
                        // A socket that takes nothing is not waited for below either.
                        let _ = socket.out.try_send(ToSocket::Close { code, reason });
                    }
                }
                Output::Event(event) => self.tell(event),
                Output::Connect { .. } | Output::Send { .. } => {}
                Output::Wait(_) => break,
            }
        }
        // What comes until then is nobody's; it must not stand in the way of the close.
        self.frames.close();
        if let Some(mut socket) = socket
            && timeout(CLOSE_DEADLINE, &mut socket.task).await.is_err()
        {
            socket.task.abort();
        }
    }

    fn now(&mut self) -> Duration {
        self.clock.read(self.started.elapsed(), wall())
    }
}

fn wall() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
