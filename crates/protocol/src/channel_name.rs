//! The name of a channel: `prices`, `room:lobby`.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest name, in bytes.
const MAX_BYTES: usize = 128;

/// A channel's name: `[a-z][a-z0-9_-]*`, then optionally `:` and up to the limit of 128 bytes any of
/// `A-Z a-z 0-9 . _ ~ @ # + / = : -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// Why a text is no channel name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChannelNameError {
    /// Empty, or more than 128 bytes.
    #[error("a channel name has 1 to {MAX_BYTES} bytes")]
    Length,
    /// A character that names do not have.
    #[error(
        "a channel name is like `prices` or `room:lobby`: small letters, digits, `_`, `-`, then perhaps `:` and a rest without spaces"
    )]
    Character,
}

impl ChannelName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// If it is empty, too long or has a character that names do not have.
    pub fn parse(text: &str) -> Result<Self, ChannelNameError> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(ChannelNameError::Length);
        }
        let (head, tail) = match text.split_once(':') {
            Some((head, tail)) => (head, Some(tail)),
            None => (text, None),
        };
        let head_is_right = head.starts_with(|first: char| first.is_ascii_lowercase())
            && head
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        let tail_is_right = tail.is_none_or(|tail| {
            !tail.is_empty()
                && tail
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._~@#+/=:-".contains(&byte))
        });
        if head_is_right && tail_is_right {
            Ok(ChannelName(text.into()))
        } else {
            Err(ChannelNameError::Character)
        }
    }

    /// The name of a channel that the protocol itself defines.
    pub(crate) fn built_in(name: &str) -> Self {
        ChannelName(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `:`, or the whole name.
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(head, _)| head)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ChannelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ChannelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ChannelName::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_protocol_and_of_operators_are_taken() {
        for text in [
            "prices",
            "user_orders",
            "room:lobby",
            "room:a:b",
            "jobs:2026/11",
            "x",
            "a-b:C@#+=~.",
        ] {
            assert_eq!(ChannelName::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(ChannelName::parse("room:a:b").unwrap().namespace(), "room");
        assert_eq!(ChannelName::parse("prices").unwrap().namespace(), "prices");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "Prices", "1a", ":x", "room:", "a b", "room:a b", "a\n", "ä", "room:ä", "a.b", "room:\0",
        ] {
            assert_eq!(
                ChannelName::parse(text),
                Err(ChannelNameError::Character),
                "{text:?}"
            );
        }
        for text in ["".to_owned(), "a".repeat(129)] {
            assert_eq!(ChannelName::parse(&text), Err(ChannelNameError::Length));
        }
    }
}
