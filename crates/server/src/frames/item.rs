//! What comes out of a decoder: the things a client may say, and what is wrong where it may not.

use std::str;

use nexus_protocol::CloseCode;

/// 1002: the client broke the rules of framing.
pub const PROTOCOL_ERROR: CloseCode = CloseCode::Other(1002);

/// One thing that a client said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A text message, whole.
    Text(&'a str),
    /// A binary message, whole.
    Binary(&'a [u8]),
    /// It wants a pong with these bytes.
    Ping(&'a [u8]),
    /// It answered a ping.
    Pong,
    /// It ends the connection, with a code and a reason if it gave them. Nothing follows.
    Close(Option<CloseCode>, &'a str),
}

/// What a client did that it may not. The connection ends with this code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// 1002, 1007 or 1009.
    pub code: CloseCode,
    /// In words, for the close frame.
    pub reason: &'static str,
}

impl Violation {
    pub(super) const NOT_UTF8: Violation = Violation {
        code: CloseCode::InvalidText,
        reason: "text must be UTF-8",
    };
    pub(super) const NOT_DEFLATE: Violation = Violation {
        code: CloseCode::InvalidText,
        reason: "the message does not inflate",
    };
    pub(super) const TOO_BIG: Violation = Violation {
        code: CloseCode::TooBig,
        reason: "the message is too big",
    };

    pub(super) const fn protocol(reason: &'static str) -> Self {
        Violation {
            code: PROTOCOL_ERROR,
            reason,
        }
    }
}

/// Reads the payload of a close frame.
pub(super) fn read_close(payload: &[u8]) -> Result<Item<'_>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(Item::Close(None, ""))
        } else {
            Err(Violation::protocol("half a close code"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(Violation::protocol("no such close code"));
    }
    let reason = str::from_utf8(reason).map_err(|_| Violation::NOT_UTF8)?;
    Ok(Item::Close(Some(CloseCode::from(code)), reason))
}

/// Whether a close code may stand in a frame. 1012 to 1014 are registered, though younger than RFC 6455; 1004 means
/// nothing, and 1005, 1006 and 1015 are what an end says to itself.
pub(super) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
