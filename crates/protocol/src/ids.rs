//! Names that others give: of users, devices, chains, rooms, commands and messages. Opaque, short, printable.

/// Defines an id type: a shared text of 1 to `$max` printable ASCII characters without spaces.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $max:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The longest, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Checks and takes an id.
            ///
            /// # Errors
            /// If it is empty, too long or has a character that is not printable ASCII.
            pub fn parse(text: &str) -> Result<Self, $crate::IdError> {
                let right = !text.is_empty() && text.len() <= $max && text.bytes().all(|byte| byte.is_ascii_graphic());
                if right { Ok($name(text.into())) } else { Err($crate::IdError { what: $what, max: $max }) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                $name::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A text cannot be the id that it was given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} has 1 to {max} printable characters without spaces")]
pub struct IdError {
    pub(crate) what: &'static str,
    pub(crate) max: usize,
}

id_type!(
    /// Chosen by the sender of a request; stands in the answer to it.
    MessageId, 64, "a message id"
);
id_type!(
    /// A user, as tokens name one in `sub`.
    UserId, 128, "a user id"
);
id_type!(
    /// A device.
    DeviceId, 64, "a device id"
);
id_type!(
    /// A chain, as its node names it.
    ChainId, 128, "a chain id"
);
id_type!(
    /// A command that is on its way.
    CommandId, 64, "a command id"
);
id_type!(
    /// Chosen by a publisher so that a repeat of the same publish is not published twice.
    IdempotencyKey, 64, "an idempotency key"
);
id_type!(
    /// One connection of one client, chosen by the server.
    ClientId, 64, "a client id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_texts_within_the_length_are_ids() {
        assert_eq!(MessageId::parse("m1").unwrap().as_str(), "m1");
        assert_eq!(UserId::parse("0x00a1").unwrap().to_string(), "0x00a1");
        for text in ["", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(MessageId::parse(text).is_err(), "{text:?}");
        }
    }
}
