//! A `publish` as it mostly comes, read in one pass. The way of all other requests passes over the payload first, to know
//! what it is: for what comes a hundred thousand times a second, that is half of the reading.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
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

struct Payload<'a> {
    channel: &'a str,
    data: &'a RawValue,
    idempotency_key: Option<IdempotencyKey>,
    ack: bool,
}

/// By hand: what is derived takes a list for an object as well.
impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Payload<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload<'de>, A::Error> {
                let (mut channel, mut data, mut idempotency_key, mut ack) = (None, None, None, None);
                while let Some(name) = map.next_key::<&str>()? {
                    match name {
                        "channel" if channel.is_none() => channel = Some(map.next_value()?),
                        "data" if data.is_none() => data = Some(map.next_value()?),
                        "idempotency_key" if idempotency_key.is_none() => {
                            idempotency_key = Some(map.next_value()?);
                        }
                        "ack" if ack.is_none() => ack = Some(map.next_value()?),
                        "channel" | "data" | "idempotency_key" | "ack" => {
                            return Err(A::Error::custom("twice"));
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Payload {
                    channel: channel.ok_or_else(|| A::Error::missing_field("channel"))?,
                    data: data.ok_or_else(|| A::Error::missing_field("data"))?,
                    idempotency_key: idempotency_key.flatten(),
                    ack: ack.unwrap_or(true),
                })
            }
        }

        deserializer.deserialize_map(Fields)
    }
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
        ack: payload.ack,
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
            r#"{"type":"publish","payload":{"channel":"events","data":1,"ack":false}}"#,
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
            r#"{"type":"publish","payload":["events",1]}"#,
            r#"{"type":"publish","payload":{"channel":"events","data":1,"data":1}}"#,
            r#"{"type":"publish","payload":{"channel":"events","data":1,"ack":0}}"#,
            r#"{"type":"publish","payload":{"channel":"events","data":1,"ack":null}}"#,
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
