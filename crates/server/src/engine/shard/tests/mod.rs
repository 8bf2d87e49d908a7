//! Shards driven turn by turn by one thread, with real sockets and a clock that stands still until it is moved: what the
//! subscribers get is exact, and a failing case comes again with its seed.

mod anew;
mod closing;
mod harness;
mod letting_go;
mod model;
mod sharing;
mod simulation;
