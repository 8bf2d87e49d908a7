//! One HTTP GET over a plain socket: enough to ask our own server on this machine, too little for anything else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Status, headers as they came, and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Asks `url` (`http://ADDR:PORT`) for `path`.
pub(crate) fn get(url: &str, path: &str) -> anyhow::Result<Answer> {
    ask(url, path, "")
}

/// The same with a token.
pub(crate) fn get_as(token: &str, url: &str, path: &str) -> anyhow::Result<Answer> {
    ask(url, path, &format!("Authorization: Bearer {token}\r\n"))
}

fn ask(url: &str, path: &str, headers: &str) -> anyhow::Result<Answer> {
    let host = host_of(url)?;
    let mut stream = connect(url)?;
    // HTTP/1.0 so that the answer comes in one piece and ends with the connection.
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept-Encoding: identity\r\n{headers}\r\n"
    )?;
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .with_context(|| format!("no answer to GET {path}"))?;
    parse(&bytes)
}

/// A connection to the server behind `url` that gives up on silence.
pub(crate) fn connect(url: &str) -> anyhow::Result<TcpStream> {
    let host = host_of(url)?;
    let address: SocketAddr = host
        .parse()
        .with_context(|| format!("{host} is not an address with a port"))?;
    let stream = TcpStream::connect_timeout(&address, TIME_LIMIT)
        .with_context(|| format!("nobody answers at {host}"))?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    Ok(stream)
}

/// The `ADDR:PORT` of a URL of ours.
pub(crate) fn host_of(url: &str) -> anyhow::Result<&str> {
    url.strip_prefix("http://")
        .with_context(|| format!("{url} does not start with http://"))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";
    let end = bytes
        .windows(END_OF_HEAD.len())
        .position(|window| window == END_OF_HEAD)
        .context("the answer has no end of its head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let Some(status) = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()) else {
        bail!("the answer does not begin as HTTP does");
    };
    Ok(Answer {
        status,
        head,
        body: bytes[end + END_OF_HEAD.len()..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>").expect("parses");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(answer.header("etag"), None);
        assert_eq!(answer.body, b"<p>");
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        assert!(parse(b"").is_err());
        assert!(parse(b"hello\r\n\r\n").is_err());
    }
}
