//! 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes.

use crate::case::{Case, check_all};
use crate::client_frame::{BINARY, PING, PONG, TEXT, frame};
use crate::reading::Said;

const HELLO: &str = "Hello, world!";

/// 1.1 texts and 1.2 bytes of the lengths at which the header changes. What the list sends in chops is the same bytes.
pub(crate) fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    let lengths = [0, 125, 126, 127, 128, 65535, 65536, 65536];
    for (at, length) in lengths.into_iter().enumerate() {
        let text = "*".repeat(length);
        let case = Case::new(format!("1.1.{}", at + 1), format!("a text of {length} bytes"));
        cases.push(case.sends(&[frame(TEXT, &text)]).text(text));
        let bytes = vec![0xfe; length];
        let case = Case::new(format!("1.2.{}", at + 1), format!("{length} binary bytes"));
        cases.push(case.sends(&[frame(BINARY, &bytes)]).binary(bytes));
    }
    cases
}

/// 2 pings and pongs.
pub(crate) fn pings() -> Vec<Case> {
    let small = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let longest = vec![0xfe; 125];
    let ten: Vec<_> = (0..10).map(|number| format!("payload-{number}")).collect();
    let ten_frames: Vec<_> = ten.iter().map(|payload| frame(PING, payload)).collect();
    let ten_pings = || ten.iter().map(|payload| Said::Ping(payload.clone().into()));
    vec![
        Case::new("2.1", "a ping without payload")
            .sends(&[frame(PING, "")])
            .ping([]),
        Case::new("2.2", "a ping with a text")
            .sends(&[frame(PING, HELLO)])
            .ping(HELLO),
        Case::new("2.3", "a ping with bytes that are no text")
            .sends(&[frame(PING, small)])
            .ping(small),
        Case::new("2.4", "a ping with 125 bytes")
            .sends(&[frame(PING, &longest)])
            .ping(longest.clone()),
        Case::new("2.5", "a ping with 126 bytes is too long")
            .sends_bytes(&frame(PING, [0xfe; 126]).bytes()[..2])
            .fails(1002)
            .sends_bytes(&frame(PING, [0xfe; 126]).bytes()[2..]),
        Case::new("2.6", "a ping with 125 bytes, byte by byte")
            .sends(&[frame(PING, &longest)])
            .ping(longest.clone()),
        Case::new("2.7", "a pong that nobody asked for, without payload")
            .sends(&[frame(PONG, "")])
            .hears([Said::Pong]),
        Case::new("2.8", "a pong that nobody asked for, with payload")
            .sends(&[frame(PONG, "unsolicited pong payload")])
            .hears([Said::Pong]),
        Case::new("2.9", "a pong that nobody asked for, then a ping")
            .sends(&[
                frame(PONG, "unsolicited pong payload"),
                frame(PING, "ping payload"),
            ])
            .hears([Said::Pong])
            .ping("ping payload"),
        Case::new("2.10", "ten pings")
            .sends(&ten_frames)
            .hears(ten_pings()),
        Case::new("2.11", "ten pings, byte by byte")
            .sends(&ten_frames)
            .hears(ten_pings()),
    ]
}

/// 3 reserved bits, without an extension that gives them a meaning.
pub(crate) fn reserved_bits() -> Vec<Case> {
    let binary = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let second = |number: &str, claim: &str, bits: u8| {
        let wrong = frame(TEXT, HELLO).reserved(bits).bytes();
        Case::new(number, claim)
            .sends(&[frame(TEXT, HELLO)])
            .text(HELLO)
            .sends_bytes(&wrong[..1])
            .fails(1002)
            .sends_bytes(&wrong[1..])
            .sends(&[frame(PING, "")])
    };
    vec![
        Case::new("3.1", "RSV 1 on a text")
            .sends(&[frame(TEXT, HELLO).reserved(1)])
            .fails(1002),
        second(
            "3.2",
            "RSV 2 on the second text, and the ping behind it unheard",
            2,
        ),
        second("3.3", "RSV 3 on the second text, frame by frame", 3),
        second("3.4", "RSV 4 on the second text, byte by byte", 4),
        Case::new("3.5", "RSV 5 on bytes")
            .sends(&[frame(BINARY, binary).reserved(5)])
            .fails(1002),
        Case::new("3.6", "RSV 6 on a ping")
            .sends(&[frame(PING, HELLO).reserved(6)])
            .fails(1002),
        Case::new("3.7", "RSV 7 on a close")
            .sends(&[frame(crate::client_frame::CLOSE, "").reserved(7)])
            .fails(1002),
    ]
}

/// 4 opcodes that mean nothing: 3 to 7 and 11 to 15.
pub(crate) fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, first) in [(1, 3), (2, 11)] {
        for at in 1..=5 {
            let opcode = first + at - 1;
            let case = Case::new(format!("4.{group}.{at}"), format!("opcode {opcode}"));
            let payload = if matches!(at, 2 | 4) {
                "reserved opcode"
            } else {
                ""
            };
            let wrong = frame(opcode, payload).bytes();
            // The first two come alone, the others behind a text.
            let case = match at {
                1 | 2 => case,
                _ => case.sends(&[frame(TEXT, HELLO)]).text(HELLO),
            };
            let case = case.sends_bytes(&wrong[..1]).fails(1002).sends_bytes(&wrong[1..]);
            cases.push(case.sends(&[frame(PING, "")]));
        }
    }
    cases
}

#[test]
fn section_1_framing() {
    check_all(framing(), 16);
}

#[test]
fn section_2_pings_and_pongs() {
    check_all(pings(), 11);
}

#[test]
fn section_3_reserved_bits() {
    check_all(reserved_bits(), 7);
}

#[test]
fn section_4_opcodes() {
    check_all(opcodes(), 10);
}
