//! Topics on bare WebSockets, as one writes them with a library: a payload is a message, and a publisher names the topic
//! before it. nchan delivers in the same way.

use super::Heard;
use crate::bench::{frames, payload};

pub(super) fn publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let text = [topic.as_bytes(), b" ", payload].concat();
    frames::masked(frames::TEXT, &text, out);
}

#[inline]
pub(super) fn hear<'a>(text: &'a [u8], size: usize, heard: &mut impl FnMut(Heard<'a>)) {
    if text.len() == size
        && let Some(stamp) = payload::read(text)
    {
        heard(Heard::Delivery(stamp));
    }
}
