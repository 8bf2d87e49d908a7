//! One connection of the load, from its handshake to its end. Nothing here waits.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::frames::{self, Frame, Kind};
use super::tongues::{Cut, Heard, Role, Speech};
use super::unfold::Unfolder;

/// The head of the answer to a handshake is not longer.
const MOST_HEAD: usize = 64 * 1024;
/// What a socket may leave untaken of a publisher. A server that is so far behind does not take the rate.
const MOST_UNSENT: usize = 256 << 20;

/// A connection.
pub(super) struct Link {
    pub(super) stream: mio::net::TcpStream,
    pub(super) role: Role,
    cut: Cut,
    is_open: bool,
    /// The beginning of a frame whose end was not read yet.
    begun: Vec<u8>,
    /// The same of a message inside of frames.
    begun_inside: Vec<u8>,
    /// What the socket has not taken yet; from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
}

/// What all connections are read with.
pub(super) struct Reader {
    pub(super) speech: Speech,
    pub(super) epoch: Instant,
    pub(super) unfolder: Unfolder,
    /// What is read at once, of whichever socket.
    pub(super) buffer: Vec<u8>,
    /// Compressed frames that came.
    pub(super) deflated: u64,
}

/// Why a connection is of no more use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// The server closed it, with this code if it said one.
    Closed(Option<u16>),
    /// It broke.
    Broken(String),
    /// What came makes no sense.
    Nonsense(String),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Closed(None) => write!(f, "the server closed a connection"),
            Ended::Closed(Some(code)) => write!(f, "the server closed a connection with {code}"),
            Ended::Broken(why) => write!(f, "a connection broke: {why}"),
            Ended::Nonsense(why) => write!(f, "{why}"),
        }
    }
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
        let mut link = Link {
            stream,
            role,
            cut: speech.cut(role),
            is_open: false,
            begun: Vec::new(),
            begun_inside: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
        };
        match speech.handshake(role) {
            Some(request) => link.unsent = request.into_bytes(),
            None => link.is_open = true,
        }
        link
    }

    /// Reads what is there, answers what wants an answer, and hands the rest to `heard` with the time at which it came.
    ///
    /// # Errors
    /// If the connection ended, or what came makes no sense.
    #[inline]
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
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
            let used = self.take(reader, end, &mut say, &mut |it| heard(it, now))?;
            self.begun.clear();
            self.begun.extend_from_slice(&reader.buffer[used..end]);
            if end < reader.buffer.len() {
                break;
            }
        }
        if say.is_empty() && self.unsent.is_empty() {
            return Ok(());
        }
        self.send(&say)
    }

    fn take(
        &mut self,
        reader: &mut Reader,
        end: usize,
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'_>),
    ) -> Result<usize, Ended> {
        let Reader {
            speech,
            unfolder,
            buffer,
            deflated,
            ..
        } = reader;
        let bytes = &buffer[..end];
        let mut at = 0;
        if !self.is_open {
            let Some(head) = head_of(bytes, speech)? else {
                return Ok(0);
            };
            at = head;
            self.is_open = true;
            if speech.greet(self.role, say) {
                heard(Heard::Ready);
            }
        }
        let Link {
            role,
            cut,
            begun_inside,
            ..
        } = self;
        let bytes = &bytes[at..];
        let mut closed = None;
        let mut frame_came = |frame: Frame<'_>| match frame.kind {
            Kind::Data => {
                if frame.is_deflated {
                    *deflated += 1;
                    let message = unfolder.unfold(frame.payload)?;
                    return speech.hear(*role, message, say, heard);
                }
                if *cut == Cut::Messages {
                    if !frame.is_whole {
                        return Err("the server sent a message in fragments, which this load does not read");
                    }
                    return speech.hear(*role, frame.payload, say, heard);
                }
                if begun_inside.is_empty() {
                    let used = speech.hear_stream(*role, frame.payload, say, heard)?;
                    begun_inside.extend_from_slice(&frame.payload[used..]);
                } else {
                    begun_inside.extend_from_slice(frame.payload);
                    let used = speech.hear_stream(*role, begun_inside, say, heard)?;
                    begun_inside.drain(..used);
                }
                Ok(())
            }
            Kind::Ping => {
                frames::masked(frames::PONG, frame.payload, say);
                Ok(())
            }
            Kind::Close => {
                closed = Some(frames::close_code(frame.payload));
                Ok(())
            }
            Kind::Other => Ok(()),
        };
        let used = match *cut {
            Cut::Raw => speech.hear_stream(*role, bytes, &mut Vec::new(), heard),
            Cut::Messages | Cut::Stream => frames::cut(bytes, &mut frame_came),
        };
        let used = used.map_err(|why| Ended::Nonsense(why.to_owned()))?;
        match closed {
            Some(code) => Err(Ended::Closed(Some(code))),
            None => Ok(at + used),
        }
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

/// The length of the answer to a handshake, once it is whole.
fn head_of(bytes: &[u8], speech: &Speech) -> Result<Option<usize>, Ended> {
    let nonsense = |why: String| Err(Ended::Nonsense(why));
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return match bytes.len() {
            0..MOST_HEAD => Ok(None),
            _ => nonsense("the answer to the handshake has no end".to_owned()),
        };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let line = head.lines().next().unwrap_or_default();
    if !line.contains(" 101") {
        return nonsense(format!("the handshake was refused: {line}"));
    }
    let is_folding = head.to_ascii_lowercase().contains("permessage-deflate");
    if speech.offers_deflate && !is_folding && speech.tongue != super::tongues::Tongue::Floor {
        return nonsense("the server does not compress: it did not agree to permessage-deflate".to_owned());
    }
    Ok(Some(end + 4))
}
