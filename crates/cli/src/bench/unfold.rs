//! Compressed messages. Every delivery of them is checked like any other, but each different one is inflated only once: a
//! server that compresses alike for all sends the same bytes to a thousand subscribers, and comparing bytes is cheap.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// So many different messages are remembered.
const SLOTS: usize = 4096;
/// No message is larger.
const MOST_BYTES: usize = 16 << 20;
/// What a sender leaves away behind every message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Inflates messages, and remembers what the last ones were.
pub(super) struct Unfolder {
    inflate: Decompress,
    remembered: Vec<Remembered>,
}

#[derive(Clone, Default)]
struct Remembered {
    folded: Vec<u8>,
    message: Vec<u8>,
}

/// Deflates messages as a server without context takeover does.
pub(super) struct Folder {
    deflate: Compress,
    out: Vec<u8>,
}

impl Unfolder {
    pub(super) fn new() -> Self {
        Unfolder {
            inflate: Decompress::new(false),
            remembered: Vec::new(),
        }
    }

    /// The message that this is the compressed form of.
    ///
    /// # Errors
    /// If it is none, or too large.
    pub(super) fn unfold(&mut self, folded: &[u8]) -> Result<&[u8], &'static str> {
        if self.remembered.is_empty() {
            self.remembered.resize(SLOTS, Remembered::default());
        }
        let slot = &mut self.remembered[slot_of(folded)];
        if slot.folded != folded || folded.is_empty() {
            slot.folded.clear();
            slot.message.clear();
            inflate(&mut self.inflate, folded, &mut slot.message)?;
            slot.folded.extend_from_slice(folded);
        }
        Ok(&slot.message)
    }
}

/// Messages of one topic differ in their numbers, which stand somewhere in the first bytes.
fn slot_of(folded: &[u8]) -> usize {
    let begin = folded.get(..160).unwrap_or(folded);
    let mut sum = folded.len() as u64;
    for bytes in begin.chunks_exact(8) {
        let word = bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        sum = (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (sum >> 40) as usize % SLOTS
}

fn inflate(inflate: &mut Decompress, folded: &[u8], message: &mut Vec<u8>) -> Result<(), &'static str> {
    inflate.reset(false);
    for piece in [folded, &TAIL] {
        let before = inflate.total_in();
        loop {
            let used = (inflate.total_in() - before) as usize;
            if message.capacity() == message.len() {
                message.reserve(message.len().max(4096));
            }
            let status = inflate.decompress_vec(&piece[used..], message, FlushDecompress::Sync);
            let status = status.map_err(|_| "the server sent a compressed message that is broken")?;
            let is_done =
                (inflate.total_in() - before) as usize == piece.len() && message.len() < message.capacity();
            if status == Status::StreamEnd || is_done {
                break;
            }
            if message.len() > MOST_BYTES {
                return Err("the server sent a compressed message that is too large for this load");
            }
        }
    }
    Ok(())
}

impl Folder {
    pub(super) fn new() -> Self {
        Folder {
            deflate: Compress::new(Compression::default(), false),
            out: Vec::new(),
        }
    }

    /// The compressed form of a message.
    pub(super) fn fold(&mut self, message: &[u8]) -> &[u8] {
        self.deflate.reset();
        self.out.clear();
        self.out.reserve(message.len() + 64);
        loop {
            let used = self.deflate.total_in() as usize;
            let done = self
                .deflate
                .compress_vec(&message[used..], &mut self.out, FlushCompress::Sync);
            if done.is_err()
                || (self.deflate.total_in() as usize == message.len() && self.out.len() < self.out.capacity())
            {
                break;
            }
            self.out.reserve(message.len() + 64);
        }
        let end = self.out.len().saturating_sub(TAIL.len());
        &self.out[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_folded_unfolds_to_the_same() {
        let mut folder = Folder::new();
        let mut unfolder = Unfolder::new();
        let long: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        for message in [b"".as_slice(), b"x", &[b'a'; 5_000], &long, b"x"] {
            let folded = folder.fold(message).to_vec();
            for _ in 0..2 {
                assert_eq!(unfolder.unfold(&folded).unwrap(), message);
            }
        }
    }

    #[test]
    fn what_is_broken_is_an_error_and_no_end_of_the_others() {
        let mut unfolder = Unfolder::new();
        assert!(unfolder.unfold(&[0xff; 40]).is_err());
        assert!(unfolder.unfold(&[0xff; 40]).is_err());
        let folded = Folder::new().fold(b"hello").to_vec();
        assert_eq!(unfolder.unfold(&folded).unwrap(), b"hello");
    }
}
