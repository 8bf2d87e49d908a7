//! How a connection's messages are written: the native door's envelopes, or the classic door's flat messages. All else
//! about a connection is the same.

use bytes::Bytes;
use nexus_protocol::{
    CloseCode, Connected, MessageId, Push, Refusal, Reply, Request, Timestamp, UserId, classic,
    decode_request, encode_push, encode_reply,
};

use crate::encoded::{WireText, frame_text, text_frame};

/// How a connection's messages are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Envelopes of `nexus.v1.json`.
    Native,
    /// Flat messages of `/ws`.
    Classic(Classic),
}

/// What the classic door needs to know to answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Classic {
    /// The channel of the request at hand, as the client wrote it: an error names it.
    channel: Option<String>,
}

/// A text that came from a client.
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

    /// Reads a text.
    pub(super) fn decode(&mut self, text: &str, max_bytes: usize) -> Decoded {
        match self {
            Dialect::Native => match decode_request(text, max_bytes) {
                Ok((id, request)) => Decoded {
                    id,
                    request: Ok(Some(request)),
                },
                Err(rejected) => Decoded {
                    id: rejected.id,
                    request: Err(rejected.refusal),
                },
            },
            Dialect::Classic(state) => {
                let (channel, request) = match classic::decode(text, max_bytes) {
                    Ok(read) => (read.channel, Ok(read.request)),
                    Err((channel, refusal)) => (channel, Err(*refusal)),
                };
                state.channel = channel;
                Decoded { id: None, request }
            }
        }
    }

    /// The first message.
    pub(super) fn greeting(&self, connected: Connected, user: Option<&UserId>, now: Timestamp) -> Bytes {
        match self {
            Dialect::Native => text_frame(&encode_push(&Push::Connected(connected), now)),
            Dialect::Classic(_) => text_frame(&classic::encode_welcome(&connected.client_id, user, now)),
        }
    }

    /// An answer, where there is a word for it.
    pub(super) fn reply(&self, id: Option<&MessageId>, reply: &Reply, now: Timestamp) -> Option<Bytes> {
        match self {
            Dialect::Native => Some(text_frame(&encode_reply(id, reply, now))),
            Dialect::Classic(state) => {
                classic::encode_reply(reply, state.channel.as_deref(), now).map(|text| text_frame(&text))
            }
        }
    }

    /// A push, where there is a word for it.
    pub(super) fn push(&self, push: &Push, now: Timestamp) -> Option<Bytes> {
        push_frame(self.text(), push, now)
    }

    /// How its frames are written.
    pub fn text(&self) -> WireText {
        match self {
            Dialect::Native => WireText::Json,
            Dialect::Classic(_) => WireText::Classic,
        }
    }

    /// A snapshot or a merged publication, which was written for the native door.
    pub(super) fn frame(&self, native: Bytes) -> Option<Bytes> {
        match self {
            Dialect::Native => Some(native),
            Dialect::Classic(_) => classic::transcribe(frame_text(&native)).map(|text| text_frame(&text)),
        }
    }

    /// The code to close with: the classic door has one for everything about tokens.
    pub fn close_code(&self, code: CloseCode) -> CloseCode {
        match (self, code) {
            (Dialect::Classic(_), CloseCode::AuthFailed | CloseCode::TokenExpired) => CloseCode::Policy,
            (Dialect::Native | Dialect::Classic(_), code) => code,
        }
    }

    /// The name of the protocol, for `connected` and the logs.
    pub fn name(&self) -> &'static str {
        match self {
            Dialect::Native => nexus_protocol::JSON_SUBPROTOCOL,
            Dialect::Classic(_) => "classic",
        }
    }
}

/// A push as connections get it whose frames are written like this, where there is a word for it.
pub(crate) fn push_frame(text: WireText, push: &Push, now: Timestamp) -> Option<Bytes> {
    match text {
        WireText::Json => Some(text_frame(&encode_push(push, now))),
        WireText::Msgpack => None,
        WireText::Classic => classic::encode_push(push, now).map(|text| text_frame(&text)),
    }
}
