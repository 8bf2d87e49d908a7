//! The text protocol of NATS. Its lines and payloads stand in the WebSocket frames as they come, several in one or one in
//! several.

use super::{Heard, number};
use crate::bench::{frames, payload};

/// Lines are not longer, but for `INFO`.
const MOST_LINE: usize = 64 * 1024;

pub(super) fn publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let head = format!("PUB {topic} {}\r\n", payload.len());
    let text = [head.as_bytes(), payload, b"\r\n"].concat();
    frames::masked(frames::BINARY, &text, out);
}

#[inline]
pub(super) fn hear<'a>(
    bytes: &'a [u8],
    topic: impl Fn() -> Option<String>,
    say: &mut Vec<u8>,
    heard: &mut impl FnMut(Heard<'a>),
) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        let left = &bytes[at..];
        let Some(end) = memchr::memchr(b'\n', left) else {
            return match left.len() {
                0..MOST_LINE => Ok(at),
                _ => Err("the server sent a line without an end"),
            };
        };
        let line = left[..end].trim_ascii_end();
        let mut used = end + 1;
        if let Some(head) = line.strip_prefix(b"MSG ") {
            let length = memchr::memrchr(b' ', head).and_then(|at| number(&head[at + 1..]));
            let length = length.and_then(|length| usize::try_from(length).ok());
            let length = length.ok_or("the server sent a message without its length")?;
            let end = used.checked_add(length);
            let Some(message) = end.and_then(|end| left.get(used..end)) else {
                return Ok(at);
            };
            used += length + 2;
            if used > left.len() {
                return Ok(at);
            }
            if let Some(stamp) = payload::read(message) {
                heard(Heard::Delivery(stamp));
            }
        } else {
            control(line, &topic, say, heard);
        }
        at += used;
    }
}

#[cold]
fn control<'a>(
    line: &'a [u8],
    topic: &impl Fn() -> Option<String>,
    say: &mut Vec<u8>,
    heard: &mut impl FnMut(Heard<'a>),
) {
    if line.starts_with(b"INFO ") {
        let mut hello = r#"CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"lang":"nexus-bench","version":"1","protocol":0}"#.to_owned();
        hello.push_str("\r\n");
        if let Some(topic) = topic() {
            hello += &format!("SUB {topic} 1\r\n");
        }
        hello.push_str("PING\r\n");
        frames::masked(frames::BINARY, hello.as_bytes(), say);
    } else if line == b"PING" {
        frames::masked(frames::BINARY, b"PONG\r\n", say);
    } else if line == b"PONG" {
        heard(Heard::Ready);
    } else if line.starts_with(b"-ERR") {
        heard(Heard::Refused(line));
    }
}
