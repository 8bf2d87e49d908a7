//! `publish`: what may be published where, in which shape, and once.
//!
//! A publication that has begun is finished whatever becomes of its connection, so that what is noted of it (a task's
//! state, a stream's text, an idempotency key) is always what was published.

mod ai;
mod tasks;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use nexus_protocol::{ChannelName, ErrorCode, Position, Publish, Refusal, Topic, UserId};
use tokio::time::{Instant, timeout};

use crate::auth::{Act, Who};
use crate::broker::{BrokerError, Placed, Storing};
use crate::clock::wall_clock;
use crate::commands::ordered::ack;
use crate::commands::{COMMAND_DEADLINE, Cx, Ordered, room};
use crate::content::{Content, Draft};
use crate::gateway::Gateway;
use crate::idempotency::{Begun, First};

/// What a publication on a channel looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shape {
    /// Progress of a task.
    Task,
    /// A chunk of a stream.
    Chunk,
    /// What stands for itself: any JSON on named channels, any JSON object on others.
    Plain(Topic),
}

/// Publishes. What comes back has its place; where its topic is durable, the disk may still be waited for.
///
/// # Errors
/// If it is not allowed, not of the channel's shape, or does not follow from what stands.
pub async fn publish(cx: &Cx, publish: Publish) -> Result<Ordered, Refusal> {
    let Some(shape) = Shape::of(&publish.channel) else {
        return Err(not_published_on(&cx.who, publish.channel.as_str()));
    };
    let user = may_publish(cx, &publish.channel)?;
    let said_on = publish.channel.clone();
    let ordered = match (shape, &publish.idempotency_key) {
        // Nothing is noted behind it, so it matters to nobody else whether its end is seen here.
        (Shape::Plain(topic), None) => plain(&cx.gateway, &topic, publish, user).await?.into(),
        (shape, _) => Box::pin(to_the_end(Arc::clone(&cx.gateway), shape, publish, user)).await?,
    };
    room::has_published(cx, &said_on);
    Ok(ordered)
}

/// Publishes, and goes on to the end even if nobody waits for it any more.
async fn to_the_end(
    gateway: Arc<Gateway>,
    shape: Shape,
    publish: Publish,
    user: UserId,
) -> Result<Ordered, Refusal> {
    let tasks = gateway.tasks.clone();
    let mut publishing = Box::pin(once(gateway, shape, publish, user));
    // Most are done at once. Only what has to wait becomes a task of its own.
    match poll_fn(|cx| Poll::Ready(publishing.as_mut().poll(cx))).await {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => match timeout(COMMAND_DEADLINE, tasks.spawn(publishing)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(too_slow()),
        },
    }
}

fn too_slow() -> Refusal {
    let again = "it could not be stored in time; publish again with the same `idempotency_key`";
    Refusal::new(ErrorCode::Internal, again).retry_after_ms(1_000)
}

/// Who publishes, if they may.
fn may_publish(cx: &Cx, channel: &ChannelName) -> Result<UserId, Refusal> {
    room::check_publish(cx, channel)?;
    let permissions = &cx.gateway.permissions;
    if channel.as_str() == "system" && permissions.check(&cx.who, Act::Manage).is_err() {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "only administrators publish on `system`",
        ));
    }
    cx.who.user().cloned().ok_or_else(needs_a_token)
}

/// Whoever takes a channel for one that people publish on is told what to do instead, and whoever has mistaken its name,
/// that there is none.
fn not_published_on(who: &Who, channel: &str) -> Refusal {
    match (who, instead(channel)) {
        (Who::SignedIn(_), Some(instead)) => Refusal::new(ErrorCode::Forbidden, instead),
        (Who::Anonymous, Some(_)) => needs_a_token(),
        (_, None) => Refusal::new(
            ErrorCode::UnknownChannel,
            format!("there is no channel `{channel}`"),
        ),
    }
}

fn needs_a_token() -> Refusal {
    Refusal::new(
        ErrorCode::AuthFailed,
        "publishing needs a token; send `auth` first",
    )
}

/// What to do instead of publishing on a channel that only the server publishes on.
fn instead(channel: &str) -> Option<&'static str> {
    match channel {
        "telemetry" => Some("devices report with the request `telemetry`; nobody publishes on the channel"),
        "commands" => Some("order with the request `command`; nobody publishes on the channel"),
        "prices" | "orderbook" | "trades" | "candles" | "user_orders" | "user_fills" | "account_updates" => {
            Some("this channel comes from the exchange; nobody publishes on it")
        }
        "chain" => Some("this channel comes from the chain's node; nobody publishes on it"),
        _ => None,
    }
}

/// The same publication under the same key is published once.
async fn once(
    gateway: Arc<Gateway>,
    shape: Shape,
    publish: Publish,
    user: UserId,
) -> Result<Ordered, Refusal> {
    let Some(key) = publish.idempotency_key.clone() else {
        let (position, storing) = in_its_shape(&gateway, shape, publish, user).await?;
        return Ok(Ordered::new(position, storing));
    };
    let content = (publish.channel.as_str(), publish.data.as_str());
    match gateway.idempotency.begin(Instant::now(), &user, &key, content) {
        Begun::First(first) => first_of_its_key(gateway, first, shape, publish, user).await,
        Begun::Repeat(repeat) => Ok(Ordered::Storing(Box::pin(async move {
            match timeout(COMMAND_DEADLINE, repeat.outcome()).await {
                Ok(Some(outcome)) => outcome.map(ack),
                Ok(None) => {
                    let refusal = Refusal::new(ErrorCode::Internal, "the first try failed; try again");
                    Err(refusal.retry_after_ms(1_000))
                }
                Err(_) => Err(too_slow()),
            }
        }))),
        Begun::Other => Err(Refusal::new(
            ErrorCode::InvalidParams,
            "this `idempotency_key` was used for something else; take a new one",
        )),
    }
}

/// Publishes, and notes under the key what became of it.
async fn first_of_its_key(
    gateway: Arc<Gateway>,
    first: First,
    shape: Shape,
    publish: Publish,
    user: UserId,
) -> Result<Ordered, Refusal> {
    let outcome = match in_its_shape(&gateway, shape, publish, user).await {
        Ok((position, Some(storing))) => {
            // What became of it is noted even if nobody waits for it any more.
            let storing = gateway.tasks.clone().spawn(async move {
                let confirmed = storing.confirmed().await.map_err(BrokerError::refusal);
                let outcome = confirmed.map(|()| position);
                gateway.idempotency.end(first, outcome.clone());
                outcome
            });
            return Ok(Ordered::Storing(Box::pin(async move {
                storing.await.unwrap_or_else(|_| Err(too_slow())).map(ack)
            })));
        }
        Ok((position, None)) => Ok(position),
        Err(refusal) => Err(refusal),
    };
    gateway.idempotency.end(first, outcome.clone());
    outcome.map(|position| Ordered::new(position, None))
}

/// Publishes as the channel wants it. Where it is, if that is known, and how to wait for the disk, if it has to be waited for.
async fn in_its_shape(
    gateway: &Gateway,
    shape: Shape,
    publish: Publish,
    user: UserId,
) -> Result<(Option<Position>, Option<Storing>), Refusal> {
    match shape {
        Shape::Task => Ok((tasks::publish(gateway, &publish.data, user).await?, None)),
        Shape::Chunk => Ok((ai::publish(gateway, &publish.data, user).await?, None)),
        Shape::Plain(topic) => {
            let Placed { position, storing } = plain(gateway, &topic, publish, user).await?;
            Ok((Some(position), storing))
        }
    }
}

/// Publishes what stands for itself.
async fn plain(gateway: &Gateway, topic: &Topic, publish: Publish, user: UserId) -> Result<Placed, Refusal> {
    let must_be_an_object = !matches!(topic, Topic::Named(_));
    if must_be_an_object && !publish.data.as_str().starts_with('{') {
        return Err(Refusal::new(
            ErrorCode::InvalidParams,
            format!("what is published on `{}` is a JSON object", publish.channel),
        ));
    }
    let draft = Draft {
        content: Content::Whole(publish.data.into_text()),
        from: Some(user),
    };
    let placed = gateway.broker.place(topic, draft, wall_clock()).await;
    placed.map_err(BrokerError::refusal)
}

/// Publishes, and comes back when that is stored.
async fn stored(gateway: &Gateway, topic: &Topic, draft: Draft) -> Result<Position, BrokerError> {
    gateway.broker.publish_stored(topic, draft, wall_clock()).await
}

/// A refusal of data that has not the channel's shape.
fn misshapen(channel: &str, error: &serde_json::Error) -> Refusal {
    Refusal::new(
        ErrorCode::InvalidParams,
        format!("this is not what is published on `{channel}`: {error}"),
    )
}

impl Shape {
    /// None of channels that nobody publishes on.
    fn of(channel: &ChannelName) -> Option<Self> {
        match channel.as_str() {
            "tasks" => Some(Shape::Task),
            "ai" => Some(Shape::Chunk),
            "events" => Some(Shape::Plain(Topic::Events)),
            "system" => Some(Shape::Plain(Topic::System)),
            named if named.contains(':') => Some(Shape::Plain(Topic::Named(channel.clone()))),
            _ => None,
        }
    }
}
