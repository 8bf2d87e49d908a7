//! Questions and changes: what `POST /` answers, and the WebSocket to operations that are no subscriptions.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::chain::faults::BlockMode;
use crate::chain::frames;
use crate::chain::graphql::{Error, Field, Kind, Operation};
use crate::chain::node::Node;

/// Blocks of one answer, unless the question names fewer.
const MOST_BLOCKS: usize = 1_000;
/// Blocks of one answer where the question does not say how many.
const USUAL_BLOCKS: u64 = 10;

/// Answers an operation.
pub(crate) fn execute(node: &Node, operation: &Operation) -> Value {
    let mut data = Map::new();
    let mut errors = Vec::new();
    for field in &operation.fields {
        match answer(node, operation.kind, field).and_then(|value| field.project(&value)) {
            Ok(value) => {
                data.insert(field.name.clone(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        json!({ "data": data })
    } else {
        Error::answer(&errors)
    }
}

fn answer(node: &Node, kind: Kind, field: &Field) -> Result<Value, Error> {
    match (kind, field.name.as_str()) {
        (Kind::Query, "chains") => Ok(node.look(|ledger| {
            let ids: Vec<&str> = ledger.chains().iter().map(|chain| &*chain.chain_id).collect();
            json!({"list": ids, "default": ids.first()})
        })),
        (Kind::Query, "chain") => {
            let id = field.hash("chainId", "ChainId")?;
            Ok(node.look(|ledger| frames::chain(id, ledger.find(id))))
        }
        (Kind::Query, "block") => {
            let id = field.hash("chainId", "ChainId")?;
            match mode(node) {
                BlockMode::Null => return Ok(Value::Null),
                BlockMode::Error => return Err(field.error("storage error: the block cannot be read")),
                BlockMode::Ok | BlockMode::Single => {}
            }
            let hash = match field.arguments.get("hash") {
                None | Some(Value::Null) => None,
                Some(_) => Some(field.hash("hash", "CryptoHash")?),
            };
            Ok(downward(node, id, hash, 1).pop().unwrap_or(Value::Null))
        }
        (Kind::Query, "blocks") => {
            let id = field.hash("chainId", "ChainId")?;
            match mode(node) {
                BlockMode::Null => return Ok(json!([])),
                BlockMode::Error => return Err(field.error("storage error: the block cannot be read")),
                BlockMode::Single => return Err(field.unknown(kind)),
                BlockMode::Ok => {}
            }
            let from = match field.arguments.get("from") {
                None | Some(Value::Null) => None,
                Some(_) => Some(field.hash("from", "CryptoHash")?),
            };
            let limit = field.arguments.get("limit").and_then(Value::as_u64);
            let limit = usize::try_from(limit.unwrap_or(USUAL_BLOCKS)).unwrap_or(MOST_BLOCKS);
            Ok(Value::Array(downward(node, id, from, limit.min(MOST_BLOCKS))))
        }
        (Kind::Mutation, "transfer") => {
            let from = field.hash("chainId", "ChainId")?;
            field.text("owner")?;
            let amount = field.text("amount")?;
            if !amount.parse::<f64>().is_ok_and(|amount| amount > 0.0) {
                return Err(field.error("Failed to parse \"Amount\": invalid number"));
            }
            let recipient = field.arguments.get("recipient");
            let to = recipient.and_then(|recipient| recipient.get("chainId")?.as_str());
            let hash = node.transfer(from, to.unwrap_or(from));
            hash.map(Value::String)
                .ok_or_else(|| field.error(format!("chain not found in wallet: {from}")))
        }
        _ => Err(field.unknown(kind)),
    }
}

/// Blocks from one downwards, the tip if none is named.
fn downward(node: &Node, chain_id: &str, from: Option<&str>, limit: usize) -> Vec<Value> {
    node.look(|ledger| {
        let Some(chain) = ledger.find(chain_id) else {
            return Vec::new();
        };
        let blocks = chain.blocks.iter().rev();
        blocks
            .skip_while(|block| from.is_some_and(|from| block.hash != from))
            .take(limit)
            .map(|block| frames::block(chain_id, block))
            .collect()
    })
}

fn mode(node: &Node) -> BlockMode {
    let mut mode = BlockMode::Ok;
    node.standing.send_if_modified(|standing| {
        if standing.blocks.is_some() {
            mode = Arc::make_mut(standing).take_blocks();
        }
        false
    });
    mode
}
