//! A thread a connection, blocking: reads, hands the bytes to the decoder, writes what it comes to. Everything that waits has
//! a deadline, and what all clients together make it keep has a bound.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nexus_protocol::CloseCode;
use nexus_server::deflate::{Deflate, Inflate};
use nexus_server::frames::{self, Decoder, Item, Opcode};

use crate::handshake::{self, Client};

const READ_BYTES: usize = 64 * 1024;
/// How long a client may say nothing.
const IDLE: Duration = Duration::from_secs(300);
/// How long a client may take nothing of what it is sent.
const BLOCKED: Duration = Duration::from_secs(30);
/// How long we read on behind a close, so that what the client still sends does not make the kernel reset the connection
/// before the close was read.
const LINGER: Duration = Duration::from_secs(2);
/// After an error of accepting, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A code for a close without one.
const NO_CODE: CloseCode = CloseCode::Other(1005);
/// 1013: try again later.
const TRY_LATER: CloseCode = CloseCode::Other(1013);

/// What clients may ask of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) connections: usize,
    /// What may be kept of unfinished messages of all connections.
    pub(crate) kept_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 64 << 20,
            connections: 1024,
            kept_bytes: 1 << 30,
        }
    }
}

/// What all connections together hold.
#[derive(Debug, Default)]
struct Held {
    connections: AtomicUsize,
    kept_bytes: AtomicUsize,
}

/// One connection's part of it.
struct Part {
    held: Arc<Held>,
    kept_bytes: usize,
}

/// Serves for ever.
pub(crate) fn serve(listener: &TcpListener, limits: Limits) {
    let held = Arc::new(Held::default());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Nothing tells when it would work again.
            thread::park_timeout(ACCEPT_PAUSE);
            continue;
        };
        // One too many is closed unheard.
        if held.connections.load(Ordering::Relaxed) >= limits.connections {
            continue;
        }
        let part = Part::of(&held);
        let named = thread::Builder::new().name("echo".to_owned());
        // If there is no thread to be had, the connection is closed; whatever happens on one concerns nobody else.
        let _ = named.spawn(move || connection(stream, limits, part));
    }
}

fn connection(mut stream: TcpStream, limits: Limits, part: Part) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(BLOCKED))?;
    let Some(client) = handshake::accept(&mut stream)? else {
        return linger(&mut stream);
    };
    stream.set_read_timeout(Some(IDLE))?;
    let last = echo(&mut stream, client, limits, part)?;
    stream.write_all(&last)?;
    linger(&mut stream)
}

/// Echoes until the end, and says with which frame it ends.
fn echo(stream: &mut TcpStream, client: Client, limits: Limits, mut part: Part) -> io::Result<Bytes> {
    let mut decoder = Decoder::new(limits.message_bytes, client.compression.is_some());
    let mut inflate = Inflate::new();
    let mut deflate = client.compression.map(Deflate::new);
    let mut bytes = client.sent;
    let mut filled = bytes.len();
    loop {
        let mut at = 0;
        loop {
            let step = match decoder.next(&mut bytes[at..filled], &mut inflate) {
                Ok(step) => step,
                Err(violation) => return Ok(frames::close(violation.code, violation.reason)),
            };
            at += step.used;
            let answer = match step.item {
                None => break,
                Some(Item::Pong) => continue,
                Some(Item::Text(text)) => compressed(&mut deflate, Opcode::Text, text.as_bytes())
                    .unwrap_or_else(|| frames::text(text)),
                Some(Item::Binary(payload)) => compressed(&mut deflate, Opcode::Binary, payload)
                    .unwrap_or_else(|| frames::binary(payload)),
                Some(Item::Ping(payload)) => frames::pong(payload),
                Some(Item::Close(code, _)) => return Ok(frames::close(code.unwrap_or(NO_CODE), "")),
            };
            stream.write_all(&answer)?;
        }
        if part.keep(decoder.heap_bytes()) > limits.kept_bytes {
            return Ok(frames::close(TRY_LATER, "too much is kept at the moment"));
        }
        bytes.resize(READ_BYTES, 0);
        filled = read(stream, &mut bytes)?;
        if filled == 0 {
            return Ok(Bytes::new());
        }
    }
}

fn compressed(deflate: &mut Option<Deflate>, opcode: Opcode, payload: &[u8]) -> Option<Bytes> {
    let compressed = deflate.as_mut()?.payload(payload)?;
    Some(frames::deflated(opcode, &compressed))
}

fn read(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Says that nothing more comes, and waits for the client to hang up.
fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let until = Instant::now() + LINGER;
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        if read(stream, &mut bytes)? == 0 {
            return Ok(());
        }
    }
}

impl Part {
    fn of(held: &Arc<Held>) -> Self {
        held.connections.fetch_add(1, Ordering::Relaxed);
        Part {
            held: Arc::clone(held),
            kept_bytes: 0,
        }
    }

    /// This connection keeps so much from now on; what all together keep.
    fn keep(&mut self, bytes: usize) -> usize {
        let all = &self.held.kept_bytes;
        all.fetch_add(bytes, Ordering::Relaxed);
        let together = all.fetch_sub(self.kept_bytes, Ordering::Relaxed) - self.kept_bytes;
        self.kept_bytes = bytes;
        together
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.held.kept_bytes.fetch_sub(self.kept_bytes, Ordering::Relaxed);
        self.held.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
