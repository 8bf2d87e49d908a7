//! One notification, in the shapes of all versions.

use nexus_protocol::{ChainUpdate, Height};
use serde::Deserialize;
use serde_json::Value;

use super::is_hash;

/// A notification.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Notice {
    /// The chain that it is about.
    pub(crate) chain_id: String,
    /// What happened.
    pub(crate) update: ChainUpdate,
}

#[derive(Deserialize)]
struct WireNotice {
    chain_id: String,
    reason: Value,
}

#[derive(Deserialize)]
struct WithHash {
    height: u64,
    #[serde(alias = "block_hash")]
    hash: String,
    #[serde(default)]
    event_streams: Vec<String>,
}

#[derive(Deserialize)]
struct Bundle {
    origin: String,
    height: u64,
}

#[derive(Deserialize)]
struct WireRound {
    height: u64,
    round: Value,
}

/// The most that is passed on of a notification of an unknown kind, in bytes.
const LARGEST_OTHER: usize = 16 << 10;

impl Notice {
    /// Reads a notification; none if it is not one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let WireNotice { chain_id, reason } = serde_json::from_str(text).ok()?;
        if !is_hash(&chain_id) {
            return None;
        }
        let (name, body) = match reason {
            Value::Object(object) => object.into_iter().next()?,
            // A kind without a body is written as its name alone.
            Value::String(name) => (name, Value::Null),
            _ => return None,
        };
        let update = update(name, body, text.len())?;
        Some(Notice { chain_id, update })
    }
}

fn update(name: String, body: Value, bytes: usize) -> Option<ChainUpdate> {
    let with_hash = |body| {
        let it = WithHash::deserialize::<Value>(body).ok()?;
        is_hash(&it.hash).then_some(it)
    };
    Some(match name.as_str() {
        "NewBlock" => {
            let it = with_hash(body)?;
            ChainUpdate::NewBlock {
                height: Height(it.height),
                hash: it.hash,
                timestamp_us: None,
                previous_hash: None,
                event_streams: it.event_streams,
                fetched: false,
            }
        }
        "NewEvents" => {
            let it = with_hash(body)?;
            ChainUpdate::NewEvents {
                height: Height(it.height),
                hash: it.hash,
                event_streams: it.event_streams,
            }
        }
        "BlockExecuted" => {
            let it = with_hash(body)?;
            ChainUpdate::BlockExecuted {
                height: Height(it.height),
                hash: it.hash,
            }
        }
        "NewIncomingBundle" => {
            let it = Bundle::deserialize(body).ok()?;
            ChainUpdate::NewIncomingBundle {
                origin: it.origin,
                height: Height(it.height),
            }
        }
        "NewRound" => {
            let it = WireRound::deserialize(body).ok()?;
            ChainUpdate::NewRound {
                height: Height(it.height),
                round: round(&it.round)?,
            }
        }
        _ if bytes > LARGEST_OTHER || name.len() > 64 => return None,
        _ => ChainUpdate::Other { name, body },
    })
}

/// `"Fast"` is `fast`, `{"MultiLeader":1}` is `multi_leader 1`.
fn round(round: &Value) -> Option<String> {
    match round {
        Value::String(name) => Some(snake(name)),
        Value::Object(object) => {
            let (name, number) = object.iter().next()?;
            match number.as_u64() {
                Some(number) => Some(format!("{} {number}", snake(name))),
                None => Some(snake(name)),
            }
        }
        _ => None,
    }
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars().take(64) {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
