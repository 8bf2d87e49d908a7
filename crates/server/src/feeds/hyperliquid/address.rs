//! The address of an account at the exchange: `0x` and 40 hexadecimal digits, in lower case. The exchange takes any case
//! and answers in lower case, so two spellings are one account.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// The address of an account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(Arc<str>);

/// A text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an address is `0x` and 40 hexadecimal digits")]
pub(crate) struct AddressError;

impl Address {
    /// Reads an address, whatever the case of its digits.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix("0x").ok_or(AddressError)?;
        if digits.len() != 40 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(AddressError);
        }
        Ok(Address(text.to_ascii_lowercase().into()))
    }

    /// In lower case.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Address::parse(&text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_account_and_nothing_else_is_an_address() {
        let upper = Address::parse("0x00000000000000000000000000000000000000A1").unwrap();
        let lower = Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
        assert_eq!(upper, lower);
        assert_eq!(lower.as_str(), "0x00000000000000000000000000000000000000a1");
        for text in [
            "",
            "0x",
            "ann",
            "00000000000000000000000000000000000000a1",
            "0X00000000000000000000000000000000000000a1",
            "0x00000000000000000000000000000000000000a",
            "0x00000000000000000000000000000000000000a11",
            "0x00000000000000000000000000000000000000g1",
            "0x000000000000000000000000000000000000\u{e9}1",
        ] {
            assert_eq!(Address::parse(text), Err(AddressError), "{text}");
        }
    }
}
