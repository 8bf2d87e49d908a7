//! Frames as clients write them, right and wrong: every field can be set.

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct ClientFrame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
    pub(crate) key: Option<[u8; 4]>,
}

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FINAL: u8 = 0x80;

/// A last or only frame.
pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> ClientFrame {
    ClientFrame {
        first: FINAL | opcode,
        payload: payload.as_ref().to_vec(),
        key: Some([0x37, 0xfa, 0x21, 0x3d]),
    }
}

/// A frame with more to follow.
pub(crate) fn part(opcode: u8, payload: impl AsRef<[u8]>) -> ClientFrame {
    ClientFrame {
        first: opcode,
        ..frame(opcode, payload)
    }
}

/// A close with a code and a reason.
pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> ClientFrame {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

impl ClientFrame {
    /// With the reserved bits set to this number, 0 to 7.
    pub(crate) fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits << 4;
        self
    }

    pub(crate) fn masked(mut self, key: [u8; 4]) -> Self {
        self.key = Some(key);
        self
    }

    pub(crate) fn unmasked(mut self) -> Self {
        self.key = None;
        self
    }

    /// As it goes over the wire, with the shortest length that fits.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let wide = match self.payload.len() {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        self.bytes_with_length(wide, self.payload.len() as u64)
    }

    /// With a length in 0, 2 or 8 further bytes that may be another than the payload's.
    pub(crate) fn bytes_with_length(&self, wide: usize, length: u64) -> Vec<u8> {
        let mask_bit = if self.key.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match wide {
            0 => bytes.push(mask_bit | length as u8),
            2 => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        let key = self.key.unwrap_or_default();
        bytes.extend(self.key.into_iter().flatten());
        bytes.extend(
            self.payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        bytes
    }
}

/// Several frames, one behind the other.
pub(crate) fn all(frames: &[ClientFrame]) -> Vec<u8> {
    frames.iter().flat_map(ClientFrame::bytes).collect()
}

/// A message in fragments of so many bytes.
pub(crate) fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<ClientFrame> {
    let mut frames: Vec<_> = payload
        .chunks(size)
        .map(|piece| part(CONTINUATION, piece))
        .collect();
    if let Some(first) = frames.first_mut() {
        first.first |= opcode;
    }
    if let Some(last) = frames.last_mut() {
        last.first |= FINAL;
    }
    frames
}
