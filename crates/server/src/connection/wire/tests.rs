//! Frames against another implementation of the standard, what is no frame, and the ends that there are.

use futures_util::{SinkExt, StreamExt};
use nexus_protocol::CloseCode;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Ended, Event, Wire, close_frame};

async fn both(pipe_bytes: usize) -> (Wire<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (ours, theirs) = duplex(pipe_bytes);
    let client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    (Wire::new(ours, &[], 1000), client)
}

/// A masked frame of a client, with the mask zero.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match payload.len() {
        small @ 0..=125 => frame.push(0x80 | small as u8),
        medium => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test]
async fn frames_arrive_as_messages_whatever_the_pipe_takes_at_once() {
    let (mut wire, mut client) = both(7).await;
    let texts: Vec<String> = [0, 1, 125, 126, 700]
        .iter()
        .map(|length| "x".repeat(*length))
        .collect();
    for text in &texts {
        wire.push_text(text);
    }
    let writing = tokio::spawn(async move {
        while !matches!(wire.event(true).await, Event::Flushed) {}
        wire
    });
    for text in &texts {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text.clone()));
    }
    assert_eq!(writing.await.unwrap().waiting(), 0);
}

#[tokio::test]
async fn what_is_no_websocket_ends_with_its_code() {
    for (bytes, code) in [
        (frame(0x81, b"\xff"), 1007),
        (frame(0x81, b"\xed\xa0\x80"), 1007),
        (frame(0x81, &[b'x'; 1001]), 1009),
        // The header alone is enough: a frame of 2^62 bytes is refused before one of them is read.
        (vec![0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        (
            [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600])].concat(),
            1009,
        ),
        (frame(0xc1, b"x"), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0x80, b"x"), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (vec![0x81, 0x01, b'x'], 1002),
    ] {
        let (ours, mut theirs) = duplex(4096);
        let mut wire = Wire::new(ours, &[], 1000);
        theirs.write_all(&bytes).await.unwrap();
        match wire.event(true).await {
            Event::Ended(Ended::Violation(violated, _)) => assert_eq!(violated.code(), code, "{bytes:?}"),
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_text_in_fragments_with_a_ping_between_is_one_message() {
    let (ours, mut theirs) = duplex(4096);
    let bytes = [
        frame(0x01, b"he"),
        frame(0x89, b"are you there"),
        frame(0x80, b"llo"),
    ]
    .concat();
    let (first, rest) = bytes.split_at(5);
    let mut wire = Wire::new(ours, first, 1000);
    theirs.write_all(rest).await.unwrap();
    assert!(matches!(wire.event(true).await, Event::Control));
    assert!(matches!(wire.event(true).await, Event::Text(text) if text.as_str() == "hello"));
    assert!(matches!(wire.event(true).await, Event::Flushed));
    let mut pong = [0; 15];
    theirs.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\x8a\x0dare you there");
}

#[tokio::test]
async fn a_client_that_closes_gets_its_answer() {
    let (mut wire, mut client) = both(4096).await;
    client.close(None).await.unwrap();
    assert!(matches!(wire.event(true).await, Event::Ended(Ended::ByClient)));
    let finishing = tokio::spawn(wire.finish());
    assert!(matches!(client.next().await, Some(Ok(Message::Close(None)))));
    assert!(client.next().await.is_none());
    drop(client);
    finishing.await.unwrap();
}

#[tokio::test]
async fn a_cut_ends_the_frame_that_was_begun_and_nothing_else() {
    let (mut wire, mut client) = both(50).await;
    wire.push_text(&"x".repeat(100));
    wire.push_text("never sent");
    assert!(matches!(wire.event(true).await, Event::Blocked));
    assert!(wire.blocked_since().is_some());
    let cutting = tokio::spawn(wire.cut(CloseCode::Slow, "too slow"));
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::text("x".repeat(100))
    );
    let Some(Ok(Message::Close(Some(close)))) = client.next().await else {
        panic!("no close");
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4008, "too slow"));
    drop(client);
    cutting.await.unwrap();
}

#[tokio::test]
async fn while_it_may_not_read_it_writes_and_nothing_is_lost() {
    let (mut wire, mut client) = both(4096).await;
    client.send(Message::text("later")).await.unwrap();
    wire.push_text("now");
    assert!(matches!(wire.event(false).await, Event::Flushed));
    assert!(matches!(wire.event(true).await, Event::Text(text) if text.as_str() == "later"));
}

#[tokio::test]
async fn however_much_there_is_to_write_the_client_is_read() {
    let (mut wire, mut client) = both(1 << 20).await;
    client.send(Message::text("hear me")).await.unwrap();
    wire.push_text("more");
    assert!(matches!(wire.event(true).await, Event::Text(text) if text.as_str() == "hear me"));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let frame = close_frame(CloseCode::Policy, &"é".repeat(100));
    assert_eq!(frame.len(), 2 + 2 + 122);
    assert!(std::str::from_utf8(&frame[4..]).is_ok());
}

proptest! {
    #[test]
    fn whatever_bytes_come_it_neither_panics_nor_keeps_more_than_a_message(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at_once in 1usize..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            let (ours, mut theirs) = duplex(at_once);
            let mut wire = Wire::new(ours, &[], 1000);
            let sending = tokio::spawn(async move {
                let _ = theirs.write_all(&bytes).await;
            });
            while !matches!(wire.event(true).await, Event::Ended(_)) {
                assert!(wire.waiting() <= 2 * 300, "pongs are no longer than their pings");
            }
            drop(wire);
            sending.await.unwrap();
        });
    }
}
