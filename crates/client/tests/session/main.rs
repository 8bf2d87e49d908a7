//! What a session does, step by step: one behaviour a file. What holds whatever happens is in `simulation`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod bench;

mod asking;
mod connecting;
mod freshness;
mod heartbeat;
mod keys;
mod rooms;
mod signing_in;
mod subscribing;
