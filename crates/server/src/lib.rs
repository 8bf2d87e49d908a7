//! The gateway as a library: feeds in, ordered and remembered topics, WebSocket doors out. `main.rs` only reads the
//! settings and calls it, so that tests can run a whole server in their own process.
//!
//! The modules stand in reading order, and a line may use those above it.

pub mod auth;
pub mod clock;
pub mod content;
pub mod deflate;
pub mod encoded;
pub mod filters;
pub mod frames;
pub mod history;
pub mod idempotency;
pub mod limits;
pub mod namespaces;
pub mod rate;

pub mod conflate;
pub mod mailbox;
pub mod outbox;

pub mod broker;
pub mod connections;
pub mod drain;
pub mod hub;
pub mod metrics;
pub mod presence;
pub mod revocations;

pub mod activity;
pub mod command_desk;
pub mod devices;

pub mod commands;
pub mod connection;
pub mod doors;
pub mod engine;
pub mod feeds;
pub mod gateway;

pub mod config;
pub mod router;
pub mod server;
pub mod signals;

pub use server::Server;
