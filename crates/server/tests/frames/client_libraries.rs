//! Two client libraries that are not ours, against the echo server: random messages, fragments, pings between them,
//! compressed and not. What comes back is what was sent, so both directions are read by somebody else.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as TungsteniteFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use yawc::{Frame, HttpRequest, OpCode as YawcOpCode, Options, WebSocket};

use crate::client_socket::start_echo;
use crate::serve::Limits;

const DEADLINE: Duration = Duration::from_secs(30);
const MESSAGES: usize = 120;

/// Something to say.
#[derive(Clone, PartialEq, Debug)]
enum Saying {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

/// Many things to say, of all lengths, some that compress well and some that do not.
fn sayings(seed: u64) -> Vec<Saying> {
    let mut dice = fastrand::Rng::with_seed(seed);
    (0..MESSAGES)
        .map(|_| {
            let most = *dice.choice(&[0, 10, 125, 126, 1_000, 66_000, 200_000]).unwrap();
            let length = dice.usize(0..=most);
            match dice.u8(0..5) {
                0 => Saying::Ping((0..length.min(125)).map(|_| dice.u8(..)).collect()),
                1 => Saying::Binary((0..length).map(|_| dice.u8(..)).collect()),
                2 => Saying::Binary(vec![dice.u8(..); length]),
                3 => Saying::Text((0..length / 4).map(|_| dice.char(..)).collect()),
                _ => Saying::Text(r#"{"price":"100.5"}, "#.repeat(length / 19)),
            }
        })
        .collect()
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("it takes too long")
}

#[tokio::test]
async fn tungstenite_gets_back_what_it_says_whole_and_in_fragments() {
    let server = start_echo(Limits::default());
    for seed in 0..3 {
        let stream = TcpStream::connect(server).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{server}/"), stream)
            .await
            .unwrap();
        let (mut sink, mut stream) = socket.split();
        let said = sayings(seed);
        let expected = said.clone();
        let sending = tokio::spawn(async move {
            let mut dice = fastrand::Rng::with_seed(seed);
            for saying in said {
                for message in tungstenite_messages(saying, &mut dice) {
                    sink.send(message).await.unwrap();
                }
            }
            sink
        });
        for saying in &expected {
            let heard = in_time(stream.next()).await.unwrap().unwrap();
            match saying {
                Saying::Text(text) => assert_eq!(heard, Message::text(text.as_str())),
                Saying::Binary(bytes) => assert_eq!(heard, Message::binary(bytes.clone())),
                Saying::Ping(bytes) => assert_eq!(heard, Message::Pong(bytes.clone().into())),
            }
        }
        let mut sink = in_time(sending).await.unwrap();
        sink.send(Message::Close(None)).await.unwrap();
        assert_eq!(
            in_time(stream.next()).await.unwrap().unwrap(),
            Message::Close(None)
        );
        assert!(in_time(stream.next()).await.is_none(), "an orderly end");
    }
}

/// A message whole, or in up to five fragments.
fn tungstenite_messages(saying: Saying, dice: &mut fastrand::Rng) -> Vec<Message> {
    let (bytes, first): (Bytes, _) = match saying {
        Saying::Ping(bytes) => return vec![Message::Ping(bytes.into())],
        Saying::Text(text) if dice.bool() => return vec![Message::Text(Utf8Bytes::from(text))],
        Saying::Binary(bytes) if dice.bool() => return vec![Message::Binary(bytes.into())],
        Saying::Text(text) => (text.into_bytes().into(), Data::Text),
        Saying::Binary(bytes) => (bytes.into(), Data::Binary),
    };
    let count = dice.usize(1..=5);
    let mut cuts: Vec<_> = (1..count).map(|_| dice.usize(0..=bytes.len())).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut from = 0;
    let mut frames = Vec::new();
    for (at, cut) in cuts.into_iter().enumerate() {
        let opcode = if at == 0 { first } else { Data::Continue };
        let piece = bytes.slice(from..cut);
        frames.push(Message::Frame(TungsteniteFrame::message(
            piece,
            OpCode::Data(opcode),
            at + 1 == count,
        )));
        from = cut;
    }
    frames
}

#[tokio::test]
async fn yawc_gets_back_what_it_says_compressed_and_not() {
    let compressing = || {
        Options::default()
            .client_no_context_takeover()
            .server_no_context_takeover()
    };
    for (seed, (case, options, is_compressed)) in [
        ("plain", Options::default().without_compression(), false),
        (
            "its default offer",
            Options::default().with_balanced_compression(),
            true,
        ),
        ("nothing kept", compressing(), true),
        (
            "small windows",
            compressing()
                .with_client_max_window_bits(9)
                .with_server_max_window_bits(9),
            true,
        ),
        ("best compression", compressing().with_high_compression(), true),
        (
            "fragments",
            Options::default()
                .without_compression()
                .with_max_fragment_size(1_000),
            false,
        ),
        (
            "compressed fragments",
            compressing().with_max_fragment_size(700),
            true,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let options = options.with_limits(1 << 20, 4 << 20);
        in_time(check_yawc(
            start_echo(Limits::default()),
            seed as u64,
            case,
            options,
            is_compressed,
        ))
        .await;
    }
}

async fn check_yawc(server: SocketAddr, seed: u64, case: &str, options: Options, is_compressed: bool) {
    let stream = TcpStream::connect(server).await.unwrap();
    let url = format!("ws://{server}/").parse().unwrap();
    let socket = WebSocket::handshake_with_request(url, stream, options, HttpRequest::builder())
        .await
        .unwrap();
    let (mut sink, stream) = socket.split();
    let mut stream = pin!(stream);
    let said = sayings(100 + seed);
    let expected = said.clone();
    let sending = tokio::spawn(async move {
        for saying in said {
            let frame = match saying {
                Saying::Text(text) => Frame::text(text),
                Saying::Binary(bytes) => Frame::binary(bytes),
                Saying::Ping(bytes) => Frame::ping(bytes),
            };
            sink.send(frame).await.unwrap();
        }
        sink
    });
    for (nth, saying) in expected.iter().enumerate() {
        let heard = poll_fn(|cx| stream.as_mut().poll_next_unpin(cx)).await.unwrap();
        let name = format!("{case}, seed {seed}, message {nth}, compressed: {is_compressed}");
        let (opcode, bytes) = match saying {
            Saying::Text(text) => (YawcOpCode::Text, text.as_bytes()),
            Saying::Binary(bytes) => (YawcOpCode::Binary, &bytes[..]),
            Saying::Ping(bytes) => (YawcOpCode::Pong, &bytes[..]),
        };
        assert_eq!(heard.opcode(), opcode, "{name}");
        assert!(&heard.payload()[..] == bytes, "{name}");
    }
    let mut sink = sending.await.unwrap();
    sink.send(Frame::close(yawc::close::CloseCode::Normal, ""))
        .await
        .unwrap();
}
