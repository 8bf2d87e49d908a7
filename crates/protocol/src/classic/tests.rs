//! The classic wire by tables.

use super::*;
use crate::{
    ChannelName, ChannelStatus, ClientId, FeedState, Gap, Joined, Params, PublicationHead, Push, Refusal,
    Reply, Request, Shutdown, Subscribed, Timestamp, Topic, UserId,
};

const NOW: Timestamp = Timestamp::EXAMPLE;

fn topic(channel: &str, params: &str) -> Topic {
    let name = ChannelName::parse(channel).unwrap();
    Topic::parse(&name, serde_json::from_str::<Params>(params).unwrap())
        .unwrap()
        .topic
}

fn read(text: &str) -> Request {
    decode(text, 1000)
        .unwrap_or_else(|error| panic!("{text}: {error:?}"))
        .request
        .expect("a request")
}

#[test]
fn the_flat_and_the_wrapped_form_are_the_same_request() {
    for (flat, wrapped) in [
        (
            r#"{"type":"subscribe","channel":"orderbook","params":{"symbol":"BTC"}}"#,
            r#"{"type":"subscribe","payload":{"channel":"orderbook","params":{"symbol":"BTC","depth":10}}}"#,
        ),
        (
            r#"{"type":"subscribe","channel":"telemetry","filters":{"device_id":"d"}}"#,
            r#"{"type":"subscribe","payload":{"channel":"telemetry","filters":{"device_id":"d"}}}"#,
        ),
        (
            r#"{"type":"unsubscribe","channel":"prices"}"#,
            r#"{"type":"unsubscribe","payload":{"channel":"prices","params":{}}}"#,
        ),
        (
            r#"{"type":"join_room","room":"lobby"}"#,
            r#"{"type":"join","payload":{"room":"room:lobby","user":"somebody else"}}"#,
        ),
        (
            r#"{"type":"leave_room","room":"lobby"}"#,
            r#"{"type":"leave","payload":{"room":"lobby"}}"#,
        ),
        (
            r#"{"type":"message","room":"lobby","data":{"text":"hi"}}"#,
            r#"{"type":"message","payload":{"channel":"room:lobby","message":{"text":"hi"}}}"#,
        ),
        (
            r#"{"type":"message","channel":"room:lobby","message":"hi"}"#,
            r#"{"type":"message","room":"lobby","payload":"hi"}"#,
        ),
        (
            r#"{"type":"auth","token":"a.b.c"}"#,
            r#"{"type":"auth","payload":{"token":"a.b.c"}}"#,
        ),
        (
            r#"{"type":"ping"}"#,
            r#"{"type":"ping","payload":{},"more":[1,2]}"#,
        ),
    ] {
        assert_eq!(read(flat), read(wrapped), "{flat}");
    }
}

#[test]
fn a_throttle_among_the_params_is_the_subscription_s() {
    let Request::Subscribe(subscribe) =
        read(r#"{"type":"subscribe","channel":"prices","params":{"symbols":["BTC"],"throttle":250}}"#)
    else {
        panic!("no subscribe");
    };
    assert_eq!(subscribe.throttle_ms, Some(250));
    assert_eq!(subscribe.topic, topic("prices", r#"{"symbols":["BTC"]}"#));
}

#[test]
fn a_heartbeat_asks_for_nothing() {
    assert_eq!(decode(r#"{"type":"heartbeat"}"#, 1000).unwrap().request, None);
}

#[test]
fn what_is_no_message_is_refused_with_its_channel() {
    for (text, code, channel) in [
        ("", "INVALID_MESSAGE", None),
        ("[]", "INVALID_MESSAGE", None),
        ("null", "INVALID_MESSAGE", None),
        ("{}", "INVALID_MESSAGE", None),
        (r#"{"type":7}"#, "INVALID_MESSAGE", None),
        (r#"{"type":"dance"}"#, "UNKNOWN_MESSAGE_TYPE", None),
        (r#"{"type":"subscribe"}"#, "INVALID_MESSAGE", None),
        (r#"{"type":"subscribe","channel":7}"#, "INVALID_MESSAGE", None),
        (
            r#"{"type":"subscribe","channel":"weather"}"#,
            "UNKNOWN_CHANNEL",
            Some("weather"),
        ),
        (
            r#"{"type":"subscribe","channel":"Bad Name"}"#,
            "UNKNOWN_CHANNEL",
            Some("Bad Name"),
        ),
        (
            r#"{"type":"subscribe","channel":"trades"}"#,
            "INVALID_PARAMS",
            Some("trades"),
        ),
        (
            r#"{"type":"subscribe","channel":"trades","params":[]}"#,
            "INVALID_MESSAGE",
            None,
        ),
        (
            r#"{"type":"subscribe","channel":"trades","payload":{"params":7}}"#,
            "INVALID_MESSAGE",
            Some("trades"),
        ),
        (r#"{"type":"join_room"}"#, "INVALID_MESSAGE", None),
        (
            r#"{"type":"message","room":"lobby"}"#,
            "INVALID_MESSAGE",
            Some("room:lobby"),
        ),
        (r#"{"type":"message","data":1}"#, "INVALID_MESSAGE", None),
        (r#"{"type":"auth"}"#, "INVALID_MESSAGE", None),
        (
            &format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(1000)),
            "INVALID_MESSAGE",
            None,
        ),
    ] {
        let (named, refusal) = decode(text, 1000).expect_err(text);
        assert_eq!(
            (refusal.code.as_str(), named.as_deref()),
            (code, channel),
            "{text}"
        );
    }
}

#[test]
fn replies_are_written_as_the_contract_says() {
    let book = topic("orderbook", r#"{"symbol":"BTC"}"#);
    let subscribed = Reply::Subscribed(Subscribed {
        channel: book.channel_name(),
        params: book.params(),
        filters: Default::default(),
        epoch: crate::Epoch::from_random(1),
        offset: crate::Offset(7),
        recovered: None,
        mode: crate::Mode::Latest,
        throttle_ms: None,
        key: None,
        contiguous: false,
        status: None,
    });
    let joined = Reply::Joined(Joined {
        room: "lobby".to_owned(),
        members: Vec::new(),
        epoch: crate::Epoch::from_random(1),
        offset: crate::Offset(7),
    });
    let now = NOW.as_millis();
    for (reply, channel, expected) in [
        (
            subscribed,
            None,
            format!(
                r#"{{"type":"subscribed","channel":"orderbook","params":{{"depth":10,"symbol":"BTC"}},"timestamp":{now}}}"#
            ),
        ),
        (
            joined,
            None,
            format!(r#"{{"type":"subscribed","channel":"room:lobby","params":{{}},"timestamp":{now}}}"#),
        ),
        (
            Reply::Pong,
            None,
            format!(r#"{{"type":"pong","timestamp":{now}}}"#),
        ),
        (
            Reply::Error(Refusal::new(crate::ErrorCode::Forbidden, "no")),
            Some("room:x"),
            format!(
                r#"{{"type":"error","code":"FORBIDDEN","message":"no","channel":"room:x","timestamp":{now}}}"#
            ),
        ),
        (
            Reply::Authenticated(crate::Authenticated {
                user: UserId::parse("ann").unwrap(),
                expires_at: NOW,
                messages_per_minute: None,
            }),
            None,
            r#"{"type":"auth","success":true}"#.to_owned(),
        ),
    ] {
        assert_eq!(encode_reply(&reply, channel, NOW), Some(expected));
    }
    assert_eq!(encode_reply(&Reply::Ack(Default::default()), None, NOW), None);
}

#[test]
fn pushes_are_written_as_the_contract_says() {
    let now = NOW.as_millis();
    for (channel, params, payload, expected) in [
        (
            "prices",
            "{}",
            r#"{"BTC":{"price":"106296.0","timestamp":1}}"#,
            format!(
                r#"{{"type":"data","channel":"prices","params":{{}},"data":{{"BTC":{{"price":106296.0,"timestamp":1}}}},"timestamp":{now}}}"#
            ),
        ),
        (
            "user_fills",
            r#"{"userId":"ann"}"#,
            r#"{"fills":[{"price":"2080.0","fee_token":"USDC"}]}"#,
            format!(
                r#"{{"type":"data","channel":"user_fills","params":{{"userId":"ann"}},"data":{{"fills":[{{"price":2080.0,"fee_token":"USDC"}}]}},"timestamp":{now}}}"#
            ),
        ),
        (
            "room:lobby",
            "{}",
            r#"{ "text": "1" }"#,
            format!(
                r#"{{"type":"message","channel":"room:lobby","data":{{ "text": "1" }},"timestamp":{now}}}"#
            ),
        ),
    ] {
        let native = PublicationHead::of(&topic(channel, params)).encode(
            crate::Offset(3),
            crate::Marks::default(),
            NOW,
            None,
            payload,
        );
        assert_eq!(transcribe(&native), Some(expected));
    }
    let shutdown = Push::Shutdown(Shutdown {
        message: "the server restarts".to_owned(),
        reconnect_after_ms: 5,
    });
    assert_eq!(
        encode_push(&shutdown, NOW),
        Some(format!(
            r#"{{"type":"shutdown","message":"the server restarts","timestamp":{now}}}"#
        ))
    );
    assert_eq!(
        encode_welcome(&ClientId::parse("c1").unwrap(), None, NOW),
        format!(
            r#"{{"type":"welcome","clientId":"c1","user":{{"id":"anonymous","username":"anonymous"}},"timestamp":{now}}}"#
        )
    );
}

#[test]
fn old_data_is_told_here_too() {
    let trades = topic("trades", r#"{"symbol":"BTC"}"#);
    let told = |status: ChannelStatus| encode_push(&Push::Status(trades.clone(), status), NOW);
    assert_eq!(told(ChannelStatus::new(FeedState::Live, NOW)), None);
    for status in [
        ChannelStatus::new(FeedState::Stale, NOW),
        ChannelStatus::new(FeedState::Down, NOW),
        ChannelStatus {
            gap: Some(Gap::Source { from: 1, to: 2 }),
            ..ChannelStatus::new(FeedState::Gap, NOW)
        },
    ] {
        let text = told(status).expect("it is told");
        assert!(
            text.starts_with(r#"{"type":"error","code":"UPSTREAM_DOWN","#),
            "{text}"
        );
        assert!(text.contains(r#""channel":"trades""#), "{text}");
    }
}
