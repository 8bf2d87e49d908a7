//! The feed of a chain node against the stand-in, through real sockets: one module per behaviour.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, also in its helpers"
)]

#[path = "../native_door/harness.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod harness;
mod world;

mod blocks;
mod demand;
mod door;
mod links;
mod strange;
