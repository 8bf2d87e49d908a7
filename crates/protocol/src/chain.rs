//! Notifications of a chain: the payload of `chain`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Payload of `chain.update`. Heights are whole numbers up to 2^64 and therefore texts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChainUpdate {
    /// A block was confirmed. Heights of a chain rise by one; a block comes once.
    NewBlock {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: String,
        /// When it was proposed, in Unix microseconds; absent where it was not asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp_us: Option<u64>,
        /// The hash of the block before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_hash: Option<String>,
        /// Streams that got events in it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        event_streams: Vec<String>,
        /// Whether the node never told of it, and it was fetched afterwards.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fetched: bool,
    },
    /// Events were published by a block.
    NewEvents {
        /// The height of the block.
        height: Height,
        /// Its hash.
        hash: String,
        /// The streams.
        event_streams: Vec<String>,
    },
    /// Messages of another chain arrived.
    NewIncomingBundle {
        /// The other chain.
        origin: String,
        /// The height of the other chain's block.
        height: Height,
    },
    /// A round of consensus began.
    NewRound {
        /// The height that it is about.
        height: Height,
        /// The round, as the node wrote it: `fast`, `multi_leader 1`, …
        round: String,
    },
    /// The node executed a block; it need not be the confirmed one.
    BlockExecuted {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: String,
    },
    /// Blocks that the node never told of and that could not be fetched.
    Gap {
        /// The first height that is missing.
        from: Height,
        /// The last one.
        to: Height,
    },
    /// The node's chain went back or was replaced: what was told of it before is void, and what follows begins anew,
    /// with heights that may have come before.
    Reset {
        /// The height of the last block that the node has now; none if the chain has no block.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tip: Option<Height>,
    },
    /// A notification of a kind that this server does not know, as the node meant it.
    Other {
        /// The node's word for it.
        name: String,
        /// Its body.
        body: Value,
    },
}

/// A height, written as text so that no reader rounds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Height(pub u64);

impl std::fmt::Display for Height {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Height {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Height {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Height).map_err(serde::de::Error::custom)
    }
}
