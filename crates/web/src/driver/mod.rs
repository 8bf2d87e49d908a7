//! The only code with a socket: one task that owns the session, its connection and its clock, from the page's start to
//! its end. It has no `if` about the protocol; what the session puts out is done here, or told by [`events`].

mod events;
pub(crate) mod http;
mod socket;
mod surroundings;

use std::future::{Future, pending};
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::future::{AbortHandle, Either, abortable, select};
use futures_util::{FutureExt, StreamExt, select_biased};
use gloo_timers::future::TimeoutFuture;
use nexus_client::{Clock, Config, LinkId, Output, Session, Wake, Wish};

use crate::browser;
use socket::{Incoming, Socket};
use surroundings::Surroundings;

pub(crate) use events::Audience;
pub(crate) use http::{HttpTrouble, ListedChain};

/// The longest wait between two looks at the clock; a longer one is waited for in parts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The driver's task. Dropping it closes the connection.
#[must_use = "dropping the driver ends it"]
pub(crate) struct Driver {
    task: AbortHandle,
}

/// The way by which wishes reach the driver. What people do and components want bounds it: the task empties it before it
/// does anything else.
pub(crate) type WishSender = mpsc::UnboundedSender<Wish>;

/// What wakes the task.
enum Input {
    /// From the page.
    Wish(Wish),
    /// From the connection.
    Socket(LinkId, Incoming),
    /// It is time.
    Timer,
}

impl Driver {
    /// Connects, and tells `audience` of everything that happens. Wishes come through `wishes`.
    pub(crate) fn start(config: Config, wishes: mpsc::UnboundedReceiver<Wish>, audience: Audience) -> Self {
        let (task, handle) = abortable(run(config, wishes, audience));
        wasm_bindgen_futures::spawn_local(task.map(drop));
        Driver { task: handle }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(config: Config, mut wishes: mpsc::UnboundedReceiver<Wish>, mut audience: Audience) {
    let mut clock = Clock::start(steady(), wall());
    let now = clock.read(steady(), wall());
    let mut session = Session::new(config, seed(), now);
    let mut socket: Option<Socket> = None;
    let mut surroundings = Surroundings::watch();
    loop {
        let now = clock.read(steady(), wall());
        let wake = drain(&mut session, &mut socket, &mut audience, now);
        let input = select_biased! {
            wish = wishes.next() => match wish {
                Some(wish) => Input::Wish(wish),
                // Whoever wished is gone, and so is whoever was told.
                None => return,
            },
            wish = surroundings.next() => Input::Wish(wish),
            (link, incoming) = next(&mut socket).fuse() => Input::Socket(link, incoming),
            () = time(wake, now).fuse() => Input::Timer,
        };
        let now = clock.read(steady(), wall());
        match input {
            Input::Wish(wish) => session.handle_wish(now, wish),
            Input::Socket(link, Incoming::Opened) => session.handle_opened(now, link),
            Input::Socket(link, Incoming::Text(text)) => session.handle_text(now, link, &text),
            Input::Socket(link, Incoming::Binary) => session.handle_unreadable(now, link),
            Input::Socket(link, Incoming::Closed { code, reason }) => {
                socket = None;
                session.handle_closed(now, link, code, &reason);
            }
            Input::Timer => session.handle_timer(now),
        }
    }
}

/// Does what the session wants done, until it wants to wait.
fn drain(
    session: &mut Session,
    socket: &mut Option<Socket>,
    audience: &mut Audience,
    now: Duration,
) -> Option<Wake> {
    loop {
        match session.poll_output() {
            Output::Connect { link, url, .. } => {
                audience.handle_server(url.as_str());
                *socket = Some(Socket::open(link, url.as_str()));
            }
            Output::Send { link, text } => {
                if let Some(socket) = socket.as_ref().filter(|socket| socket.link() == link) {
                    socket.send(&text);
                }
            }
            Output::Close { link, code, reason } => {
                if let Some(closing) = socket.take_if(|socket| socket.link() == link) {
                    closing.close(code, reason);
                }
            }
            Output::Event(event) => audience.handle_event(event, now),
            Output::Wait(wake) => return wake,
        }
    }
}

/// What comes from the connection, if there is one.
async fn next(socket: &mut Option<Socket>) -> (LinkId, Incoming) {
    match socket {
        Some(socket) => (socket.link(), socket.next().await),
        None => pending().await,
    }
}

/// Until the session wants to be woken.
fn time(wake: Option<Wake>, now: Duration) -> impl Future<Output = ()> {
    match wake {
        Some(wake) => {
            let wait = wake.at.saturating_sub(now).min(LONGEST_WAIT);
            let millis = u32::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX);
            Either::Left(TimeoutFuture::new(millis))
        }
        None => Either::Right(pending()),
    }
}

/// Milliseconds of the steady clock.
fn steady() -> Duration {
    let millis = browser::window()
        .and_then(|window| window.performance())
        .map_or(0.0, |performance| performance.now());
    Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or_default()
}

/// Milliseconds of the wall clock.
fn wall() -> Duration {
    Duration::from_millis(browser::now())
}

fn seed() -> u64 {
    js_sys::Math::random().to_bits() ^ browser::now()
}

/// The first of two futures.
async fn first<A, B, T>(one: A, other: B) -> T
where
    A: Future<Output = T> + Unpin,
    B: Future<Output = T> + Unpin,
{
    match select(one, other).await {
        Either::Left((value, _)) | Either::Right((value, _)) => value,
    }
}
