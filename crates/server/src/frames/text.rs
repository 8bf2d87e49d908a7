//! A text that arrives in pieces, checked as it does: what can never become UTF-8 is found with the byte that makes it
//! so. Each byte is looked at once.

use std::str;

use crate::frames::item::Violation;

/// A text, whole up to a character that is cut.
#[derive(Debug, Default)]
pub(super) struct TextPieces {
    whole: String,
    /// The beginning of a character that could still become one.
    cut: [u8; 4],
    cut_len: u8,
}

impl TextPieces {
    /// Adds a piece. `most` is how long the text will be at most as far as is known, so that a large one does not leave half
    /// of its buffer empty.
    pub(super) fn push(&mut self, piece: &[u8], most: usize) -> Result<(), Violation> {
        let mut piece = piece;
        while self.cut_len > 0
            && let Some((byte, rest)) = piece.split_first()
        {
            let len = usize::from(self.cut_len) + 1;
            self.cut[len - 1] = *byte;
            self.cut_len += 1;
            piece = rest;
            match str::from_utf8(&self.cut[..len]) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.cut_len = 0;
                }
                Err(error) if error.error_len().is_some() => return Err(Violation::NOT_UTF8),
                Err(_) => {}
            }
        }
        let (whole, cut) = match str::from_utf8(piece) {
            Ok(whole) => (whole, &piece[piece.len()..]),
            Err(error) if error.error_len().is_some() => return Err(Violation::NOT_UTF8),
            Err(error) => {
                let (whole, cut) = piece.split_at(error.valid_up_to());
                (str::from_utf8(whole).unwrap_or_default(), cut)
            }
        };
        let room = room_for(self.whole.len(), self.whole.capacity(), whole.len(), most);
        self.whole.reserve_exact(room);
        self.whole.push_str(whole);
        if !cut.is_empty() {
            self.cut[..cut.len()].copy_from_slice(cut);
            self.cut_len = cut.len() as u8;
        }
        Ok(())
    }

    /// The text is all there.
    pub(super) fn finish(&self) -> Result<&str, Violation> {
        if self.cut_len > 0 {
            return Err(Violation::NOT_UTF8);
        }
        Ok(&self.whole)
    }

    pub(super) fn bytes(&self) -> usize {
        self.whole.capacity()
    }
}

/// By how much to grow a buffer for `more` bytes: to at most twice what has arrived, so that a large message is not
/// copied again and again, and not beyond what is announced.
pub(super) fn room_for(len: usize, capacity: usize, more: usize, most: usize) -> usize {
    let needed = len + more;
    if needed <= capacity {
        return 0;
    }
    needed.saturating_mul(2).min(most.max(needed)) - len
}
