//! Frames from the server: whole messages in one frame each, without a mask.

use bytes::Bytes;
use nexus_protocol::CloseCode;

use crate::frames::header::LONGEST_CONTROL;
use crate::frames::item::may_be_sent;

const FINAL: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opcode {
    /// Text.
    Text = 1,
    /// Bytes.
    Binary = 2,
}

/// A text message.
pub fn text(payload: &str) -> Bytes {
    frame(FINAL | Opcode::Text as u8, payload.as_bytes())
}

/// A binary message.
pub fn binary(payload: &[u8]) -> Bytes {
    frame(FINAL | Opcode::Binary as u8, payload)
}

/// A message whose payload was compressed as `permessage-deflate` wants it.
pub fn deflated(opcode: Opcode, compressed: &[u8]) -> Bytes {
    frame(FINAL | COMPRESSED | opcode as u8, compressed)
}

/// The answer to a ping. A ping has at most 125 bytes; what is beyond them is left out.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(FINAL | PONG, &payload[..payload.len().min(LONGEST_CONTROL)])
}

/// A ping without a payload.
pub fn ping() -> Bytes {
    Bytes::from_static(&[FINAL | PING, 0])
}

/// The end. A reason that does not fit is cut; with a code that may not be sent the frame is empty.
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    if !may_be_sent(code.code()) {
        return Bytes::from_static(&[FINAL | CLOSE, 0]);
    }
    let end = reason.floor_char_boundary(LONGEST_CONTROL - 2);
    let mut payload = Vec::with_capacity(LONGEST_CONTROL);
    payload.extend_from_slice(&code.code().to_be_bytes());
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(FINAL | CLOSE, &payload)
}

/// The payload of a frame that was made here.
pub fn payload(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        Some(_) | None => 2,
    };
    frame.get(header..).unwrap_or_default()
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(first);
    match payload.len() {
        small @ 0..=125 => frame.push(small as u8),
        medium @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        large => {
            frame.push(127);
            frame.extend_from_slice(&(large as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}
