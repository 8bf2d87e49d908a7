//! What the node writes: notifications in the shapes of both versions, and the frames around them.

use serde_json::{Value, json};

use crate::chain::config::Shape;
use crate::chain::ledger::{Block, ChainView, Notice};

/// The exact text of the ack; the node's own client compares it letter by letter.
pub(crate) const ACK: &str = r#"{"type":"connection_ack"}"#;
/// The answer to a ping; what the ping carried is not given back.
pub(crate) const PONG: &str = r#"{"type":"pong"}"#;

/// A frame of a running subscription.
pub(crate) fn next(id: &str, payload: &Value) -> String {
    format!(
        r#"{{"type":"next","id":{},"payload":{payload}}}"#,
        Value::String(id.to_owned())
    )
}

/// The end of a subscription.
pub(crate) fn complete(id: &str) -> String {
    format!(r#"{{"type":"complete","id":{}}}"#, Value::String(id.to_owned()))
}

/// The payload that carries a notification.
pub(crate) fn notification(chain_id: &str, reason: Value) -> Value {
    json!({"data": {"notifications": {"chain_id": chain_id, "reason": reason}}})
}

/// A notification's reason.
pub(crate) fn reason(notice: &Notice, shape: Shape) -> Value {
    match notice {
        Notice::IncomingBundle { origin, height } => {
            json!({"NewIncomingBundle": {"origin": origin, "height": height}})
        }
        Notice::Executed { height, hash } => json!({"BlockExecuted": {"height": height, "hash": hash}}),
        Notice::Round { height, round } => json!({"NewRound": {"height": height, "round": round}}),
        Notice::Block(block) => match shape {
            Shape::V015 => json!({"NewBlock": {
                "height": block.height, "hash": block.hash, "event_streams": block.event_streams,
            }}),
            Shape::V016 => json!({"NewBlock": {"height": block.height, "hash": block.hash}}),
        },
        Notice::Events(block) => match shape {
            Shape::V015 => json!({"NewEvents": {
                "height": block.height, "hash": block.hash, "event_streams": block.event_streams,
            }}),
            Shape::V016 => json!({"NewEvents": {
                "height": block.height, "block_hash": block.hash, "event_streams": block.event_streams,
            }}),
        },
    }
}

/// A confirmed block, as HTTP answers.
pub(crate) fn block(chain_id: &str, block: &Block) -> Value {
    json!({
        "status": "confirmed",
        "hash": block.hash,
        "block": {"header": {
            "chainId": chain_id,
            "epoch": "0",
            "height": block.height,
            "timestamp": block.timestamp,
            "previousBlockHash": block.previous,
        }},
    })
}

/// A chain, as HTTP answers.
pub(crate) fn chain(chain_id: &str, view: Option<&ChainView>) -> Value {
    let tip = view.and_then(|view| view.blocks.last());
    json!({
        "chainId": chain_id,
        "tipState": {
            "blockHash": tip.map(|tip| &tip.hash),
            "nextBlockHeight": tip.map_or(0, |tip| tip.height.saturating_add(1)),
        },
    })
}
