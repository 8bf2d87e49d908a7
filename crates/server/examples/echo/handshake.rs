//! The handshake of [RFC 6455, 4.2](https://www.rfc-editor.org/rfc/rfc6455#section-4.2), on a plain socket: any path, any
//! subprotocol ignored, `permessage-deflate` where it is offered.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nexus_server::deflate::{Compression, negotiate};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const DEADLINE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 16 * 1024;
const END: &[u8] = b"\r\n\r\n";
const WINDOW_BITS: std::ops::RangeInclusive<u8> = 9..=15;

/// A client that has come in.
#[derive(Debug)]
pub(crate) struct Client {
    /// How its messages are compressed, where they are.
    pub(crate) compression: Option<Compression>,
    /// What it has already sent behind its handshake.
    pub(crate) sent: Vec<u8>,
}

/// Reads the request and answers it; none if the client was sent away, with the answer that says why.
pub(crate) fn accept(stream: &mut TcpStream) -> io::Result<Option<Client>> {
    let Some((head, sent)) = read_head(stream)? else {
        return Ok(None);
    };
    let answer = match answer(&head) {
        Ok(answer) => answer,
        Err(refusal) => {
            stream.write_all(refusal.as_bytes())?;
            return Ok(None);
        }
    };
    let extensions = match &answer.extensions {
        Some(extensions) => format!("Sec-WebSocket-Extensions: {extensions}\r\n"),
        None => String::new(),
    };
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{extensions}\r\n",
        answer.accept
    );
    stream.write_all(text.as_bytes())?;
    Ok(Some(Client {
        compression: answer.compression,
        sent,
    }))
}

struct Answer {
    accept: String,
    extensions: Option<String>,
    compression: Option<Compression>,
}

/// The head of the request, and what stands behind it; none if it does not end in time or in size.
fn read_head(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let until = Instant::now() + DEADLINE;
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(END.len()).position(|window| window == END) {
            let behind = bytes.split_off(end + END.len());
            return Ok(String::from_utf8(bytes).ok().map(|head| (head, behind)));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() >= MOST_BYTES {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 2048];
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn answer(head: &str) -> Result<Answer, String> {
    let mut lines = head.lines();
    let request = lines.next().unwrap_or_default();
    let headers: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let values = |name: &'static str| {
        let named = move |(its, _): &&(&str, &str)| its.eq_ignore_ascii_case(name);
        headers.iter().filter(named).map(|(_, value)| *value)
    };
    let names = |name, wanted: &str| {
        values(name)
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    if !(request.starts_with("GET ") && request.ends_with(" HTTP/1.1")) {
        return Err(refusal(
            "400 Bad Request",
            "",
            "this speaks WebSocket over HTTP/1.1",
        ));
    }
    if !(names("upgrade", "websocket") && names("connection", "upgrade")) {
        return Err(refusal(
            "426 Upgrade Required",
            "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            "this speaks WebSocket",
        ));
    }
    if values("sec-websocket-version").next() != Some("13") {
        return Err(refusal(
            "426 Upgrade Required",
            "Sec-WebSocket-Version: 13\r\n",
            "this speaks version 13",
        ));
    }
    let Some(key) = values("sec-websocket-key").next().filter(|key| key.len() == 24) else {
        return Err(refusal("400 Bad Request", "", "the key is missing or wrong"));
    };
    // The largest window that the client takes, so that no offer is declined for its size.
    let agreed = WINDOW_BITS.rev().find_map(|window_bits| {
        let compression = Compression {
            window_bits,
            threshold: 0,
            ..Compression::DEFAULT
        };
        let accepted = negotiate(values("sec-websocket-extensions"), compression)?;
        Some((accepted.answer, compression))
    });
    let (extensions, compression) = agreed.unzip();
    Ok(Answer {
        accept: derive_accept_key(key.as_bytes()),
        extensions,
        compression,
    })
}

fn refusal(status: &str, headers: &str, why: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{why}\n",
        why.len() + 1
    )
}
