//! Compressed payloads: whatever we compress, others read; whatever others compress, we read; and no bytes whatsoever make
//! us take more memory than allowed, or not come to an end.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use nexus_server::deflate::{Compression, Deflate, Inflate, InflateError};
use proptest::collection::vec;
use proptest::prelude::*;

/// What ends a flush and is left out on the wire.
const FLUSHED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The limit of the tests on bombs.
const MIB: usize = 1 << 20;

proptest! {
    #[test]
    fn what_we_compress_is_read_by_us_and_by_others(
        payloads in vec(payload(), 1..5),
        level in 1_u8..=9,
        window_bits in 9_u8..=15,
    ) {
        let how = Compression { level, window_bits, threshold: 0 };
        let mut deflate = Deflate::new(how);
        let mut inflate = Inflate::new();
        for payload in payloads {
            let Some(compressed) = deflate.payload(&payload) else {
                continue;
            };
            prop_assert!(compressed.len() < payload.len());
            let mut back = Vec::new();
            prop_assert_eq!(inflate.message(&compressed, payload.len(), &mut back), Ok(()));
            prop_assert_eq!(&back, &payload);
            // Somebody who has only the window that was agreed on, and was never sent a message before.
            let strict = Decompress::new_with_window_bits(false, window_bits);
            prop_assert_eq!(&others_inflate(strict, &compressed), &payload);
        }
    }

    #[test]
    fn what_others_compress_is_read(
        pieces in vec((payload(), prop_oneof![Just(FlushCompress::Sync), Just(FlushCompress::Full), Just(FlushCompress::None)]), 0..5),
        level in 0_u32..=9,
        window_bits in 9_u8..=15,
        ending in prop_oneof![Just(Ending::Stripped), Just(Ending::Unstripped), Just(Ending::Final), Just(Ending::Padded)],
    ) {
        let payload: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece.clone()).collect();
        let compressed = others_deflate(&pieces, level, window_bits, ending);
        let mut inflate = Inflate::new();
        // Whatever the message before it was.
        let mut back = Vec::new();
        let _ = inflate.message(&payload, 100, &mut back);
        prop_assert_eq!(inflate.message(&compressed, payload.len(), &mut back), Ok(()));
        prop_assert_eq!(&back, &payload);
        if !payload.is_empty() {
            let refused = inflate.message(&compressed, payload.len() - 1, &mut back);
            prop_assert_eq!(refused, Err(InflateError::TooBig));
            prop_assert!(back.is_empty());
        }
    }

    #[test]
    fn a_message_that_was_cut_off_or_changed_never_takes_more_than_allowed(
        payload in payload(),
        cut in any::<prop::sample::Index>(),
        changed in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let mut deflate = Deflate::new(Compression { threshold: 0, ..Compression::DEFAULT });
        if let Some(compressed) = deflate.payload(&payload) {
            let mut inflate = Inflate::new();
            let mut back = Vec::new();
            // Where the bytes that are left happen to be a message, they are one; never the one that was sent.
            let cut = &compressed[..cut.index(compressed.len())];
            if inflate.message(cut, payload.len(), &mut back).is_ok() {
                prop_assert_ne!(&back, &payload);
            }
            let mut other = compressed.clone();
            other[changed.index(compressed.len())] = to;
            let _ = inflate.message(&other, 1000, &mut back);
            prop_assert!(back.len() <= 1000);
            // And the next message is read as if nothing had been.
            prop_assert_eq!(inflate.message(&compressed, payload.len(), &mut back), Ok(()));
            prop_assert_eq!(&back, &payload);
        }
    }

    #[test]
    fn no_bytes_take_more_than_allowed(bytes in vec(any::<u8>(), 0..2000), most in 0_usize..3000) {
        let mut back = Vec::new();
        let read = Inflate::new().message(&bytes, most, &mut back);
        prop_assert!(back.len() <= most);
        prop_assert!(back.capacity() <= most + 1);
        prop_assert!(read.is_ok() || back.is_empty());
    }
}

#[test]
fn a_bomb_of_a_gibibyte_is_refused_at_its_first_mebibyte() {
    // Flushed blocks that refer to nothing before them may stand behind each other.
    let zeros = vec![0; MIB];
    let block = others_deflate(&[(zeros, FlushCompress::Full)], 9, 15, Ending::Unstripped);
    let bomb = block.repeat(1024);
    assert!(bomb.len() < 2 * MIB);

    let mut back = Vec::new();
    let mut inflate = Inflate::new();
    assert_eq!(inflate.message(&bomb, MIB, &mut back), Err(InflateError::TooBig));
    assert!(back.capacity() <= MIB + 1, "it took {} bytes", back.capacity());
    // One block alone is as much as is allowed.
    assert_eq!(inflate.message(&block, MIB, &mut back), Ok(()));
    assert_eq!(back.len(), MIB);
}

#[test]
fn blocks_without_end_come_to_an_end() {
    let empty_block = [0x00, 0x00, 0x00, 0xff, 0xff];
    let empty_final_block = [0x01, 0x00, 0x00, 0xff, 0xff];
    for (case, bytes, expected) in [
        ("empty blocks", empty_block.repeat(100_000), Ok(())),
        ("empty last blocks", empty_final_block.repeat(100_000), Ok(())),
        ("short last blocks", [0x03, 0x00].repeat(100_000), Ok(())),
        ("nothing but zeros", vec![0; 100_000], Err(InflateError::Broken)),
    ] {
        let mut back = Vec::new();
        assert_eq!(Inflate::new().message(&bytes, 0, &mut back), expected, "{case}");
        assert_eq!(back, b"", "{case}");
    }
}

/// How a message of somebody else ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// As the standard says.
    Stripped,
    /// With the end of the flush.
    Unstripped,
    /// With a block that says that it is the last.
    Final,
    /// The same, and with the byte behind it that the standard advises.
    Padded,
}

/// Text that repeats itself, and noise, in all lengths.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..300),
        vec(
            prop_oneof![
                Just(b"\"price\":".to_vec()),
                Just(b"106296.0,".to_vec()),
                vec(any::<u8>(), 1..9)
            ],
            0..400
        )
        .prop_map(|words| words.concat()),
        (any::<u8>(), 0_usize..100_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

/// As a library would that knows nothing of us.
fn others_deflate(
    pieces: &[(Vec<u8>, FlushCompress)],
    level: u32,
    window_bits: u8,
    ending: Ending,
) -> Vec<u8> {
    let mut stream = Compress::new_with_window_bits(flate2::Compression::new(level), false, window_bits);
    let mut compressed = Vec::new();
    for (piece, flush) in pieces {
        others_compress(&mut stream, piece, *flush, &mut compressed);
    }
    match ending {
        Ending::Stripped | Ending::Unstripped => {
            // Something to flush, so that there is an end of it even behind a flush.
            others_compress(&mut stream, b"", FlushCompress::Partial, &mut compressed);
            others_compress(&mut stream, b"", FlushCompress::Sync, &mut compressed);
            if !compressed.ends_with(&FLUSHED) {
                compressed.extend_from_slice(&[0x00]);
                compressed.extend_from_slice(&FLUSHED);
            }
        }
        Ending::Final | Ending::Padded => {
            others_compress(&mut stream, b"", FlushCompress::Finish, &mut compressed);
        }
    }
    match ending {
        Ending::Stripped => compressed.truncate(compressed.len() - FLUSHED.len()),
        Ending::Padded => compressed.push(0),
        Ending::Unstripped | Ending::Final => {}
    }
    compressed
}

fn others_compress(stream: &mut Compress, mut input: &[u8], flush: FlushCompress, into: &mut Vec<u8>) {
    loop {
        into.reserve(64 + input.len() / 2);
        let before = stream.total_in();
        let status = stream
            .compress_vec(input, into, flush)
            .expect("deflate does not fail");
        input = &input[(stream.total_in() - before) as usize..];
        let is_done = input.is_empty() && into.len() < into.capacity();
        match status {
            Status::StreamEnd => return,
            Status::Ok | Status::BufError if is_done && flush != FlushCompress::Finish => return,
            Status::Ok | Status::BufError => {}
        }
    }
}

/// As the standard says it: append what was left out, and decompress.
fn others_inflate(mut stream: Decompress, compressed: &[u8]) -> Vec<u8> {
    let mut input = [compressed, &FLUSHED].concat();
    let mut back = Vec::new();
    loop {
        back.reserve(4096);
        let before = stream.total_in();
        stream
            .decompress_vec(&input, &mut back, FlushDecompress::Sync)
            .expect("it is what deflate makes");
        input.drain(..(stream.total_in() - before) as usize);
        if input.is_empty() && back.len() < back.capacity() {
            return back;
        }
    }
}
