//! A `publish` as it mostly comes, read in one pass. The way of all other requests passes over the payload first, to know
//! what it is: for what comes a hundred thousand times a second, that is half of the reading.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{ChannelName, IdempotencyKey, Json, MessageId, Publish, Request, Timestamp};

/// An envelope of `publish` with nothing in it that needs another look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    r#type: &'a str,
    #[serde(default)]
    id: Option<&'a str>,
    #[serde(default, rename = "timestamp")]
    _timestamp: Option<Timestamp>,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    channel: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    idempotency_key: Option<IdempotencyKey>,
}

/// Reads it. None if it is something else, or anything is unusual or wrong: then the general way has the word.
pub(super) fn read(text: &str) -> Option<(Option<MessageId>, Request)> {
    if !text.starts_with(r#"{"type":"publish","#) {
        return None;
    }
    let Envelope {
        r#type, id, payload, ..
    } = serde_json::from_str(text).ok()?;
    if r#type != "publish" {
        return None;
    }
    let id = id.map(MessageId::parse).transpose().ok()?;
    let publish = Publish {
        channel: ChannelName::parse(payload.channel).ok()?,
        data: Json::from(payload.data),
        idempotency_key: payload.idempotency_key,
    };
    Some((id, Request::Publish(publish)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::read_any;

    const USUAL: &str = r#"{"type":"publish","id":"m1","timestamp":"2026-11-03T01:53:54.518Z","payload":{"channel":"room:lobby","data":{ "text": "h\u00e9" },"idempotency_key":"7b1c","more":[1]}}"#;

    #[test]
    fn what_is_usual_is_read() {
        for text in [
            USUAL,
            r#"{"type":"publish","payload":{"channel":"events","data":null}}"#,
            r#"{"type":"publish", "payload" : { "data" : "x" , "channel" : "events" } , "id" : null}"#,
        ] {
            assert!(read(text).is_some(), "{text}");
            assert_eq!(read(text), read_any(text).ok(), "{text}");
        }
    }

    #[test]
    fn the_rest_is_left_to_the_general_way() {
        for text in [
            r#"{"id":"m1","type":"publish","payload":{"channel":"events","data":1}}"#,
            r#"{"type":"publish","id":"m 1","payload":{"channel":"events","data":1}}"#,
            r#"{"type":"publish","id":7,"payload":{"channel":"events","data":1}}"#,
            r#"{"type":"publish","type":"ping","payload":{"channel":"events","data":1}}"#,
            r#"{"type":"publish","payload":{"channel":"EVENTS","data":1}}"#,
            r#"{"type":"publish","payload":{"channel":"e\u0076ents","data":1}}"#,
            r#"{"type":"publish","payload":{"channel":"events"}}"#,
            r#"{"type":"publish","payload":{"channel":"events","data":1},"params":3}"#,
            r#"{"type":"publish","timestamp":"now","payload":{"channel":"events","data":1}}"#,
            r#"{"type":"publish","payload":{"channel":"events","data":1}} x"#,
            r#"{"type":"publish","#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same(at in 0usize..USUAL.len(), cut in 0usize..12, with in "[\\PC]{0,6}") {
            let mut text = USUAL.to_owned();
            text.replace_range(at..(at + cut).min(USUAL.len()), &with);
            if let Some(read) = read(&text) {
                prop_assert_eq!(read_any(&text).ok(), Some(read));
            }
        }
    }
}
