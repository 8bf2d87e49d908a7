//! Frames from the server: whole messages in one frame each, without a mask.

use bytes::{Buf, Bytes};
use nexus_protocol::CloseCode;

use crate::frames::header::LONGEST_CONTROL;
use crate::frames::item::may_be_sent;

/// The longest header of an unmasked frame.
const LONGEST_HEADER: usize = 10;
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

/// A text message that `write` puts behind what stands there already; it must write UTF-8. Nothing is copied again.
pub fn text_by(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut frame = vec![0; LONGEST_HEADER];
    write(&mut frame);
    let (header, length) = header(FINAL | Opcode::Text as u8, frame.len() - LONGEST_HEADER);
    let begin = LONGEST_HEADER - length;
    frame[begin..LONGEST_HEADER].copy_from_slice(&header[..length]);
    let mut frame = Bytes::from(frame);
    frame.advance(begin);
    frame
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
    let (header, length) = header(first, payload.len());
    let mut frame = Vec::with_capacity(payload.len() + length);
    frame.extend_from_slice(&header[..length]);
    frame.extend_from_slice(payload);
    frame.into()
}

/// The header of a frame, and how much of the array it is.
fn header(first: u8, length: usize) -> ([u8; LONGEST_HEADER], usize) {
    let mut header = [first; LONGEST_HEADER];
    let end = match length {
        small @ 0..=125 => {
            header[1] = small as u8;
            2
        }
        medium @ 126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(medium as u16).to_be_bytes());
            4
        }
        large => {
            header[1] = 127;
            header[2..].copy_from_slice(&(large as u64).to_be_bytes());
            LONGEST_HEADER
        }
    };
    (header, end)
}
