//! Socket.IO 4: packets of Socket.IO in packets of Engine.IO 4, over WebSocket from the first moment.
//!
//! The payload goes in as the object that it is, `42["pub","TOPIC",{…}]`, and comes out of `io.to(topic).emit("m", payload)`
//! as `42["m",{…}]`.

use super::Heard;
use crate::bench::{frames, payload};

pub(super) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

const DELIVERY: &[u8] = br#"42["m","#;

pub(super) fn publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let head = format!(r#"42["pub","{topic}","#);
    let text = [head.as_bytes(), payload, b"]"].concat();
    frames::masked(frames::TEXT, &text, out);
}

#[inline]
pub(super) fn hear<'a>(
    text: &'a [u8],
    topic: impl FnOnce() -> Option<String>,
    say: &mut Vec<u8>,
    heard: &mut impl FnMut(Heard<'a>),
) {
    if let Some(argument) = text.strip_prefix(DELIVERY) {
        if let Some(stamp) = payload::read(argument) {
            heard(Heard::Delivery(stamp));
        }
        return;
    }
    match text {
        // The engine is open: join the main namespace.
        [b'0', ..] => frames::masked(frames::TEXT, b"40", say),
        [b'2'] => frames::masked(frames::TEXT, b"3", say),
        [b'4', b'0', ..] => {
            if let Some(topic) = topic() {
                let subscribe = format!(r#"42["sub","{topic}"]"#);
                frames::masked(frames::TEXT, subscribe.as_bytes(), say);
            }
            heard(Heard::Ready);
        }
        [b'4', b'4', ..] | [b'4', b'1', ..] | [b'1'] => heard(Heard::Refused(text)),
        _ => {}
    }
}
