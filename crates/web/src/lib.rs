//! The dashboard: the gateway's data in the browser, as fresh as it is and never fresher.
//!
//! Where things are, from what knows nothing to what knows all:
//! - `format`: numbers and times as text. `state`: plain data and pure functions; no DOM, no clock.
//! - [`canvas`] and `store`: market data outside of Yew. Every write wakes its watchers, and what they show is drawn at
//!   most once per animation frame; a hidden tab keeps the newest values and draws nothing.
//! - `driver`: the only file with a socket. It drives the session of `nexus-client`, writes what comes into the store,
//!   and tells the link's phases to the interface.
//! - `hooks`, `components`, `views`: Yew. A component subscribes by a hook: mounted is subscribed, unmounted is not.
//!
//! Market data never passes message by message through Yew's state, and no component opens a socket or sets a timer.

pub mod canvas;
pub mod components;

mod app;
mod browser;
mod driver;
mod format;
mod hooks;
mod state;
mod store;
mod views;

pub use app::start;

#[cfg(all(test, target_arch = "wasm32"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
