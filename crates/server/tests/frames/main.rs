//! The frame codec against the cases that conformance suites are made of: by itself, in every split of the bytes,
//! and behind real sockets, with two client libraries that are not ours. The sockets are served by the example `echo`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod case;
mod client_frame;
mod client_socket;
mod reading;

#[allow(unreachable_pub, reason = "the fuzzers use it from outside")]
#[path = "../../fuzz/checks.rs"]
mod checks;
#[path = "../../examples/echo/handshake.rs"]
mod handshake;
#[path = "../../examples/echo/serve.rs"]
mod serve;

mod section_12_and_13;
mod section_1_to_4;
mod section_5;
mod section_6;
mod section_7;
mod section_9_and_10;

mod beyond;
mod client_libraries;
mod corpus;
mod memory;
mod through_sockets;
