//! A plain socket that has shaken hands, and what was read of it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nexus_client::ServerUrl;

use super::frames;

/// Nothing of a handshake takes longer.
const DEADLINE: Duration = Duration::from_secs(20);

/// A connection. Everything behind the handshake is done without waiting.
pub(super) struct Socket {
    pub(super) stream: mio::net::TcpStream,
    /// The beginning of a frame whose end was not read yet.
    begun: Vec<u8>,
    /// What the socket has not taken yet.
    unsent: Vec<u8>,
}

/// Where the server is.
pub(super) fn address_of(server: &ServerUrl) -> anyhow::Result<SocketAddr> {
    let text = server.to_string();
    let (scheme, rest) = text.split_once("://").context("the server's URL has no scheme")?;
    ensure!(
        matches!(scheme, "ws" | "http"),
        "the load speaks plain ws:// and http:// only"
    );
    let host = rest.split('/').next().unwrap_or_default();
    let with_port = if host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let addresses = with_port.to_socket_addrs();
    addresses
        .with_context(|| format!("{with_port} has no address"))?
        .next()
        .with_context(|| format!("{with_port} has no address"))
}

impl Socket {
    /// Connects, shakes hands and sends these messages.
    pub(super) fn open(
        address: SocketAddr,
        token: Option<&str>,
        messages: &[String],
    ) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&address, DEADLINE)
            .with_context(|| format!("no connection to {address}: is the server there, and are there enough descriptors (ulimit -n)?"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let authorization = token.map_or(String::new(), |token| {
            format!("Authorization: Bearer {token}\r\n")
        });
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{authorization}\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let begun = read_head(&mut stream)?;
        let mut out = Vec::new();
        for message in messages {
            frames::masked(1, message.as_bytes(), &mut out);
        }
        stream.write_all(&out)?;
        stream.set_nonblocking(true)?;
        Ok(Socket {
            stream: mio::net::TcpStream::from_std(stream),
            begun,
            unsent: Vec::new(),
        })
    }

    /// Reads what is there and hands every whole frame to `take`. `buffer` is shared by all sockets.
    ///
    /// # Errors
    /// If the connection ended, or what came is no WebSocket.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(frames::Frame<'_>),
    ) -> anyhow::Result<()> {
        loop {
            let begun = self.begun.len();
            // What was begun stands at the start of the buffer, and what is read behind it.
            buffer[..begun].copy_from_slice(&self.begun);
            let read = match self.stream.read(&mut buffer[begun..]) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a connection broke"),
            };
            let all = &buffer[..begun + read];
            let used = frames::cut(all, &mut take).map_err(anyhow::Error::msg)?;
            self.begun.clear();
            self.begun.extend_from_slice(&all[used..]);
            ensure!(
                self.begun.len() < buffer.len() / 2,
                "a message is too large for this load"
            );
            if begun + read < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Sends bytes, now or when the socket takes them.
    pub(super) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what the socket did not take before.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => {
                    self.unsent.drain(..sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a connection broke"),
            }
        }
        Ok(())
    }
}

/// Reads the answer to the handshake; gives what came behind it.
fn read_head(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = stream.read(&mut buffer).context("no answer to the handshake")?;
        ensure!(read > 0, "the server closed a connection in its handshake");
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            let line = String::from_utf8_lossy(&head[..end])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            ensure!(line.contains(" 101 "), "the handshake was refused: {line}");
            return Ok(head.split_off(end + 4));
        }
        ensure!(head.len() < 64 * 1024, "the answer to the handshake has no end");
    }
}
