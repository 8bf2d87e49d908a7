//! MQTT 3.1.1 with QoS 0: packets in binary frames, which may begin and end anywhere.

use super::{Heard, Role};
use crate::bench::{frames, payload};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

/// Connects under a name of its own and, if it listens, subscribes.
pub(super) fn greet(name: u64, topic: Option<&str>, say: &mut Vec<u8>) {
    let mut packets = Vec::new();
    let mut body = Vec::new();
    // Level 4, a clean session, no keep-alive.
    string("MQTT", &mut body);
    body.extend_from_slice(&[4, 2, 0, 0]);
    string(&format!("b{}-{name}", std::process::id()), &mut body);
    packet(CONNECT, &[&body], &mut packets);
    if let Some(topic) = topic {
        body.clear();
        body.extend_from_slice(&[0, 1]);
        string(topic, &mut body);
        body.push(0);
        packet(SUBSCRIBE, &[&body], &mut packets);
    }
    frames::masked(frames::BINARY, &packets, say);
}

pub(super) fn publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let mut name = Vec::new();
    string(topic, &mut name);
    let mut bytes = Vec::with_capacity(name.len() + payload.len() + 5);
    packet(PUBLISH, &[&name, payload], &mut bytes);
    frames::masked(frames::BINARY, &bytes, out);
}

#[inline]
pub(super) fn hear<'a>(
    bytes: &'a [u8],
    role: Role,
    heard: &mut impl FnMut(Heard<'a>),
) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        let left = &bytes[at..];
        let Some((header, length)) = header(left)? else {
            return Ok(at);
        };
        let Some(body) = left.get(header..header + length) else {
            return Ok(at);
        };
        at += header + length;
        match (left[0] & 0xf0, body) {
            (PUBLISH, [high, low, behind @ ..]) => {
                let name = usize::from(u16::from_be_bytes([*high, *low]));
                if let Some(stamp) = behind.get(name..).and_then(payload::read) {
                    heard(Heard::Delivery(stamp));
                }
            }
            (CONNACK, [_, 0]) if role == Role::Publisher => heard(Heard::Ready),
            (CONNACK, [_, 0]) => {}
            (CONNACK, _) => heard(Heard::Refused(b"the MQTT server refused the connection")),
            (SUBACK, [_, _, 0..=2]) => heard(Heard::Ready),
            (SUBACK, _) => heard(Heard::Refused(b"the MQTT server refused the subscription")),
            _ => {}
        }
    }
}

/// The lengths of the fixed header and of what follows, once they are known.
#[inline]
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, &'static str> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 2, length)));
        }
    }
    match bytes.len() {
        0..5 => Ok(None),
        _ => Err("the server sent what is no MQTT packet"),
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn packet(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.push(kind);
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}
