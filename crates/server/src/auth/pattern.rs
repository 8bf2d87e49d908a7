//! A set of channels, as configuration and tokens name it.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// A channel's name, a prefix that ends with `*` (`room:*`), or `*` for all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelPattern {
    text: Box<str>,
}

/// The text is no pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no channel pattern: write a channel's name, a prefix like `room:*`, or `*`")]
pub struct PatternError(String);

impl ChannelPattern {
    /// Checks and takes a pattern.
    ///
    /// # Errors
    /// If it is empty, too long, or has a `*` elsewhere than at its end.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        let is_right =
            !text.is_empty() && text.len() <= 128 && stem.bytes().all(|byte| byte.is_ascii_graphic());
        if is_right && !stem.contains('*') {
            return Ok(ChannelPattern { text: text.into() });
        }
        Err(PatternError(text.chars().take(64).collect()))
    }

    /// Whether a channel is in the set.
    pub fn matches(&self, channel: &str) -> bool {
        match self.text.strip_suffix('*') {
            Some(stem) => channel.starts_with(stem),
            None => *self.text == *channel,
        }
    }
}

impl fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ChannelPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ChannelPattern::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_one_channel_a_prefix_or_all() {
        for (pattern, channel, expected) in [
            ("prices", "prices", true),
            ("prices", "prices2", false),
            ("room:*", "room:lobby", true),
            ("room:*", "room", false),
            ("room:*", "rooms:a", false),
            ("*", "anything", true),
        ] {
            assert_eq!(
                ChannelPattern::parse(pattern).unwrap().matches(channel),
                expected,
                "{pattern} {channel}"
            );
        }
        for text in ["", "a*b", "**", "a b"] {
            assert!(ChannelPattern::parse(text).is_err(), "{text:?}");
        }
    }
}
