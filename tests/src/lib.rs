//! The stage for tests that run both sides together: the programs as they ship, on free ports, with real sockets between
//! them, and a real browser in front.
//!
//! It promises: whatever a test started is ended with it, also when the test fails; a test that fails shows the logs of
//! all that took part; no test passes while a program panicked, a log contains a token, or a page wrote an error to its
//! console. It must never sleep instead of waiting for something: see [`until`].
//!
//! Reading order: [`play`] and [`Stage`], who is on it ([`Exchange`], [`Server`], [`Wire`], [`Browser`], [`Cable`]), and
//! how what they saw is judged ([`Witness`], [`Tape`], [`Picture`]).

mod log;
mod process;
mod programs;
mod until;

mod stage;

mod exchange;
mod server;
mod token;

mod cable;
mod follower;
mod wire;

mod picture;
mod tape;
mod witness;

mod browser;
mod page;

pub use browser::{Browser, Pointer, Scheme, Screen};
pub use cable::Cable;
pub use exchange::{Connection, Exchange, Market, Observation};
pub use follower::Follower;
pub use log::Log;
pub use page::{Chip, Page, Panel, ShownBook, ShownTape};
pub use picture::Picture;
pub use process::{Memory, Process, Signal};
pub use programs::Programs;
pub use server::{Server, Settings};
pub use stage::{Stage, play};
pub use tape::{Account, Tape, Truth};
pub use token::{Claims, sign};
pub use until::{holds, until};
pub use wire::{End, Knock, Refused, Wire};
pub use witness::Witness;
