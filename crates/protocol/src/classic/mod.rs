//! The classic door's wire: flat JSON messages, Unix milliseconds, market numbers without quotes. For the many clients
//! that were written against a plain WebSocket server.
//!
//! It is another writing of the same [`Request`](crate::Request), [`Reply`](crate::Reply) and [`Push`](crate::Push), and
//! promises nothing that they do not. What has no word here is not said: positions, acks and presence.

mod decode;
mod encode;
mod numbers;
#[cfg(test)]
mod tests;

pub use decode::{ClassicRequest, decode};
pub use encode::{encode_push, encode_refusal, encode_reply, encode_welcome, transcribe};
