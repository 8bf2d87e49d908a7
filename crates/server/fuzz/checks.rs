//! What must hold whatever a client sends. Each check takes bytes of any kind and panics if something does not hold; the
//! fuzzers feed them what they find, and the tests feed them what was found.

#[cfg(not(test))]
use crate as nexus_server;

use nexus_server::deflate::{self, Compression, Deflate, Inflate, InflateError};
use nexus_server::frames::{self, Decoder, Item, Violation};

/// The largest messages that are tried.
const LIMITS: [usize; 4] = [0, 125, 1000, 70_000];
/// Whoever offers compression is answered this, and perhaps a window.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

/// The same comes of the same bytes however they arrive, and what is kept of them stays within what has arrived. The first
/// byte says how the decoder is set up, the next two how the bytes are split.
pub fn decoder(data: &[u8]) {
    let [setup, split, seed, bytes @ ..] = data else {
        return;
    };
    let most = LIMITS[usize::from(setup & 3)];
    let deflate = setup & 4 != 0;
    let whole = hear(most, deflate, [bytes]);
    let is_right = |heard: &(Vec<Said>, Option<Violation>)| assert_eq!(*heard, whole);
    is_right(&hear(most, deflate, bytes.chunks(1)));
    is_right(&hear(most, deflate, bytes.chunks(usize::from(*split) + 2)));
    let (one, other) = bytes.split_at(usize::from(*split).min(bytes.len()));
    is_right(&hear(most, deflate, [one, other]));
    is_right(&hear(most, deflate, uneven(bytes, *seed)));
    whole.0.iter().for_each(write);
    if let Some(Violation { code, reason }) = whole.1 {
        assert!(matches!(code.code(), 1002 | 1007 | 1009));
        assert_eq!(
            &frames::payload(&frames::close(code, reason))[2..],
            reason.as_bytes()
        );
    }
}

/// What is inflated is within its limit to the byte, and the same again; what is deflated inflates.
pub fn inflate(data: &[u8]) {
    let [setup, bytes @ ..] = data else {
        return;
    };
    let most = LIMITS[usize::from(setup & 3)];
    let mut inflate = Inflate::new();
    let mut into = Vec::new();
    let result = inflate.message(bytes, most, &mut into);
    assert!(into.len() <= most && into.capacity() <= most + 1);
    if result.is_ok() {
        let first = into.clone();
        assert_eq!(inflate.message(bytes, first.len(), &mut into), Ok(()));
        assert_eq!(into, first);
        if let Some(less) = first.len().checked_sub(1) {
            assert_eq!(inflate.message(bytes, less, &mut into), Err(InflateError::TooBig));
        }
    } else {
        assert!(into.is_empty());
    }

    let mut deflate = Deflate::new(Compression {
        level: setup >> 2 & 15,
        window_bits: setup >> 4,
        threshold: 0,
    });
    // Twice, because one compressor serves many payloads.
    for _ in 0..2 {
        if let Some(compressed) = deflate.payload(bytes) {
            assert!(compressed.len() < bytes.len());
            assert_eq!(inflate.message(&compressed, bytes.len(), &mut into), Ok(()));
            assert_eq!(into, bytes);
        }
    }
}

/// An answer is one line of what we say anyway, and whoever takes a large window takes a smaller one.
pub fn negotiate(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut was_taken = false;
    for window_bits in (9..=15).rev() {
        let ours = Compression {
            window_bits,
            ..Compression::DEFAULT
        };
        let accepted = deflate::negotiate(text.lines(), ours);
        assert!(accepted.is_some() || !was_taken);
        let Some(accepted) = accepted else {
            continue;
        };
        was_taken = true;
        let window = accepted.answer.strip_prefix(ANSWER).expect("our own words");
        assert!(window.is_empty() || window == format!("; server_max_window_bits={window_bits}"));
    }
    deflate::is_known_to_fail(&text);
}

/// Reads bytes that come in these pieces.
fn hear<'a>(
    most: usize,
    deflate: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Said>, Option<Violation>) {
    let mut decoder = Decoder::new(most, deflate);
    let mut inflate = Inflate::new();
    let mut said = Vec::new();
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        let mut bytes = piece.to_vec();
        let mut at = 0;
        loop {
            let step = match decoder.next(&mut bytes[at..], &mut inflate) {
                Ok(step) => step,
                Err(violation) => return (said, Some(violation)),
            };
            at += step.used;
            match step.item {
                Some(item) => said.push(keep(item, most)),
                None => break,
            }
        }
        assert_eq!(at, bytes.len(), "no item, and not all is taken");
        let kept = decoder.heap_bytes();
        assert!(
            kept <= 2 * arrived + 16 && kept <= most + most / 8 + 256,
            "{kept} bytes kept"
        );
    }
    (said, None)
}

fn keep(item: Item<'_>, most: usize) -> Said {
    match item {
        Item::Text(text) => {
            assert!(text.len() <= most);
            Said::Text(text.to_owned())
        }
        Item::Binary(bytes) => {
            assert!(bytes.len() <= most);
            Said::Binary(bytes.to_vec())
        }
        Item::Ping(bytes) => {
            assert!(bytes.len() <= 125);
            Said::Ping(bytes.to_vec())
        }
        Item::Pong => Said::Pong,
        Item::Close(code, reason) => Said::Close(code.map(|code| code.code()), reason.to_owned()),
    }
}

/// What was said can be said back.
fn write(said: &Said) {
    match said {
        Said::Text(text) => assert_eq!(frames::payload(&frames::text(text)), text.as_bytes()),
        Said::Binary(bytes) => assert_eq!(frames::payload(&frames::binary(bytes)), bytes),
        Said::Ping(bytes) => assert_eq!(frames::payload(&frames::pong(bytes)), bytes),
        Said::Pong => {}
        Said::Close(None, reason) => assert!(reason.is_empty()),
        Said::Close(Some(code), reason) => {
            let frame = frames::close((*code).into(), reason);
            assert_eq!(
                frames::payload(&frame),
                [&code.to_be_bytes(), reason.as_bytes()].concat()
            );
        }
    }
}

/// Pieces of uneven lengths, always the same for the same seed.
fn uneven(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut state = u32::from(seed);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let most = if state & 0x100 == 0 { 7 } else { 300 };
        let (piece, others) = rest.split_at((1 + (state >> 16) as usize % most).min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces
}
