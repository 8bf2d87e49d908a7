//! A client that agrees on `permessage-deflate`, and sees every frame as it stands on the wire. It is written from the
//! standards alone and shares no code with the server.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{DEADLINE, World};

pub(crate) const FINAL: u8 = 0x80;
pub(crate) const COMPRESSED: u8 = 0x40;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// A client that agrees on compression.
pub(crate) struct Compressing {
    stream: TcpStream,
    read: Vec<u8>,
    /// What the server answered.
    pub(crate) extensions: Option<String>,
}

/// A frame as it stands on the wire, without its length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) first_byte: u8,
    pub(crate) payload: Vec<u8>,
}

impl Compressing {
    /// Shakes hands at a door with these headers; nothing is read yet.
    pub(crate) async fn knock(world: &World, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            world.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut client = Compressing {
            stream,
            read: Vec::new(),
            extensions: None,
        };
        let head_len = loop {
            if let Some(end) = client.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(client.read_more().await, "the handshake was cut");
        };
        let head: Vec<u8> = client.read.drain(..head_len).collect();
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.extensions = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-extensions")
                .then(|| value.to_owned())
        });
        client
    }

    /// One that offers what browsers offer, gets it, and was greeted.
    pub(crate) async fn connect(world: &World, path: &str) -> Self {
        let offer = (
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits",
        );
        let mut client = Compressing::knock(world, path, &[offer]).await;
        assert!(client.extensions.is_some(), "it was not taken");
        let greeting = client.next().await;
        let kind = if path == "/ws" { "welcome" } else { "connected" };
        assert_eq!(greeting["type"], kind, "{greeting}");
        client
    }

    /// Sends a message, compressed.
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(FINAL | COMPRESSED | TEXT, &deflate(text.as_bytes()))
            .await;
    }

    /// Sends a frame. The server may have closed already; what counts is what it says.
    pub(crate) async fn send_frame(&mut self, first_byte: u8, payload: &[u8]) {
        const MASK: [u8; 4] = [0x1f, 0x80, 0x00, 0xa5];
        let mut frame = vec![first_byte];
        match payload.len() {
            small @ 0..=125 => frame.push(0x80 | small as u8),
            medium @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((medium as u16).to_be_bytes());
            }
            large => {
                frame.push(0x80 | 127);
                frame.extend((large as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(
            payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        let _ = self.stream.write_all(&frame).await;
    }

    /// The next frame that is no ping; none where the connection ended.
    pub(crate) async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            while let Some(frame) = self.take_frame() {
                if frame.first_byte & 0x0f != PING {
                    return Some(frame);
                }
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// The text of the next message, and whether it was compressed.
    pub(crate) async fn next_text(&mut self) -> (String, bool) {
        let frame = self.next_frame().await.expect("a message was due");
        assert_eq!(frame.first_byte & !COMPRESSED, FINAL | TEXT, "{frame:?}");
        let is_compressed = frame.first_byte & COMPRESSED != 0;
        (String::from_utf8(frame.message()).unwrap(), is_compressed)
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        let (text, _) = self.next_text().await;
        serde_json::from_str(&text).unwrap()
    }

    /// Subscribes, and waits for the answer.
    pub(crate) async fn subscribe(&mut self, channel: &str) {
        self.send(&format!(
            r#"{{"type":"subscribe","id":"s","payload":{{"channel":"{channel}"}}}}"#
        ))
        .await;
        let answer = self.next().await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
    }

    /// Reads until the connection is closed, and says with which code.
    pub(crate) async fn code(&mut self) -> u16 {
        loop {
            let frame = self.next_frame().await.expect("a close was due");
            if frame.first_byte == FINAL | CLOSE {
                return u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
            }
        }
    }

    async fn read_more(&mut self) -> bool {
        let read = timeout(DEADLINE, self.stream.read_buf(&mut self.read)).await;
        read.expect("nothing came in time").is_ok_and(|read| read > 0)
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let (first_byte, second_byte) = (*self.read.first()?, *self.read.get(1)?);
        assert_eq!(second_byte & 0x80, 0, "servers mask nothing");
        let big_endian = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte))
        };
        let (header, length) = match second_byte {
            126 => (4, big_endian(self.read.get(2..4)?)),
            127 => (10, big_endian(self.read.get(2..10)?)),
            small => (2, usize::from(small)),
        };
        let payload = self.read.get(header..header + length)?.to_vec();
        self.read.drain(..header + length);
        Some(Frame { first_byte, payload })
    }
}

impl Frame {
    /// What it says, whether compressed or not.
    pub(crate) fn message(&self) -> Vec<u8> {
        match self.first_byte & COMPRESSED {
            0 => self.payload.clone(),
            _ => inflate(&self.payload),
        }
    }
}

/// A payload as a client sends it that compresses each message on its own.
pub(crate) fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(payload.len() + 1024);
    Compress::new(flate2::Compression::best(), false)
        .compress_vec(payload, &mut compressed, FlushCompress::Sync)
        .unwrap();
    assert!(compressed.ends_with(&[0, 0, 0xff, 0xff]));
    compressed.truncate(compressed.len() - 4);
    compressed
}

/// The other way round; the message refers to nothing before it.
fn inflate(compressed: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(1 << 20);
    let input = [compressed, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false)
        .decompress_vec(&input, &mut payload, FlushDecompress::Sync)
        .unwrap();
    assert!(payload.len() < payload.capacity());
    payload
}
