//! Payloads of compressed messages, back to what they were. The output is bounded before it is made.

use flate2::{Decompress, FlushDecompress, Status};

use crate::deflate::FLUSHED;

/// What is laid behind a message: the end of its flush, which its sender left out, and an empty last block. Whoever does not
/// come to that block's end was cut off in the middle.
const BEHIND: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];
/// The least room that is made at a time.
const LEAST_ROOM: usize = 256;
/// What deflate makes of text is often so many times larger.
const USUAL_RATIO: usize = 4;

/// Decompresses messages. One is enough for all connections of a thread, because it starts anew with each message.
#[derive(Debug)]
pub struct Inflate {
    stream: Decompress,
}

/// Why a message could not be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InflateError {
    /// It is larger than allowed.
    #[error("the message is larger than allowed")]
    TooBig,
    /// It is not what deflate makes, refers to the message before it, or ends in the middle.
    #[error("the message is not compressed as agreed")]
    Broken,
}

impl Inflate {
    /// One that has the largest window, so that it reads what any client sends.
    pub fn new() -> Self {
        Inflate {
            stream: Decompress::new(false),
        }
    }

    /// Decompresses one message of at most `most` bytes. `into` then holds it and nothing else; if it fails, nothing.
    ///
    /// Whatever stands behind a block that says of itself that it is the last one is left unread: senders may end so, and
    /// pad behind it.
    ///
    /// # Errors
    /// If it is larger, or no compressed message.
    pub fn message(
        &mut self,
        compressed: &[u8],
        most: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        into.clear();
        let read = self.read(compressed, most, into);
        if read.is_err() {
            into.clear();
        }
        read
    }

    fn read(&mut self, compressed: &[u8], most: usize, into: &mut Vec<u8>) -> Result<(), InflateError> {
        // Some send an empty message as no bytes at all, where deflate makes one.
        if compressed.is_empty() {
            return Ok(());
        }
        // Others forget to leave the end of the flush out. What was left out follows a byte whose upper bits are none, so
        // the two cannot be mistaken for each other.
        let behind = match compressed.ends_with(&FLUSHED) {
            true => &BEHIND[FLUSHED.len()..],
            false => &BEHIND,
        };
        self.stream.reset(false);
        for mut input in [compressed, behind] {
            loop {
                make_room(into, compressed.len(), most)?;
                let taken_before = self.stream.total_in();
                let made_before = into.len();
                let status = self
                    .stream
                    .decompress_vec(input, into, FlushDecompress::None)
                    .map_err(|_| InflateError::Broken)?;
                let taken = (self.stream.total_in() - taken_before) as usize;
                input = input.get(taken..).unwrap_or_default();
                if into.len() > most {
                    return Err(InflateError::TooBig);
                }
                match status {
                    Status::StreamEnd => return Ok(()),
                    Status::Ok | Status::BufError => {}
                }
                // With room left, all that there was to say has been said.
                if input.is_empty() && into.len() < into.capacity() {
                    break;
                }
                if taken == 0 && into.len() == made_before {
                    return Err(InflateError::Broken);
                }
            }
        }
        Err(InflateError::Broken)
    }
}

impl Default for Inflate {
    fn default() -> Self {
        Inflate::new()
    }
}

/// Makes room where there is none, at most for one byte more than allowed, which tells that it is too much.
fn make_room(into: &mut Vec<u8>, compressed: usize, most: usize) -> Result<(), InflateError> {
    if into.len() < into.capacity() {
        return Ok(());
    }
    let left = most.saturating_add(1) - into.len();
    let wanted = into
        .len()
        .max(compressed.saturating_mul(USUAL_RATIO))
        .max(LEAST_ROOM);
    into.try_reserve_exact(wanted.min(left))
        .map_err(|_| InflateError::TooBig)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::{Compression, Deflate};

    fn inflated(compressed: &[u8], most: usize) -> Result<Vec<u8>, InflateError> {
        let mut into = b"what was there before".to_vec();
        Inflate::new().message(compressed, most, &mut into)?;
        Ok(into)
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let cases: &[(&str, &[u8], &str)] = &[
            (
                "7.2.3.1: one block",
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
                "Hello",
            ),
            (
                "7.2.3.3: a block without compression",
                &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
                "Hello",
            ),
            (
                "7.2.3.4: a block that says it is the last",
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
                "Hello",
            ),
            (
                "7.2.3.5: two blocks",
                &[
                    0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
                ],
                "Hello",
            ),
            ("7.2.3.6: an empty message", &[0x00], ""),
        ];
        for (example, compressed, expected) in cases {
            assert_eq!(
                inflated(compressed, 5).as_deref(),
                Ok(expected.as_bytes()),
                "{example}"
            );
        }
    }

    #[test]
    fn what_clients_do_otherwise_is_read_as_well() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("an empty message of no bytes", &[], ""),
            (
                "an empty last block, and rubbish in its last byte",
                &[0x03, 0x80],
                "",
            ),
            ("an empty last block", &[0x03, 0x00], ""),
            ("an empty stored last block", &[0x01, 0x00, 0x00, 0xff, 0xff], ""),
            (
                "a last block, and nothing behind it",
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
                "Hello",
            ),
            (
                "a last block, and rubbish behind it",
                &[
                    0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff, 0xff, 0xff, 0x12, 0x34,
                ],
                "Hello",
            ),
            (
                "the end of the flush is there",
                &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff],
                "Hello",
            ),
            (
                "an empty message with the end of its flush",
                &[0x00, 0x00, 0x00, 0xff, 0xff],
                "",
            ),
        ];
        for (case, compressed, expected) in cases {
            assert_eq!(
                inflated(compressed, 5).as_deref(),
                Ok(expected.as_bytes()),
                "{case}"
            );
        }
    }

    #[test]
    fn what_is_no_compressed_message_is_refused() {
        let cases: &[(&str, &[u8])] = &[
            ("a kind of block that there is not", &[0x07, 0x00]),
            ("lengths that do not agree", &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48]),
            ("cut off in the middle", &[0xf2, 0x48, 0xcd, 0xc9]),
            (
                "a repeat of what was before the message",
                &[0xf2, 0x00, 0x11, 0x00, 0x00],
            ),
            (
                "a stored block that is announced and does not come",
                &[0x00, 0xff, 0x00, 0x00, 0xff],
            ),
            ("only ones", &[0xff; 64]),
        ];
        for (case, compressed) in cases {
            assert_eq!(inflated(compressed, 1 << 20), Err(InflateError::Broken), "{case}");
        }
    }

    #[test]
    fn a_message_may_be_as_large_as_allowed_and_no_byte_larger() {
        let mut deflate = Deflate::new(Compression::DEFAULT);
        for length in [512, 513, 1000, 65_535, 65_536, 131_072] {
            let text = "n".repeat(length).into_bytes();
            let compressed = deflate.payload(&text).unwrap();
            assert_eq!(inflated(&compressed, length), Ok(text));
            assert_eq!(
                inflated(&compressed, length - 1),
                Err(InflateError::TooBig),
                "{length}"
            );
        }
        assert_eq!(inflated(&[0x00], 0), Ok(Vec::new()));
        assert_eq!(
            inflated(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 0),
            Err(InflateError::TooBig)
        );
        assert_eq!(
            inflated(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], usize::MAX).as_deref(),
            Ok(&b"Hello"[..])
        );
    }

    #[test]
    fn a_failure_leaves_no_trace_in_the_next_message() {
        let mut inflate = Inflate::new();
        let mut into = Vec::new();
        for bad in [&[0x07][..], &[0xf2, 0x48], &[0xff; 9]] {
            assert_eq!(inflate.message(bad, 100, &mut into), Err(InflateError::Broken));
            assert_eq!(into, b"");
            let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
            assert_eq!(inflate.message(&hello, 2, &mut into), Err(InflateError::TooBig));
            assert_eq!(into, b"");
            assert_eq!(inflate.message(&hello, 5, &mut into), Ok(()));
            assert_eq!(into, b"Hello");
        }
    }
}
