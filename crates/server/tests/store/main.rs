//! What survives: a broker over a store on a disk that is cut, flipped, locked or left behind by a crash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

mod keys;
mod killed;
mod restarts;
