//! 6 UTF-8: in fragments, failing fast, and every kind of sequence that is one or is none.

use crate::case::{Case, check_all};
use crate::client_frame::{CONTINUATION, TEXT, fragments, frame, part};
use crate::reading::Said;

const GREEK: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
const MIXED: &str = "Hello-µ@ßöäüàá-UTF-8!!";
/// Behind the Greek word: a number beyond the last character, found at its second byte.
const BEYOND: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
/// Behind the Greek word: half a surrogate pair, found at its second byte as well.
const SURROGATE: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
/// Where both of them become wrong.
const WRONG_AT: usize = 13;

/// 6.1 to 6.4.
pub(crate) fn utf8_in_fragments() -> Vec<Case> {
    let greek = String::from_utf8(GREEK.to_vec()).unwrap();
    let (first, second) = MIXED.split_at("Hello-µ@ßöä".len());
    let surrogate_fragments = fragments(TEXT, SURROGATE, 1);
    // Each fragment of one byte has a header of six.
    let surrogate_fails = WRONG_AT * 7;
    let bytes = crate::client_frame::all(&surrogate_fragments);
    vec![
        Case::new("6.1.1", "an empty text")
            .sends(&[frame(TEXT, "")])
            .text(""),
        Case::new("6.1.2", "three empty fragments")
            .sends(&[part(TEXT, ""), part(CONTINUATION, ""), frame(CONTINUATION, "")])
            .text(""),
        Case::new("6.1.3", "three fragments, only the middle one not empty")
            .sends(&[
                part(TEXT, ""),
                part(CONTINUATION, "middle frame payload"),
                frame(CONTINUATION, ""),
            ])
            .text("middle frame payload"),
        Case::new("6.2.1", "a text in one fragment")
            .sends(&[frame(TEXT, MIXED)])
            .text(MIXED),
        Case::new("6.2.2", "two fragments with the cut between characters")
            .sends(&[part(TEXT, first), frame(CONTINUATION, second)])
            .text(MIXED),
        Case::new("6.2.3", "fragments of one byte, with cuts inside characters")
            .sends(&fragments(TEXT, MIXED.as_bytes(), 1))
            .text(MIXED),
        Case::new("6.2.4", "the same in Greek")
            .sends(&fragments(TEXT, GREEK, 1))
            .text(greek),
        whole_message(
            "6.3.1",
            "half a surrogate pair, in one frame",
            SURROGATE,
            WRONG_AT,
        ),
        Case::new("6.3.2", "half a surrogate pair, in fragments of one byte")
            .sends_bytes(&bytes[..surrogate_fails])
            .fails(1007)
            .sends_bytes(&bytes[surrogate_fails..]),
        Case::new("6.4.1", "fast: the second of three frames breaks it")
            .sends(&[part(TEXT, GREEK), part(CONTINUATION, &BEYOND[11..15])])
            .fails(1007)
            .sends(&[frame(CONTINUATION, &BEYOND[15..])]),
        Case::new(
            "6.4.2",
            "fast: the second of three frames has the byte that breaks it",
        )
        .sends(&[part(TEXT, &BEYOND[..12]), part(CONTINUATION, &BEYOND[12..13])])
        .fails(1007)
        .sends(&[frame(CONTINUATION, &BEYOND[13..])]),
        whole_message(
            "6.4.3",
            "fast: the second of three chops of a frame breaks it",
            BEYOND,
            15,
        ),
        whole_message("6.4.4", "fast: the very byte that breaks it", BEYOND, WRONG_AT),
    ]
}

/// 6.5 to 6.23: one text each.
pub(crate) fn utf8_sequences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (nth, (claim, sequences)) in sequences().into_iter().enumerate() {
        for (at, (is_text, bytes)) in sequences.into_iter().enumerate() {
            assert_eq!(std::str::from_utf8(&bytes).is_ok(), is_text, "{bytes:x?}");
            let case = Case::new(format!("6.{}.{}", 5 + nth, at + 1), claim).sends(&[frame(TEXT, &bytes)]);
            cases.push(match String::from_utf8(bytes) {
                Ok(text) => case.hears([Said::Text(text)]),
                Err(_) => case.fails(1007),
            });
        }
    }
    cases
}

/// A text in one frame that is wrong when so many bytes of it have come.
fn whole_message(number: &str, claim: &str, text: &[u8], by: usize) -> Case {
    let bytes = frame(TEXT, text).bytes();
    let header = bytes.len() - text.len();
    Case::new(number, claim)
        .sends_bytes(&bytes[..header + by])
        .fails(1007)
        .sends_bytes(&bytes[header + by..])
}

type Sequences = Vec<(&'static str, Vec<(bool, Vec<u8>)>)>;

/// The kinds of sequences, and of each whether it is a text.
fn sequences() -> Sequences {
    let texts = |all: &[&[u8]]| all.iter().map(|bytes| (true, bytes.to_vec())).collect();
    let none = |all: &[&[u8]]| all.iter().map(|bytes| (false, bytes.to_vec())).collect();
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    let prefixes = (1..=GREEK.len()).map(|end| (is_text(&GREEK[..end]), GREEK[..end].to_vec()));
    let lonely = [
        (0xc0, 0xdf),
        (0xe0, 0xef),
        (0xf0, 0xf7),
        (0xf8, 0xfb),
        (0xfc, 0xfd),
    ]
    .map(|(first, end): (u8, u8)| (false, (first..end).flat_map(|byte| [byte, b' ']).collect()));
    let cut: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let continuations: Vec<u8> = (0x80..0xbf).collect();
    let mut boundaries: Vec<_> = texts(&[
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbd",
        b"\xf4\x8f\xbf\xbf",
    ]);
    boundaries.push((false, b"\xf4\x90\x80\x80".to_vec()));
    vec![
        (
            "some texts",
            texts(&[
                b"hello$world",
                b"hello\xc2\xa2world",
                b"hello\xe2\x82\xacworld",
                b"hello\xf0\xa4\xad\xa2world",
                GREEK,
            ]),
        ),
        ("every beginning of a text", prefixes.collect()),
        (
            "the first of each length",
            texts(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        ),
        (
            "the first of five and six bytes",
            none(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        ),
        (
            "the last of each length",
            texts(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        ),
        (
            "the last of four, five and six bytes",
            none(&[
                b"\xf7\xbf\xbf\xbf",
                b"\xfb\xbf\xbf\xbf\xbf",
                b"\xfd\xbf\xbf\xbf\xbf\xbf",
            ]),
        ),
        ("other boundaries", boundaries),
        (
            "continuations of nothing",
            none(&[
                b"\x80",
                b"\xbf",
                b"\x80\xbf",
                b"\x80\xbf\x80",
                b"\x80\xbf\x80\xbf",
                b"\x80\xbf\x80\xbf\x80",
                b"\x80\xbf\x80\xbf\x80\xbf",
                &continuations,
            ]),
        ),
        ("beginnings without an end", lonely.into()),
        ("the last byte missing", none(&cut)),
        ("all of these in a row", none(&[&cut.concat()])),
        ("impossible bytes", none(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"])),
        (
            "a slash, longer than it should be",
            none(&[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ]),
        ),
        (
            "the last that is longer than it should be",
            none(&[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ]),
        ),
        (
            "zero, longer than it should be",
            none(&[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ]),
        ),
        (
            "single surrogates",
            none(&[
                b"\xed\xa0\x80",
                b"\xed\xad\xbf",
                b"\xed\xae\x80",
                b"\xed\xaf\xbf",
                b"\xed\xb0\x80",
                b"\xed\xbe\x80",
                b"\xed\xbf\xbf",
            ]),
        ),
        (
            "pairs of surrogates",
            none(&[
                b"\xed\xa0\x80\xed\xb0\x80",
                b"\xed\xa0\x80\xed\xbf\xbf",
                b"\xed\xad\xbf\xed\xb0\x80",
                b"\xed\xad\xbf\xed\xbf\xbf",
                b"\xed\xae\x80\xed\xb0\x80",
                b"\xed\xae\x80\xed\xbf\xbf",
                b"\xed\xaf\xbf\xed\xb0\x80",
                b"\xed\xaf\xbf\xed\xbf\xbf",
            ]),
        ),
        (
            "characters that are none, and texts all the same",
            noncharacters(),
        ),
        (
            "specials",
            texts(&[
                b"\xef\xbf\xb9",
                b"\xef\xbf\xba",
                b"\xef\xbf\xbb",
                b"\xef\xbf\xbc",
                b"\xef\xbf\xbd",
                b"\xef\xbf\xbe",
                b"\xef\xbf\xbf",
            ]),
        ),
    ]
}

/// The last two of each plane.
fn noncharacters() -> Vec<(bool, Vec<u8>)> {
    let mut all = vec![(true, b"\xef\xbf\xbe".to_vec()), (true, b"\xef\xbf\xbf".to_vec())];
    for plane in 1..=16_u32 {
        for last in [0xfffe, 0xffff] {
            let character = char::from_u32(plane << 16 | last).unwrap();
            all.push((true, character.to_string().into_bytes()));
        }
    }
    all
}

#[test]
fn section_6_utf8_in_fragments() {
    check_all(utf8_in_fragments(), 13);
}

#[test]
fn section_6_utf8_sequences() {
    check_all(utf8_sequences(), 132);
}
