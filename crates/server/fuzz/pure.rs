//! The modules of the server that are fuzzed, as they stand there, and what must hold of them.

pub mod checks;
#[path = "../src/deflate/mod.rs"]
pub mod deflate;
#[path = "../src/frames/mod.rs"]
pub mod frames;
