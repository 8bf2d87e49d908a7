//! `telemetry`: what a device measured.

use nexus_protocol::{Refusal, Reply, Request, Telemetry};

use crate::commands::{Cx, later};

/// Takes what a device measured.
///
/// # Errors
/// If it is not allowed, or out of bounds.
pub async fn telemetry(cx: &Cx, telemetry: &Telemetry) -> Result<Reply, Refusal> {
    Err(later::refuse(
        &cx.gateway.permissions,
        &cx.who,
        &Request::Telemetry(telemetry.clone()),
    ))
}
