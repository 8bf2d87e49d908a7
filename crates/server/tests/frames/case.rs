//! A case of the list: its number and claim, what the client sends, and what must come of it, however the bytes arrive.

use crate::client_frame::{ClientFrame, all};
use crate::reading::{Heard, Reader, Said, random_pieces, read};

/// The largest message in these tests, where the case does not say another.
pub(crate) const MOST: usize = 128 * 1024;
/// Up to here every split in two is tried; beyond, random ones.
const EVERY_SPLIT_TO: usize = 700;
/// So many random splits, fewer where there are many bytes.
const RANDOM_SPLITS: usize = 30;
const LARGE: usize = 1 << 20;
/// Up to here bytes also come one by one.
const BYTEWISE_TO: usize = 140_000;

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) number: String,
    pub(crate) claim: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) most: usize,
    pub(crate) deflate: bool,
    pub(crate) said: Vec<Said>,
    pub(crate) violation: Option<Fails>,
}

/// How the client breaks a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fails {
    pub(crate) code: u16,
    /// When so many bytes have arrived, it must be known.
    pub(crate) by: usize,
}

impl Case {
    pub(crate) fn new(number: impl Into<String>, claim: impl Into<String>) -> Self {
        Case {
            number: number.into(),
            claim: claim.into(),
            bytes: Vec::new(),
            most: MOST,
            deflate: false,
            said: Vec::new(),
            violation: None,
        }
    }

    pub(crate) fn sends(mut self, frames: &[ClientFrame]) -> Self {
        self.bytes.extend(all(frames));
        self
    }

    pub(crate) fn sends_bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn at_most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    pub(crate) fn deflated(mut self) -> Self {
        self.deflate = true;
        self
    }

    pub(crate) fn hears(mut self, said: impl IntoIterator<Item = Said>) -> Self {
        self.said.extend(said);
        self
    }

    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        self.hears([Said::Text(text.into())])
    }

    pub(crate) fn binary(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.hears([Said::Binary(bytes.into())])
    }

    pub(crate) fn ping(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.hears([Said::Ping(bytes.into())])
    }

    /// What was sent so far breaks a rule with its last byte at the latest; what is sent from here on is not looked at.
    pub(crate) fn fails(mut self, code: u16) -> Self {
        self.violation = Some(Fails {
            code,
            by: self.bytes.len(),
        });
        self
    }

    /// The decoder alone: in one piece, byte by byte, and split everywhere.
    pub(crate) fn check(&self) {
        let name = format!("{}: {}", self.number, self.claim);
        let whole = self.read([&self.bytes[..]]);
        assert_eq!(whole.said, self.said, "{name}");
        assert_eq!(
            whole.violation.map(|violation| violation.code.code()),
            self.violation.map(|fails| fails.code),
            "{name}"
        );

        if self.bytes.len() <= BYTEWISE_TO {
            self.check_byte_by_byte(&name, &whole);
        }
        if self.bytes.len() <= EVERY_SPLIT_TO {
            for at in 0..=self.bytes.len() {
                let (one, other) = self.bytes.split_at(at);
                assert_eq!(self.read([one, other]), whole, "{name}: split at {at}");
            }
        }
        let splits = (LARGE / self.bytes.len().max(1)).clamp(3, RANDOM_SPLITS);
        for seed in 0..splits as u64 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let pieces = random_pieces(&self.bytes, &mut dice);
            assert_eq!(self.read(pieces), whole, "{name}: random pieces, seed {seed}");
        }
    }

    fn check_byte_by_byte(&self, name: &str, whole: &Heard) {
        let mut reader = Reader::new(self.most, self.deflate);
        for (at, byte) in self.bytes.iter().enumerate() {
            reader.read(&[*byte]);
            if let Some(fails) = self.violation
                && at + 1 >= fails.by
            {
                assert!(
                    reader.heard.violation.is_some(),
                    "{name}: fast, byte {at} breaks it"
                );
            }
        }
        assert_eq!(reader.heard, *whole, "{name}: byte by byte");
    }

    fn read<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
        read(self.most, self.deflate, pieces)
    }
}

/// Checks all of a list, and that it has as many cases as the claim says.
pub(crate) fn check_all(cases: Vec<Case>, expected: usize) {
    assert_eq!(cases.len(), expected, "cases of the list");
    for case in cases {
        case.check();
    }
}
