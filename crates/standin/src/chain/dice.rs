//! Deterministic numbers and hashes: what a key gives, it always gives.

use std::fmt::Write as _;

/// Numbers that follow from a key.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(key: &[u64]) -> Self {
        Self(key.iter().fold(0x9e37_79b9_7f4a_7c15, |state, word| {
            mix(state ^ word.wrapping_mul(0xbf58_476d_1ce4_e5b9))
        }))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// 64 hex digits that follow from a key: a hash, or an id.
pub(crate) fn hex(key: &[u64]) -> String {
    let mut dice = Dice::new(key);
    let mut text = String::with_capacity(64);
    for _ in 0..4 {
        // Writing to a String cannot fail.
        let _ = write!(text, "{:016x}", dice.next());
    }
    text
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
