//! The stand-in exchange through real sockets: one module per behaviour.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod support;

mod accounts;
mod acks;
mod candles;
mod channels;
mod errors;
mod faults;
mod info;
mod limits;
mod liveness;
mod outage;
mod shapes;
mod trades;
mod unknown_coin;
