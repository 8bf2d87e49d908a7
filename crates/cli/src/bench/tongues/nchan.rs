//! Publishing to nchan: one HTTP connection that is kept, and requests that do not wait for the answers of those before.

use super::{Heard, number};

/// The head of an answer is not longer.
const MOST_HEAD: usize = 16 * 1024;

pub(super) fn publish(host: &str, topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let head = format!(
        "POST /pub/{topic} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n",
        payload.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(payload);
}

/// Goes through the answers; only refusals matter.
pub(super) fn hear<'a>(bytes: &'a [u8], heard: &mut impl FnMut(Heard<'a>)) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        let left = &bytes[at..];
        let Some(end) = memchr::memmem::find(left, b"\r\n\r\n") else {
            return match left.len() {
                0..MOST_HEAD => Ok(at),
                _ => Err("the server sent an answer whose head has no end"),
            };
        };
        let head = &left[..end];
        let length = header(head, b"content-length").and_then(number).unwrap_or(0);
        let used = (end + 4).saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if used > left.len() {
            return Ok(at);
        }
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let status = line.strip_prefix(b"HTTP/1.1 ").and_then(number);
        if !status.is_some_and(|status| (200..300).contains(&status)) {
            heard(Heard::Refused(line));
        }
        if header(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close")) {
            heard(Heard::Refused(
                b"it ends the publisher's connection: raise keepalive_requests",
            ));
        }
        at += used;
    }
}

/// The value of a header.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = found.eq_ignore_ascii_case(name).then_some(value)?;
        Some(value.strip_prefix(b":")?.trim_ascii())
    })
}
