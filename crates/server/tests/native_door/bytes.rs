//! Bytes of the wire, written and read without a server.

use nexus_protocol::msgpack::{Bounds, unpack};

/// A message in MessagePack as JSON.
pub(crate) fn unpacked(bytes: &[u8]) -> String {
    let bounds = Bounds {
        bytes: 1 << 24,
        depth: 1 << 20,
    };
    unpack(bytes, bounds).expect("messages are MessagePack")
}

/// A frame of a client: masked, with the mask zero.
pub(crate) fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match payload.len() {
        small @ 0..=125 => frame.push(0x80 | small as u8),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        large => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(large as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
