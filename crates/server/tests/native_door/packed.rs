//! Clients that speak MessagePack: the same messages as everybody's, bytes that stay bytes, and what becomes of those who
//! send anything else.

use nexus_protocol::msgpack::pack;
use nexus_server::config::Settings;
use serde_json::{Value, json};

use crate::harness::{Client, DEADLINE, Knock, World, frame, settings, token, unpacked};

/// Values that could come out differently, as their publisher writes them, and as JSON that was read again.
const DATA: [&str; 7] = [
    r#"{"$bytes":"AAEC/w=="}"#,
    r#"{"name":"frame 7","raw":{"$bytes":""},"all":[{"$bytes":"/w=="},[]]}"#,
    r#"[0,-1,127,-32,128,-33,65536,9007199254740993,18446744073709551615,-9223372036854775808]"#,
    r#"[1.5,-0.25,1e300,21.0]"#,
    r#""text with \"quotes\", \u0000 and 😀""#,
    "null",
    r#"{"":{"a":[[[{}]]]},"$bytes":"not base64"}"#,
];

fn patient() -> Settings {
    settings()
        .with("messages_per_minute", 10_000)
        .with("errors_per_minute", 10_000)
}

async fn sign_in(client: &mut Client, sub: &str, role: &str) {
    let token = token(sub, role, DEADLINE * 100);
    let answer = client.ask("auth", json!({"token": token})).await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn what_one_publishes_the_others_get_whatever_they_speak() {
    let world = World::start(patient()).await;
    let mut packed = world.connect_packed().await;
    sign_in(&mut packed, "ann", "operator").await;
    let mut plain = world.connect_as("bob", "operator").await;
    let mut listeners = [world.connect().await, world.connect_packed().await];
    for listener in &mut listeners {
        listener.subscribe("room:a").await;
    }
    for (publisher, name) in [(&mut packed, "ann"), (&mut plain, "bob")] {
        for data in DATA {
            let ack = publisher
                .ask("publish", json!({"channel": "room:a", "data": value(data)}))
                .await;
            assert_eq!(ack["type"], "ack", "{ack}");
            for listener in &mut listeners {
                let push = listener.next().await;
                assert_eq!(push["type"], "message", "{push}");
                assert_eq!(push["payload"], value(data));
                assert_eq!(push["from"], name);
                assert_eq!(push["offset"], ack["payload"]["offset"]);
            }
        }
    }
}

#[tokio::test]
async fn bytes_are_bytes_in_messagepack_and_an_object_in_json() {
    let world = World::start(patient()).await;
    let mut publisher = world.connect_packed().await;
    sign_in(&mut publisher, "ann", "operator").await;
    let (mut packed, mut plain) = (world.connect_packed().await, world.connect().await);
    let mut classic = world
        .knock(Knock {
            path: Some("/ws"),
            ..Knock::default()
        })
        .await
        .unwrap();
    assert_eq!(classic.next().await["type"], "welcome");
    classic.send(r#"{"type":"subscribe","channel":"room:a"}"#).await;
    assert_eq!(classic.next().await["type"], "subscribed");
    packed.subscribe("room:a").await;
    plain.subscribe("room:a").await;
    // {"type":"publish","payload":{"channel":"room:a","data":<bin 8 of 3 bytes>}}, byte by byte.
    let mut request = Vec::new();
    request.extend_from_slice(
        b"\x82\xa4type\xa7publish\xa7payload\x82\xa7channel\xa6room:a\xa4data\xc4\x03\x00\xfe\xff",
    );
    publisher.send_bytes(&request).await;

    let bytes = packed.next_bytes().await;
    assert!(
        bytes.ends_with(b"\xa7payload\xc4\x03\x00\xfe\xff"),
        "{bytes:02x?}"
    );
    let expected = json!({"$bytes": "AP7/"});
    assert_eq!(plain.next().await["payload"], expected);
    assert_eq!(classic.next().await["data"], expected);
    // In the past as well.
    let page = plain.ask("history", json!({"channel": "room:a"})).await;
    assert_eq!(page["payload"]["items"][0]["payload"], expected);
    packed.request("history", json!({"channel": "room:a"})).await;
    let page = packed.next_bytes().await;
    assert!(
        page.windows(5).any(|bytes| bytes == b"\xc4\x03\x00\xfe\xff"),
        "{page:02x?}"
    );
}

#[tokio::test]
async fn everything_missed_follows_in_either_wire() {
    let world = World::start(settings()).await;
    let mut client = world.connect_packed().await;
    let epoch = client.subscribe("room:a").await["epoch"].clone();
    for number in 1..=3 {
        world.publish("room:a", &number.to_string()).await;
        assert_eq!(client.next().await["payload"], number);
    }
    client.leave().await;
    for number in 4..=200 {
        world.publish("room:a", &number.to_string()).await;
    }
    for is_packed in [true, false] {
        let mut client = match is_packed {
            true => world.connect_packed().await,
            false => world.connect().await,
        };
        let recover = json!({"epoch": epoch, "offset": 3});
        let subscribed = client
            .subscribe_with(json!({"channel": "room:a", "recover": recover}))
            .await;
        assert_eq!(subscribed["recovered"], true);
        for number in 4..=200 {
            let push = client.next().await;
            assert_eq!(
                (&push["offset"], &push["payload"]),
                (&json!(number), &json!(number))
            );
        }
    }
}

#[tokio::test]
async fn rooms_requests_and_refusals_are_as_in_json() {
    let world = World::start(patient()).await;
    let mut ann = world.connect_packed().await;
    sign_in(&mut ann, "ann", "operator").await;
    let joined = ann.ask("join", json!({"room": "a"})).await;
    assert_eq!(joined["type"], "joined", "{joined}");
    let mut bob = world.connect_as("bob", "operator").await;
    bob.ask("join", json!({"room": "a"})).await;
    let news = ann.next_of("presence.update").await;
    assert_eq!(news["payload"]["joined"][0]["user"], "bob", "{news}");
    let here = ann.ask("presence", json!({"channel": "room:a"})).await;
    assert_eq!(here["payload"]["members"].as_array().unwrap().len(), 2, "{here}");
    assert_eq!(ann.ask("ping", Value::Null).await["type"], "pong");
    for (kind, payload, code) in [
        ("dance", Value::Null, "UNKNOWN_MESSAGE_TYPE"),
        ("subscribe", json!({}), "INVALID_MESSAGE"),
        (
            "subscribe",
            json!({"channel": {"$bytes": "AA=="}}),
            "INVALID_MESSAGE",
        ),
        ("subscribe", json!({"channel": "nowhere"}), "UNKNOWN_CHANNEL"),
        ("publish", json!({"channel": "prices", "data": 1}), "FORBIDDEN"),
    ] {
        assert_eq!(
            ann.is_refused(kind, payload.clone()).await,
            code,
            "{kind} {payload}"
        );
    }
}

#[tokio::test]
async fn what_stands_for_more_than_itself_comes_in_either_wire() {
    let world = World::start(patient()).await;
    let mut clients = [world.connect_packed().await, world.connect().await];
    for client in &mut clients {
        client
            .subscribe_with(json!({"channel": "room:a", "throttle": 20}))
            .await;
    }
    for number in 1..=300 {
        world.publish("room:a", &number.to_string()).await;
    }
    for client in &mut clients {
        let mut stands_for = 0;
        loop {
            let push = client.next().await;
            stands_for += 1 + push["conflated"].as_u64().unwrap_or(0);
            assert_eq!(push["offset"], stands_for, "{push}");
            if push["payload"] == 300 {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_planned_end_is_announced() {
    let mut world = World::start(settings().with("grace_secs", 2)).await;
    let mut client = world.connect_packed().await;
    world.begin_to_end();
    assert_eq!(client.next_of("shutdown").await["type"], "shutdown");
    assert_eq!(client.code().await, 1012);
    world.ended().await;
}

#[tokio::test]
async fn frames_that_were_not_agreed_on_are_closed_with_1003() {
    World::disturbed(settings(), async |world| {
        for text in ["", r#"{"type":"ping"}"#, "\u{1}"] {
            let mut client = world.connect_packed().await;
            client.send_raw(&frame(0x81, text.as_bytes())).await;
            assert_eq!(client.code().await, 1003, "{text}");
        }
        for bytes in [&b""[..], &pack(r#"{"type":"ping"}"#).unwrap()] {
            let mut client = world.connect().await;
            client.send_raw(&frame(0x82, bytes)).await;
            assert_eq!(client.code().await, 1003, "{bytes:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_connection_goes_on() {
    let ping = pack(r#"{"type":"ping","id":"m1","payload":{"a":[1,2,"text"]}}"#).unwrap();
    let with = |parts: &[&[u8]]| parts.concat();
    let mut wrong: Vec<Vec<u8>> = vec![
        // Nothing, nil, and what is no map.
        vec![],
        vec![0xc0],
        vec![0x07],
        with(&[b"\xa4text"]),
        vec![0x80],
        // JSON is no MessagePack: `{` is the number 123, and then there is more.
        br#"{"type":"ping"}"#.to_vec(),
        // The byte that stands for nothing, and more than one value.
        vec![0xc1],
        with(&[&ping, &[0xc0]]),
        with(&[&ping, &ping]),
        // Types of the envelope.
        with(&[b"\x81\xa4type\x01"]),
        with(&[b"\x81\xa4type\xc4\x04ping"]),
        with(&[b"\x82\xa4type\xa4ping\xa2id\x93\x01\x02\x03"]),
        with(&[b"\x82\xa4type\xa4ping\xa9timestamp\xd6\xff\x00\x00\x00\x00"]),
        with(&[b"\x82\xa4type\xa4ping\xa4type\xa4ping"]),
        // Keys that are no texts, ext types, texts that are none, numbers that are none.
        with(&[b"\x82\xa4type\xa4ping\x01\x02"]),
        with(&[b"\x82\xa4type\xa4ping\xc4\x01a\x02"]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xc7\x00\x01"]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xd4\x05\x00"]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xa2\xc3\x28"]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xca\xff\x80\x00\x00"]),
        // Billions that are promised.
        vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        vec![0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, b'a'],
        vec![0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
        vec![0xc6, 0x7f, 0xff, 0xff, 0xff, 0],
        with(&[
            b"\x82\xa4type\xa4ping\xa1a",
            &[0xdd, 0x7f, 0xff, 0xff, 0xff].repeat(20),
        ]),
        // Depth: of arrays, of maps, and of arrays up to the limit of a message.
        with(&[b"\x82\xa4type\xa4ping\xa1a", &[0x91; 1000], &[0xc0]]),
        with(&[b"\x82\xa4type\xa4ping\xa1a", &b"\x81\xa1a".repeat(1000), &[0xc0]]),
        with(&[&[0x91; 131_071], &[0xc0]]),
        // Short here, too long as JSON.
        with(&[
            b"\x82\xa4type\xa4ping\xa1a\xc6\x00\x01\x80\x00",
            &[0xff; 0x1_8000],
        ]),
        with(&[b"\x82\xa4type\xa4ping\xa1a\xda\x80\x00", &[0x01; 0x8000]]),
    ];
    // Everything that ends too early.
    wrong.extend((0..ping.len()).map(|length| ping[..length].to_vec()));
    World::disturbed(patient(), async |world| {
        let mut client = world.connect_packed().await;
        for bytes in wrong {
            client.send_bytes(&bytes).await;
            let answer = client.next().await;
            let shown = &bytes[..bytes.len().min(64)];
            assert_eq!(
                answer["error"]["code"], "INVALID_MESSAGE",
                "{answer} to {shown:02x?}"
            );
            assert!(
                answer["error"]["message"].as_str().unwrap().len() < 400,
                "{answer}"
            );
            assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_may_be_as_large_as_announced_in_both_forms() {
    let world = World::start(patient()).await;
    let mut client = world.connect_packed().await;
    sign_in(&mut client, "ann", "operator").await;
    let mut listener = world.connect_packed().await;
    listener.subscribe("room:a").await;
    let publish = |bytes: usize| {
        let length = u32::try_from(bytes).unwrap().to_be_bytes();
        let head = b"\x83\xa4type\xa7publish\xa2id\xa2m9\xa7payload\x82\xa7channel\xa6room:a\xa4data\xc6";
        [&head[..], &length, &vec![0xab; bytes]].concat()
    };
    client.send_bytes(&publish(98_000)).await;
    assert_eq!(client.next().await["type"], "ack");
    let bytes = listener.next_bytes().await;
    assert!(
        bytes.ends_with(&[0xab; 98_000]),
        "the bytes, and nothing behind them"
    );
    client.send_bytes(&publish(99_000)).await;
    let refused = client.next().await;
    assert_eq!(refused["error"]["code"], "INVALID_MESSAGE", "{refused}");
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("131072"),
        "{refused}"
    );
    client.send_bytes(&publish(131_072)).await;
    assert_eq!(client.code().await, 1009);
}

#[tokio::test]
async fn what_json_can_say_and_no_other_format_comes_all_the_same() {
    let world = World::start(patient()).await;
    let mut listener = world.connect_packed().await;
    listener.subscribe("room:a").await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for (data, arrives) in [
        ("1e400", "\"1e400\""),
        (
            "123456789012345678901234567890",
            "\"123456789012345678901234567890\"",
        ),
        (r#""\ud800""#, "\"\u{fffd}\""),
        (r#"{"a" : 1 }"#, r#"{"a":1}"#),
        (&deep, &deep),
    ] {
        world.publish("room:a", data).await;
        let text = unpacked(&listener.next_bytes().await);
        assert!(
            text.ends_with(&format!(r#","payload":{arrives}}}"#)),
            "{text:.200}"
        );
    }
}

#[tokio::test]
async fn whatever_bytes_come_nothing_panics_and_nobody_is_disturbed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    World::disturbed(patient(), async |world| {
        for _ in 0..40 {
            let mut client = world.connect_packed().await;
            for _ in 0..50 {
                let request = dice.choice(REQUESTS).unwrap();
                let mut bytes = pack(request).unwrap();
                for _ in 0..dice.usize(1..4) {
                    let place = dice.usize(..bytes.len());
                    match dice.u8(..4) {
                        0 => bytes[place] = dice.u8(0xc0..=0xdf),
                        1 => bytes.truncate(place.max(1)),
                        2 => bytes[place] ^= 1 << dice.u8(..8),
                        _ => bytes.insert(place, dice.u8(..)),
                    }
                }
                client.send_bytes(&bytes).await;
            }
            // All were answered, or passed over, before this.
            assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
        }
    })
    .await;
}

const REQUESTS: [&str; 5] = [
    r#"{"type":"subscribe","id":"junk","payload":{"channel":"room:a","recover":{"epoch":"abc","offset":3}}}"#,
    r#"{"type":"history","id":"junk","payload":{"channel":"room:a","limit":429496729,"before":"2026-11-03T01:53:54.518Z"}}"#,
    r#"{"type":"unsubscribe","payload":{"channel":"room:a","params":null}}"#,
    r#"{"type":"publish","payload":{"channel":"room:a","data":[1.5,-77777,{"$bytes":"AAEC"},"text"]}}"#,
    r#"{"type":"ping","payload":{"a":[true,false,null,18446744073709551615]}}"#,
];
