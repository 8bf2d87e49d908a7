//! Each tongue: what it says, and what it understands, wherever the bytes are cut.

use crate::bench::ear::{Ear, Ended, Sense};
use crate::bench::frames;
use crate::bench::payload::Template;

use super::*;

const SIZE: usize = 128;
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// What was heard, with nothing borrowed.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Noted {
    Delivery(u64),
    Foreign(u64),
    Ready,
    Refused(String),
}

fn speech(tongue: Tongue) -> Speech {
    Speech {
        tongue,
        host: "127.0.0.1:8080".to_owned(),
        path: "/v1/ws".to_owned(),
        channel: "room:bench".to_owned(),
        topics: 1,
        params: "{}".to_owned(),
        token: None,
        size: SIZE,
        is_listening: false,
        offers_deflate: false,
        names: Cell::new(0),
    }
}

fn payload(number: u64) -> Vec<u8> {
    Template::new(SIZE).stamped(Stamp { number, due: 5 }).to_vec()
}

fn around(before: &str, inside: &[u8], behind: &str) -> Vec<u8> {
    [before.as_bytes(), inside, behind.as_bytes()].concat()
}

fn stream(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (first, payload) in frames {
        frames::unmasked(*first, payload, &mut stream);
    }
    stream
}

/// Hears bytes in two pieces; gives what was heard, and what was said.
fn hear_in_two(speech: Speech, role: Role, bytes: &[u8], cut: usize) -> Result<(Vec<Noted>, Vec<u8>), Ended> {
    let mut ear = Ear::new(role, &speech);
    let mut sense = Sense::new(speech);
    let (mut noted, mut said, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for piece in [&bytes[..cut], &bytes[cut..]] {
        rest.extend_from_slice(piece);
        let used = ear.hear(&mut sense, &rest, &mut said, &mut |heard| {
            noted.push(match heard {
                Heard::Delivery(stamp) => Noted::Delivery(stamp.number),
                Heard::Foreign(number) => Noted::Foreign(number),
                Heard::Ready => Noted::Ready,
                Heard::Refused(why) => Noted::Refused(String::from_utf8_lossy(why).into_owned()),
            });
        })?;
        rest.drain(..used);
    }
    assert!(rest.is_empty(), "everything is done with");
    Ok((noted, said))
}

/// Cuts the bytes everywhere; the same is heard and said each time. Gives what was said, without frames around it.
#[track_caller]
fn check(tongue: Tongue, role: Role, bytes: &[u8], expected: &[Noted]) -> String {
    let mut first_said = None;
    for cut in 0..=bytes.len() {
        let (noted, said) = hear_in_two(speech(tongue), role, bytes, cut).unwrap();
        assert_eq!(noted, expected, "cut at {cut}");
        assert_eq!(*first_said.get_or_insert(said.clone()), said, "cut at {cut}");
    }
    let mut said = first_said.unwrap_or_default();
    // A mask of zeros changes nothing, so what was masked reads as it is.
    let mut text = String::new();
    while !said.is_empty() {
        let (header, length) = match said[1] & 0x7f {
            126 => (8, usize::from(u16::from_be_bytes([said[2], said[3]]))),
            small => (6, usize::from(small)),
        };
        text += &String::from_utf8_lossy(&said[header..header + length]);
        text.push('|');
        said.drain(..header + length);
    }
    text
}

fn after_handshake(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    [SWITCHING.as_bytes(), &stream(frames)].concat()
}

fn delivered(numbers: std::ops::Range<u64>) -> Vec<Noted> {
    let ready = std::iter::once(Noted::Ready);
    ready.chain(numbers.map(Noted::Delivery)).collect()
}

#[test]
fn nexus_is_understood() {
    let head = |offset: u64| {
        format!(
            r#"{{"type":"message","channel":"room:bench","offset":{offset},"timestamp":"2026-11-03T01:53:54.518Z","from":"ann","payload":"#
        )
    };
    let frames = [
        (TEXT, br#"{"type":"connected","id":"x","payload":{}}"#.to_vec()),
        (TEXT, br#"{"type":"subscribed","id":"s","payload":{}}"#.to_vec()),
        (TEXT, around(&head(1), &payload(0), "}")),
        (0x89, b"hi".to_vec()),
        (TEXT, around(&head(2), &payload(1), "}")),
    ];
    let said = check(
        Tongue::Nexus,
        Role::Subscriber(0),
        &after_handshake(&frames),
        &delivered(0..2),
    );
    assert!(said.starts_with(r#"{"type":"subscribe","id":"s","payload":{"channel":"room:bench""#));
    assert!(said.ends_with("|hi|"), "the ping is answered: {said}");

    let foreign = [(TEXT, around(&head(17), b"{}", "}"))];
    let listening = Speech {
        is_listening: true,
        ..speech(Tongue::Nexus)
    };
    let heard = hear_in_two(listening, Role::Subscriber(0), &after_handshake(&foreign), 0).unwrap();
    assert_eq!(heard.0, [Noted::Foreign(17)]);
    let error = br#"{"type":"error","error":{"code":"FORBIDDEN"}}"#;
    let refused = Noted::Refused(String::from_utf8_lossy(error).into_owned());
    let bytes = after_handshake(&[(TEXT, error.to_vec())]);
    check(Tongue::Nexus, Role::Publisher, &bytes, &[Noted::Ready, refused]);
}

#[test]
fn what_is_published_to_the_floor_is_what_nexus_would_push() {
    let mut out = Vec::new();
    let stamp = Stamp { number: 7, due: 5 };
    let spoken = speech(Tongue::Floor);
    spoken.publish(3, stamp, &payload(7), &mut Folder::new(), &mut out);
    let (topic, rest) = out.split_first_chunk::<4>().unwrap();
    let (length, frame) = rest.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*topic), 3);
    assert_eq!(u32::from_be_bytes(*length) as usize, frame.len());
    let bytes = [SWITCHING.as_bytes(), frame].concat();
    check(Tongue::Floor, Role::Subscriber(3), &bytes, &delivered(7..8));

    out.clear();
    let folding = Speech {
        offers_deflate: true,
        ..spoken
    };
    folding.publish(3, stamp, &payload(7), &mut Folder::new(), &mut out);
    let bytes = [SWITCHING.as_bytes(), &out[8..]].concat();
    let (noted, _) = hear_in_two(folding, Role::Subscriber(3), &bytes, 1).unwrap();
    assert_eq!(noted, delivered(7..8));
}

#[test]
fn bare_websockets_are_understood() {
    for tongue in [Tongue::Ws, Tongue::Nchan] {
        let frames: Vec<_> = (0..3).map(|number| (TEXT, payload(number))).collect();
        let bytes = after_handshake(&frames);
        assert_eq!(check(tongue, Role::Subscriber(0), &bytes, &delivered(0..3)), "");
    }
}

#[test]
fn socket_io_is_understood() {
    let frames = [
        (TEXT, br#"0{"sid":"a","upgrades":[]}"#.to_vec()),
        (TEXT, br#"40{"sid":"b"}"#.to_vec()),
        (TEXT, around(r#"42["m","#, &payload(0), "]")),
        (TEXT, b"2".to_vec()),
        (TEXT, around(r#"42["m","#, &payload(1), "]")),
    ];
    let bytes = after_handshake(&frames);
    let said = check(Tongue::SocketIo, Role::Subscriber(0), &bytes, &delivered(0..2));
    assert_eq!(said, r#"40|42["sub","bench0"]|3|"#);
    let refused = [(TEXT, br#"44{"message":"no"}"#.to_vec())];
    let refusal = Noted::Refused(r#"44{"message":"no"}"#.to_owned());
    check(
        Tongue::SocketIo,
        Role::Publisher,
        &after_handshake(&refused),
        &[refusal],
    );
}

#[test]
fn nats_is_understood_however_its_lines_lie_in_frames() {
    let mut lines = b"INFO {\"server_id\":\"x\"}\r\nPONG\r\n".to_vec();
    lines.extend(around("MSG bench0 1 128\r\n", &payload(0), "\r\nPING\r\n"));
    lines.extend(around("MSG bench0 1 reply.to 128\r\n", &payload(1), "\r\n"));
    for size in [1, 2, 7, 50, 200, 1_000] {
        let frames: Vec<_> = lines.chunks(size).map(|chunk| (BINARY, chunk.to_vec())).collect();
        let bytes = after_handshake(&frames);
        let said = check(Tongue::Nats, Role::Subscriber(0), &bytes, &delivered(0..2));
        assert!(said.starts_with("CONNECT {"), "{said}");
        assert!(said.ends_with("SUB bench0 1\r\nPING\r\n|PONG\r\n|"), "{said}");
    }
    let error = after_handshake(&[(BINARY, b"-ERR 'no'\r\n".to_vec())]);
    let refused = Noted::Refused("-ERR 'no'".to_owned());
    check(Tongue::Nats, Role::Publisher, &error, &[refused]);
}

#[test]
fn mqtt_is_understood_however_its_packets_lie_in_frames() {
    let publish = |number| around("\x30\u{8}\0\u{6}bench0", &payload(number), "");
    // 136 bytes follow: 0x88 0x01.
    let packet = |number| {
        let mut packet = publish(number);
        packet.splice(1..2, [0x88, 0x01]);
        packet
    };
    let mut packets = vec![0x20, 2, 0, 0, 0x90, 3, 0, 1, 0];
    packets.extend(packet(0));
    packets.extend(packet(1));
    for size in [1, 3, 64, 1_000] {
        let frames: Vec<_> = packets
            .chunks(size)
            .map(|chunk| (BINARY, chunk.to_vec()))
            .collect();
        let bytes = after_handshake(&frames);
        let said = check(Tongue::Mqtt, Role::Subscriber(0), &bytes, &delivered(0..2));
        assert!(said.contains("MQTT") && said.contains("bench0"), "{said}");
    }
    let mut out = Vec::new();
    mqtt::publish("bench0", &payload(1), &mut out);
    // Behind the header and the mask of the frame.
    assert_eq!(out[8..], packet(1));
    for refusal in [vec![0x20, 2, 0, 5], vec![0x90, 3, 0, 1, 0x80]] {
        let bytes = after_handshake(&[(BINARY, refusal)]);
        let (noted, _) = hear_in_two(speech(Tongue::Mqtt), Role::Subscriber(0), &bytes, 0).unwrap();
        assert!(matches!(noted[..], [Noted::Refused(_)]), "{noted:?}");
    }
}

#[test]
fn answers_of_nchan_are_gone_through() {
    let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 202 Accepted\r\n\r\n\
        HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nConnection: close\r\n\r\n";
    let refused = [
        Noted::Refused("HTTP/1.1 413 Too Large".to_owned()),
        Noted::Refused("it ends the publisher's connection: raise keepalive_requests".to_owned()),
    ];
    assert_eq!(check(Tongue::Nchan, Role::Publisher, bytes, &refused), "");
}

#[test]
fn what_makes_no_sense_ends_the_connection() {
    let cases = [
        (Tongue::Ws, b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()),
        (Tongue::Ws, after_handshake(&[(0x01, b"half".to_vec())])),
        (
            Tongue::Nats,
            after_handshake(&[(BINARY, b"MSG x y z\r\n".to_vec())]),
        ),
        (
            Tongue::Mqtt,
            after_handshake(&[(BINARY, vec![0x30, 255, 255, 255, 255])]),
        ),
        (Tongue::Ws, after_handshake(&[(0xc1, vec![0xff; 20])])),
    ];
    for (tongue, bytes) in cases {
        let heard = hear_in_two(speech(tongue), Role::Subscriber(0), &bytes, 0);
        assert!(matches!(heard, Err(Ended::Nonsense(_))), "{tongue:?}: {heard:?}");
    }
    let closed = after_handshake(&[(0x88, vec![0x0f, 0xa8])]);
    let heard = hear_in_two(speech(Tongue::Ws), Role::Subscriber(0), &closed, 0);
    assert_eq!(heard.err(), Some(Ended::Closed(Some(4008))));
}
