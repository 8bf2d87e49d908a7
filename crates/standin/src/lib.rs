//! Stand-ins that speak the upstreams' real wire protocols, for the demo and for tests.
//!
//! What they say is simulated and labelled so wherever a person sees it; how they say it is the real thing, traps included.
//! They import neither server nor client: both sides of the wire are written from the protocol alone.

pub mod chain;
pub mod exchange;
mod line;
