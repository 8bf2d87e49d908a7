//! What the fuzzers keep, replayed in every run without a fuzzer; and the same checks on bytes made to come further than
//! random ones would.

use std::fs;
use std::path::Path;

use flate2::{Compress, Compression as Level, FlushCompress};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::checks;
use crate::client_frame::ClientFrame;

#[test]
fn the_kept_corpus_finds_nothing() {
    for (name, check) in [
        ("decoder", checks::decoder as fn(&[u8])),
        ("inflate", checks::inflate),
        ("negotiate", checks::negotiate),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(name);
        let mut files = 0;
        for file in fs::read_dir(&folder).unwrap() {
            check(&fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 5, "{name} has a corpus");
    }
}

/// Frames that are mostly right, with now and then a bit of the header that is not.
fn frame() -> impl Strategy<Value = ClientFrame> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        3 => prop::sample::select(vec![0xc1, 0xc2, 0x41, 0x42]),
        1 => prop::sample::select(vec![0x88, 0x83, 0x09, 0xa1, 0xc0]),
    ];
    let payload = prop_oneof![
        4 => vec(any::<u8>(), 0..20),
        4 => "[a-zé€😀]{0,60}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 120..400),
    ];
    (first, payload, any::<[u8; 4]>(), 0..40_u8).prop_map(|(first, payload, key, unmasked)| {
        let payload = if first & 0x40 == 0 {
            payload
        } else {
            compressed(&payload)
        };
        ClientFrame {
            first,
            payload,
            key: (unmasked > 0).then_some(key),
        }
    })
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 64);
    Compress::new(Level::new(6), false)
        .compress_vec(payload, &mut bytes, FlushCompress::Sync)
        .unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes
}

proptest! {
    #[test]
    fn the_same_comes_of_the_same_bytes_however_they_arrive(
        setup in 0..8_u8,
        split in any::<u8>(),
        seed in any::<u8>(),
        frames in vec(frame(), 0..12),
    ) {
        let bytes = frames.iter().flat_map(ClientFrame::bytes);
        checks::decoder(&[setup, split, seed].into_iter().chain(bytes).collect::<Vec<_>>());
    }

    #[test]
    fn inflating_stays_within_its_limit(setup in any::<u8>(), bytes in vec(any::<u8>(), 0..600), is_right in any::<bool>()) {
        let bytes = if is_right { compressed(&bytes) } else { bytes };
        checks::inflate(&[&[setup], &bytes[..]].concat());
    }

    #[test]
    fn offers_of_any_kind_are_answered_in_our_words(
        offers in vec(
            "(permessage-deflate|x-other)?(; ?(server|client)_(max_window_bits|no_context_takeover)(=\"?[0-9]{1,2}\"?)?){0,4}[,;\n]?",
            0..4,
        ),
    ) {
        checks::negotiate(offers.concat().as_bytes());
    }
}
