//! `/v1/commands`: orders to devices, and what became of them. Progress is read, not waited for: `commands.update` on a
//! WebSocket tells it live.

use axum::Json as Answer;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use nexus_protocol::{
    Command, CommandStage, CommandUpdate, DeviceId, ErrorCode, IdempotencyKey, Refusal, Reply, Topic,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::IDEMPOTENCY_KEY;
use super::body::{Body, query};
use super::caller::Caller;
use super::problem::Problem;
use crate::auth::Act;
use crate::commands;

/// Commands of one page, unless said otherwise, and at most.
const PAGE: usize = 100;
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Wanted {
    device: Option<DeviceId>,
    status: Option<CommandStage>,
    limit: Option<usize>,
    /// The id of the last command of the page before.
    cursor: Option<String>,
}

/// Orders a device to do something; answers as soon as that is noted.
pub(super) async fn order(
    caller: Caller,
    headers: HeaderMap,
    Body(mut command): Body<Command>,
) -> Result<(StatusCode, Answer<Value>), Problem> {
    if command.idempotency_key.is_none()
        && let Some(value) = headers.get(IDEMPOTENCY_KEY)
    {
        let key = IdempotencyKey::parse(value.to_str().unwrap_or_default())
            .map_err(|error| Problem::invalid(format!("Idempotency-Key: {error}")))?;
        command.idempotency_key = Some(key);
    }
    match commands::command::command(&caller.cx, None, &command).await {
        Ok(Reply::Ack(ack)) => Ok((StatusCode::ACCEPTED, Answer(json!(ack)))),
        Ok(_) => Ok((StatusCode::ACCEPTED, Answer(json!({})))),
        Err(refusal) => Err(caller.problem(refusal)),
    }
}

/// Commands and how far they are, the newest first.
pub(super) async fn list(caller: Caller, uri: Uri) -> Result<Answer<Value>, Problem> {
    let wanted: Wanted = query(&uri)?;
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, MOST);
    let all = known(&caller).await?;
    let mut matching = all
        .into_iter()
        .rev()
        .skip_while({
            let mut is_before = wanted.cursor.is_some();
            move |command| {
                let was_before = is_before;
                if wanted.cursor.as_deref() == Some(command.command_id.as_str()) {
                    is_before = false;
                }
                was_before
            }
        })
        .filter(|command| {
            wanted
                .device
                .as_ref()
                .is_none_or(|device| *device == command.device_id)
        })
        .filter(|command| wanted.status.is_none_or(|status| status == command.status));
    let page: Vec<CommandUpdate> = matching.by_ref().take(limit).collect();
    let next = matching
        .next()
        .and(page.last())
        .map(|last| last.command_id.clone());
    Ok(Answer(json!({"commands": page, "next": next})))
}

/// One command.
pub(super) async fn one(caller: Caller, Path(id): Path<String>) -> Result<Answer<Value>, Problem> {
    let command = known(&caller)
        .await?
        .into_iter()
        .find(|command| command.command_id.as_str() == id);
    match command {
        Some(command) => Ok(Answer(json!(command))),
        None => Err(Problem::with_status(
            StatusCode::NOT_FOUND,
            Refusal::new(
                ErrorCode::InvalidParams,
                "there is no such command, or it was so long ago that it is forgotten",
            ),
        )),
    }
}

/// What is known of all commands, oldest change first.
async fn known(caller: &Caller) -> Result<Vec<CommandUpdate>, Problem> {
    let gateway = &caller.cx.gateway;
    gateway
        .permissions
        .check(&caller.cx.who, Act::Read(&Topic::Commands))
        .map_err(|refusal| caller.problem(refusal))?;
    let standing = gateway.broker.standing(&Topic::Commands).await;
    Ok(standing
        .iter()
        .filter_map(|(_, text)| serde_json::from_str(text).ok())
        .collect())
}
