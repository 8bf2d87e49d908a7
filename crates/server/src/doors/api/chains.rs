//! `GET /v1/chains`: which chains can be followed.

use axum::Json as Answer;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use crate::commands;

/// The chains that the node follows, in its order.
pub(super) async fn chains(caller: Caller) -> Result<Answer<Value>, Problem> {
    let chains = commands::chains::chains(&caller.cx).await;
    let chains = chains.map_err(|refusal| caller.problem(refusal))?;
    let shown: Vec<Value> = chains
        .iter()
        .map(|(chain, is_default)| json!({"chain_id": chain, "default": is_default}))
        .collect();
    Ok(Answer(json!({ "chains": shown })))
}
