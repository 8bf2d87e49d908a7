//! `command`, `command.received`, `command.result`: orders to devices, and what becomes of them.

use std::time::Duration;

use nexus_protocol::{
    Ack, Command, CommandId, CommandReceived, CommandResult, ErrorCode, MessageId, Outcome, Refusal, Reply,
};
use serde_json::json;

use crate::auth::{Act, Role, Who};
use crate::command_desk::{Follower, Line, Order, Ticket};
use crate::commands::{Cx, is_name};

/// How long a command waits for its device, unless its sender says otherwise.
const TTL: Duration = Duration::from_secs(60);
/// How long it waits at most.
const MOST_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// The most that a command or its result carries, in bytes.
const MOST_BYTES: usize = 16 << 10;
/// The longest reason of a failure, in characters.
const MOST_REASON_CHARS: usize = 1_000;

/// Orders a device to do something. Answers when that is stored. Where the asker has a connection, the `ack` was posted
/// to its outbox by then, so that it stands before what follows under the same id, and must not be sent again.
///
/// # Errors
/// If it is not allowed, or out of bounds, or wants a confirmation, or there is no room.
pub async fn command(cx: &Cx, id: Option<&MessageId>, command: &Command) -> Result<Reply, Refusal> {
    let act = Act::Command {
        device: &command.device_id,
        name: &command.name,
    };
    cx.gateway.permissions.check(&cx.who, act)?;
    check(cx, command)?;
    let Some(by) = cx.who.user().cloned() else {
        let refusal = Refusal::new(
            ErrorCode::AuthFailed,
            "a command needs a token; send `auth` first",
        );
        return Err(refusal);
    };
    let ttl = command.ttl_ms.map(Duration::from_millis);
    let order = Order {
        ticket: Ticket(0),
        id: new_command_id(),
        device: command.device_id.clone(),
        name: command.name.clone(),
        args: command.args.clone(),
        by,
        ttl: ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(TTL),
        now_only: ttl == Some(Duration::ZERO),
        key: command.idempotency_key.clone(),
        follower: cx.client.clone().map(|client| Follower {
            line: Line::new(client, &cx.outbox),
            request: id.cloned(),
        }),
    };
    let id = cx.gateway.desk.order(order).await?;
    Ok(ack(id))
}

/// A device says that it has got a command. Answers when that is stored.
///
/// # Errors
/// If the device has no such command, or it is too late.
pub async fn received(cx: &Cx, received: &CommandReceived) -> Result<Reply, Refusal> {
    is_theirs(cx, &received.command_id).await?;
    cx.gateway.desk.received(received).await.map(ack)
}

/// A device says what became of a command. Answers when that is stored.
///
/// # Errors
/// If the device has no such command, or it is over, or the result is too large.
pub async fn result(cx: &Cx, result: &CommandResult) -> Result<Reply, Refusal> {
    is_theirs(cx, &result.command_id).await?;
    match &result.outcome {
        Outcome::Done(Some(body)) if body.as_str().len() > MOST_BYTES => {
            return Err(wrong(format!("`result` has at most {MOST_BYTES} bytes")));
        }
        Outcome::Failed(error) if error.chars().count() > MOST_REASON_CHARS => {
            return Err(wrong(format!(
                "`error` has at most {MOST_REASON_CHARS} characters"
            )));
        }
        Outcome::Done(_) | Outcome::Failed(_) => {}
    }
    cx.gateway.desk.result(result).await.map(ack)
}

fn check(cx: &Cx, command: &Command) -> Result<(), Refusal> {
    if !is_name(&command.name) {
        return Err(wrong(
            "the `name` of a command has 1 to 64 of the characters `A-Z a-z 0-9 _ . : -`",
        ));
    }
    if command
        .args
        .as_ref()
        .is_some_and(|args| args.as_str().len() > MOST_BYTES)
    {
        return Err(wrong(format!("`args` has at most {MOST_BYTES} bytes")));
    }
    let most = MOST_TTL.as_millis();
    if command.ttl_ms.is_some_and(|ttl| u128::from(ttl) > most) {
        return Err(wrong(format!("`ttl_ms` is at most {most}, which is a day")));
    }
    let is_dangerous = |pattern: &crate::auth::ChannelPattern| pattern.matches(&command.name);
    if !command.confirm && cx.gateway.dangerous_commands.iter().any(is_dangerous) {
        return Err(Refusal {
            details: Some(json!({ "confirm": "required" })),
            ..wrong(format!(
                "`{}` is dangerous here; ask a person, and send it with `\"confirm\":true`",
                command.name
            ))
        });
    }
    Ok(())
}

/// Whether whoever speaks may speak for the device of a command.
async fn is_theirs(cx: &Cx, id: &CommandId) -> Result<(), Refusal> {
    let permissions = &cx.gateway.permissions;
    match cx.gateway.desk.device_of(id).await {
        Some(device) => permissions.check(&cx.who, Act::Report(&device)),
        None => Err(match &*cx.who {
            Who::Anonymous => Refusal::new(
                ErrorCode::AuthFailed,
                "answering a command needs a token; send `auth` first",
            ),
            Who::SignedIn(identity) => match identity.role {
                Role::Device | Role::Admin => wrong("there is no such command, or it was long ago"),
                Role::Viewer | Role::Operator => {
                    Refusal::new(ErrorCode::Forbidden, "only devices answer commands")
                }
            },
        }),
    }
}

fn ack(id: CommandId) -> Reply {
    Reply::Ack(Ack {
        position: None,
        command_id: Some(id),
    })
}

fn new_command_id() -> CommandId {
    let uuid = uuid::Uuid::now_v7().to_string();
    CommandId::parse(&uuid).expect("a UUID is 36 printable characters")
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidParams, message)
}
