//! The few frames of a WebSocket client that it takes to see prices arrive. It trusts its own server on this machine:
//! no key is checked, no fragments are joined.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

use super::http;

const OPCODE_TEXT: u8 = 0x1;
const OPCODE_CLOSE: u8 = 0x8;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const LENGTH_BITS: u8 = 0x7f;
const LARGEST_FRAME: u64 = 16 << 20;
/// Any key does: masking protects proxies from scripts, and there is neither here.
const MASK: [u8; 4] = [0x6e, 0x65, 0x78, 0x75];

/// An open connection.
pub(crate) struct WebSocket {
    stream: BufReader<TcpStream>,
}

impl WebSocket {
    /// Opens `path` of the server behind `url`; a message may then take as long as `patience`.
    pub(crate) fn open(url: &str, path: &str, patience: Duration) -> anyhow::Result<Self> {
        let mut stream = http::connect(url)?;
        stream.set_read_timeout(Some(patience))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bmV4dXMgZGVtbyBwcm9vZg==\r\n\r\n",
            http::host_of(url)?
        )?;
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream
                .read_exact(&mut byte)
                .context("the server ended the connection instead of upgrading it")?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head);
        if !head.starts_with("HTTP/1.1 101 ") {
            bail!(
                "the server does not open a WebSocket but says: {}",
                head.lines().next().unwrap_or_default()
            );
        }
        Ok(Self { stream })
    }

    /// Sends one text message.
    pub(crate) fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.stream
            .get_mut()
            .write_all(&client_frame(text)?)
            .context("cannot send to the server")
    }

    /// The next text message; control frames are passed over.
    pub(crate) fn receive(&mut self) -> anyhow::Result<String> {
        loop {
            let (opcode, payload) = read_frame(&mut self.stream).context("no message came")?;
            match opcode {
                OPCODE_TEXT => return String::from_utf8(payload).context("a message is not UTF-8"),
                OPCODE_CLOSE => bail!("the server closed the connection: {}", closing_words(&payload)),
                _ping_or_pong => {}
            }
        }
    }
}

fn client_frame(text: &str) -> anyhow::Result<Vec<u8>> {
    let length = u16::try_from(text.len()).context("a message of ours is too long")?;
    let mut frame = vec![FIN | OPCODE_TEXT, MASKED | 126];
    frame.extend(length.to_be_bytes());
    frame.extend(MASK);
    frame.extend(
        text.bytes()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    Ok(frame)
}

fn read_frame(stream: &mut impl Read) -> anyhow::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let length = match head[1] & LENGTH_BITS {
        126 => {
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes)?;
            u64::from(u16::from_be_bytes(bytes))
        }
        127 => {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes)?;
            u64::from_be_bytes(bytes)
        }
        short => u64::from(short),
    };
    if head[0] & FIN == 0 || length > LARGEST_FRAME {
        bail!("a frame of {length} bytes, or in pieces: the server sends neither");
    }
    let mut payload = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut payload)?;
    Ok((head[0] & 0x0f, payload))
}

/// Code and reason of a close frame.
fn closing_words(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => {
            format!(
                "{} {}",
                u16::from_be_bytes([*high, *low]),
                String::from_utf8_lossy(reason)
            )
        }
        _ => "without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0_usize, 125, 126, 65_535, 65_536] {
            let mut bytes = vec![FIN | OPCODE_TEXT];
            match length {
                0..126 => bytes.push(u8::try_from(length).expect("fits")),
                126..65_536 => {
                    bytes.push(126);
                    bytes.extend(u16::try_from(length).expect("fits").to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            bytes.extend(std::iter::repeat_n(b'x', length));
            let (opcode, payload) = read_frame(&mut &*bytes).expect("a whole frame");
            assert_eq!((opcode, payload.len()), (OPCODE_TEXT, length));
        }
    }

    #[test]
    fn a_sent_frame_unmasks_to_its_text() {
        let frame = client_frame("prices, please").expect("short enough");
        let (header, payload) = frame.split_at(8);
        assert_eq!(&header[..4], &[FIN | OPCODE_TEXT, MASKED | 126, 0, 14]);
        let text: Vec<u8> = payload
            .iter()
            .zip(header[4..].iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        assert_eq!(text, b"prices, please");
    }

    #[test]
    fn half_a_frame_is_an_error_and_a_close_says_why() {
        assert!(read_frame(&mut &[FIN | OPCODE_TEXT, 5, b'x'][..]).is_err());
        assert_eq!(closing_words(&[0x03, 0xf4, b'n', b'o']), "1012 no");
        assert_eq!(closing_words(&[]), "without a code");
    }
}
