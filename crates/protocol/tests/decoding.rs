//! Whatever bytes come in, decoding ends with a value or a refusal that says what to do; it never panics.

use nexus_protocol::{DecodeError, ErrorCode, Request, decode_request, decode_server};

const MAX: usize = 128 * 1024;

/// What comes in, the code it is refused with, and a part of the sentence.
const REFUSED: [(&str, ErrorCode, &str); 31] = [
    ("", ErrorCode::InvalidMessage, "a message is a JSON object"),
    ("{", ErrorCode::InvalidMessage, "a message is a JSON object"),
    ("[]", ErrorCode::InvalidMessage, "a message is a JSON object"),
    ("null", ErrorCode::InvalidMessage, "a message is a JSON object"),
    ("{}", ErrorCode::InvalidMessage, "missing field `type`"),
    (
        r#"{"type":7}"#,
        ErrorCode::InvalidMessage,
        "a message is a JSON object",
    ),
    (r#"{"type":"ping","id":7}"#, ErrorCode::InvalidMessage, "`id`"),
    (
        r#"{"type":"ping","id":""}"#,
        ErrorCode::InvalidMessage,
        "a message id has 1 to 64",
    ),
    (
        r#"{"type":"ping","id":"m1","timestamp":"noon"}"#,
        ErrorCode::InvalidMessage,
        "`timestamp`",
    ),
    (
        r#"{"type":"ping"} x"#,
        ErrorCode::InvalidMessage,
        "a message is a JSON object",
    ),
    (
        r#"{"type":"dance","id":"m1"}"#,
        ErrorCode::UnknownMessageType,
        "`dance`",
    ),
    (
        r#"{"type":"prices.update","id":"m1"}"#,
        ErrorCode::UnknownMessageType,
        "`prices.update`",
    ),
    (
        r#"{"type":"auth","id":"m1"}"#,
        ErrorCode::InvalidMessage,
        "missing field `token`",
    ),
    (
        r#"{"type":"subscribe","id":"m1"}"#,
        ErrorCode::InvalidMessage,
        "missing field `channel`",
    ),
    (
        r#"{"type":"publish","id":"m1","payload":["events",{}]}"#,
        ErrorCode::InvalidMessage,
        "expected an object",
    ),
    (
        r#"{"type":"publish","payload":{"channel":"events","data":1,"idempotency_key":""}}"#,
        ErrorCode::InvalidMessage,
        "an idempotency key has",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"price"}}"#,
        ErrorCode::UnknownChannel,
        "`price`",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"Prices"}}"#,
        ErrorCode::UnknownChannel,
        "a channel name",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":""}}"#,
        ErrorCode::UnknownChannel,
        "a channel name",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"trades"}}"#,
        ErrorCode::InvalidParams,
        "`symbol` is missing",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"trades","params":[1]}}"#,
        ErrorCode::InvalidMessage,
        "`payload`",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"prices","recover":{"epoch":"-","offset":1}}}"#,
        ErrorCode::InvalidMessage,
        "an epoch has",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"prices","recover":{"epoch":"a","offset":-1}}}"#,
        ErrorCode::InvalidMessage,
        "`payload`",
    ),
    (
        r#"{"type":"subscribe","payload":{"channel":"prices","mode":"some"}}"#,
        ErrorCode::InvalidMessage,
        "unknown variant `some`",
    ),
    (
        r#"{"type":"unsubscribe","payload":{"channel":"candles"}}"#,
        ErrorCode::InvalidParams,
        "`symbol` is missing",
    ),
    (
        r#"{"type":"publish","payload":{"channel":"room:a"}}"#,
        ErrorCode::InvalidMessage,
        "missing field `data`",
    ),
    (
        r#"{"type":"telemetry","payload":{"device_id":"a b","metrics":{}}}"#,
        ErrorCode::InvalidMessage,
        "a device id has",
    ),
    (
        r#"{"type":"telemetry","payload":{"device_id":"a","metrics":{"t":"hot"}}}"#,
        ErrorCode::InvalidMessage,
        "`payload`",
    ),
    (
        r#"{"type":"command","payload":{"device_id":"a"}}"#,
        ErrorCode::InvalidMessage,
        "missing field `name`",
    ),
    (
        r#"{"type":"command.result","payload":{"ok":true}}"#,
        ErrorCode::InvalidMessage,
        "missing field `command_id`",
    ),
    (
        r#"{"type":"join","payload":{"room":1}}"#,
        ErrorCode::InvalidMessage,
        "`payload`",
    ),
];

#[test]
fn each_wrong_request_is_refused_with_its_code_and_a_sentence() {
    for (text, code, says) in REFUSED {
        let rejected = decode_request(text, MAX).expect_err(text);
        assert_eq!(
            rejected.refusal.code, code,
            "{text}: {}",
            rejected.refusal.message
        );
        assert!(
            rejected.refusal.message.contains(says),
            "{text}: {}",
            rejected.refusal.message
        );
    }
}

#[test]
fn a_refusal_keeps_the_id_wherever_it_can_be_read() {
    for text in [
        r#"{"type":"dance","id":"m1"}"#,
        r#"{"id":"m1","type":"subscribe","payload":{"channel":"nope"}}"#,
        r#"{"type":"auth","payload":7,"id":"m1"}"#,
    ] {
        assert_eq!(
            decode_request(text, MAX).unwrap_err().id.unwrap().as_str(),
            "m1",
            "{text}"
        );
    }
}

#[test]
fn unknown_fields_are_ignored_and_absent_ones_have_defaults() {
    let text = r#"{"type":"subscribe","later":{"a":[1]},"payload":{"channel":"prices","params":null,"filters":null,"x":1}}"#;
    let (id, request) = decode_request(text, MAX).unwrap();
    assert_eq!(id, None);
    let Request::Subscribe(subscribe) = request else {
        panic!("{request:?}")
    };
    assert_eq!(subscribe.topic.to_string(), "prices");
    assert!(subscribe.snapshot && subscribe.filters.is_empty() && subscribe.recover.is_none());
}

#[test]
fn a_message_over_the_limit_is_refused_unread() {
    let text = format!(r#"{{"type":"ping","x":"{}"}}"#, "a".repeat(64));
    assert!(decode_request(&text, text.len()).is_ok());
    assert_eq!(
        decode_request(&text, text.len() - 1).unwrap_err().refusal.code,
        ErrorCode::InvalidMessage
    );
}

#[test]
fn deep_nesting_is_no_stack_overflow() {
    let deep = format!(
        r#"{{"type":"publish","payload":{{"channel":"a:b","data":{}1{}}}}}"#,
        "[".repeat(60_000),
        "]".repeat(60_000)
    );
    let _ = decode_request(&deep, MAX);
    let _ = decode_server(&deep.replace("publish", "ack"));
    let filters = format!(
        r#"{{"type":"subscribe","payload":{{"channel":"prices","filters":{{"a":{}}}}}}}"#,
        "[".repeat(60_000)
    );
    assert!(decode_request(&filters, MAX).is_err());
}

#[test]
fn a_refusal_never_tells_back_more_than_a_line() {
    let long = "x".repeat(100_000);
    for text in [
        format!(r#"{{"type":"{long}"}}"#),
        format!(r#"{{"type":"subscribe","payload":{{"channel":"prices","mode":"{long}"}}}}"#),
        format!(r#"{{"type":"subscribe","payload":{{"channel":"prices","params":{{"{long}":1}}}}}}"#),
        format!(r#"{{"type":"subscribe","payload":{{"channel":"trades","params":{{"symbol":"{long}"}}}}}}"#),
    ] {
        let message = decode_request(&text, MAX).unwrap_err().refusal.message;
        assert!(message.len() < 400, "{} bytes", message.len());
    }
}

#[test]
fn a_client_can_tell_newer_messages_from_broken_ones() {
    for text in [
        r#"{"type":"party"}"#,
        r#"{"type":"stars.update","channel":"stars","payload":{}}"#,
    ] {
        assert!(
            matches!(decode_server(text), Err(DecodeError::UnknownType(_))),
            "{text}"
        );
    }
    for text in [
        "",
        "{}",
        r#"{"type":"subscribed"}"#,
        r#"{"type":"trades.update","channel":"trades","payload":{}}"#,
    ] {
        assert!(
            !matches!(decode_server(text), Ok(_) | Err(DecodeError::UnknownType(_))),
            "{text}"
        );
    }
}

/// The properties draw their cases on the host; wasm32 runs everything above.
#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use nexus_protocol::examples::all;
    use nexus_protocol::{decode_request, decode_server};
    use proptest::prelude::*;

    use super::MAX;

    proptest! {
        #[test]
        fn any_text_decodes_or_is_refused(text in ".{0,200}") {
            let _ = decode_request(&text, MAX);
            let _ = decode_server(&text);
        }

        #[test]
        fn any_bent_message_decodes_or_is_refused(which in 0usize..64, at in 0usize..600, cut in 0usize..40, with in "[\\PC]{0,6}") {
            let examples = all();
            let mut text = examples[which % examples.len()].text.clone();
            let floor = |mut place: usize| { while !text.is_char_boundary(place) { place -= 1; } place };
            let start = floor(at.min(text.len()));
            let end = floor((start + cut).min(text.len())).max(start);
            text.replace_range(start..end, &with);
            let _ = decode_request(&text, MAX);
            let _ = decode_server(&text);
        }
    }
}
