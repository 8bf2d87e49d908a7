//! The classic door: flat messages over the same hub.

use std::time::Duration;

use nexus_protocol::{ChannelName, ChannelStatus, FeedState, Params, Topic};
use nexus_server::content::{Content, Frame, Part, PartKey, Parts};
use serde_json::{Value, json};

use crate::harness::{Client, DEADLINE, End, Knock, World, now, settings, token};

/// A classic client that was welcomed.
async fn welcomed(world: &World) -> Client {
    let mut client = enter(world, Knock::default()).await;
    assert_eq!(client.next().await["type"], "welcome");
    client
}

async fn enter(world: &World, knock: Knock) -> Client {
    let knock = Knock {
        path: Some("/ws"),
        ..knock
    };
    world.knock(knock).await.expect("the handshake is accepted")
}

/// Takes the time out of a message, which must have one.
fn timeless(mut message: Value) -> Value {
    let time = message.as_object_mut().unwrap().remove("timestamp");
    assert!(
        time.is_some_and(|time| time.as_u64() > Some(1_700_000_000_000)),
        "{message}"
    );
    message
}

async fn answer(client: &mut Client, request: Value) -> Value {
    client.send(&request.to_string()).await;
    timeless(client.next().await)
}

#[tokio::test]
async fn a_classic_client_is_welcomed_served_and_told_of_the_end() {
    let mut world = World::start(settings()).await;
    let mut client = enter(&world, Knock::default()).await;
    let welcome = timeless(client.next().await);
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(
        welcome["user"],
        json!({"id": "anonymous", "username": "anonymous"})
    );
    assert!(welcome["clientId"].as_str().unwrap().len() > 10);

    assert_eq!(
        answer(&mut client, json!({"type": "ping"})).await,
        json!({"type": "pong"})
    );
    // It has no answer: the next one is the ping's.
    client.send(r#"{"type":"heartbeat"}"#).await;
    assert_eq!(
        answer(&mut client, json!({"type": "ping"})).await,
        json!({"type": "pong"})
    );

    let subscribed = answer(
        &mut client,
        json!({"type": "subscribe", "channel": "room:a", "params": {}}),
    )
    .await;
    assert_eq!(
        subscribed,
        json!({"type": "subscribed", "channel": "room:a", "params": {}})
    );
    world.publish("room:a", r#"{"text":"hi"}"#).await;
    assert_eq!(
        timeless(client.next().await),
        json!({"type": "message", "channel": "room:a", "data": {"text": "hi"}})
    );
    let gone = answer(
        &mut client,
        json!({"type": "unsubscribe", "payload": {"channel": "room:a"}}),
    )
    .await;
    assert_eq!(
        gone,
        json!({"type": "unsubscribed", "channel": "room:a", "params": {}})
    );
    world.publish("room:a", r#"{"text":"unheard"}"#).await;
    assert_eq!(
        answer(&mut client, json!({"type": "ping"})).await,
        json!({"type": "pong"})
    );

    world.begin_to_end();
    let shutdown = timeless(client.next().await);
    assert_eq!(shutdown["type"], "shutdown");
    assert!(shutdown["message"].is_string());
    assert!(matches!(client.end().await, End::Closed(1012, _)));
    world.ended().await;
}

#[tokio::test]
async fn market_numbers_are_numbers_with_the_exchange_s_digits() {
    let world = World::start(settings()).await;
    let name = ChannelName::parse("prices").unwrap();
    let prices = Topic::parse(&name, Params::default()).unwrap().topic;
    let content = |symbol: &str, price: &str| {
        Content::Parts(Parts {
            frame: std::sync::Arc::new(Frame {
                open: "{".into(),
                close: "}".into(),
                keep: 10,
            }),
            parts: vec![Part {
                key: PartKey::Name(symbol.into()),
                text: format!(r#""{symbol}":{{"price":"{price}","timestamp":1}}"#).into(),
                is_final: false,
            }],
        })
    };
    world
        .broker
        .publish(&prices, content("BTC", "106296.0"), now())
        .await
        .unwrap();
    world
        .broker
        .publish(&prices, content("ETH", "0.00000000000000000001"), now())
        .await
        .unwrap();
    let mut client = welcomed(&world).await;
    // As text, because a JSON reader would hide what the digits were.
    client.send(r#"{"type":"subscribe","channel":"prices"}"#).await;
    assert_eq!(client.next().await["type"], "subscribed");
    let snapshot = client.next_text().await;
    assert!(
        snapshot
            .starts_with(r#"{"type":"data","channel":"prices","params":{},"data":{"BTC":{"price":106296.0,"#),
        "{snapshot}"
    );
    assert!(
        snapshot.contains(r#""ETH":{"price":0.00000000000000000001,"#),
        "{snapshot}"
    );
    world
        .broker
        .publish(&prices, content("BTC", "106297.0"), now())
        .await
        .unwrap();
    let update = client.next_text().await;
    assert!(
        update.contains(r#""data":{"BTC":{"price":106297.0,"timestamp":1}}"#),
        "{update}"
    );
}

#[tokio::test]
async fn a_token_counts_in_the_query_the_header_and_in_auth() {
    let world = World::start(settings()).await;
    let ann = token("ann", "viewer", DEADLINE);
    for knock in [
        Knock {
            query: format!("?token={ann}"),
            ..Knock::default()
        },
        Knock {
            headers: vec![("authorization", format!("Bearer {ann}"))],
            ..Knock::default()
        },
    ] {
        let mut client = enter(&world, knock).await;
        let welcome = client.next().await;
        assert_eq!(welcome["user"], json!({"id": "ann", "username": "ann"}));
    }
    for auth in [
        json!({"type": "auth", "token": ann}),
        json!({"type": "auth", "payload": {"token": ann}}),
    ] {
        let mut client = welcomed(&world).await;
        client.send(&auth.to_string()).await;
        assert_eq!(client.next().await, json!({"type": "auth", "success": true}));
    }
}

#[tokio::test]
async fn refused_tokens_and_origins_close_with_1008() {
    let world = World::start(settings()).await;
    let expired = crate::harness::expired_token("ann");
    for knock in [
        Knock {
            query: "?token=a.b.c".to_owned(),
            ..Knock::default()
        },
        Knock {
            query: format!("?token={expired}"),
            ..Knock::default()
        },
        Knock {
            headers: vec![("origin", "https://elsewhere.example".to_owned())],
            ..Knock::default()
        },
    ] {
        assert_eq!(enter(&world, knock).await.code().await, 1008);
    }
    let mut client = welcomed(&world).await;
    let refused = answer(&mut client, json!({"type": "auth", "token": expired})).await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("TOKEN_EXPIRED"))
    );
    assert_eq!(client.code().await, 1008);

    let mut short = enter(
        &world,
        Knock {
            query: format!("?token={}", token("ann", "viewer", Duration::from_secs(2))),
            ..Knock::default()
        },
    )
    .await;
    assert_eq!(
        short.code().await,
        1008,
        "a token that runs out ends the connection"
    );
}

#[tokio::test]
async fn bad_input_is_answered_with_its_channel_and_disturbs_nobody() {
    World::disturbed(settings().with("errors_per_minute", 20), async |world| {
        let mut client = welcomed(world).await;
        for (text, code, channel) in [
            ("{", "INVALID_MESSAGE", Value::Null),
            ("[]", "INVALID_MESSAGE", Value::Null),
            (r#"{"type":"dance"}"#, "UNKNOWN_MESSAGE_TYPE", Value::Null),
            (r#"{"type":"subscribe"}"#, "INVALID_MESSAGE", Value::Null),
            (
                r#"{"type":"subscribe","channel":"weather"}"#,
                "UNKNOWN_CHANNEL",
                json!("weather"),
            ),
            (
                r#"{"type":"subscribe","channel":"orderbook"}"#,
                "INVALID_PARAMS",
                json!("orderbook"),
            ),
            (
                r#"{"type":"subscribe","channel":"trades","params":{"symbol":"BTC"}}"#,
                "AUTH_FAILED",
                json!("trades"),
            ),
            (
                r#"{"type":"message","room":"witness","data":{"text":"x"}}"#,
                "AUTH_FAILED",
                json!("room:witness"),
            ),
            (
                r#"{"type":"join_room","room":"witness"}"#,
                "AUTH_FAILED",
                json!("room:witness"),
            ),
            (r#"{"type":"auth"}"#, "INVALID_MESSAGE", Value::Null),
        ] {
            client.send(text).await;
            let error = timeless(client.next().await);
            assert_eq!(error["type"], "error", "{text}");
            assert_eq!(error["code"], code, "{text}: {error}");
            assert_eq!(error["channel"], channel, "{text}: {error}");
            assert!(error["message"].as_str().unwrap().len() > 5, "{error}");
        }
        client.send_raw(&crate::harness::frame(0x82, b"binary")).await;
        assert_eq!(client.code().await, 1003);
    })
    .await;
}

#[tokio::test]
async fn too_many_errors_close_with_1008() {
    let world = World::start(settings().with("errors_per_minute", 3)).await;
    let mut client = welcomed(&world).await;
    for _ in 0..4 {
        client.send("?").await;
    }
    assert_eq!(client.code().await, 1008);
}

#[tokio::test]
async fn a_source_that_went_silent_is_told() {
    let world = World::start(settings()).await;
    let mut client = welcomed(&world).await;
    client.send(r#"{"type":"subscribe","channel":"room:a"}"#).await;
    assert_eq!(client.next().await["type"], "subscribed");
    let stale = ChannelStatus {
        reason: Some("no news for 11 s".to_owned()),
        ..ChannelStatus::new(FeedState::Stale, now())
    };
    world.set_status("room:a", stale).await;
    assert_eq!(
        timeless(client.next().await),
        json!({"type": "error", "code": "UPSTREAM_DOWN", "message": "no news for 11 s", "channel": "room:a"})
    );
}

#[tokio::test]
async fn both_doors_see_the_same_channel() {
    let world = World::start(settings()).await;
    let mut native = world.connect().await;
    native.subscribe("room:a").await;
    let mut classic = welcomed(&world).await;
    classic.send(r#"{"type":"subscribe","channel":"room:a"}"#).await;
    assert_eq!(classic.next().await["type"], "subscribed");
    for number in 0..50 {
        world.publish("room:a", &number.to_string()).await;
    }
    for number in 0..50 {
        assert_eq!(native.next().await["payload"], number);
        assert_eq!(classic.next().await["data"], number);
    }
}
