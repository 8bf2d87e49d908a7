//! Takes apart what a client sends. Whatever the pieces are in which the bytes arrive, the same items come out, and the
//! same violation at the same byte.

use std::ops::Range;
use std::str;

use crate::deflate::{Inflate, InflateError};
use crate::frames::header::{Header, HeaderReader, Kind};
use crate::frames::item::{Item, Violation, read_close};
use crate::frames::mask::unmask;
use crate::frames::text::{TextPieces, room_for};
use crate::frames::write::Opcode;

/// Reads one client's frames.
#[derive(Debug)]
pub struct Decoder {
    max_message_bytes: usize,
    deflate: bool,
    /// A close came or a rule was broken: what follows is no longer looked at.
    has_ended: bool,
    header: HeaderReader,
    /// The frame whose payload is not all there.
    frame: Option<Frame>,
    /// The message of which more is to come.
    message: Option<Message>,
    /// What the last item lies in, where it is not the bytes that were passed in.
    given: Given,
}

/// What one call came to.
#[derive(Debug)]
pub struct Step<'a> {
    /// So many of the bytes are done with.
    pub used: usize,
    /// The first thing that came; none if all bytes were taken and more are needed.
    pub item: Option<Item<'a>>,
}

/// A frame between its header and the end of its payload.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    is_final: bool,
    /// The key, turned so that it begins with the byte for what comes next.
    key: [u8; 4],
    left: usize,
    /// Nothing of the payload was taken before.
    is_untouched: bool,
    /// What has come of a control frame. It may stand between the pieces of a message.
    control: Vec<u8>,
}

/// A message of which some has come.
#[derive(Debug)]
struct Message {
    pieces: Pieces,
    /// What the headers so far say that it has, itself within the limit.
    announced: usize,
}

#[derive(Debug)]
enum Pieces {
    Text(TextPieces),
    Binary(Vec<u8>),
    Compressed(Opcode, Vec<u8>),
}

/// Something that is whole.
enum Ready {
    /// It lies in the bytes that were passed in.
    Here(Whole, Range<usize>),
    Text(TextPieces),
    Bytes(Whole, Vec<u8>),
}

#[derive(Clone, Copy)]
enum Whole {
    Text,
    Binary,
    Compressed(Opcode),
    Close,
    Ping,
    Pong,
}

/// What an item is borrowed from until the next call.
#[derive(Debug)]
enum Given {
    Nothing,
    Text(TextPieces),
    Bytes(Vec<u8>),
}

impl Decoder {
    /// A decoder for messages of so many bytes at most, with `permessage-deflate` where it was agreed on.
    pub fn new(max_message_bytes: usize, deflate: bool) -> Self {
        Decoder {
            max_message_bytes,
            deflate,
            has_ended: false,
            header: HeaderReader::default(),
            frame: None,
            message: None,
            given: Given::Nothing,
        }
    }

    /// Takes bytes, and hands out the first thing that came. All of `bytes[..used]` is done with; call again with the
    /// rest until there is no item: that call lets go of what the last item lay in.
    ///
    /// With no item all bytes were taken, and what is needed of them is kept. A frame that is whole in `bytes` is unmasked
    /// there and not copied. Behind a close and behind a violation everything is taken and nothing comes of it.
    ///
    /// # Errors
    /// If the client broke a rule. The connection cannot go on.
    pub fn next<'a>(&'a mut self, bytes: &'a mut [u8], inflate: &mut Inflate) -> Result<Step<'a>, Violation> {
        self.given = Given::Nothing;
        if self.has_ended {
            return Ok(Step {
                used: bytes.len(),
                item: None,
            });
        }
        let mut used = 0;
        let ready = match self.advance(bytes, &mut used) {
            Ok(Some(ready)) => ready,
            Ok(None) => return Ok(Step { used, item: None }),
            Err(violation) => {
                self.end();
                return Err(violation);
            }
        };
        let given = &mut self.given;
        match give(ready, bytes, given, inflate, self.max_message_bytes) {
            Ok(item) => {
                self.has_ended = matches!(item, Item::Close(..));
                Ok(Step {
                    used,
                    item: Some(item),
                })
            }
            Err(violation) => {
                self.has_ended = true;
                Err(violation)
            }
        }
    }

    /// How much memory it owns beside itself.
    pub fn heap_bytes(&self) -> usize {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.control.capacity());
        let message = self.message.as_ref().map_or(0, |message| match &message.pieces {
            Pieces::Text(text) => text.bytes(),
            Pieces::Binary(bytes) | Pieces::Compressed(_, bytes) => bytes.capacity(),
        });
        let given = match &self.given {
            Given::Nothing => 0,
            Given::Text(text) => text.bytes(),
            Given::Bytes(bytes) => bytes.capacity(),
        };
        frame + message + given
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.frame = None;
        self.message = None;
    }

    /// Takes bytes until something is whole.
    fn advance(&mut self, bytes: &mut [u8], used: &mut usize) -> Result<Option<Ready>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let (taken, header) = self.header.take(&bytes[*used..], self.deflate)?;
                    *used += taken;
                    let Some(header) = header else {
                        return Ok(None);
                    };
                    self.begin(&header)?
                }
            };
            let here = frame.left.min(bytes.len() - *used);
            let place = *used..*used + here;
            let payload = &mut bytes[place.clone()];
            unmask(payload, frame.key);
            *used += here;
            frame.left -= here;

            let ready = if frame.left == 0 && frame.is_untouched {
                self.whole_frame(&frame, payload, place)?
            } else {
                self.part_of_frame(&mut frame, payload)?
            };
            if frame.left > 0 {
                frame.key.rotate_left(here % 4);
                frame.is_untouched = false;
                self.frame = Some(frame);
                return Ok(None);
            }
            if ready.is_some() {
                if matches!(frame.kind, Kind::Close) {
                    self.end();
                }
                return Ok(ready);
            }
        }
    }

    /// A header came: whether its frame may stand here, and how large it makes the message.
    fn begin(&mut self, header: &Header) -> Result<Frame, Violation> {
        let most = self.max_message_bytes;
        match header.kind {
            Kind::Close | Kind::Ping | Kind::Pong => {}
            Kind::Continuation => {
                let Some(message) = &mut self.message else {
                    return Err(Violation::protocol("a continuation of nothing"));
                };
                message.announce(header.payload_len, most)?;
            }
            Kind::Text | Kind::Binary => {
                if self.message.is_some() {
                    return Err(Violation::protocol("a message inside another"));
                }
                let pieces = match (header.kind, header.is_compressed) {
                    (Kind::Text, true) => Pieces::Compressed(Opcode::Text, Vec::new()),
                    (Kind::Text, false) => Pieces::Text(TextPieces::default()),
                    (_, true) => Pieces::Compressed(Opcode::Binary, Vec::new()),
                    (_, false) => Pieces::Binary(Vec::new()),
                };
                let mut message = Message { pieces, announced: 0 };
                message.announce(header.payload_len, most)?;
                self.message = Some(message);
            }
        }
        Ok(Frame {
            kind: header.kind,
            is_final: header.is_final,
            key: header.key,
            // It is within a limit that is itself a `usize`.
            left: header.payload_len as usize,
            is_untouched: true,
            control: Vec::new(),
        })
    }

    /// The whole payload of a frame is there at once.
    fn whole_frame(
        &mut self,
        frame: &Frame,
        payload: &[u8],
        place: Range<usize>,
    ) -> Result<Option<Ready>, Violation> {
        let whole = match frame.kind {
            Kind::Close => Whole::Close,
            Kind::Ping => Whole::Ping,
            Kind::Pong => Whole::Pong,
            Kind::Text | Kind::Binary if frame.is_final => match self.message.take().map(|it| it.pieces) {
                Some(Pieces::Text(_)) => Whole::Text,
                Some(Pieces::Compressed(opcode, _)) => Whole::Compressed(opcode),
                Some(Pieces::Binary(_)) | None => Whole::Binary,
            },
            Kind::Text | Kind::Binary | Kind::Continuation => {
                return self.part_of_message(payload, frame.is_final);
            }
        };
        Ok(Some(Ready::Here(whole, place)))
    }

    /// Some of the payload of a frame, or the last of it.
    fn part_of_frame(&mut self, frame: &mut Frame, payload: &[u8]) -> Result<Option<Ready>, Violation> {
        let whole = match frame.kind {
            Kind::Text | Kind::Binary | Kind::Continuation => {
                return self.part_of_message(payload, frame.is_final && frame.left == 0);
            }
            Kind::Close => Whole::Close,
            Kind::Ping => Whole::Ping,
            Kind::Pong => Whole::Pong,
        };
        frame.control.extend_from_slice(payload);
        if frame.left > 0 {
            return Ok(None);
        }
        Ok(Some(Ready::Bytes(whole, std::mem::take(&mut frame.control))))
    }

    fn part_of_message(&mut self, payload: &[u8], is_last: bool) -> Result<Option<Ready>, Violation> {
        if let Some(message) = &mut self.message {
            message.push(payload)?;
        }
        let whole = if is_last { self.message.take() } else { None };
        Ok(whole.map(|message| match message.pieces {
            Pieces::Text(text) => Ready::Text(text),
            Pieces::Binary(bytes) => Ready::Bytes(Whole::Binary, bytes),
            Pieces::Compressed(opcode, bytes) => Ready::Bytes(Whole::Compressed(opcode), bytes),
        }))
    }
}

impl Message {
    /// Another frame of it begins.
    fn announce(&mut self, payload_len: u64, most: usize) -> Result<(), Violation> {
        let most = match self.pieces {
            Pieces::Text(_) | Pieces::Binary(_) => most,
            // What cannot be compressed becomes a little larger by it.
            Pieces::Compressed(..) => most.saturating_add(most / 8).saturating_add(64),
        };
        let left = (most - self.announced) as u64;
        if payload_len > left {
            return Err(Violation::TOO_BIG);
        }
        self.announced += payload_len as usize;
        Ok(())
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Violation> {
        match &mut self.pieces {
            Pieces::Text(text) => text.push(payload, self.announced),
            Pieces::Binary(bytes) | Pieces::Compressed(_, bytes) => {
                bytes.reserve_exact(room_for(
                    bytes.len(),
                    bytes.capacity(),
                    payload.len(),
                    self.announced,
                ));
                bytes.extend_from_slice(payload);
                Ok(())
            }
        }
    }
}

/// Makes an item of what is whole.
fn give<'a>(
    ready: Ready,
    bytes: &'a [u8],
    given: &'a mut Given,
    inflate: &mut Inflate,
    most: usize,
) -> Result<Item<'a>, Violation> {
    let (whole, payload) = match ready {
        Ready::Here(Whole::Compressed(opcode), place) => {
            let inflated = inflated(inflate, &bytes[place], most)?;
            (opcode.into(), keep(given, inflated))
        }
        Ready::Bytes(Whole::Compressed(opcode), compressed) => {
            let inflated = inflated(inflate, &compressed, most)?;
            (opcode.into(), keep(given, inflated))
        }
        Ready::Here(whole, place) => (whole, &bytes[place]),
        Ready::Bytes(whole, payload) => (whole, keep(given, payload)),
        Ready::Text(text) => {
            *given = Given::Text(text);
            return match given {
                Given::Text(text) => Ok(Item::Text(text.finish()?)),
                Given::Nothing | Given::Bytes(_) => Ok(Item::Text("")),
            };
        }
    };
    match whole {
        Whole::Text => {
            let text = str::from_utf8(payload).map_err(|_| Violation::NOT_UTF8)?;
            Ok(Item::Text(text))
        }
        Whole::Binary | Whole::Compressed(_) => Ok(Item::Binary(payload)),
        Whole::Close => read_close(payload),
        Whole::Ping => Ok(Item::Ping(payload)),
        Whole::Pong => Ok(Item::Pong),
    }
}

fn inflated(inflate: &mut Inflate, compressed: &[u8], most: usize) -> Result<Vec<u8>, Violation> {
    let mut inflated = Vec::new();
    match inflate.message(compressed, most, &mut inflated) {
        Ok(()) => Ok(inflated),
        Err(InflateError::TooBig) => Err(Violation::TOO_BIG),
        Err(InflateError::Broken) => Err(Violation::NOT_DEFLATE),
    }
}

fn keep(given: &mut Given, bytes: Vec<u8>) -> &[u8] {
    *given = Given::Bytes(bytes);
    match given {
        Given::Bytes(bytes) => bytes,
        Given::Nothing | Given::Text(_) => &[],
    }
}

impl From<Opcode> for Whole {
    fn from(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Text => Whole::Text,
            Opcode::Binary => Whole::Binary,
        }
    }
}
