//! One connection of the load, from its handshake to its end. Nothing here waits.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::ear::{Ear, Ended, Sense};
use super::tongues::{Heard, Role, Speech};

/// What a socket may leave untaken of a publisher. A server that is so far behind does not take the rate.
const MOST_UNSENT: usize = 256 << 20;

/// A connection.
pub(super) struct Link {
    pub(super) stream: mio::net::TcpStream,
    pub(super) role: Role,
    ear: Ear,
    /// The beginning of a frame whose end was not read yet.
    begun: Vec<u8>,
    /// What the socket has not taken yet; from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
}

/// What all connections are read with.
pub(super) struct Reader {
    pub(super) sense: Sense,
    pub(super) epoch: Instant,
    /// What is read at once, of whichever socket.
    pub(super) buffer: Vec<u8>,
}

impl Reader {
    /// Nanoseconds since the load began.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }
}

impl Link {
    /// A connection that is being made; its handshake goes out once it is.
    pub(super) fn new(stream: mio::net::TcpStream, role: Role, speech: &Speech) -> Self {
        Link {
            stream,
            role,
            ear: Ear::new(role, speech),
            begun: Vec::new(),
            unsent: speech.handshake(role).unwrap_or_default().into_bytes(),
            sent: 0,
        }
    }

    /// Reads what is there, answers what wants an answer, and hands the rest to `heard` with the time at which it came.
    /// `is_over` says that the server has closed the connection; what it sent before is still there.
    ///
    /// # Errors
    /// If the connection ended, or what came makes no sense.
    #[inline]
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
        is_over: bool,
        mut heard: impl FnMut(Heard<'_>, u64),
    ) -> Result<(), Ended> {
        // What the last answers needed is not kept by ten thousand idle connections.
        let mut say = Vec::new();
        loop {
            let begun = self.begun.len();
            if reader.buffer.len() < 2 * begun {
                reader.buffer.resize(4 * begun, 0);
            }
            // What was begun stands at the start of the buffer, and what is read behind it.
            reader.buffer[..begun].copy_from_slice(&self.begun);
            let read = match self.stream.read(&mut reader.buffer[begun..]) {
                Ok(0) => return Err(Ended::Closed(None)),
                Ok(read) => read,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => break,
                    io::ErrorKind::Interrupted => continue,
                    _ => return Err(Ended::Broken(error.to_string())),
                },
            };
            let now = reader.now();
            let end = begun + read;
            let Reader { sense, buffer, .. } = &mut *reader;
            let used = self
                .ear
                .hear(sense, &buffer[..end], &mut say, &mut |it| heard(it, now))?;
            self.begun.clear();
            self.begun.extend_from_slice(&reader.buffer[used..end]);
            // Nothing more is there, unless the end of the connection came with it, which is not told again.
            if end < reader.buffer.len() && !is_over {
                break;
            }
        }
        if say.is_empty() && self.unsent.is_empty() {
            return Ok(());
        }
        self.send(&say)
    }

    /// Sends bytes, now or when the socket takes them.
    ///
    /// # Errors
    /// If the connection ended, or the server is far behind.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Where to put what is to be sent with the next [`flush`](Link::flush).
    pub(super) fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Sends what the socket did not take before.
    ///
    /// # Errors
    /// If the connection ended, or the server is far behind.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        while self.sent < self.unsent.len() {
            match self.stream.write(&self.unsent[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => {
                        if self.unsent.len() - self.sent > MOST_UNSENT {
                            let why = "the server takes less than is published: lower --rate";
                            return Err(Ended::Nonsense(why.to_owned()));
                        }
                        // Moved seldom enough to cost nothing.
                        if self.sent > self.unsent.len() / 2 {
                            self.unsent.drain(..self.sent);
                            self.sent = 0;
                        }
                        return Ok(());
                    }
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Ended::Broken(error.to_string())),
                },
            }
        }
        self.sent = 0;
        match self.role {
            Role::Publisher => self.unsent.clear(),
            Role::Subscriber(_) => self.unsent = Vec::new(),
        }
        Ok(())
    }
}
