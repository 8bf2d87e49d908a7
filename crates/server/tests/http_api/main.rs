//! The HTTP API of a whole server, through real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../native_door/harness.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod harness;

mod asking;
mod description;
mod devices;
mod managing;
mod publishing;
mod reading;
mod refusing;
