//! 12 and 13 compression: five kinds of data, eighteen sizes of messages and fragments, seven offers. The list sends a
//! thousand messages of each; here it is a few, because none refers to another.

use flate2::{Compress, Compression as Level, FlushCompress};
use nexus_server::deflate::{Compression, Deflate};

use crate::case::{Case, check_all};
use crate::client_frame::{BINARY, ClientFrame, TEXT, close, fragments, frame};
use crate::client_socket::{Answer, connect, inflate, read_answers, send, start_echo};
use crate::serve::Limits;

/// Of the messages, and of their fragments.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16384, 0),
    (32768, 0),
    (65536, 0),
    (131_072, 0),
    (8192, 256),
    (16384, 256),
    (32768, 256),
    (65536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32768),
];
const KINDS: [(&str, u8); 5] = [
    ("JSON", TEXT),
    ("a picture", BINARY),
    ("prose", BINARY),
    ("HTML", TEXT),
    ("what is compressed already", BINARY),
];
/// What a client offers, what is answered, and how far back the server may refer.
const OFFERS: [(&str, &str, u8); 7] = [
    ("permessage-deflate; client_max_window_bits", "", 15),
    (
        "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "",
        15,
    ),
    (
        "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
        "; server_max_window_bits=9",
        9,
    ),
    (
        "permessage-deflate; client_max_window_bits; server_max_window_bits=15",
        "; server_max_window_bits=15",
        15,
    ),
    (
        "permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=9",
        "; server_max_window_bits=9",
        9,
    ),
    (
        "permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=15",
        "; server_max_window_bits=15",
        15,
    ),
    (
        // Of several the one with the largest window is taken.
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, \
         permessage-deflate; server_no_context_takeover, permessage-deflate",
        "",
        15,
    ),
];
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The messages of one case, cut out of its data one behind the other.
fn messages(kind: usize, size: usize) -> Vec<Vec<u8>> {
    let data = data(kind);
    let count = (65_536 / size).clamp(2, 8);
    let mut ring = data.iter().copied().cycle();
    (0..count).map(|_| ring.by_ref().take(size).collect()).collect()
}

/// One of the five kinds, the same in every run.
fn data(kind: usize) -> Vec<u8> {
    const BYTES: usize = 150_000;
    let mut dice = fastrand::Rng::with_seed(kind as u64);
    let mut data = Vec::with_capacity(BYTES + 200);
    while data.len() < BYTES {
        let at = data.len();
        match kind {
            0 => data.extend(
                format!(
                    r#"{{"id":{at},"name":"device-{:03}","value":{:.3},"tags":["a","b"],"ok":{}}},"#,
                    dice.u16(0..500),
                    dice.f64() * 100.0,
                    dice.bool()
                )
                .bytes(),
            ),
            // Soft slopes with a little noise.
            1 => data.push(((at % 512) / 4 + (at / 512) / 4) as u8 ^ dice.u8(0..4)),
            2 => {
                let words = [
                    "Habe",
                    "nun",
                    "ach",
                    "Philosophie",
                    "Juristerei",
                    "und",
                    "Medizin",
                ];
                data.extend(dice.choice(words).unwrap_or("ach").bytes());
                data.extend(if dice.u8(0..9) == 0 { ",\r\n" } else { " " }.bytes());
            }
            3 => data.extend(
                format!(
                    "<tr><td class=\"n{}\">{}</td></tr>\n",
                    dice.u8(0..9),
                    dice.u32(..)
                )
                .bytes(),
            ),
            _ => data.push(dice.u8(..)),
        }
    }
    data
}

/// One message as a client sends it that starts anew with each: compressed as it is told, in fragments if it is told so.
fn compressed(opcode: u8, payload: &[u8], level: u32, window_bits: u8, fragment: usize) -> Vec<ClientFrame> {
    let mut stream = Compress::new_with_window_bits(Level::new(level), false, window_bits);
    let mut bytes = Vec::with_capacity(payload.len() + payload.len() / 8 + 64);
    stream
        .compress_vec(payload, &mut bytes, FlushCompress::Sync)
        .unwrap();
    assert_eq!(stream.total_in(), payload.len() as u64);
    assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
    bytes.truncate(bytes.len() - 4);
    let mut frames = match fragment {
        0 => vec![frame(opcode, bytes)],
        size => fragments(opcode, &bytes, size),
    };
    if let Some(first) = frames.first_mut() {
        *first = first.clone().reserved(4);
    }
    frames
}

fn case(number: String, kind: usize, (size, fragment): (usize, usize), window_bits: u8) -> Case {
    let (what, opcode) = KINDS[kind];
    let mut case = Case::new(
        number,
        format!("{what}, {size} bytes, fragments of {fragment}, a window of {window_bits} bits"),
    )
    .deflated();
    // From stored blocks to the smallest that can be had.
    for (level, message) in [6, 1, 9, 0].into_iter().cycle().zip(messages(kind, size)) {
        case = case.sends(&compressed(opcode, &message, level, window_bits, fragment));
        case = match opcode {
            TEXT => case.text(String::from_utf8(message).unwrap()),
            _ => case.binary(message),
        };
    }
    case
}

#[test]
fn section_12_what_clients_compress() {
    let mut cases = Vec::new();
    for kind in 0..KINDS.len() {
        for (at, size) in SIZES.into_iter().enumerate() {
            cases.push(case(format!("12.{}.{}", kind + 1, at + 1), kind, size, 15));
        }
    }
    check_all(cases, 90);
}

#[test]
fn section_13_what_clients_compress_with_smaller_windows() {
    let mut cases = Vec::new();
    for window_bits in 9..=15 {
        for size in [SIZES[3], SIZES[7], SIZES[14]] {
            cases.push(case(format!("13, {window_bits} bits"), 0, size, window_bits));
        }
    }
    check_all(cases, 21);
}

#[test]
fn what_the_server_compresses_is_inflated_by_others_within_the_window() {
    for (kind, (what, _)) in KINDS.into_iter().enumerate() {
        for window_bits in 9..=15 {
            let mut deflate = Deflate::new(Compression {
                window_bits,
                threshold: 0,
                ..Compression::DEFAULT
            });
            for message in [16, 1024, 131_072]
                .into_iter()
                .flat_map(|size| messages(kind, size))
            {
                let Some(compressed) = deflate.payload(&message) else {
                    continue;
                };
                assert!(compressed.len() < message.len());
                assert_eq!(
                    inflate(&compressed, window_bits),
                    message,
                    "{what}, {window_bits} bits"
                );
            }
        }
    }
}

#[test]
fn section_12_through_sockets() {
    let (offer, answer, window_bits) = OFFERS[0];
    for kind in 0..KINDS.len() {
        check_through_sockets(kind, offer, answer, window_bits);
    }
}

#[test]
fn section_13_through_sockets() {
    for (offer, answer, window_bits) in OFFERS {
        check_through_sockets(0, offer, answer, window_bits);
    }
}

/// All sizes of one kind over one connection, answered by the same messages, compressed as was agreed.
fn check_through_sockets(kind: usize, offer: &str, answer: &str, window_bits: u8) {
    let server = start_echo(Limits::default());
    let (mut stream, answered) = connect(server, Some(offer));
    assert_eq!(answered, Some(format!("{ANSWER}{answer}")), "{offer}");
    let (what, opcode) = KINDS[kind];
    let mut expected = Vec::new();
    let mut frames = Vec::new();
    for (size, fragment) in SIZES {
        for message in messages(kind, size) {
            frames.extend(compressed(opcode, &message, 6, 15, fragment));
            expected.push(Answer::Message(opcode, message));
        }
    }
    frames.push(close(1000, ""));
    expected.push(Answer::Close(Some(1000)));
    // It is sent by somebody else, because neither side may wait for the other to read first.
    let sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || send(sender, frames.iter().map(ClientFrame::bytes)));
    let answers = read_answers(&mut stream, window_bits);
    sending.join().unwrap();
    assert!(answers == expected, "{what}: {offer}");
}
