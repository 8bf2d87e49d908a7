//! `command`, `command.received`, `command.result`: orders to devices, and what becomes of them.

use nexus_protocol::{Command, CommandReceived, CommandResult, MessageId, Refusal, Reply, Request};

use crate::commands::{Cx, later};

/// Orders a device to do something. What follows goes to the asker under the same id.
///
/// # Errors
/// If it is not allowed, or out of bounds, or wants a confirmation.
pub async fn command(cx: &Cx, id: Option<&MessageId>, command: &Command) -> Result<Reply, Refusal> {
    let _ = id;
    Err(later::refuse(
        &cx.gateway.permissions,
        &cx.who,
        &Request::Command(command.clone()),
    ))
}

/// A device says that it has got a command.
///
/// # Errors
/// If the device has no such command.
pub async fn received(cx: &Cx, received: &CommandReceived) -> Result<Reply, Refusal> {
    Err(later::refuse(
        &cx.gateway.permissions,
        &cx.who,
        &Request::CommandReceived(received.clone()),
    ))
}

/// A device says what became of a command.
///
/// # Errors
/// If the device has no such command, or it is over.
pub async fn result(cx: &Cx, result: &CommandResult) -> Result<Reply, Refusal> {
    Err(later::refuse(
        &cx.gateway.permissions,
        &cx.who,
        &Request::CommandResult(result.clone()),
    ))
}
