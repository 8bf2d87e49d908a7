//! What is traded: `BTC`, `@107`, `PURR/USDC`, `xyz:NVDA`. Opaque and case-sensitive.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest symbol, in bytes.
const MAX_BYTES: usize = 32;

/// An exchange's name of a market: 1 to 32 bytes of `A-Z a-z 0-9 @ # : / + . _ -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

/// The text is no symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a symbol has 1 to {MAX_BYTES} letters, digits or any of @ # : / + . _ -")]
pub struct SymbolError;

impl Symbol {
    /// Checks and takes a symbol. That the exchange knows it is not checked here.
    ///
    /// # Errors
    /// If it is empty, too long or has another character.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"@#:/+._-".contains(&byte);
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(allowed) {
            return Err(SymbolError);
        }
        Ok(Symbol(text.into()))
    }

    /// The symbol as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Symbol::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_s_names_are_symbols() {
        for text in ["BTC", "kPEPE", "@107", "PURR/USDC", "xyz:NVDA", "#14720", "+10"] {
            assert_eq!(Symbol::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "A B", "BTC\n", "Ä", &"A".repeat(33)] {
            assert!(Symbol::parse(text).is_err(), "{text:?}");
        }
    }
}
