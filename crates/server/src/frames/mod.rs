//! The server's half of WebSocket framing ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455), and
//! [RFC 7692](https://www.rfc-editor.org/rfc/rfc7692) where messages are compressed): what clients send is taken apart
//! by [`Decoder`], what they get is put together by the functions beside it. Bytes in, bytes out: no socket, no clock.
//!
//! A frame that arrives whole is unmasked where it lies and handed out from there. What is kept of a frame or a message
//! that came in part grows with what has arrived and never with what a header announces. A decoder that waits for
//! nothing owns no memory of its own.

mod decoder;
mod header;
mod item;
mod mask;
mod text;
mod write;

pub use crate::frames::decoder::{Decoder, Step};
pub use crate::frames::item::{Item, PROTOCOL_ERROR, Violation};
pub use crate::frames::mask::unmask;
pub use crate::frames::write::{Opcode, binary, close, deflated, payload, ping, pong, text, text_by};
