//! A client without rules on a real socket: it sends what it is told, in the pieces it is told, and keeps what it gets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

use crate::client_frame::{CLOSE, PONG, TEXT};
use crate::reading::{Heard, Said};
use crate::serve::{Limits, serve};

/// Nothing that is due takes longer; reaching it fails the test.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a server sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Message(u8, Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

/// Starts the echo server; it ends with the process.
pub(crate) fn start_echo(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(&listener, limits));
    address
}

/// What an echo answers to what it heard.
pub(crate) fn echoed(heard: &Heard) -> Vec<Answer> {
    let mut answers: Vec<_> = heard
        .said
        .iter()
        .filter_map(|said| match said {
            Said::Text(text) => Some(Answer::Message(TEXT, text.clone().into_bytes())),
            Said::Binary(bytes) => Some(Answer::Message(crate::client_frame::BINARY, bytes.clone())),
            Said::Ping(bytes) => Some(Answer::Pong(bytes.clone())),
            Said::Pong => None,
            Said::Close(code, _) => Some(Answer::Close(*code)),
        })
        .collect();
    let violation = heard
        .violation
        .map(|violation| Answer::Close(Some(violation.code.code())));
    answers.extend(violation);
    answers
}

/// Comes in with this offer of extensions, and says what was answered to it.
pub(crate) fn connect(server: SocketAddr, offer: Option<&str>) -> (TcpStream, Option<String>) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    let offer = offer
        .map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "GET /any/path?at=all HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: ignored\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let answered = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
        .map(str::to_owned);
    (stream, answered)
}

/// Sends these pieces, each in a call of its own, and reads until the server hangs up.
pub(crate) fn converse<'a>(mut stream: TcpStream, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Answer> {
    send(stream.try_clone().unwrap(), pieces);
    let answers = read_answers(&mut stream, 15);
    // The server may have hung up for good.
    let _ = stream.shutdown(Shutdown::Both);
    answers
}

/// Sends until the server takes no more: whoever broke a rule is not listened to.
pub(crate) fn send(mut stream: TcpStream, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    for piece in pieces {
        if stream.write_all(piece.as_ref()).is_err() {
            break;
        }
    }
}

/// All frames until the server hangs up, read by a library that is not ours. The server compresses with a window of so many
/// bits.
pub(crate) fn read_answers(stream: &mut TcpStream, window_bits: u8) -> Vec<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut socket = FrameSocket::new(std::io::Cursor::new(bytes));
    let mut answers = Vec::new();
    while let Some(frame) = socket.read(None).unwrap() {
        let header = frame.header().clone();
        assert!(header.is_final && header.mask.is_none() && !header.rsv2 && !header.rsv3);
        let opcode = u8::from(header.opcode);
        let payload = frame.into_payload().to_vec();
        answers.push(match opcode {
            CLOSE => Answer::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            PONG => Answer::Pong(payload),
            _ if header.rsv1 => Answer::Message(opcode, inflate(&payload, window_bits)),
            _ => Answer::Message(opcode, payload),
        });
    }
    answers
}

/// Decompresses a message with a window of so many bits, without what this project has for it.
pub(crate) fn inflate(payload: &[u8], window_bits: u8) -> Vec<u8> {
    let mut stream = Decompress::new_with_window_bits(false, window_bits);
    let compressed = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut inflated = Vec::with_capacity(payload.len() * 8 + 64);
    while (stream.total_in() as usize) < compressed.len() || inflated.len() == inflated.capacity() {
        inflated.reserve(payload.len() + 64);
        let rest = &compressed[stream.total_in() as usize..];
        stream
            .decompress_vec(rest, &mut inflated, FlushDecompress::Sync)
            .unwrap();
    }
    inflated
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
