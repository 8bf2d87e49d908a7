//! The gateway as a library: feeds in, ordered and remembered topics, WebSocket doors out. `main.rs` only reads the
//! configuration and calls it, so that tests can run a whole server in their own process.
//!
//! The modules stand in reading order, and a line may use those above it.

pub mod content;
pub mod history;

pub mod conflate;
pub mod encoded;
pub mod hub;
pub mod outbox;

pub mod broker;

pub mod feeds;
