//! How a connection's messages are written: the native door's envelopes in JSON or MessagePack, or the classic door's flat
//! messages. All else about a connection is the same.

use bytes::Bytes;
use nexus_protocol::{
    CloseCode, Connected, JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, MessageId, Push, Refusal, Rejected, Reply,
    Request, Timestamp, UserId, append_reply, classic, decode_request, encode_push, msgpack,
};

use crate::encoded::{WireText, binary_frame, frame_text, msgpack_frame, text_frame};
use crate::frames;

/// How a connection's messages are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Envelopes of `nexus.v1.json`.
    Native,
    /// The same envelopes in MessagePack, `nexus.v1.msgpack`.
    Msgpack,
    /// Flat messages of `/ws`.
    Classic(Classic),
}

/// What the classic door needs to know to answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Classic {
    /// The channel of the request at hand, as the client wrote it: an error names it.
    channel: Option<String>,
}

/// A message as it came from a client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incoming<'a> {
    /// In a text frame.
    Text(&'a str),
    /// In a binary frame.
    Binary(&'a [u8]),
}

/// A message that was read.
pub(super) struct Decoded {
    /// The request's id, where it has one.
    pub(super) id: Option<MessageId>,
    /// The request, or why it is none; nothing where nothing is to be done.
    pub(super) request: Result<Option<Request>, Refusal>,
}

impl Dialect {
    /// The classic door's.
    pub fn classic() -> Self {
        Dialect::Classic(Classic::default())
    }

    /// The dialect of a native subprotocol; none if it is none of ours.
    pub fn of_subprotocol(name: &str) -> Option<Self> {
        match name {
            JSON_SUBPROTOCOL => Some(Dialect::Native),
            MSGPACK_SUBPROTOCOL => Some(Dialect::Msgpack),
            _ => None,
        }
    }

    /// How publications are written, which are encoded once for all.
    pub fn text(&self) -> WireText {
        match self {
            Dialect::Native => WireText::Json,
            Dialect::Msgpack => WireText::Msgpack,
            Dialect::Classic(_) => WireText::Classic,
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If it came in frames that were not agreed on: with what to say, and 1003.
    pub(super) fn decode(
        &mut self,
        incoming: Incoming<'_>,
        max_bytes: usize,
    ) -> Result<Decoded, &'static str> {
        Ok(match (self, incoming) {
            (Dialect::Native, Incoming::Text(text)) => decode_request(text, max_bytes).into(),
            (Dialect::Msgpack, Incoming::Binary(bytes)) => msgpack::decode_request(bytes, max_bytes).into(),
            (Dialect::Native | Dialect::Classic(_), Incoming::Binary(_)) => {
                return Err("text was agreed on, and no binary data");
            }
            (Dialect::Msgpack, Incoming::Text(_)) => {
                return Err("MessagePack in binary frames was agreed on, and no text");
            }
            (Dialect::Classic(state), Incoming::Text(text)) => {
                let (channel, request) = match classic::decode(text, max_bytes) {
                    Ok(read) => (read.channel, Ok(read.request)),
                    Err((channel, refusal)) => (channel, Err(*refusal)),
                };
                state.channel = channel;
                Decoded { id: None, request }
            }
        })
    }

    /// The first message.
    pub(super) fn greeting(&self, connected: Connected, user: Option<&UserId>, now: Timestamp) -> Bytes {
        match self {
            Dialect::Native => text_frame(&encode_push(&Push::Connected(connected), now)),
            Dialect::Msgpack => binary_frame(&msgpack::encode_push(&Push::Connected(connected), now)),
            Dialect::Classic(_) => text_frame(&classic::encode_welcome(&connected.client_id, user, now)),
        }
    }

    /// An answer, where there is a word for it.
    pub(super) fn reply(&self, id: Option<&MessageId>, reply: &Reply, now: Timestamp) -> Option<Bytes> {
        match self {
            Dialect::Native => Some(frames::text_by(|text| append_reply(text, id, reply, now))),
            Dialect::Msgpack => Some(binary_frame(&msgpack::encode_reply(id, reply, now))),
            Dialect::Classic(state) => {
                classic::encode_reply(reply, state.channel.as_deref(), now).map(|text| text_frame(&text))
            }
        }
    }

    /// A push, where there is a word for it.
    pub(super) fn push(&self, push: &Push, now: Timestamp) -> Option<Bytes> {
        push_frame(self.text(), push, now)
    }

    /// A snapshot or a merged publication, which was written for the native door.
    pub(super) fn frame(&self, native: Bytes) -> Option<Bytes> {
        match self {
            Dialect::Native => Some(native),
            Dialect::Msgpack => msgpack_frame(&native),
            Dialect::Classic(_) => classic::transcribe(frame_text(&native)).map(|text| text_frame(&text)),
        }
    }

    /// The code to close with: the classic door has one for everything about tokens.
    pub fn close_code(&self, code: CloseCode) -> CloseCode {
        match (self, code) {
            (Dialect::Classic(_), CloseCode::AuthFailed | CloseCode::TokenExpired) => CloseCode::Policy,
            (Dialect::Native | Dialect::Msgpack | Dialect::Classic(_), code) => code,
        }
    }

    /// The name of the protocol, for `connected` and the logs.
    pub fn name(&self) -> &'static str {
        match self {
            Dialect::Native => JSON_SUBPROTOCOL,
            Dialect::Msgpack => MSGPACK_SUBPROTOCOL,
            Dialect::Classic(_) => "classic",
        }
    }
}

/// A push as connections get it whose frames are written like this, where there is a word for it.
pub(crate) fn push_frame(text: WireText, push: &Push, now: Timestamp) -> Option<Bytes> {
    match text {
        WireText::Json => Some(text_frame(&encode_push(push, now))),
        WireText::Msgpack => Some(binary_frame(&msgpack::encode_push(push, now))),
        WireText::Classic => classic::encode_push(push, now).map(|text| text_frame(&text)),
    }
}

impl From<Result<(Option<MessageId>, Request), Box<Rejected>>> for Decoded {
    fn from(read: Result<(Option<MessageId>, Request), Box<Rejected>>) -> Self {
        match read {
            Ok((id, request)) => Decoded {
                id,
                request: Ok(Some(request)),
            },
            Err(rejected) => Decoded {
                id: rejected.id,
                request: Err(rejected.refusal),
            },
        }
    }
}
