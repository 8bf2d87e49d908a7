//! Payloads, compressed: each on its own, so that one result is right for all clients.

use flate2::{Compress, FlushCompress, Status};

use crate::deflate::{Compression, FLUSHED};

/// Compresses payloads. It holds some 300 KiB: one a thread, never one a connection.
#[derive(Debug)]
pub struct Deflate {
    how: Compression,
    stream: Compress,
}

impl Deflate {
    /// One that compresses so. Levels and windows that there are not are taken as the nearest that there are.
    pub fn new(how: Compression) -> Self {
        Deflate {
            how,
            stream: stream(how),
        }
    }

    /// How it compresses.
    pub fn how(&self) -> Compression {
        self.how
    }

    /// The payload of a compressed frame; none if that is not smaller, or below the threshold: then the payload goes out as
    /// it is.
    pub fn payload(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.len() < self.how.threshold.max(1) {
            return None;
        }
        self.stream.reset();
        // Room for whatever becomes of it, up to nine bits for each byte: where some is left over, all was flushed.
        let mut compressed = Vec::with_capacity(payload.len() + payload.len() / 8 + 64);
        let status = self
            .stream
            .compress_vec(payload, &mut compressed, FlushCompress::Sync);
        let is_whole = matches!(status, Ok(Status::Ok))
            && self.stream.total_in() == payload.len() as u64
            && compressed.len() < compressed.capacity()
            && compressed.ends_with(&FLUSHED);
        if !is_whole {
            // A reset does not free the place of what was not flushed: after some of them the stream would panic.
            self.stream = stream(self.how);
            return None;
        }
        compressed.truncate(compressed.len().saturating_sub(FLUSHED.len()));
        (compressed.len() < payload.len()).then_some(compressed)
    }
}

fn stream(how: Compression) -> Compress {
    let level = flate2::Compression::new(how.level.clamp(1, 9).into());
    Compress::new_with_window_bits(level, false, how.window_bits.clamp(9, 15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflate(threshold: usize) -> Deflate {
        Deflate::new(Compression {
            threshold,
            ..Compression::DEFAULT
        })
    }

    #[test]
    fn what_is_below_the_threshold_or_would_not_become_smaller_stays_as_it_is() {
        let mut noise = vec![0; 4096];
        fastrand::Rng::with_seed(7).fill(&mut noise);
        let cases: [(&str, usize, &[u8], bool); 7] = [
            ("at the threshold", 8, b"aaaaaaaa", true),
            ("below it", 9, b"aaaaaaaa", false),
            ("nothing at all", 0, b"", false),
            ("one byte", 0, b"a", false),
            ("too short for a repeat", 0, b"abc", false),
            ("noise", 0, &noise, false),
            ("noise of one kind", 0, &[0xff; 300], true),
        ];
        for (case, threshold, payload, expected) in cases {
            let compressed = deflate(threshold).payload(payload);
            assert_eq!(compressed.is_some(), expected, "{case}");
            assert!(
                compressed.is_none_or(|compressed| compressed.len() < payload.len()),
                "{case}"
            );
        }
    }

    #[test]
    fn each_payload_stands_for_itself() {
        let payload = br#"{"symbol":"BTC","bids":[["100.5","1.25"],["100.4","0.75"]],"symbol2":"BTC"}"#;
        let mut deflate = deflate(0);
        let first = deflate.payload(payload);
        assert!(first.is_some());
        // Neither what went well before nor what was given up leaves a trace.
        assert_eq!(deflate.payload(payload), first);
        assert_eq!(deflate.payload(b"0123456789"), None);
        assert_eq!(deflate.payload(payload), first);
    }

    #[test]
    fn much_that_does_not_become_smaller_harms_nothing_that_comes_later() {
        let text = b"now and then something that does become smaller: ".repeat(9);
        for level in [1, 2, 6, 9] {
            let mut deflate = Deflate::new(Compression {
                level,
                threshold: 0,
                ..Compression::DEFAULT
            });
            let expected = deflate.payload(&text);
            let mut dice = fastrand::Rng::with_seed(2);
            for _ in 0..30 {
                let mut noise = vec![0; dice.usize(1..20_000)];
                dice.fill(&mut noise);
                assert_eq!(deflate.payload(&noise), None);
                assert_eq!(deflate.payload(&text), expected);
            }
        }
    }

    #[test]
    fn levels_and_windows_that_there_are_not_are_the_nearest() {
        for level in [0, 1, 9, 255] {
            for window_bits in [0, 8, 9, 15, 16, 255] {
                let how = Compression {
                    level,
                    window_bits,
                    threshold: 0,
                };
                assert!(Deflate::new(how).payload(&[b'a'; 100]).is_some(), "{how:?}");
            }
        }
    }
}
