//! 5 fragmentation.

use crate::case::{Case, check_all};
use crate::client_frame::{CONTINUATION, ClientFrame, PING, PONG, TEXT, frame, part};

/// 5.1 to 5.20.
pub(crate) fn fragmentation() -> Vec<Case> {
    let two = [part(TEXT, "fragment1"), frame(CONTINUATION, "fragment2")];
    let two_with_ping = [
        part(TEXT, "fragment1"),
        frame(PING, "ping payload"),
        frame(CONTINUATION, "fragment2"),
    ];
    let five = [
        part(TEXT, "fragment1"),
        part(CONTINUATION, "fragment2"),
        frame(PING, "pongme 1!"),
        part(CONTINUATION, "fragment3"),
        part(CONTINUATION, "fragment4"),
        frame(PING, "pongme 2!"),
        frame(CONTINUATION, "fragment5"),
    ];
    let joined = "fragment1fragment2";
    let all_joined = "fragment1fragment2fragment3fragment4fragment5";
    let hello = [frame(TEXT, "Hello, world!")];
    let nothing = "non-continuation payload";
    vec![
        broken("5.1", "a ping in fragments", part(PING, "fragment1"), 1)
            .sends(&[frame(CONTINUATION, "fragment2")]),
        broken("5.2", "a pong in fragments", part(PONG, "fragment1"), 1)
            .sends(&[frame(CONTINUATION, "fragment2")]),
        Case::new("5.3", "a text in two fragments")
            .sends(&two)
            .text(joined),
        Case::new("5.4", "the same, frame by frame")
            .sends(&two)
            .text(joined),
        Case::new("5.5", "the same, byte by byte")
            .sends(&two)
            .text(joined),
        Case::new("5.6", "a ping between two fragments comes first")
            .sends(&two_with_ping)
            .ping("ping payload")
            .text(joined),
        Case::new("5.7", "the same, frame by frame")
            .sends(&two_with_ping)
            .ping("ping payload")
            .text(joined),
        Case::new("5.8", "the same, byte by byte")
            .sends(&two_with_ping)
            .ping("ping payload")
            .text(joined),
        broken(
            "5.9",
            "the end of nothing, in one piece",
            frame(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        broken(
            "5.10",
            "the end of nothing, frame by frame",
            frame(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        broken(
            "5.11",
            "the end of nothing, byte by byte",
            frame(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        broken(
            "5.12",
            "more of nothing, in one piece",
            part(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        broken(
            "5.13",
            "more of nothing, frame by frame",
            part(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        broken(
            "5.14",
            "more of nothing, byte by byte",
            part(CONTINUATION, nothing),
            6,
        )
        .sends(&hello),
        Case::new("5.15", "a text in two fragments, then more of nothing")
            .sends(&two)
            .text(joined)
            .sends(&[part(CONTINUATION, "fragment3")])
            .fails(1002)
            .sends(&[frame(TEXT, "fragment4")]),
        broken(
            "5.16",
            "more of nothing, then fragments, twice",
            part(CONTINUATION, "fragment1"),
            6,
        )
        .sends(&[part(TEXT, "fragment2"), frame(CONTINUATION, "fragment3")])
        .sends(&[part(CONTINUATION, "fragment1"), part(TEXT, "fragment2")])
        .sends(&[frame(CONTINUATION, "fragment3")]),
        broken(
            "5.17",
            "the end of nothing, then fragments, twice",
            frame(CONTINUATION, "fragment1"),
            6,
        )
        .sends(&[part(TEXT, "fragment2"), frame(CONTINUATION, "fragment3")])
        .sends(&[frame(CONTINUATION, "fragment1"), part(TEXT, "fragment2")])
        .sends(&[frame(CONTINUATION, "fragment3")]),
        Case::new("5.18", "the second fragment says that it is a text too")
            .sends(&[part(TEXT, "fragment1")])
            .sends_bytes(&frame(TEXT, "fragment2").bytes()[..6])
            .fails(1002)
            .sends_bytes(&frame(TEXT, "fragment2").bytes()[6..]),
        Case::new("5.19", "five fragments and two pings")
            .sends(&five)
            .ping("pongme 1!")
            .ping("pongme 2!")
            .text(all_joined),
        Case::new("5.20", "the same, frame by frame")
            .sends(&five)
            .ping("pongme 1!")
            .ping("pongme 2!")
            .text(all_joined),
    ]
}

/// A frame that breaks a rule with its first bytes.
fn broken(number: &str, claim: &str, frame: ClientFrame, by: usize) -> Case {
    let bytes = frame.bytes();
    Case::new(number, claim)
        .sends_bytes(&bytes[..by])
        .fails(1002)
        .sends_bytes(&bytes[by..])
}

#[test]
fn section_5_fragmentation() {
    check_all(fragmentation(), 20);
}
