//! What the bytes of one connection mean, however they are cut: the answer to the handshake, frames, and what is inside of
//! them. No socket here, and no clock.

use nexus_protocol::CloseCode;

use super::UNLIMITED;
use super::frames::{self, Frame, Kind};
use super::tongues::{Cut, Heard, Role, Speech, Tongue};
use super::unfold::Unfolder;

/// The head of the answer to a handshake is not longer.
const MOST_HEAD: usize = 64 * 1024;

/// What of its bytes one connection remembers.
pub(super) struct Ear {
    role: Role,
    cut: Cut,
    is_open: bool,
    /// The beginning of a message inside of frames, whose end did not come yet.
    begun: Vec<u8>,
}

/// What all connections are understood with.
pub(super) struct Sense {
    pub(super) speech: Speech,
    unfolder: Unfolder,
    /// Compressed frames that came.
    pub(super) deflated: u64,
}

impl Sense {
    pub(super) fn new(speech: Speech) -> Self {
        Sense {
            speech,
            unfolder: Unfolder::new(),
            deflated: 0,
        }
    }
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
            Ended::Closed(Some(code)) if CloseCode::from(*code) == CloseCode::TooManyRequests => write!(
                f,
                "the server closed a connection with {code}, it takes only so many a minute from one address: {UNLIMITED}"
            ),
            Ended::Closed(Some(code)) => write!(f, "the server closed a connection with {code}"),
            Ended::Broken(why) => write!(f, "a connection broke: {why}"),
            Ended::Nonsense(why) => write!(f, "{why}"),
        }
    }
}

impl Ear {
    pub(super) fn new(role: Role, speech: &Speech) -> Self {
        Ear {
            role,
            cut: speech.cut(role),
            is_open: speech.handshake(role).is_none(),
            begun: Vec::new(),
        }
    }

    /// Takes bytes and gives how many of them are done with; the others are to come again, with more behind them. What
    /// wants an answer is answered into `say`, the rest is `heard`.
    ///
    /// # Errors
    /// If the server ends the connection, or what came makes no sense.
    #[inline]
    pub(super) fn hear(
        &mut self,
        sense: &mut Sense,
        bytes: &[u8],
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'_>),
    ) -> Result<usize, Ended> {
        let mut at = 0;
        if !self.is_open {
            let Some(head) = head_of(bytes, &sense.speech)? else {
                return Ok(0);
            };
            at = head;
            self.is_open = true;
            if sense.speech.greet(self.role, say) {
                heard(Heard::Ready);
            }
        }
        let bytes = &bytes[at..];
        let mut closed = None;
        let used = match self.cut {
            Cut::Raw => sense.speech.hear_stream(self.role, bytes, say, heard),
            Cut::Messages | Cut::Stream => frames::cut(bytes, |frame| match frame.kind {
                Kind::Data => self.hear_data(sense, frame, say, heard),
                Kind::Ping => {
                    frames::masked(frames::PONG, frame.payload, say);
                    Ok(())
                }
                Kind::Close => {
                    closed = Some(frames::close_code(frame.payload));
                    Ok(())
                }
                Kind::Other => Ok(()),
            }),
        };
        let used = used.map_err(|why| Ended::Nonsense(why.to_owned()))?;
        match closed {
            Some(code) => Err(Ended::Closed(Some(code))),
            None => Ok(at + used),
        }
    }

    #[inline]
    fn hear_data(
        &mut self,
        sense: &mut Sense,
        frame: Frame<'_>,
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'_>),
    ) -> Result<(), &'static str> {
        let Sense {
            speech,
            unfolder,
            deflated,
        } = sense;
        let is_stream = self.cut == Cut::Stream;
        if !frame.is_whole && (frame.is_deflated || !is_stream) {
            return Err("the server sent a message in fragments, which this load does not read");
        }
        let mut message = frame.payload;
        if frame.is_deflated {
            *deflated += 1;
            message = unfolder.unfold(message)?;
        }
        if is_stream {
            self.hear_piece(speech, message, say, heard)
        } else {
            speech.hear(self.role, message, say, heard)
        }
    }

    fn hear_piece(
        &mut self,
        speech: &Speech,
        piece: &[u8],
        say: &mut Vec<u8>,
        heard: &mut impl FnMut(Heard<'_>),
    ) -> Result<(), &'static str> {
        if self.begun.is_empty() {
            let used = speech.hear_stream(self.role, piece, say, heard)?;
            self.begun.extend_from_slice(&piece[used..]);
        } else {
            self.begun.extend_from_slice(piece);
            let used = speech.hear_stream(self.role, &self.begun, say, heard)?;
            self.begun.drain(..used);
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
    if speech.offers_deflate && !is_folding && speech.tongue != Tongue::Floor {
        return nonsense("the server does not compress: it did not agree to permessage-deflate".to_owned());
    }
    Ok(Some(end + 4))
}
