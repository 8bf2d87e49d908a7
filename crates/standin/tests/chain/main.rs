//! The stand-in chain node through real sockets: one module per behaviour. Texts and codes are those that the node's own
//! GraphQL library gave when it was run.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod support;

mod faults;
mod handshake;
mod notifications;
mod questions;
