//! The address of an account: `0x` and 40 hexadecimal digits, in lower case whatever was sent.

use std::fmt;

use serde::Deserialize;

use crate::exchange::market::mix;

/// The address of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(Box<str>);

impl Address {
    /// Reads an address, whatever the case of its digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?;
        let is_address = digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_address.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the dice of the account are made of.
    pub(crate) fn key(&self) -> u64 {
        self.0.bytes().fold(0, |key, byte| mix(key, u64::from(byte)))
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an address is 0x and 40 hexadecimal digits")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
