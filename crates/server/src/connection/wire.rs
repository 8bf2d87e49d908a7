//! One WebSocket behind its handshake: what was read of it and not understood yet, and what is written when it takes it.
//!
//! It never waits. It remembers what the system said of the socket (there is something to read, it takes what is written)
//! until it is proved wrong, as an edge-triggered event loop wants it, and how long a client has taken nothing.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use bytes::{Buf, Bytes};
use mio::event::Event;
use nexus_protocol::CloseCode;
use tokio::time::Instant;

use crate::frames::{self, Decoder};

/// So many frames are handed to the system in one call.
const FRAMES_AT_ONCE: usize = 64;
/// How long a client may take to read what stands before a close, and the close itself.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// How long we go on reading behind a close. If we did not, what the client is still sending would make the kernel
/// reset the connection, and the client would never see the close code.
const LINGER: Duration = Duration::from_secs(3);

/// One WebSocket. What a delivery looks at comes first and together: it is seldom in the cache.
#[derive(Debug)]
#[repr(C)]
pub struct Wire {
    stream: mio::net::TcpStream,
    /// There may be something to read.
    is_readable: bool,
    /// The client says no more: reading goes on until the end is found.
    is_ending: bool,
    /// The client takes what is written, as far as we know.
    is_writable: bool,
    is_broken: bool,
    /// Since when the client takes nothing although something waits for it.
    blocked_since: Option<Instant>,
    out: Out,
    /// Reads frames. Lent out while a message of it is acted on.
    pub(super) decoder: Decoder,
    /// What was read, and waits until the request before it is done.
    pub(super) unread: Vec<u8>,
    /// When it last took something again after it had taken nothing.
    unblocked_at: Option<Instant>,
}

/// Why nothing more comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The client closed; our answer is queued.
    ByClient,
    /// The link broke.
    Broken,
}

/// What came of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Came {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The link broke, or the client has gone.
    End,
}

impl Wire {
    /// A WebSocket over a stream on which the handshake is done. `read` is what was read beyond it.
    pub fn new(stream: mio::net::TcpStream, read: &[u8], decoder: Decoder) -> Self {
        Wire {
            stream,
            decoder,
            unread: read.to_vec(),
            out: Out::default(),
            is_readable: true,
            is_ending: false,
            is_writable: true,
            is_broken: false,
            blocked_since: None,
            unblocked_at: None,
        }
    }

    /// The socket, for the event loop.
    pub fn stream(&mut self) -> &mut mio::net::TcpStream {
        &mut self.stream
    }

    /// The event loop was told that something may be done.
    pub fn note_ready(&mut self, event: &Event) {
        self.is_ending |= event.is_read_closed() || event.is_error();
        self.is_readable |= event.is_readable() || self.is_ending;
        self.is_writable |= event.is_writable() || event.is_error();
    }

    /// Queues a frame. For a link that is known to be broken, nothing is kept.
    pub fn push(&mut self, frame: Bytes) {
        if !self.is_broken {
            self.out.push(frame);
        }
    }

    /// Writes a frame at once where nothing waits before it; what the socket does not take of it is queued. Says whether
    /// nothing waits now: else it is to be flushed, which finds out why.
    pub fn write_now(&mut self, frame: &Bytes) -> bool {
        if self.is_writable && !self.is_broken {
            return self.out.write_now(&mut self.stream, frame);
        }
        self.push(frame.clone());
        false
    }

    /// How many bytes wait to be written.
    pub fn waiting(&self) -> usize {
        self.out.bytes
    }

    /// Since when the client takes nothing although something waits for it.
    pub fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// When the client last took something again after it had taken nothing: a sign of life.
    pub fn unblocked_at(&self) -> Option<Instant> {
        self.unblocked_at
    }

    /// Whether there may be something that was not read yet.
    pub(super) fn has_input(&self) -> bool {
        self.is_readable || !self.unread.is_empty()
    }

    /// Writes what waits, as far as the socket takes it. A link that breaks is found by the next read.
    pub fn flush(&mut self, now: impl FnOnce() -> Instant) {
        if self.out.is_empty() || !self.is_writable || self.is_broken {
            return;
        }
        let was_blocked = self.blocked_since.is_some();
        let before = self.out.bytes;
        match self.out.write_to(&mut self.stream) {
            Ok(true) => {
                if was_blocked {
                    self.blocked_since = None;
                    self.unblocked_at = Some(now());
                }
            }
            Ok(false) => {
                self.is_writable = false;
                if !was_blocked || self.out.bytes < before {
                    let now = now();
                    if was_blocked {
                        self.unblocked_at = Some(now);
                    }
                    self.blocked_since = Some(now);
                }
            }
            Err(_) => {
                self.is_broken = true;
                self.is_readable = true;
                self.out = Out::default();
            }
        }
    }

    /// Reads once.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Came {
        if self.is_broken {
            return Came::End;
        }
        loop {
            match self.stream.read(into) {
                Ok(0) => return Came::End,
                Ok(read) => {
                    // Less than was asked for is all there was: the next edge will be told.
                    self.is_readable = read == into.len() || self.is_ending;
                    return Came::Bytes(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    return Came::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Came::End,
            }
        }
    }
}

/// A WebSocket that takes its leave: what waits is written, then we say that no more comes, and wait for the client to go.
#[derive(Debug)]
pub struct Leaving {
    wire: Wire,
    /// Then it is over, whatever the client does.
    until: Instant,
    has_shut: bool,
}

impl Leaving {
    /// Closes with a code, behind everything that waits.
    pub fn close(mut wire: Wire, code: CloseCode, reason: &str, now: Instant) -> Self {
        wire.push(frames::close(code, reason));
        Leaving::finish(wire, now)
    }

    /// Closes with a code, in place of everything that waits.
    pub fn cut(mut wire: Wire, code: CloseCode, reason: &str, now: Instant) -> Self {
        wire.out.keep_what_was_begun();
        Leaving::close(wire, code, reason, now)
    }

    /// Writes what waits, and ends.
    pub fn finish(mut wire: Wire, now: Instant) -> Self {
        wire.unread = Vec::new();
        Leaving {
            wire,
            until: now + CLOSE_DEADLINE,
            has_shut: false,
        }
    }

    /// The WebSocket.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Then it is over, whatever the client does.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Goes on as far as the socket lets it. Says whether it is over.
    pub fn attend(&mut self, scratch: &mut [u8], now: Instant) -> bool {
        if now >= self.until {
            return true;
        }
        self.wire.flush(|| now);
        if self.wire.waiting() > 0 {
            return self.wire.is_broken;
        }
        if !self.has_shut {
            if self.wire.is_broken || self.wire.stream.shutdown(Shutdown::Write).is_err() {
                return true;
            }
            self.has_shut = true;
            self.until = now + LINGER;
        }
        // Bounded, so that one that goes on sending delays nobody; what is left is told again at the next edge or not at all.
        for _ in 0..4 {
            if !self.wire.is_readable {
                return false;
            }
            if self.wire.read(scratch) == Came::End {
                return true;
            }
        }
        false
    }

    /// Whether there is more to read at once.
    pub fn has_more(&self) -> bool {
        self.has_shut && self.wire.is_readable
    }
}

/// What waits to be written: frames that may be shared with other connections. The first may be written in part.
#[derive(Debug, Default)]
#[repr(C)]
struct Out {
    bytes: usize,
    /// Apart from the rest, because most often there is one, and then none again.
    first: Option<Bytes>,
    rest: VecDeque<Bytes>,
    first_is_partial: bool,
}

impl Out {
    fn push(&mut self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        self.bytes += frame.len();
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.rest.push_back(frame);
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Writes a frame behind what waits, if nothing does, and else queues it. Says whether nothing waits now.
    fn write_now(&mut self, socket: &mut impl Write, frame: &Bytes) -> bool {
        let written = match self.is_empty() {
            // An error is found again when what waits is written.
            true => socket.write(frame).unwrap_or(0),
            false => 0,
        };
        if written == frame.len() {
            return true;
        }
        self.push(frame.clone());
        if written > 0 {
            self.advance(written);
        }
        false
    }

    /// Writes until nothing waits (true) or the socket takes nothing more (false).
    fn write_to(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while let Some(first) = &self.first {
            let written = if self.rest.is_empty() {
                socket.write(first)
            } else {
                let mut slices = [IoSlice::new(&[]); FRAMES_AT_ONCE];
                let frames = std::iter::once(first).chain(&self.rest);
                let mut count = 0;
                for (slice, frame) in slices.iter_mut().zip(frames) {
                    *slice = IoSlice::new(frame);
                    count += 1;
                }
                socket.write_vectored(&slices[..count])
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, written: usize) {
        self.bytes -= written;
        let mut left = written;
        while let Some(first) = &mut self.first {
            if first.len() > left {
                first.advance(left);
                self.first_is_partial |= left > 0;
                return;
            }
            left -= first.len();
            self.first = self.rest.pop_front();
            self.first_is_partial = false;
        }
        // An idle connection holds no memory.
        if self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
    }

    /// A frame that was begun must be ended, or what follows would be read as part of it.
    fn keep_what_was_begun(&mut self) {
        self.rest = VecDeque::new();
        if !self.first_is_partial {
            self.first = None;
        }
        self.bytes = self.first.as_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests;
