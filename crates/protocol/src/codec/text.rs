//! The parts that messages from the server are put together of. By hand where every publication needs them.

use serde::Serialize;

use crate::time::Written;
use crate::{MessageId, Timestamp};

/// The beginning of an answer, up to its payload.
pub(super) fn open(text: &mut Vec<u8>, kind: &str, id: Option<&MessageId>, now: Timestamp) {
    text.extend_from_slice(br#"{"type":""#);
    text.extend_from_slice(kind.as_bytes());
    text.push(b'"');
    if let Some(id) = id {
        field(text, "id", id);
    }
    timestamp(text, now);
}

/// The payload.
pub(super) fn payload<P: Serialize>(text: &mut Vec<u8>, payload: &P) {
    field(text, "payload", payload);
}

/// The time.
pub(super) fn timestamp(text: &mut Vec<u8>, time: Timestamp) {
    text.extend_from_slice(br#","timestamp":""#);
    text.extend_from_slice(Written::of(time).as_bytes());
    text.push(b'"');
}

/// A field that is not the first.
pub(super) fn field<V: Serialize>(text: &mut Vec<u8>, name: &str, value: &V) {
    text.extend_from_slice(br#",""#);
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(br#"":"#);
    // Our own types can be written, and a Vec takes everything.
    let _ = serde_json::to_writer(text, value);
}
