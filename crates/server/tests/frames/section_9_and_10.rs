//! 9 limits, with the sizes of the list divided by 128, so that its largest message is our largest; 10 one more of
//! fragments.

use crate::case::{Case, MOST, check_all};
use crate::client_frame::{BINARY, TEXT, all, fragments, frame};

/// By how much the sizes of the list are divided.
const SCALE: usize = 128;
const MIB: usize = 1 << 20;
const TEXT_PATTERN: &[u8] = b"BAsd7&jh23";
const BINARY_PATTERN: &[u8] = b"\x00\xfe\x23\xfa\xf0";

/// 9.1 to 9.6: one message each, at the sizes of the list divided by `scale`.
pub(crate) fn large_messages(scale: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, opcode) in [(1, TEXT), (2, BINARY)] {
        let sizes = [MIB / 16, MIB / 4, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
        for (at, size) in sizes.into_iter().enumerate() {
            let payload = payload(opcode, size / scale);
            let case = Case::new(
                format!("9.{group}.{}", at + 1),
                format!("one frame of {} bytes", payload.len()),
            );
            cases.push(message(case, opcode, &payload, payload.len()));
        }
    }
    for (group, opcode) in [(3, TEXT), (4, BINARY)] {
        let payload = payload(opcode, 4 * MIB / scale);
        for at in 1..=9 {
            let size = (64 << (2 * (at - 1))) / scale.min(64);
            let case = Case::new(format!("9.{group}.{at}"), format!("fragments of {size} bytes"));
            cases.push(message(case, opcode, &payload, size));
        }
    }
    // 9.5 and 9.6 are one frame each in chops of 64 bytes to 2 KiB: the same bytes.
    for (group, opcode) in [(5, TEXT), (6, BINARY)] {
        let payload = payload(opcode, MIB / scale);
        for at in 1..=6 {
            let case = Case::new(format!("9.{group}.{at}"), "one frame in chops");
            cases.push(message(case, opcode, &payload, payload.len()));
        }
    }
    cases
}

/// 9.1.6 in its full size.
pub(crate) fn largest() -> Case {
    let payload = payload(TEXT, 16 * MIB);
    let case = Case::new("9.1.6", "one frame of 16 MiB").at_most(16 * MIB);
    message(case, TEXT, &payload, payload.len())
}

/// 9.7 and 9.8: many messages of one size.
pub(crate) fn many_messages(count: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, opcode) in [(7, TEXT), (8, BINARY)] {
        for (at, size) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let payload = payload(opcode, size);
            let mut case = Case::new(
                format!("9.{group}.{}", at + 1),
                format!("{count} messages of {size} bytes"),
            );
            for _ in 0..count {
                case = message(case, opcode, &payload, size.max(1));
            }
            cases.push(case);
        }
    }
    cases
}

/// 9.9: a text without an end.
pub(crate) fn endless() -> Case {
    let piece = "*".repeat(4096);
    let frames = fragments(TEXT, piece.repeat(MOST / 4096 + 2).as_bytes(), 4096);
    // The header of the frame that begins at the limit says so.
    let (before, behind) = frames.split_at(MOST / 4096);
    let behind = all(behind);
    Case::new("9.9.1", "a text without an end")
        .sends(before)
        .sends_bytes(&behind[..8])
        .fails(1009)
        .sends_bytes(&behind[8..])
}

/// 10.1.1.
pub(crate) fn auto_fragmented() -> Case {
    let text = "*".repeat(65536);
    Case::new("10.1.1", "65536 bytes in fragments of 1300")
        .sends(&fragments(TEXT, text.as_bytes(), 1300))
        .text(text)
}

fn message(case: Case, opcode: u8, payload: &[u8], fragment: usize) -> Case {
    let case = if payload.len() <= fragment {
        case.sends(&[frame(opcode, payload)])
    } else {
        case.sends(&fragments(opcode, payload, fragment))
    };
    match opcode {
        TEXT => case.text(String::from_utf8(payload.to_vec()).unwrap()),
        _ => case.binary(payload),
    }
}

fn payload(opcode: u8, size: usize) -> Vec<u8> {
    let pattern = match opcode {
        TEXT => TEXT_PATTERN,
        _ => BINARY_PATTERN,
    };
    pattern.iter().copied().cycle().take(size).collect()
}

#[test]
fn section_9_large_messages() {
    check_all(large_messages(SCALE), 42);
}

#[test]
fn section_9_many_messages() {
    check_all(many_messages(50), 12);
}

#[test]
fn section_9_without_an_end() {
    endless().check();
}

#[test]
fn section_10_fragments() {
    auto_fragmented().check();
}
