//! Where a subscriber stands in a topic, and the one comparison that finds repeats and gaps.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many publications a topic has had in this epoch when one was made: 1 for the first. Rises by exactly 1.
///
/// Below 2^53, so that every JSON reader holds it exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// Before the first publication.
    pub const ZERO: Offset = Offset(0);

    /// The offset of the publication behind this one.
    #[must_use]
    pub fn next(self) -> Offset {
        Offset(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one unbroken order of a topic. When the order had to begin anew, the epoch is another.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Epoch(Arc<str>);

/// The text is no epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an epoch has 1 to 32 letters or digits")]
pub struct EpochError;

impl Epoch {
    /// Checks and takes an epoch.
    ///
    /// # Errors
    /// If it is not 1 to 32 letters or digits.
    pub fn parse(text: &str) -> Result<Self, EpochError> {
        if text.is_empty() || text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(EpochError);
        }
        Ok(Epoch(text.into()))
    }

    /// An epoch out of 40 random bits, written in base 32.
    pub fn from_random(bits: u64) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let letter = |place: u32| char::from(LETTERS[(bits >> (place * 5)) as usize & 31]);
        Epoch((0..8).map(letter).collect::<String>().into())
    }

    /// The epoch as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Epoch::parse(&text).map_err(de::Error::custom)
    }
}

/// The last publication of a topic that someone has.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The order that `offset` counts in.
    pub epoch: Epoch,
    /// The last publication had; [`Offset::ZERO`] if none.
    pub offset: Offset,
}

/// What a publication is to someone who stands at a [`Position`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admit {
    /// The next one: take it.
    Fresh,
    /// Already had: drop it.
    Repeat,
    /// A later one: so many between were not seen.
    Gap {
        /// How many publications lie between.
        missed: u64,
    },
}

impl Position {
    /// Compares a publication of the same epoch with where we stand. Changes nothing.
    ///
    /// ```
    /// # use nexus_protocol::{Admit, Epoch, Offset, Position};
    /// let position = Position { epoch: Epoch::parse("a").unwrap(), offset: Offset(7) };
    /// assert_eq!(position.admit(Offset(8)), Admit::Fresh);
    /// assert_eq!(position.admit(Offset(7)), Admit::Repeat);
    /// assert_eq!(position.admit(Offset(10)), Admit::Gap { missed: 2 });
    /// ```
    pub fn admit(&self, offset: Offset) -> Admit {
        if offset <= self.offset {
            Admit::Repeat
        } else if offset == self.offset.next() {
            Admit::Fresh
        } else {
            Admit::Gap {
                missed: offset.0 - self.offset.0 - 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_out_of_random_bits_parses() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let epoch = Epoch::from_random(bits);
            assert_eq!(Epoch::parse(epoch.as_str()).unwrap(), epoch);
            assert_eq!(epoch.as_str().len(), 8);
        }
    }

    #[test]
    fn what_is_no_epoch_is_refused() {
        for text in ["", "a b", "a-b", &"a".repeat(33)] {
            assert!(Epoch::parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn admit_names_each_publication_exactly_once(start: u32, seen in proptest::collection::vec(0u64..64, 0..64)) {
            let mut position = Position { epoch: Epoch::from_random(0), offset: Offset(start.into()) };
            let mut taken = std::collections::BTreeSet::new();
            let mut missed_total = 0;
            for step in seen {
                let offset = Offset(u64::from(start) + step);
                match position.admit(offset) {
                    Admit::Repeat => continue,
                    Admit::Fresh => {}
                    Admit::Gap { missed } => missed_total += missed,
                }
                assert!(taken.insert(offset), "taken twice");
                position.offset = offset;
            }
            assert_eq!(position.offset.0 - u64::from(start), taken.len() as u64 + missed_total);
        }
    }
}
