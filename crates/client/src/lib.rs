//! The client of Nexus: a [`Session`] that connects, signs in, subscribes, notices when the link is dead, comes back,
//! recovers what it missed, and says how old everything is. It does no IO and reads no clock.
//!
//! This crate promises an application: each publication comes once, in order; what does not come is told as
//! [`Event::Lost`] or counted as conflated; nothing is called live that is not known to be. It must never hold a socket
//! (outside the feature `native`), a clock or dice: those are the driver's.
//!
//! # Driving a session
//!
//! A *driver* has the socket and the clock: the `native` one for programs, one in `crates/web` for browsers. It has no
//! `if` about the protocol. There is one door in, the `handle_*` methods, and one door out:
//!
//! **After each `handle_*`, call [`Session::poll_output`] until it gives [`Output::Wait`]. Then wait for whichever comes
//! first: something from the socket, something from the application, or the time that `Wait` names.**
//!
//! ```
//! use std::time::Duration;
//! use nexus_client::{Config, Event, LinkId, Output, ServerUrl, Session, Wish};
//! use nexus_protocol::{ChannelName, Params, Subscribe, Topic};
//!
//! # fn open(_: LinkId, _: &str, _: &str) {}
//! # fn send(_: LinkId, _: String) {}
//! # fn close(_: LinkId, _: u16, _: &str) {}
//! # fn wake_at(_: Option<nexus_client::Wake>) {}
//! /// What every driver does after each input.
//! fn drain(session: &mut Session, mut on_event: impl FnMut(Event)) {
//!     loop {
//!         match session.poll_output() {
//!             Output::Connect { link, url, wire } => open(link, url.as_str(), wire.subprotocol()),
//!             Output::Send { link, text } => send(link, text),
//!             Output::Close { link, code, reason } => close(link, code, reason),
//!             Output::Event(event) => on_event(event),
//!             Output::Wait(wake) => return wake_at(wake),
//!         }
//!     }
//! }
//!
//! let seed = 0x5eed; // From the system's randomness; the jitter of waits depends on it.
//! let now = Duration::ZERO; // The driver's clock: see `Clock` for one that counts sleep.
//! let server = ServerUrl::parse("http://127.0.0.1:8080")?;
//! let mut session = Session::new(Config::new(server), seed, now);
//! drain(&mut session, |_| {}); // Opens the first connection, and reports `Event::Link(Connecting)`.
//!
//! let trades = ChannelName::parse("trades")?;
//! let topic = Topic::parse(&trades, Params::default().with("symbol", "BTC"))?.topic;
//! session.handle_wish(now, Wish::Subscribe(Subscribe::to(topic.clone())));
//! drain(&mut session, |_| {});
//! assert!(session.freshness(&topic, now).is_some_and(|freshness| !freshness.is_live()));
//!
//! // Later, as they come: `session.handle_opened(now, link)`, `handle_text(now, link, &text)`,
//! // `handle_closed(now, link, code, reason)`, `handle_timer(now)`, each followed by `drain`.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a driver must know
//!
//! - A session writes and reads JSON. The driver of a [`Wire::Msgpack`] packs what is to be sent and unpacks what comes,
//!   with [`nexus_protocol::msgpack`]; what cannot be unpacked is `handle_unreadable`.
//! - `now` counts from any moment and never goes back. [`Clock`] makes it out of a steady clock and a wall clock, so that
//!   sleep is noticed.
//! - Every [`Output::Connect`] has a new [`LinkId`], and what is reported for an old one is ignored: callbacks of a socket
//!   that was let go do no harm. There is never more than one connection: `Close` comes before the next `Connect`.
//! - A connection that could not be opened is `handle_closed` with code 1006. After [`Output::Close`] the driver lets go
//!   of the socket; it need not report anything.
//! - Sending on a socket that is closing may be ignored: the session finds out by itself.
//! - Timers may come late, as in hidden tabs. The session then makes sure that the link is alive before it believes it.
//! - The output of one input is bounded by the number of topics and asks, which [`Config`] bounds; drain it each time.
//!
//! # What an application must know
//!
//! - It hands in a [`Wish`] at any time, connected or not; topics stay subscribed through everything until
//!   `Wish::Unsubscribe`, and rooms joined until `Wish::Leave`.
//! - [`Event::Link`] is for the connection chip; [`Session::freshness`] says how old one topic's data is, and is asked
//!   whenever that is drawn.
//! - [`Event::TokenNeeded`] asks for `Wish::SetToken`; in time, nobody notices.

mod budget;
mod window;

mod backoff;
mod clock;
mod config;
mod event;
mod freshness;
mod server_url;
mod wish;

mod asks;
mod link;
mod rooms;
mod servers;
mod topics;

mod session;

#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "script")]
pub mod script;

pub use backoff::{Backoff, BackoffError};
pub use clock::Clock;
pub use config::{Config, Wire};
pub use event::{
    AfterRefusal, AskError, Back, Continuity, Event, LinkId, LinkState, Loss, Output, Stop, Timer, TokenNeed,
    Trouble, Wake,
};
pub use freshness::Freshness;
pub use server_url::{ServerUrl, ServerUrlError};
pub use session::{Counters, Session, close_code_of_http};
pub use wish::{Ask, AskId, Wish};
