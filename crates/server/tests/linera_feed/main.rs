//! The feed of a chain node against the stand-in, through real sockets: one module per behaviour.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod world;

mod blocks;
mod demand;
mod links;
mod strange;
