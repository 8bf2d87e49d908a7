//! What a stand-in chain node is started with: its chains, their pace, and which version's shapes it speaks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of a stand-in node.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one. Default `127.0.0.1:0`.
    pub listen: std::net::SocketAddr,
    /// Every id, hash and choice follows from it. Default 1.
    pub seed: u64,
    /// How many chains the node follows. Default 3.
    pub chains: usize,
    /// How long it takes until a chain gets its next block by itself; none: only when told to. Default 3 s.
    pub block_every: Option<Duration>,
    /// Blocks that each chain has at the start. Default 40.
    pub blocks: u64,
    /// The height of a chain's first block. Default 0; a real chain always begins there.
    pub first_height: u64,
    /// Which version's notifications it sends.
    pub shape: Shape,
}

/// Which version of the node's notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// `NewBlock` names its event streams, and `NewEvents` has `hash`.
    #[default]
    #[serde(rename = "0.15")]
    V015,
    /// `NewBlock` does not, and `NewEvents` has `block_hash`.
    #[serde(rename = "0.16")]
    V016,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            chains: 3,
            block_every: Some(Duration::from_secs(3)),
            blocks: 40,
            first_height: 0,
            shape: Shape::default(),
        }
    }
}

impl Config {
    /// Says in a sentence what makes no sense.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(1..=100).contains(&self.chains) {
            return Err("there are between 1 and 100 chains");
        }
        if self
            .block_every
            .is_some_and(|pace| pace < Duration::from_millis(1) || pace > Duration::from_secs(86_400))
        {
            return Err("blocks come between every millisecond and once a day");
        }
        if self.blocks > 100_000 {
            return Err("a chain begins with at most 100000 blocks");
        }
        Ok(())
    }

    /// Chains that grow only when told to: for tests.
    pub fn still() -> Self {
        Self {
            block_every: None,
            ..Self::default()
        }
    }
}

impl std::str::FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "0.15" => Ok(Self::V015),
            "0.16" => Ok(Self::V016),
            _ => Err("the shape is 0.15 or 0.16"),
        }
    }
}
