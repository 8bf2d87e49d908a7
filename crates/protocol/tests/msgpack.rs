//! The messages in MessagePack: every example there and back, and some of them byte by byte, as `docs/PROTOCOL.md` shows
//! them.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;

use nexus_protocol::examples::{Sender, all};
use nexus_protocol::msgpack::{
    Bounds, decode_request, encode_push, encode_reply, encode_request, pack, unpack,
};
use nexus_protocol::{FromServer, Timestamp, decode_server};

const WIDE: Bounds = Bounds {
    bytes: 1 << 20,
    depth: 128,
};

/// Messages that are shown in bytes.
const SHOWN: [&str; 3] = [
    r#"{"type":"subscribe","id":"m1","payload":{"channel":"room:lobby"}}"#,
    r#"{"type":"publish","id":"m2","payload":{"channel":"room:lobby","data":{"$bytes":"AAEC/w=="}}}"#,
    r#"{"type":"message","channel":"room:lobby","offset":1041,"timestamp":"2026-11-03T01:53:54.518Z","from":"ann","payload":{"t":21.5,"raw":{"$bytes":"AAEC/w=="}}}"#,
];

#[test]
fn every_message_is_the_same_in_both_wires() {
    let now = Timestamp::EXAMPLE;
    for example in all() {
        let packed = pack(&example.text).unwrap();
        assert_eq!(unpack(&packed, WIDE).unwrap(), example.text, "{}", example.name);
        let again = match example.sender {
            Sender::Client => {
                let (id, request) = decode_request(&packed, 1 << 20).unwrap();
                encode_request(&id.unwrap(), &request)
            }
            Sender::Server => match decode_server(&unpack(&packed, WIDE).unwrap()).unwrap() {
                FromServer::Reply(id, reply) => encode_reply(id.as_ref(), &reply, now),
                FromServer::Push(push) => encode_push(&push, now),
            },
        };
        assert_eq!(again, packed, "{}", example.name);
        let theirs: serde_json::Value = rmp_serde::from_slice(&packed).unwrap();
        let plain: serde_json::Value = serde_json::from_str(&example.text).unwrap();
        assert_eq!(theirs, plain, "{}, read by another library", example.name);
    }
}

#[test]
fn the_bytes_of_some_messages_are_as_they_were() {
    insta::assert_snapshot!(shown());
}

/// To write the bytes into the document: `NEXUS_UPDATE_DOCS=1 cargo test -p nexus-protocol --test msgpack`.
#[test]
fn the_document_shows_the_bytes_as_they_are() {
    const START: &str = "<!-- bytes: written by the test `msgpack`, do not edit by hand -->\n";
    const END: &str = "<!-- end of bytes -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document
        .split_once(START)
        .expect("docs/PROTOCOL.md has the start mark of the bytes");
    let (_, after) = rest
        .split_once(END)
        .expect("docs/PROTOCOL.md has the end mark of the bytes");
    let current = format!("{before}{START}{}{END}{after}", shown());
    if std::env::var_os("NEXUS_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &current).unwrap();
        return;
    }
    assert!(
        document == current,
        "the bytes in docs/PROTOCOL.md are old; see the comment at this test"
    );
}

fn shown() -> String {
    let mut text = String::new();
    for json in SHOWN {
        let packed = pack(json).expect("it is JSON");
        assert_eq!(unpack(&packed, WIDE).as_deref(), Ok(json));
        text.push_str(&format!(
            "\n```json\n{json}\n```\n```text\n{}```\n",
            dump(&packed)
        ));
    }
    text.push('\n');
    text
}

/// Bytes in hexadecimal, with what is text in them beside, 16 a line.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(16) {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters: String = line
            .iter()
            .map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            })
            .collect();
        text.push_str(&format!("{:<47}  {letters}\n", digits.join(" ")));
    }
    text
}
