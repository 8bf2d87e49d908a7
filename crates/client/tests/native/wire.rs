//! The driver on the MessagePack wire: the session and the application see what they would see of JSON.

use std::time::Duration;

use nexus_client::native::{Client, Events};
use nexus_client::script::{Connection, Script};
use nexus_client::{Ask, Config, Event, LinkState, Trouble, Wire};
use nexus_protocol::msgpack::pack;
use nexus_protocol::{
    Ack, Epoch, IdempotencyKey, Json, Offset, Payload, Position, Publication, Publish, Push, Reply, Request,
    Timestamp,
};

use crate::{config, live, offsets, room, until, want_room};

const BYTES: &str = r#"{"name":"a","raw":{"$bytes":"AAEC/w=="}}"#;

async fn connected() -> (Client, Events, Connection) {
    let script = Script::listen().await;
    let (client, mut events) = Client::connect(Config {
        wire: Wire::Msgpack,
        ..config(script.url())
    });
    let mut connection = script.accept().await;
    connection.greet().await;
    live(&mut events, &mut connection).await;
    (client, events, connection)
}

#[tokio::test]
async fn what_is_asked_and_what_comes_is_the_same_as_over_json() {
    let (client, mut events, mut connection) = connected().await;
    want_room(&client).await;
    let (id, request) = connection.request().await;
    assert!(matches!(request, Request::Subscribe(_)));
    connection.subscribed(&id, &room(), 0, None).await;
    connection.publish(&room(), 1).await;
    assert_eq!(offsets(&mut events, 1).await, [1]);

    let publication = Publication {
        topic: room(),
        offset: Offset(2),
        snapshot: false,
        conflated: 0,
        timestamp: Timestamp::from_millis(1_800_000_000_000),
        from: None,
        payload: Payload::Json(Json::parse(BYTES).unwrap()),
    };
    connection.push(&Push::Publication(publication)).await;
    let payload = until(&mut events, |event| match event {
        Event::Publication { publication, .. } => Some(publication.payload.clone()),
        _ => None,
    });
    assert_eq!(payload.await, Payload::Json(Json::parse(BYTES).unwrap()));
}

#[tokio::test]
async fn bytes_are_published_as_bytes() {
    let (client, _events, mut connection) = connected().await;
    let publish = Publish {
        channel: room().channel_name(),
        data: Json::parse(BYTES).unwrap(),
        idempotency_key: Some(IdempotencyKey::parse("k-1").unwrap()),
        ack: true,
    };
    let ack = Reply::Ack(Ack {
        position: Some(Position {
            epoch: Epoch::parse("e1").unwrap(),
            offset: Offset(7),
        }),
        command_id: None,
    });
    let asked = client.ask(Ask::Publish(publish), Duration::from_secs(60));
    let answered = async {
        let (id, request) = connection.request().await;
        let Request::Publish(publish) = request else {
            panic!("{request:?}");
        };
        // The script has read it from MessagePack.
        assert_eq!(publish.data.as_str(), BYTES);
        connection.reply(&id, &ack).await;
    };
    let (reply, ()) = tokio::join!(asked, answered);
    assert_eq!(reply.unwrap(), ack);
}

#[tokio::test]
async fn what_cannot_be_read_is_survived_and_too_much_of_it_is_not() {
    let (client, mut events, mut connection) = connected().await;
    want_room(&client).await;
    let (id, _) = connection.request().await;
    connection.subscribed(&id, &room(), 0, None).await;
    connection
        .text_frame(r#"{"type":"message","channel":"room:lobby","offset":1,"payload":1}"#)
        .await;
    for bytes in [&[][..], &[0xc1], &[0x81, 1, 2], &[0xdd, 0xff, 0xff, 0xff, 0xff]] {
        connection.binary_frame(bytes).await;
    }
    // Newer than this client: no fault.
    connection
        .binary_frame(&pack(r#"{"type":"of tomorrow"}"#).unwrap())
        .await;
    connection.publish(&room(), 1).await;
    assert_eq!(offsets(&mut events, 1).await, [1]);
    for _ in 0..8 {
        connection.binary_frame(&[0xc1]).await;
    }
    let trouble = until(&mut events, |event| match event {
        Event::Link(LinkState::Waiting { trouble, .. }) => Some(trouble.clone()),
        _ => None,
    });
    assert!(matches!(trouble.await, Trouble::Malformed));
}
