//! Frames, compressed: each once, on the thread that wants it first.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::deflate::{Compression, Deflate};
use crate::frames::{self, Opcode};

thread_local! {
    /// What compresses on this thread, once something is to be compressed. No thread waits for another.
    static DEFLATE: RefCell<Option<Deflate>> = const { RefCell::new(None) };
}

/// Compresses frames, and counts what that saves. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Compressor {
    how: Compression,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    frames: AtomicU64,
    in_vain: AtomicU64,
    bytes_before: AtomicU64,
    bytes_after: AtomicU64,
}

/// What was compressed since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compressed {
    /// Frames that became smaller. How many clients got each of them does not count here.
    pub frames: u64,
    /// Frames that would not have become smaller, and went out as they were.
    pub in_vain: u64,
    /// Payload bytes of the former before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

impl Compressor {
    /// One that compresses so.
    pub fn new(how: Compression) -> Self {
        Compressor {
            how,
            counts: Arc::default(),
        }
    }

    /// How it compresses.
    pub fn how(&self) -> Compression {
        self.how
    }

    /// Whether a frame is large enough to be compressed.
    pub fn takes(&self, frame: &[u8]) -> bool {
        frames::payload(frame).len() >= self.how.threshold
    }

    /// The frame for clients that take compressed ones: compressed, or as it is, where that is not larger.
    pub fn frame(&self, plain: &Bytes) -> Bytes {
        const TEXT: u8 = 0x81;
        const BINARY: u8 = 0x82;
        // Control frames are never compressed, nor what is compressed already.
        let opcode = match plain.first() {
            Some(&TEXT) => Opcode::Text,
            Some(&BINARY) => Opcode::Binary,
            Some(_) | None => return plain.clone(),
        };
        if !self.takes(plain) {
            return plain.clone();
        }
        let payload = frames::payload(plain);
        let Some(compressed) = self.payload(payload) else {
            self.counts.in_vain.fetch_add(1, Ordering::Relaxed);
            return plain.clone();
        };
        let add = |counter: &AtomicU64, bytes: usize| counter.fetch_add(bytes as u64, Ordering::Relaxed);
        add(&self.counts.frames, 1);
        add(&self.counts.bytes_before, payload.len());
        add(&self.counts.bytes_after, compressed.len());
        frames::deflated(opcode, &compressed)
    }

    /// What was compressed since the start.
    pub fn compressed(&self) -> Compressed {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Compressed {
            frames: read(&self.counts.frames),
            in_vain: read(&self.counts.in_vain),
            bytes_before: read(&self.counts.bytes_before),
            bytes_after: read(&self.counts.bytes_after),
        }
    }

    fn payload(&self, payload: &[u8]) -> Option<Vec<u8>> {
        DEFLATE.with_borrow_mut(|deflate| {
            // Programs that run several servers may set them up differently.
            let kept = deflate.take().filter(|deflate| deflate.how() == self.how);
            deflate
                .insert(kept.unwrap_or_else(|| Deflate::new(self.how)))
                .payload(payload)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Inflate;

    fn compressor(threshold: usize) -> Compressor {
        Compressor::new(Compression {
            threshold,
            ..Compression::DEFAULT
        })
    }

    #[test]
    fn messages_are_compressed_and_read_back() {
        let compressor = compressor(20);
        let text = "again and again and again";
        for (plain, first_byte) in [
            (frames::text(text), 0xc1),
            (frames::binary(text.as_bytes()), 0xc2),
        ] {
            let compressed = compressor.frame(&plain);
            assert!(compressed.len() < plain.len());
            assert_eq!(compressed[0], first_byte);
            let mut back = Vec::new();
            Inflate::new()
                .message(frames::payload(&compressed), text.len(), &mut back)
                .unwrap();
            assert_eq!(back, text.as_bytes());
        }
        let counted = compressor.compressed();
        assert_eq!(
            (counted.frames, counted.in_vain, counted.bytes_before),
            (2, 0, 50)
        );
        assert!((1..50).contains(&counted.bytes_after));
    }

    #[test]
    fn all_else_goes_out_as_it_is() {
        let compressor = compressor(20);
        let ping = Bytes::from([&[0x89, 30][..], &[b'a'; 30]].concat());
        let compressed = compressor.frame(&frames::text(&"a".repeat(30)));
        for (case, frame, in_vain) in [
            ("a small one", frames::text(&"a".repeat(19)), 0),
            ("a control frame", ping, 0),
            ("a compressed one", compressed, 0),
            ("nothing", Bytes::new(), 0),
            (
                "one that does not become smaller",
                frames::text("0123456789abcdefghijklmn"),
                1,
            ),
        ] {
            assert_eq!(compressor.frame(&frame), frame, "{case}");
            assert_eq!(compressor.compressed().in_vain, in_vain, "{case}");
        }
        assert_eq!(compressor.compressed().frames, 1);
    }

    #[test]
    fn servers_of_one_process_compress_each_as_it_was_told() {
        let payload: String = (0..2000).map(|n| format!("{} ", n * n % 977)).collect();
        let plain = frames::text(&payload);
        let small = Compressor::new(Compression {
            window_bits: 9,
            ..Compression::DEFAULT
        });
        let large = Compressor::new(Compression::DEFAULT);
        let sizes = [&small, &large, &small, &large].map(|compressor| compressor.frame(&plain).len());
        assert_eq!((sizes[0], sizes[1]), (sizes[2], sizes[3]));
        assert!(sizes[1] < sizes[0]);
    }
}
