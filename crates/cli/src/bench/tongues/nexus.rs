//! The native door of Nexus, JSON.

use super::{Heard, number};
use crate::bench::{frames, payload};

/// So far into a text its offset stands.
const OFFSET_WITHIN: usize = 512;

pub(super) fn subscribe(channel: &str, params: &str, say: &mut Vec<u8>) {
    let text = format!(
        r#"{{"type":"subscribe","id":"s","payload":{{"channel":"{channel}","params":{params},"mode":"every","snapshot":false}}}}"#
    );
    frames::masked(frames::TEXT, text.as_bytes(), say);
}

pub(super) fn publish(channel: &str, payload: &[u8], out: &mut Vec<u8>) {
    let head =
        format!(r#"{{"type":"publish","id":"p","payload":{{"channel":"{channel}","ack":false,"data":"#);
    let text = [head.as_bytes(), payload, b"}}"].concat();
    frames::masked(frames::TEXT, &text, out);
}

/// A push has its payload at its end.
#[inline]
pub(super) fn hear<'a>(text: &'a [u8], size: usize, is_listening: bool, heard: &mut impl FnMut(Heard<'a>)) {
    if let Some(stamp) = payload::at_end(text, size, 1) {
        heard(Heard::Delivery(stamp));
    } else if text.starts_with(br#"{"type":"subscribed""#) {
        heard(Heard::Ready);
    } else if text.starts_with(br#"{"type":"error""#) {
        heard(Heard::Refused(text));
    } else if is_listening && let Some(offset) = offset(text) {
        heard(Heard::Foreign(offset));
    }
}

/// The offset of a push.
fn offset(text: &[u8]) -> Option<u64> {
    const NAME: &[u8] = br#","offset":"#;
    let begin = text.get(..OFFSET_WITHIN).unwrap_or(text);
    let at = memchr::memmem::find(begin, NAME)? + NAME.len();
    number(&text[at..])
}
