//! `POST /v1/publish`, `/v1/broadcast` and `/v1/telemetry`: what producers send.

use axum::Json as Answer;
use axum::http::HeaderMap;
use nexus_protocol::{ChannelName, ErrorCode, IdempotencyKey, Json, Publish, Refusal, Reply, Telemetry};
use serde::Deserialize;
use serde_json::{Value, json};

use super::IDEMPOTENCY_KEY;
use super::body::Body;
use super::caller::Caller;
use super::problem::Problem;
use crate::commands::{self, Ordered};

/// The most messages of a batch, and the most channels of a broadcast.
const MOST_MESSAGES: usize = 1_000;

/// A single message, or a batch in `messages`.
#[derive(Deserialize)]
pub(super) struct Messages {
    channel: Option<ChannelName>,
    data: Option<Json>,
    idempotency_key: Option<IdempotencyKey>,
    messages: Option<Vec<Publish>>,
}

#[derive(Deserialize)]
pub(super) struct Broadcast {
    channels: Vec<ChannelName>,
    data: Json,
    idempotency_key: Option<IdempotencyKey>,
}

/// Publishes one message, or a batch in order. Each message of a batch has its own answer, and its own permission.
pub(super) async fn publish(
    caller: Caller,
    headers: HeaderMap,
    Body(messages): Body<Messages>,
) -> Result<Answer<Value>, Problem> {
    let key = match messages.idempotency_key {
        Some(key) => Some(key),
        None => key_of(&headers)?,
    };
    match messages {
        Messages {
            messages: Some(batch),
            channel: None,
            data: None,
            ..
        } => {
            if key.is_some() {
                return Err(Problem::invalid(
                    "a key names one message: in a batch each has its own `idempotency_key`",
                ));
            }
            check_count(batch.len())?;
            publish_all(&caller, batch).await
        }
        Messages {
            messages: None,
            channel: Some(channel),
            data: Some(data),
            ..
        } => {
            let publish = Publish {
                channel,
                data,
                idempotency_key: key,
                ack: true,
            };
            acknowledged(commands::publish::publish(&caller.cx, publish).await)
                .await
                .map(|reply| Answer(acked(&reply)))
                .map_err(|refusal| caller.problem(refusal))
        }
        _ => Err(Problem::invalid(
            "a body has either `channel` and `data`, or `messages`, a list of such",
        )),
    }
}

/// Publishes the same on several channels.
pub(super) async fn broadcast(
    caller: Caller,
    headers: HeaderMap,
    Body(broadcast): Body<Broadcast>,
) -> Result<Answer<Value>, Problem> {
    check_count(broadcast.channels.len())?;
    let key = match broadcast.idempotency_key {
        Some(key) => Some(key),
        None => key_of(&headers)?,
    };
    let each = broadcast
        .channels
        .into_iter()
        .enumerate()
        .map(|(place, channel)| Publish {
            channel,
            data: broadcast.data.clone(),
            idempotency_key: key.as_ref().and_then(|key| numbered(key, place)),
            ack: true,
        });
    publish_all(&caller, each.collect()).await
}

/// Takes what a device measured.
pub(super) async fn telemetry(
    caller: Caller,
    Body(telemetry): Body<Telemetry>,
) -> Result<Answer<Value>, Problem> {
    acknowledged(commands::telemetry::telemetry(&caller.cx, &telemetry).await)
        .await
        .map(|reply| Answer(acked(&reply)))
        .map_err(|refusal| caller.problem(refusal))
}

/// Waits until it is stored.
async fn acknowledged(ordered: Result<Ordered, Refusal>) -> Result<Reply, Refusal> {
    ordered?.acknowledged().await
}

/// Publishes one behind the other, and then waits for the disk, which takes together what waits together.
async fn publish_all(caller: &Caller, all: Vec<Publish>) -> Result<Answer<Value>, Problem> {
    let mut in_place = Vec::with_capacity(all.len());
    let mut is_over = None;
    for (place, publish) in all.into_iter().enumerate() {
        let channel = publish.channel.clone();
        // The first was counted with the request. Behind the limit, the rest need not be tried.
        let counted = match &is_over {
            Some(refusal) => Err(Refusal::clone(refusal)),
            None if place == 0 => Ok(()),
            None => caller.count(),
        };
        let ordered = match counted {
            Ok(()) => commands::publish::publish(&caller.cx, publish).await,
            Err(refusal) => {
                is_over = Some(refusal.clone());
                Err(refusal)
            }
        };
        in_place.push((channel, ordered));
    }
    let mut results = Vec::with_capacity(in_place.len());
    for (channel, ordered) in in_place {
        results.push(match acknowledged(ordered).await {
            Ok(reply) => acked(&reply),
            Err(refusal) => json!({"channel": channel, "error": caller.problem(refusal).document()}),
        });
    }
    Ok(Answer(json!({"results": results})))
}

fn acked(reply: &Reply) -> Value {
    match reply {
        Reply::Ack(ack) => json!(ack),
        _ => json!({}),
    }
}

fn check_count(count: usize) -> Result<(), Problem> {
    if count == 0 || count > MOST_MESSAGES {
        return Err(Problem::invalid(format!(
            "a request has 1 to {MOST_MESSAGES} messages, and this one has {count}"
        )));
    }
    Ok(())
}

fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    IdempotencyKey::parse(text)
        .map(Some)
        .map_err(|error| Refusal::new(ErrorCode::InvalidMessage, format!("Idempotency-Key: {error}")).into())
}

/// The key of one message of several: a key names one publication.
fn numbered(key: &IdempotencyKey, place: usize) -> Option<IdempotencyKey> {
    let text = format!("{key}:{place}");
    // A long key leaves no room for the number; its start and its hash name it as well.
    IdempotencyKey::parse(&text).ok().or_else(|| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let hex: String = digest
            .as_ref()
            .iter()
            .take(24)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        IdempotencyKey::parse(&hex).ok()
    })
}
