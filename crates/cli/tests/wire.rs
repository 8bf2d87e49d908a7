//! `--wire msgpack`: bytes travel as bytes, and people see and write the same as ever.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod nexus;

use nexus::{Nexus, next_request};
use nexus_client::script::Script;
use nexus_protocol::{
    Ack, ChannelName, Epoch, Json, Offset, Params, Payload, Position, Publication, Push, Reply, Request,
    Timestamp, Topic,
};

const BYTES: &str = r#"{"raw":{"$bytes":"AAEC/w=="}}"#;

#[tokio::test]
async fn sub_prints_bytes_as_json_writes_them() {
    let script = Script::listen().await;
    let nexus = Nexus::run(&[
        "sub",
        "room:lobby",
        "--count",
        "1",
        "--wire",
        "msgpack",
        "--server",
        script.url().as_str(),
    ]);
    let mut connection = script.accept().await;
    assert_eq!(connection.protocol(), "nexus.v1.msgpack");
    connection.greet().await;
    let (id, request) = next_request(&mut connection).await;
    assert!(matches!(request, Request::Subscribe(_)));
    connection.subscribed(&id, &room(), 0, None).await;
    let publication = Publication {
        topic: room(),
        offset: Offset(1),
        snapshot: false,
        conflated: 0,
        timestamp: Timestamp::from_millis(1_800_000_000_000),
        from: None,
        payload: Payload::Json(Json::parse(BYTES).unwrap()),
    };
    connection.push(&Push::Publication(publication)).await;
    assert_eq!(connection.close_code().await, 1000);
    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.trim_end().ends_with(BYTES), "{}", done.stdout);
}

#[tokio::test]
async fn pub_sends_bytes_as_bytes() {
    let script = Script::listen().await;
    let nexus = Nexus::run(&[
        "pub",
        "room:lobby",
        BYTES,
        "--wire",
        "msgpack",
        "--server",
        script.url().as_str(),
    ]);
    let mut connection = script.accept().await;
    assert_eq!(connection.protocol(), "nexus.v1.msgpack");
    connection.greet().await;
    let (id, request) = next_request(&mut connection).await;
    let Request::Publish(publish) = request else {
        panic!("{request:?}");
    };
    assert_eq!(publish.data.as_str(), BYTES);
    let position = Position {
        epoch: Epoch::parse("e1").unwrap(),
        offset: Offset(7),
    };
    let ack = Ack {
        position: Some(position),
        command_id: None,
    };
    connection.reply(&id, &Reply::Ack(ack)).await;
    assert_eq!(connection.close_code().await, 1000);
    let done = nexus.done().await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stdout, "e1:7\n");
}

fn room() -> Topic {
    let name = ChannelName::parse("room:lobby").unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}
