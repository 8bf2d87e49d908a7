//! The wire `nexus.v1.msgpack`: the envelopes of `nexus.v1.json`, value by value in
//! [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md), in binary frames.
//!
//! There is one definition of the messages, the JSON one. Here stands only how a JSON text becomes MessagePack
//! ([`pack`]) and back ([`unpack`]), value by value and without a tree between:
//!
//! | JSON | MessagePack |
//! |---|---|
//! | object, array, string, `true`, `false`, `null` | map with text keys, array, str, true, false, nil; the shortest form |
//! | a whole number that an i64 or u64 holds | int; the shortest form |
//! | any other whole number, and one beyond every float (`1e400`) | str: the digits, which no number here could keep |
//! | a number with a fraction or an exponent | float 64, the nearest, as readers of JSON take it |
//! | `{"$bytes":"aGk="}`: this one member, and canonical base64 | bin |
//!
//! Back, float 32 has the digits that an f32 needs. Ext types (timestamps too), keys that are no text, and floats that are
//! no numbers are refused: JSON has no word for them.
//!
//! It is written by hand because the crates of the format (rmp, rmp-serde) write from values in memory or gather what
//! has no length yet, and would leave to us exactly what is here: digits, bytes, bounds, and what to refuse.

mod pack;
mod unescape;
mod unpack;

#[cfg(test)]
mod tests;

pub use pack::{NotJson, pack};
pub use unpack::{Bounds, NotMsgpack, unpack};

use crate::{ErrorCode, MessageId, Push, Refusal, Rejected, Reply, Request, Timestamp};

/// Deeper than that no request is nested.
pub const MAX_DEPTH: usize = 128;

/// The member of a JSON object that stands for bytes.
const BYTES_KEY: &str = "$bytes";

/// Reads a request. What it would be in JSON may also have `max_bytes` at most, so that everybody can be given it.
///
/// # Errors
/// If the bytes are more than `max_bytes`, no MessagePack that has a JSON form, or no request of this protocol.
pub fn decode_request(bytes: &[u8], max_bytes: usize) -> Result<(Option<MessageId>, Request), Box<Rejected>> {
    let bounds = Bounds {
        bytes: max_bytes,
        depth: MAX_DEPTH,
    };
    let text = match bytes.len() {
        length if length > max_bytes => Err(NotMsgpack::TooBig),
        _ => unpack(bytes, bounds),
    };
    let text = text.map_err(|error| {
        let message = match error {
            NotMsgpack::TooBig => format!("a message has at most {max_bytes} bytes, here and as JSON"),
            other => format!("this is no MessagePack that could be JSON: {other}"),
        };
        Box::new(Rejected {
            id: None,
            refusal: Refusal::new(ErrorCode::InvalidMessage, message),
        })
    })?;
    crate::decode_request(&text, max_bytes)
}

/// Writes a request.
pub fn encode_request(id: &MessageId, request: &Request) -> Vec<u8> {
    packed(&crate::encode_request(id, request))
}

/// Writes an answer.
pub fn encode_reply(id: Option<&MessageId>, reply: &Reply, now: Timestamp) -> Vec<u8> {
    packed(&crate::encode_reply(id, reply, now))
}

/// Writes a push.
pub fn encode_push(push: &Push, now: Timestamp) -> Vec<u8> {
    packed(&crate::encode_push(push, now))
}

/// What we wrote ourselves is JSON, and far below the size that can be packed.
fn packed(json: &str) -> Vec<u8> {
    pack(json).unwrap_or_default()
}
