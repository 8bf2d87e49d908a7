//! What a decoder keeps: nothing while it waits for nothing, and never more than has arrived allows.

use nexus_server::deflate::Inflate;
use nexus_server::frames::Decoder;

use crate::client_frame::{BINARY, CONTINUATION, PING, TEXT, frame, part};
use crate::reading::Reader;

const MIB: usize = 1 << 20;

#[test]
fn a_decoder_is_small_and_owns_nothing_while_it_waits() {
    assert!(size_of::<Decoder>() <= 192, "{} bytes", size_of::<Decoder>());
    let mut reader = Reader::new(MIB, true);
    assert_eq!(reader.decoder.heap_bytes(), 0);
    for bytes in [
        frame(TEXT, "whole").bytes(),
        [part(TEXT, "in ").bytes(), frame(CONTINUATION, "pieces").bytes()].concat(),
        frame(BINARY, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])
            .reserved(4)
            .bytes(),
        frame(PING, "ping").bytes(),
    ] {
        for piece in bytes.chunks(3) {
            reader.read(piece);
        }
        assert_eq!(reader.decoder.heap_bytes(), 0);
        reader.read(&bytes);
        assert_eq!(reader.decoder.heap_bytes(), 0);
    }
    assert_eq!(reader.heard.said.len(), 8);
}

#[test]
fn a_frame_that_is_whole_is_handed_out_from_where_it_lies() {
    let mut bytes = frame(BINARY, vec![7; 100_000]).bytes();
    let place = bytes.as_ptr_range();
    let mut decoder = Decoder::new(MIB, false);
    let step = decoder.next(&mut bytes, &mut Inflate::new()).unwrap();
    let Some(nexus_server::frames::Item::Binary(payload)) = step.item else {
        panic!("{:?}", step.item);
    };
    assert!(place.contains(&payload.as_ptr()));
}

#[test]
fn what_is_kept_grows_with_what_arrives_and_not_with_what_is_announced() {
    let whole = frame(BINARY, vec![7; MIB]).bytes();
    for (what, bytes) in [
        ("one frame", whole.clone()),
        ("a text", frame(TEXT, "x".repeat(MIB)).bytes()),
        ("compressed", frame(BINARY, vec![7; MIB]).reserved(4).bytes()),
    ] {
        let mut reader = Reader::new(MIB, true);
        let mut arrived = 0;
        for piece in bytes[..bytes.len() - 1].chunks(1000) {
            reader.read(piece);
            arrived += piece.len();
            let kept = reader.decoder.heap_bytes();
            assert!(
                kept <= 2 * arrived && kept <= MIB,
                "{what}: {kept} bytes for {arrived}"
            );
        }
    }
    // A header alone costs nothing at all.
    let mut reader = Reader::new(MIB, true);
    reader.read(&whole[..14]);
    assert_eq!(reader.decoder.heap_bytes(), 0);
}

#[test]
fn a_million_empty_fragments_cost_nothing() {
    let mut reader = Reader::new(MIB, false);
    reader.read(&part(TEXT, "").bytes());
    let empty = part(CONTINUATION, "").bytes().repeat(1000);
    for _ in 0..1000 {
        reader.read(&empty);
    }
    assert_eq!(reader.decoder.heap_bytes(), 0);
    assert!(reader.heard.said.is_empty());
}

#[test]
fn the_end_lets_go_of_what_was_under_way() {
    for end in [
        frame(8, "").bytes(),
        frame(3, "").bytes(),
        frame(BINARY, "no message inside another").bytes(),
    ] {
        let mut reader = Reader::new(MIB, false);
        reader.read(&part(BINARY, vec![7; 1000]).bytes());
        assert!(reader.decoder.heap_bytes() >= 1000);
        reader.read(&end);
        assert_eq!(reader.decoder.heap_bytes(), 0);
    }
}

#[test]
fn behind_the_end_everything_is_taken_and_nothing_comes_of_it() {
    let mut inflate = Inflate::new();
    let mut decoder = Decoder::new(MIB, false);
    assert!(decoder.next(&mut [0xff], &mut inflate).is_err());
    let mut late = frame(TEXT, "late").bytes();
    let len = late.len();
    let step = decoder.next(&mut late, &mut inflate).unwrap();
    assert_eq!(step.used, len);
    assert!(step.item.is_none());
}
