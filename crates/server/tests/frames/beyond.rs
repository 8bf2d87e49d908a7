//! What the list leaves out: masks, lengths, limits to the byte, bits where deflate was agreed on, and what the writers
//! write.

use nexus_protocol::CloseCode;
use nexus_server::frames;
use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

use crate::case::{Case, MOST, check_all};
use crate::client_frame::{BINARY, CLOSE, CONTINUATION, PING, TEXT, close, frame, part};
use crate::reading::Said;

#[test]
fn every_frame_has_a_mask() {
    let mut cases = Vec::new();
    for opcode in [CONTINUATION, TEXT, BINARY, CLOSE, PING] {
        let bytes = frame(opcode, "abc").unmasked().bytes();
        let case = Case::new(format!("opcode {opcode}"), "without a mask");
        cases.push(case.sends_bytes(&bytes[..2]).fails(1002).sends_bytes(&bytes[2..]));
    }
    for key in [[0; 4], [0xff; 4], [0, 0, 0, 1]] {
        let case = Case::new(format!("{key:?}"), "any key");
        cases.push(
            case.sends(&[frame(TEXT, "any key will do").masked(key)])
                .text("any key will do"),
        );
    }
    check_all(cases, 8);
}

#[test]
fn lengths_may_be_longer_than_they_need_to_be_but_not_over_63_bits() {
    let wide = |wide| frame(TEXT, "abc").bytes_with_length(wide, 3);
    let huge = |length| frame(TEXT, "").bytes_with_length(8, length);
    check_all(
        vec![
            Case::new("16 bits", "for a short text")
                .sends_bytes(&wide(2))
                .text("abc"),
            Case::new("64 bits", "for a short text")
                .sends_bytes(&wide(8))
                .text("abc"),
            Case::new("2^63", "is no length")
                .sends_bytes(&huge(1 << 63)[..10])
                .fails(1002),
            Case::new("2^64 - 1", "is no length")
                .sends_bytes(&huge(u64::MAX)[..10])
                .fails(1002),
            Case::new("2^63 - 1", "is too big")
                .sends_bytes(&huge(u64::MAX >> 1))
                .fails(1009),
            Case::new("16 bits on a ping", "is more than a ping may have")
                .sends_bytes(&frame(PING, "abc").bytes_with_length(2, 3)[..2])
                .fails(1002),
        ],
        6,
    );
}

#[test]
fn a_message_over_the_limit_is_known_by_its_header() {
    let fits = "*".repeat(MOST);
    let header = |frame: crate::client_frame::ClientFrame| {
        let bytes = frame.bytes();
        bytes[..bytes.len() - frame.payload.len()].to_vec()
    };
    check_all(
        vec![
            Case::new("at the limit", "in one frame")
                .sends(&[frame(TEXT, &fits)])
                .text(fits.clone()),
            Case::new("over it", "in one frame")
                .sends_bytes(&header(frame(TEXT, fits.clone() + "*")))
                .fails(1009),
            Case::new("at the limit", "in two fragments, and empty ones")
                .sends(&[
                    part(BINARY, vec![7; MOST - 1]),
                    part(CONTINUATION, ""),
                    part(CONTINUATION, [7]),
                    frame(CONTINUATION, ""),
                ])
                .binary(vec![7; MOST]),
            Case::new("over it", "with the second fragment")
                .sends(&[part(BINARY, vec![7; MOST - 1]), part(CONTINUATION, [7])])
                .sends_bytes(&header(frame(CONTINUATION, [7])))
                .fails(1009),
            Case::new("limit 0", "lets empty messages through")
                .sends(&[frame(TEXT, ""), frame(PING, "abc")])
                .at_most(0)
                .text("")
                .ping("abc")
                .sends_bytes(&header(frame(TEXT, "a")))
                .fails(1009),
        ],
        5,
    );
}

#[test]
fn with_deflate_the_first_bit_belongs_to_the_first_frame_of_a_message() {
    // "Hello" as RFC 7692, 7.2.3.1 compresses it.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let wrong = |number: &str, frame: crate::client_frame::ClientFrame| {
        let bytes = frame.bytes();
        Case::new(number, "must not have it")
            .deflated()
            .sends_bytes(&bytes[..1])
            .fails(1002)
            .sends_bytes(&bytes[1..])
    };
    check_all(
        vec![
            Case::new("7.2.3.1", "one compressed frame")
                .deflated()
                .sends(&[frame(TEXT, hello).reserved(4)])
                .text("Hello"),
            Case::new("7.2.3.1", "the same in two fragments, with a ping between them")
                .deflated()
                .sends(&[
                    part(TEXT, &hello[..3]).reserved(4),
                    frame(PING, "now"),
                    frame(CONTINUATION, &hello[3..]),
                ])
                .ping("now")
                .text("Hello"),
            Case::new("7.2.3.3", "a block without compression")
                .deflated()
                .sends(&[frame(TEXT, b"\x00\x05\x00\xfa\xffHello\x00").reserved(4)])
                .text("Hello"),
            Case::new("7.2.3.4", "a block that says it is the last")
                .deflated()
                .sends(&[frame(TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00").reserved(4)])
                .text("Hello"),
            Case::new("7.2.3.5", "two blocks")
                .deflated()
                .sends(&[frame(TEXT, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00").reserved(4)])
                .text("Hello"),
            Case::new("7.2.3.6", "an empty message")
                .deflated()
                .sends(&[frame(BINARY, [0]).reserved(4)])
                .binary([]),
            Case::new("plain", "among compressed ones")
                .deflated()
                .sends(&[
                    frame(TEXT, "Hello"),
                    frame(BINARY, hello).reserved(4),
                    frame(TEXT, "Hello"),
                ])
                .text("Hello")
                .binary("Hello")
                .text("Hello"),
            Case::new("last block in a short message", "comes to an end")
                .deflated()
                .sends(&[frame(BINARY, [0x03, 0x80]).reserved(4)])
                .binary([]),
            Case::new("not what deflate makes", "1007")
                .deflated()
                .sends(&[frame(TEXT, [0xff, 0xff, 0xff]).reserved(4)])
                .fails(1007),
            Case::new("not a text when inflated", "1007")
                .deflated()
                .sends(&[frame(TEXT, b"\x00\x01\x00\xfe\xff\xff\x00").reserved(4)])
                .fails(1007),
            wrong("a continuation", frame(CONTINUATION, hello).reserved(4)),
            wrong("a ping", frame(PING, hello).reserved(4)),
            wrong("a close", close(1000, "").reserved(4)),
            wrong("RSV 2", frame(TEXT, hello).reserved(2)),
            wrong("RSV 3", frame(TEXT, hello).reserved(1)),
            wrong("RSV 1 and 2", frame(TEXT, hello).reserved(6)),
        ],
        16,
    );
}

#[test]
fn registered_close_codes_that_are_younger_than_the_list() {
    let mut cases = Vec::new();
    for code in [1012, 1013, 1014] {
        let case = Case::new(format!("{code}"), "is registered");
        cases.push(
            case.sends(&[close(code, "")])
                .hears([Said::Close(Some(code), String::new())]),
        );
    }
    cases.push(
        Case::new("1015", "is never sent")
            .sends(&[close(1015, "")])
            .fails(1002),
    );
    check_all(cases, 4);
}

#[test]
fn what_is_written_is_what_another_library_reads() {
    let read = |bytes: &[u8]| {
        let mut socket = FrameSocket::new(std::io::Cursor::new(bytes.to_vec()));
        let frame = socket.read(None).unwrap().unwrap();
        assert!(socket.read(None).unwrap().is_none(), "one frame and nothing else");
        assert!(frame.header().is_final && frame.header().mask.is_none());
        frame
    };
    for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 300_000] {
        let text = "x".repeat(length);
        for (frame, opcode, is_compressed) in [
            (frames::text(&text), TEXT, false),
            (frames::binary(text.as_bytes()), BINARY, false),
            (
                frames::deflated(frames::Opcode::Text, text.as_bytes()),
                TEXT,
                true,
            ),
            (
                frames::deflated(frames::Opcode::Binary, text.as_bytes()),
                BINARY,
                true,
            ),
        ] {
            let read = read(&frame);
            assert_eq!(u8::from(read.header().opcode), opcode);
            assert_eq!(read.header().rsv1, is_compressed);
            assert_eq!(read.payload(), text.as_bytes());
            assert_eq!(frames::payload(&frame), text.as_bytes());
        }
    }
    assert_eq!(&frames::ping()[..], b"\x89\x00");
    assert_eq!(&frames::pong(b"abc")[..], b"\x8a\x03abc");
    assert_eq!(frames::pong(&[7; 200]).len(), 127, "no pong is over 125 bytes");

    let longest = "é".repeat(100);
    for (code, reason, expected) in [
        (CloseCode::Normal, "", &b"\x03\xe8"[..]),
        (CloseCode::TooBig, "too big", b"\x03\xf1too big"),
        (CloseCode::Slow, "é", b"\x0f\xa8\xc3\xa9"),
        (CloseCode::Other(1002), "why", b"\x03\xeawhy"),
        // What may not stand on the wire is left out.
        (CloseCode::Abnormal, "why", b""),
        (CloseCode::Other(1005), "why", b""),
        (CloseCode::Other(5000), "why", b""),
    ] {
        assert_eq!(read(&frames::close(code, reason)).payload(), expected);
    }
    let cut = frames::close(CloseCode::Normal, &longest);
    assert_eq!(frames::payload(&cut).len(), 124, "cut between characters");
    assert!(std::str::from_utf8(&frames::payload(&cut)[2..]).is_ok());
}
