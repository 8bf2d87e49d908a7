//! `publish`: what may be published where, in which shape, and once.

use nexus_protocol::{Publish, Refusal, Reply, Request};

use crate::commands::{Cx, later};

/// Publishes. Answers when the publication is stored, where its topic is durable.
///
/// # Errors
/// If it is not allowed, or not of the channel's shape.
pub async fn publish(cx: &Cx, publish: &Publish) -> Result<Reply, Refusal> {
    Err(later::refuse(
        &cx.gateway.permissions,
        &cx.who,
        &Request::Publish(publish.clone()),
    ))
}
