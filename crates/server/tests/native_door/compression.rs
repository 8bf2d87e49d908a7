//! Clients that agree on `permessage-deflate`: they read the same as all others, a publication is compressed once for all of
//! them, what they compress is read, and what is no message or would be too large hurts nobody but them.

mod client;

use nexus_protocol::MSGPACK_SUBPROTOCOL;
use serde_json::{Value, json};

use self::client::{BINARY, COMPRESSED, Compressing, FINAL, TEXT, deflate};
use crate::harness::{Knock, World, frame, settings, unpacked};

const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// A text that is worth compressing, as JSON.
fn long(number: usize) -> String {
    format!("\"{number}{}\"", " and again".repeat(200))
}

#[tokio::test]
async fn who_offers_it_gets_it_at_both_doors_unless_it_is_off() {
    const CHROMIUM: &str = "permessage-deflate; client_max_window_bits";
    const WITH_12: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12";
    let default = World::start(settings()).await;
    let small = World::start(settings().with("compression_window_bits", 12)).await;
    let off = World::start(settings().with("compression", false)).await;
    for (world, offer, expected) in [
        (&default, CHROMIUM, Some(ANSWER)),
        (&default, "permessage-deflate; server_max_window_bits=12", None),
        (
            &default,
            "permessage-deflate; server_max_window_bits=12, permessage-deflate",
            Some(ANSWER),
        ),
        (&default, "x-webkit-deflate-frame", None),
        (&small, CHROMIUM, Some(ANSWER)),
        (
            &small,
            "permessage-deflate; server_max_window_bits=12",
            Some(WITH_12),
        ),
        (&small, "permessage-deflate; server_max_window_bits=11", None),
        (&off, CHROMIUM, None),
    ] {
        for path in ["/v1/ws", "/ws"] {
            let headers = [("Sec-WebSocket-Extensions", offer)];
            let mut client = Compressing::knock(world, path, &headers).await;
            assert_eq!(client.extensions.as_deref(), expected, "{path} {offer}");
            assert!(client.next().await["type"].is_string());
            if expected.is_none() {
                // What was not agreed on is no frame.
                client.send("{}").await;
                assert_eq!(client.code().await, 1002, "{path} {offer}");
            }
        }
    }
}

#[tokio::test]
async fn a_publication_is_compressed_once_and_all_read_the_same() {
    let world = World::start(settings()).await;
    let mut plain = Vec::new();
    let mut compressing = Vec::new();
    let mut classic = Vec::new();
    for _ in 0..3 {
        let mut client = world.connect().await;
        client.subscribe("room:a").await;
        plain.push(client);
        let mut client = Compressing::connect(&world, "/v1/ws").await;
        client.subscribe("room:a").await;
        compressing.push(client);
        let mut client = Compressing::connect(&world, "/ws").await;
        client.send(r#"{"type":"subscribe","channel":"room:a"}"#).await;
        assert_eq!(client.next().await["type"], "subscribed");
        classic.push(client);
    }
    let before = world.metric("nexus_compressed_frames_total").await;

    for number in 1..=5 {
        world.publish("room:a", &long(number)).await;
        let text = plain[0].next_text().await;
        assert!(
            text.ends_with(&format!(r#","payload":{}}}"#, long(number))),
            "{text}"
        );
        for client in &mut plain[1..] {
            assert_eq!(client.next_text().await, text);
        }
        for client in &mut compressing {
            assert_eq!(client.next_text().await, (text.clone(), true));
        }
        for client in &mut classic {
            let (text, is_compressed) = client.next_text().await;
            assert!(is_compressed);
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(message["data"].to_string(), long(number));
        }
    }

    // Once for each door, however many listen there.
    let after = world.metric("nexus_compressed_frames_total").await;
    assert_eq!(after - before, 2 * 5);
    let (before, after) = (
        world.metric("nexus_compressed_before_bytes_total").await,
        world.metric("nexus_compressed_after_bytes_total").await,
    );
    assert!(after * 5 < before, "{before} bytes became {after}");

    // What is small goes out as it is, and nothing is done about it.
    world.publish("room:a", "1").await;
    let text = plain[0].next_text().await;
    assert_eq!(compressing[0].next_text().await, (text, false));
    assert!(!classic[0].next_text().await.1);
    assert_eq!(world.metric("nexus_compressed_in_vain_total").await, 0);
}

#[tokio::test]
async fn a_burst_comes_whole_and_in_order() {
    let world = World::start(settings()).await;
    let mut client = Compressing::connect(&world, "/v1/ws").await;
    client.subscribe("room:a").await;
    for number in 1..=300 {
        let payload = if number % 3 == 0 {
            number.to_string()
        } else {
            long(number)
        };
        world.publish("room:a", &payload).await;
    }
    for number in 1..=300 {
        let (text, is_compressed) = client.next_text().await;
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["offset"], number);
        assert_eq!(is_compressed, number % 3 != 0);
    }
}

#[tokio::test]
async fn what_is_for_one_client_alone_is_compressed_for_it() {
    let world = World::start(settings()).await;
    for number in 1..=5 {
        world.publish("room:a", &long(number)).await;
    }
    let mut client = Compressing::connect(&world, "/v1/ws").await;
    // What lies behind a new subscription.
    client.subscribe("room:a").await;
    for number in 1..=5 {
        let (text, is_compressed) = client.next_text().await;
        assert!(is_compressed && text.contains(&long(number)), "{text}");
    }
    // A long answer, and a short one.
    client
        .send(r#"{"type":"history","id":"h","payload":{"channel":"room:a","limit":5}}"#)
        .await;
    let (text, is_compressed) = client.next_text().await;
    assert!(is_compressed && text.contains(r#""id":"h""#), "{text}");
    client.send(r#"{"type":"ping","id":"p"}"#).await;
    let (text, is_compressed) = client.next_text().await;
    assert!(!is_compressed && text.contains(r#""pong""#), "{text}");
}

#[tokio::test]
async fn messagepack_is_compressed_as_well() {
    let world = World::start(settings()).await;
    let headers = [
        ("Sec-WebSocket-Protocol", MSGPACK_SUBPROTOCOL),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    let mut client = Compressing::knock(&world, "/v1/ws", &headers).await;
    let next = async |client: &mut Compressing| {
        let frame = client.next_frame().await.unwrap();
        assert_eq!(frame.first_byte & !COMPRESSED, FINAL | BINARY);
        let message: Value = serde_json::from_str(&unpacked(&frame.message())).unwrap();
        (message, frame.first_byte & COMPRESSED != 0)
    };
    assert_eq!(next(&mut client).await.0["type"], "connected");
    let subscribe = json!({"type": "subscribe", "id": "s", "payload": {"channel": "room:a"}}).to_string();
    let packed = nexus_protocol::msgpack::pack(&subscribe).unwrap();
    client
        .send_frame(FINAL | COMPRESSED | BINARY, &deflate(&packed))
        .await;
    assert_eq!(next(&mut client).await.0["type"], "subscribed");
    world.publish("room:a", &long(1)).await;
    let (message, is_compressed) = next(&mut client).await;
    assert_eq!(message["payload"].to_string(), long(1));
    assert!(is_compressed);
}

#[tokio::test]
async fn whatever_a_client_compresses_is_read() {
    let world = World::start(settings()).await;
    let mut client = Compressing::connect(&world, "/v1/ws").await;
    let ping = r#"{"type":"ping","id":"p"}"#.as_bytes();
    let compressed = deflate(ping);
    let (begin, end) = compressed.split_at(compressed.len() / 2);
    // As a stored block that says it is the last, with rubbish behind it.
    let last_block = [
        &[0x01, ping.len() as u8, 0, !(ping.len() as u8), 0xff][..],
        ping,
        &[0xff, 0x80],
    ]
    .concat();
    let whole = FINAL | COMPRESSED | TEXT;
    for (case, frames) in [
        ("in one frame", vec![(whole, &compressed[..])]),
        ("not compressed at all", vec![(FINAL | TEXT, ping)]),
        ("in two frames", vec![(COMPRESSED | TEXT, begin), (FINAL, end)]),
        (
            "in many frames, empty ones among them, and a ping between",
            vec![
                (COMPRESSED | TEXT, &[][..]),
                (0, begin),
                (FINAL | 9, b"between"),
                (0, &[]),
                (0, end),
                (FINAL, &[]),
            ],
        ),
        (
            "with a block that says it is the last",
            vec![(whole, &last_block[..])],
        ),
        ("in one frame again", vec![(whole, &compressed[..])]),
    ] {
        for (first_byte, payload) in frames {
            client.send_frame(first_byte, payload).await;
        }
        let answer = loop {
            let frame = client.next_frame().await.expect(case);
            // The answer to the ping between.
            if frame.first_byte & 0x0f != 10 {
                break String::from_utf8(frame.message()).unwrap();
            }
        };
        assert!(answer.contains(r#""type":"pong""#), "{case}: {answer}");
    }
}

#[tokio::test]
async fn an_empty_message_is_one_refusal_and_no_end() {
    let world = World::start(settings()).await;
    let mut client = Compressing::connect(&world, "/v1/ws").await;
    for payload in [&[][..], &[0x00], &[0x03, 0x80], &[0x03, 0x00]] {
        client.send_frame(FINAL | COMPRESSED | TEXT, payload).await;
        assert_eq!(
            client.next().await["error"]["code"],
            "INVALID_MESSAGE",
            "{payload:x?}"
        );
    }
    client.send(r#"{"type":"ping","id":"p"}"#).await;
    assert_eq!(client.next().await["type"], "pong");
}

#[tokio::test]
async fn bombs_and_rubbish_close_their_own_connection_only() {
    // 128 KiB of them would be 128 MiB.
    let bomb = deflate(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let over_by_one = deflate(&vec![b' '; (128 << 10) + 1]);
    let whole = FINAL | COMPRESSED | TEXT;
    World::disturbed(settings().with("message_bytes", 128 << 10), async |world| {
        for (case, first_byte, payload, code) in [
            ("a bomb", whole, &bomb[..], 1009),
            ("a binary bomb", FINAL | COMPRESSED | BINARY, &bomb, 1009),
            ("one byte too many", whole, &over_by_one, 1009),
            ("a kind of block that there is not", whole, &[0x07; 9], 1007),
            (
                "a message that ends in the middle",
                whole,
                &deflate(&[b'a'; 90])[..3],
                1007,
            ),
            ("text that is no UTF-8", whole, &deflate(&[0xc3, 0x28]), 1007),
            ("a compressed ping", FINAL | COMPRESSED | 9, &[], 1002),
            ("a compressed frame in the middle", FINAL | COMPRESSED, &[0], 1002),
            ("the second reserved bit", FINAL | 0x20 | TEXT, b"{}", 1002),
        ] {
            let mut client = Compressing::connect(world, "/v1/ws").await;
            client.send_frame(first_byte, payload).await;
            assert_eq!(client.code().await, code, "{case}");
        }
        // The bomb in pieces, each as small as one likes.
        let mut client = Compressing::connect(world, "/v1/ws").await;
        client.send_frame(COMPRESSED | TEXT, &bomb[..1]).await;
        for piece in bomb[1..].chunks(5_000) {
            client.send_frame(0, piece).await;
        }
        client.send_frame(FINAL, &[]).await;
        assert_eq!(client.code().await, 1009);
    })
    .await;
}

#[tokio::test]
async fn a_compressed_message_of_a_client_that_agreed_on_nothing_is_no_frame() {
    let world = World::start(settings()).await;
    let mut client = world.knock(Knock::default()).await.unwrap();
    client.next().await;
    client
        .send_raw(&frame(FINAL | COMPRESSED | TEXT, &deflate(b"{}")))
        .await;
    assert_eq!(client.code().await, 1002);
}
