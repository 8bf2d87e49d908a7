//! Whatever a client sends, it gets the refusal or the close code of the contract, and everyone else goes on.

use serde_json::{Value, json};

use crate::harness::{World, frame, settings};

/// A `ping` of exactly so many bytes.
fn padded(bytes: usize) -> String {
    let with = |padding: &str| format!(r#"{{"type":"ping","id":"padded","padding":"{padding}"}}"#);
    with(&"x".repeat(bytes - with("").len()))
}

#[tokio::test]
async fn the_101st_message_in_a_minute_is_refused_with_a_time_to_wait() {
    World::disturbed(settings(), async |world| {
        let mut client = world.connect().await;
        for _ in 1..=100 {
            assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
        }
        let refused = client.ask("ping", Value::Null).await;
        assert_eq!(refused["error"]["code"], "RATE_LIMITED", "{refused}");
        let wait = refused["error"]["retry_after_ms"].as_u64().unwrap();
        assert!((1..=60_001).contains(&wait), "{wait}");
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_stop_is_closed_with_1008() {
    World::disturbed(settings(), async |world| {
        let mut client = world.connect().await;
        for _ in 1..=1000 {
            client.send_raw(&frame(0x81, br#"{"type":"ping"}"#)).await;
        }
        assert_eq!(client.code().await, 1008);
    })
    .await;
}

#[tokio::test]
async fn the_11th_refusal_in_a_minute_is_answered_and_closed_with_1008() {
    World::disturbed(settings(), async |world| {
        let mut client = world.connect().await;
        for _ in 1..=11 {
            assert_eq!(
                client.is_refused("dance", Value::Null).await,
                "UNKNOWN_MESSAGE_TYPE"
            );
        }
        assert_eq!(client.code().await, 1008);
    })
    .await;
}

#[tokio::test]
async fn what_the_server_cannot_do_is_not_held_against_the_client() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    for _ in 1..=20 {
        assert_eq!(
            client.is_refused("subscribe", json!({"channel": "prices"})).await,
            "UPSTREAM_DOWN"
        );
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009() {
    World::disturbed(settings(), async |world| {
        for bytes in [131_073, 1 << 20, 16 << 20] {
            for first_byte in [0x81, 0x82] {
                let mut client = world.connect().await;
                client.send_raw(&frame(first_byte, &vec![b'x'; bytes])).await;
                assert_eq!(client.code().await, 1009, "{bytes}");
            }
        }
        let mut client = world.connect().await;
        client.send_raw(&frame(0x01, &[b'x'; 100_000])).await;
        client.send_raw(&frame(0x80, &[b'x'; 100_000])).await;
        assert_eq!(client.code().await, 1009, "in fragments");
        let mut client = world.connect().await;
        client
            .send_raw(&[
                0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
            ])
            .await;
        assert_eq!(client.code().await, 1009, "a header alone");
    })
    .await;
}

#[tokio::test]
async fn a_message_just_within_the_limit_is_answered() {
    let world = World::start(settings()).await;
    let mut client = world.connect().await;
    client.send(&padded(131_072)).await;
    assert_eq!(client.next().await["type"], "pong");
}

#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007() {
    World::disturbed(settings(), async |world| {
        for bytes in [
            &b"\xff\xfe"[..],
            b"{\"type\":\"\xc3\x28\"}",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
        ] {
            let mut client = world.connect().await;
            client.send_raw(&frame(0x81, bytes)).await;
            assert_eq!(client.code().await, 1007, "{bytes:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn binary_data_is_closed_with_1003() {
    World::disturbed(settings(), async |world| {
        for bytes in [&b""[..], &[0xff; 64], br#"{"type":"ping"}"#] {
            let mut client = world.connect().await;
            client.send_raw(&frame(0x82, bytes)).await;
            assert_eq!(client.code().await, 1003, "{bytes:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_websocket_frame_is_closed_with_1002() {
    World::disturbed(settings(), async |world| {
        for bytes in [
            vec![0x81, 0x04, b'p', b'i', b'n', b'g'],
            frame(0xc1, b"reserved bit"),
            frame(0x83, b"reserved opcode"),
            frame(0x8b, b"reserved control"),
            frame(0x80, b"nothing to continue"),
            frame(0x09, b"a ping in fragments"),
            frame(0x89, &[0; 126]),
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        ] {
            let mut client = world.connect().await;
            client.send_raw(&bytes).await;
            assert_eq!(client.code().await, 1002, "{bytes:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_connection_goes_on() {
    World::disturbed(settings(), async |world| {
        for text in [
            "",
            "hello",
            "{",
            "[]",
            "null",
            "42",
            r#"{"type":7}"#,
            r#"{"type":"ping","id":{}}"#,
            r#"{"type":"subscribe","payload":[]}"#,
            r#"{"type":"ping","timestamp":"yesterday"}"#,
            &format!(
                r#"{{"type":"publish","payload":{}{}}}"#,
                "[".repeat(50_000),
                "]".repeat(50_000)
            ),
            "\u{0}\u{1}\u{2}",
        ] {
            let mut client = world.connect().await;
            client.send(text).await;
            let refused = client.next().await;
            let shown: String = text.chars().take(60).collect();
            assert_eq!(refused["error"]["code"], "INVALID_MESSAGE", "{shown} {refused}");
            assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
        }
    })
    .await;
}

#[tokio::test]
async fn each_wrong_request_gets_its_own_code_under_its_id() {
    World::disturbed(settings(), async |world| {
        let mut client = world.connect_as("ann", "operator").await;
        for (kind, payload, code) in [
            ("dance", json!({}), "UNKNOWN_MESSAGE_TYPE"),
            ("subscribe", json!({"channel": "weather"}), "UNKNOWN_CHANNEL"),
            ("subscribe", json!({"channel": "orderbook"}), "INVALID_PARAMS"),
            (
                "subscribe",
                json!({"channel": "room:a", "filters": {"a": []}}),
                "INVALID_PARAMS",
            ),
            (
                "subscribe",
                json!({"channel": "room:a", "mode": "every", "throttle": 10}),
                "INVALID_PARAMS",
            ),
            (
                "subscribe",
                json!({"channel": "trades", "params": {"symbol": "BTC"}}),
                "UPSTREAM_DOWN",
            ),
            (
                "history",
                json!({"channel": "room:a", "since": {"epoch": "other", "offset": 1}}),
                "INVALID_PARAMS",
            ),
        ] {
            assert_eq!(
                client.is_refused(kind, payload.clone()).await,
                code,
                "{kind} {payload}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn the_257th_subscription_is_refused_and_the_others_stay() {
    World::disturbed(settings().with("messages_per_minute", 1_000), async |world| {
        let mut client = world.connect().await;
        for number in 1..=256 {
            client.subscribe(&format!("room:{number}")).await;
        }
        assert_eq!(
            client
                .is_refused("subscribe", json!({"channel": "room:257"}))
                .await,
            "TOO_MANY_SUBSCRIPTIONS"
        );
        client.subscribe("room:256").await;
        world.publish("room:1", "1").await;
        assert_eq!(client.next().await["channel"], "room:1");
        client.ask("unsubscribe", json!({"channel": "room:1"})).await;
        client.subscribe("room:257").await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_pings_is_closed_with_1008() {
    World::disturbed(settings(), async |world| {
        let mut client = world.connect().await;
        client.send_raw(&frame(0x89, b"x").repeat(5_000)).await;
        assert_eq!(client.code().await, 1008);
    })
    .await;
}

#[tokio::test]
async fn whoever_hangs_up_without_a_word_disturbs_nobody() {
    World::disturbed(settings(), async |world| {
        for _ in 0..50 {
            let mut client = world.connect().await;
            client.subscribe("room:witness").await;
            client
                .send_raw(&frame(
                    0x81,
                    br#"{"type":"subscribe","payload":{"channel":"room:b"}}"#,
                ))
                .await;
            // Reset instead of an orderly end.
            client.socket.get_ref().set_zero_linger().unwrap();
            drop(client);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_silent_is_pinged_and_then_closed() {
    let world = World::start(settings().with("ping_secs", 0.2).with("idle_secs", 0.6)).await;
    let mut silent = world.connect().await;
    // tungstenite answers pings when it reads or writes; a raw reader does not.
    let mut bytes = Vec::new();
    tokio::time::timeout(
        crate::harness::DEADLINE,
        tokio::io::AsyncReadExt::read_to_end(silent.socket.get_mut(), &mut bytes),
    )
    .await
    .expect("it is closed")
    .unwrap();
    let pings = bytes.chunks(2).take_while(|pair| *pair == [0x89, 0]).count();
    assert!((1..=2).contains(&pings), "{bytes:?}");
    let close = &bytes[pings * 2..];
    assert_eq!(
        (close[0], &close[2..4]),
        (0x88, &1001u16.to_be_bytes()[..]),
        "{bytes:?}"
    );
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let world = World::start(settings().with("ping_secs", 0.2).with("idle_secs", 1)).await;
    let mut client = world.connect().await;
    let silence = tokio::time::timeout(std::time::Duration::from_millis(2_500), client.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    assert_eq!(client.ask("ping", Value::Null).await["type"], "pong");
}

#[tokio::test]
async fn whatever_bytes_come_nothing_panics_and_nobody_is_disturbed() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    World::disturbed(settings().with("errors_per_minute", 1_000), async |world| {
        for _ in 0..300 {
            let mut client = world.connect().await;
            for _ in 0..dice.usize(1..5) {
                client.send_raw(&junk(&mut dice)).await;
            }
            // Otherwise the server would wait for the rest of what may be the beginning of a frame.
            let _ = tokio::io::AsyncWriteExt::shutdown(client.socket.get_mut()).await;
            client.end().await;
        }
    })
    .await;
}

/// Noise, or something that was right before a few of its bytes were changed.
fn junk(dice: &mut fastrand::Rng) -> Vec<u8> {
    const RIGHT: [&str; 6] = [
        r#"{"type":"subscribe","id":"m1","payload":{"channel":"room:a","recover":{"epoch":"abc","offset":3}}}"#,
        r#"{"type":"subscribe","payload":{"channel":"prices","params":{"symbols":["BTC"],"throttle":5}}}"#,
        r#"{"type":"history","payload":{"channel":"room:a","limit":4294967295,"before":"2026-11-03T01:53:54.518Z"}}"#,
        r#"{"type":"auth","payload":{"token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln"}}"#,
        r#"{"type":"unsubscribe","payload":{"channel":"room:a","params":null}}"#,
        r#"{"type":"publish","payload":{"channel":"room:a","data":[1e400,-0,"\ud800"]}}"#,
    ];
    if dice.u8(..4) == 0 {
        return (0..dice.usize(1..200)).map(|_| dice.u8(..)).collect();
    }
    let mut text = dice.choice(RIGHT).unwrap_or_default().as_bytes().to_vec();
    for _ in 0..dice.usize(..4) {
        let place = dice.usize(..text.len());
        match dice.u8(..3) {
            0 => text[place] = dice.u8(b' '..b'~'),
            1 => text.truncate(place.max(1)),
            _ => text.insert(place, dice.choice(*b"{}[]\",:0\\").unwrap_or(b'"')),
        }
    }
    let mut bytes = frame(0x81, &text);
    if dice.u8(..4) == 0 {
        let place = dice.usize(..bytes.len());
        bytes[place] ^= 1 << dice.u8(..8);
    }
    bytes
}
