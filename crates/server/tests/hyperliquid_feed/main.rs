//! The feed of the exchange against the stand-in, over real sockets, with a clock that runs faster than the wall's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod accounts;
mod books;
mod candles;
mod demand;
mod hour;
mod links;
mod prices;
mod trades;
mod world;
