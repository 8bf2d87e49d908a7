//! Drives a decoder as a connection does, with the bytes cut anywhere, and keeps what came of it.

use nexus_server::deflate::Inflate;
use nexus_server::frames::{Decoder, Item, Violation};

/// What a client said, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

impl From<Item<'_>> for Said {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Text(text) => Said::Text(text.to_owned()),
            Item::Binary(bytes) => Said::Binary(bytes.to_vec()),
            Item::Ping(bytes) => Said::Ping(bytes.to_vec()),
            Item::Pong => Said::Pong,
            Item::Close(code, reason) => Said::Close(code.map(|code| code.code()), reason.to_owned()),
        }
    }
}

/// What came of some bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) said: Vec<Said>,
    pub(crate) violation: Option<Violation>,
}

/// A decoder and what it has given so far.
pub(crate) struct Reader {
    pub(crate) decoder: Decoder,
    inflate: Inflate,
    pub(crate) heard: Heard,
}

impl Reader {
    pub(crate) fn new(most: usize, deflate: bool) -> Self {
        Reader {
            decoder: Decoder::new(most, deflate),
            inflate: Inflate::new(),
            heard: Heard::default(),
        }
    }

    /// One read from the socket. Nothing is read behind a violation.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        if self.heard.violation.is_some() {
            return;
        }
        let mut bytes = bytes.to_vec();
        let mut rest = &mut bytes[..];
        loop {
            let step = match self.decoder.next(rest, &mut self.inflate) {
                Ok(step) => step,
                Err(violation) => {
                    self.heard.violation = Some(violation);
                    return;
                }
            };
            let used = step.used;
            let is_over = match step.item {
                Some(item) => {
                    self.heard.said.push(item.into());
                    false
                }
                None => true,
            };
            rest = &mut rest[used..];
            if is_over {
                assert!(rest.is_empty(), "no item, but bytes are left");
                return;
            }
        }
    }
}

/// What comes of bytes that arrive in these pieces.
pub(crate) fn read<'a>(most: usize, deflate: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut reader = Reader::new(most, deflate);
    for piece in pieces {
        reader.read(piece);
    }
    reader.heard
}

/// Bytes in pieces of random lengths: mostly short ones, now and then a long one.
pub(crate) fn random_pieces<'a>(bytes: &'a [u8], dice: &mut fastrand::Rng) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = match dice.u8(0..4) {
            0 => 4,
            1 => 40,
            2 => 2_000,
            _ => 80_000,
        };
        let (piece, others) = rest.split_at(dice.usize(1..=most).min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces
}
