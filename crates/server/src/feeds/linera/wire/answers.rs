//! Questions over HTTP and their answers: which chains there are, where a chain's tip is, and blocks.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ErrorItem, is_hash, said};

/// The chains that a node follows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub(crate) struct WireChains {
    /// All of them.
    pub(crate) list: Vec<String>,
    /// The one that the node's owner uses if none is named.
    #[serde(default)]
    pub(crate) default: Option<String>,
}

/// Where a chain ends.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tip {
    /// The hash of the last block; none if there is no block.
    pub(crate) block_hash: Option<String>,
    /// The height that the next block will have.
    pub(crate) next_block_height: u64,
}

/// A confirmed block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    /// Its height.
    pub(crate) height: u64,
    /// Its hash.
    pub(crate) hash: String,
    /// The hash of the block before; none of the first.
    pub(crate) previous: Option<String>,
    /// When it was proposed, in Unix microseconds.
    pub(crate) timestamp_us: Option<u64>,
    /// The event streams, where a notification named them.
    pub(crate) event_streams: Vec<String>,
}

/// An answer that says nothing usable.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is no answer of GraphQL.
    #[error("the node's answer cannot be read")]
    Unreadable,
    /// The node says that it cannot.
    #[error("the node refuses: {0}")]
    Refused(String),
}

/// Asks which chains there are.
pub(crate) fn ask_chains() -> Value {
    json!({"query": "query { chains { list default } }"})
}

/// Asks where a chain ends.
pub(crate) fn ask_tip(chain: &str) -> Value {
    json!({
        "query": "query($c: ChainId!) { chain(chainId: $c) { chainId tipState { blockHash nextBlockHeight } } }",
        "variables": {"c": chain},
    })
}

/// Asks for a block by its hash.
pub(crate) fn ask_block(chain: &str, hash: &str) -> Value {
    json!({
        "query": "query($h: CryptoHash, $c: ChainId!) { block(hash: $h, chainId: $c) { status hash block { header { chainId epoch height timestamp previousBlockHash } } } }",
        "variables": {"h": hash, "c": chain},
    })
}

/// Asks for so many blocks from one downwards.
pub(crate) fn ask_blocks(chain: &str, from: &str, limit: u64) -> Value {
    json!({
        "query": "query($h: CryptoHash, $c: ChainId!, $n: Int) { blocks(from: $h, chainId: $c, limit: $n) { status hash block { header { chainId epoch height timestamp previousBlockHash } } } }",
        "variables": {"h": from, "c": chain, "n": limit},
    })
}

/// Reads which chains there are.
pub(crate) fn read_chains(text: &str) -> Result<WireChains, Unusable> {
    #[derive(Deserialize)]
    struct Data {
        chains: WireChains,
    }
    let mut chains = data::<Data>(text)?.chains;
    chains.list.retain(|id| is_hash(id));
    Ok(chains)
}

/// Reads where a chain ends.
pub(crate) fn read_tip(text: &str) -> Result<Tip, Unusable> {
    #[derive(Deserialize)]
    struct Data {
        chain: Chain,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Chain {
        tip_state: Tip,
    }
    let tip = data::<Data>(text)?.chain.tip_state;
    let is_sound = match &tip.block_hash {
        Some(hash) => tip.next_block_height > 0 && is_hash(hash),
        None => true,
    };
    if is_sound {
        Ok(tip)
    } else {
        Err(Unusable::Unreadable)
    }
}

/// Reads one block; none if the node does not have it.
pub(crate) fn read_block(text: &str) -> Result<Option<Block>, Unusable> {
    #[derive(Deserialize)]
    struct Data {
        block: Option<WireBlock>,
    }
    data::<Data>(text)?.block.map(WireBlock::check).transpose()
}

/// Reads blocks, as they come: the highest first.
pub(crate) fn read_blocks(text: &str) -> Result<Vec<Block>, Unusable> {
    #[derive(Deserialize)]
    struct Data {
        blocks: Vec<WireBlock>,
    }
    data::<Data>(text)?
        .blocks
        .into_iter()
        .map(WireBlock::check)
        .collect()
}

#[derive(Deserialize)]
struct WireBlock {
    hash: String,
    block: Inner,
}

#[derive(Deserialize)]
struct Inner {
    header: Header,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    height: u64,
    #[serde(default)]
    timestamp: Option<u64>,
    #[serde(default)]
    previous_block_hash: Option<String>,
}

impl WireBlock {
    fn check(self) -> Result<Block, Unusable> {
        let Header {
            height,
            timestamp,
            previous_block_hash,
        } = self.block.header;
        let is_sound = is_hash(&self.hash) && previous_block_hash.as_deref().is_none_or(is_hash);
        if !is_sound {
            return Err(Unusable::Unreadable);
        }
        Ok(Block {
            height,
            hash: self.hash,
            previous: previous_block_hash,
            timestamp_us: timestamp,
            event_streams: Vec::new(),
        })
    }
}

/// The data of an answer.
fn data<T: DeserializeOwned>(text: &str) -> Result<T, Unusable> {
    #[derive(Deserialize)]
    struct Answer<T> {
        #[serde(default = "Option::default")]
        data: Option<T>,
        #[serde(default)]
        errors: Vec<ErrorItem>,
    }
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<ErrorItem>,
    }
    let Ok(answer) = serde_json::from_str::<Answer<T>>(text) else {
        // The data may be of another shape because something went wrong with it.
        return match serde_json::from_str::<Errors>(text) {
            Ok(Errors { errors }) if !errors.is_empty() => Err(Unusable::Refused(said(errors))),
            _ => Err(Unusable::Unreadable),
        };
    };
    match answer.data {
        _ if !answer.errors.is_empty() => Err(Unusable::Refused(said(answer.errors))),
        Some(data) => Ok(data),
        None => Err(Unusable::Unreadable),
    }
}
