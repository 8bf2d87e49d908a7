//! The header of a frame from a client, and the rules that a header alone can break.

use crate::frames::item::Violation;

/// The longest header: two bytes, a length of eight, a key of four.
const LONGEST: usize = 14;
/// The longest payload of a frame that controls.
pub(super) const LONGEST_CONTROL: usize = 125;

/// What a frame is, by its opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A header that broke no rule so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) is_final: bool,
    pub(super) is_compressed: bool,
    pub(super) key: [u8; 4],
    pub(super) payload_len: u64,
}

/// A header that may come in pieces.
#[derive(Debug, Default)]
pub(super) struct HeaderReader {
    bytes: [u8; LONGEST],
    len: u8,
}

impl HeaderReader {
    /// Takes what belongs to the header, and says how much that was. No header means that all of `bytes` was taken.
    pub(super) fn take(&mut self, bytes: &[u8], deflate: bool) -> Result<(usize, Option<Header>), Violation> {
        if self.len == 0
            && let Some((header, len)) = read(bytes, deflate)?
        {
            return Ok((len, Some(header)));
        }
        for (at, byte) in bytes.iter().enumerate() {
            let len = usize::from(self.len) + 1;
            self.bytes[len - 1] = *byte;
            self.len += 1;
            if let Some((header, _)) = read(&self.bytes[..len], deflate)? {
                self.len = 0;
                return Ok((at + 1, Some(header)));
            }
        }
        Ok((bytes.len(), None))
    }
}

/// Reads a header and says how long it is; none as long as it is not all there. What is wrong shows in the order of the
/// bytes, however many more have arrived.
fn read(bytes: &[u8], deflate: bool) -> Result<Option<(Header, usize)>, Violation> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    let is_final = first & 0x80 != 0;
    let is_compressed = first & 0x40 != 0;
    if first & 0x30 != 0 {
        return Err(Violation::protocol("a reserved bit is set"));
    }
    let kind = match first & 0x0f {
        0 => Kind::Continuation,
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 => Kind::Ping,
        10 => Kind::Pong,
        _ => return Err(Violation::protocol("a reserved opcode")),
    };
    let begins_message = matches!(kind, Kind::Text | Kind::Binary);
    if is_compressed && !(deflate && begins_message) {
        return Err(Violation::protocol("a reserved bit is set"));
    }
    let is_control = matches!(kind, Kind::Close | Kind::Ping | Kind::Pong);
    if is_control && !is_final {
        return Err(Violation::protocol("a control frame in fragments"));
    }

    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    if second & 0x80 == 0 {
        return Err(Violation::protocol("a frame without a mask"));
    }
    let short = second & 0x7f;
    if is_control && usize::from(short) > LONGEST_CONTROL {
        return Err(Violation::protocol("a control frame over 125 bytes"));
    }
    let rest = &bytes[2..];
    let (payload_len, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        short => (u64::from(short), rest),
    };
    if payload_len > i64::MAX as u64 {
        return Err(Violation::protocol("a length over 63 bits"));
    }
    let Some((key, rest)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    let header = Header {
        kind,
        is_final,
        is_compressed,
        key: *key,
        payload_len,
    };
    Ok(Some((header, bytes.len() - rest.len())))
}
