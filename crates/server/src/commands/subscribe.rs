//! `subscribe`: the seat first, then the read of the broker, so that nothing falls between them.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ErrorCode, Filters, Mode, Refusal, Reply, Subscribe, Subscribed, Topic};
use tokio::time::timeout;

use crate::auth::{Grant, Identity, Who};
use crate::broker::{Begin, BrokerError, First, Joined};
use crate::commands::{COMMAND_DEADLINE, Cx, Subscription, grant};
use crate::filters::{FieldPath, Predicate};
use crate::gateway::Gateway;
use crate::outbox::{CatchUp, Closed, Policy};

/// What can be said at once: whether it is allowed, and makes sense. What comes back is the subscription's own token,
/// where it is allowed by that alone: the subscription ends with it.
///
/// # Errors
/// If it is not, or does not.
pub fn check(gateway: &Gateway, who: &Who, subscribe: &Subscribe) -> Result<Option<Grant>, Refusal> {
    let grant = grant::allow(gateway, who, subscribe)?;
    selected(&subscribe.topic, &subscribe.filters)?;
    key(&subscribe.topic, subscribe.key.as_deref())?;
    if subscribe.mode == Some(Mode::Every) {
        let skips = match subscribe {
            Subscribe {
                throttle_ms: Some(_), ..
            } => Some("a throttle"),
            Subscribe { key: Some(_), .. } => Some("a `key`"),
            _ => None,
        };
        if let Some(what) = skips {
            return Err(Refusal::new(
                ErrorCode::InvalidParams,
                format!("{what} skips what is in between, so it needs the mode `latest`"),
            ));
        }
    }
    Ok(grant)
}

/// By what the newest is kept of a subscription in mode `latest`.
#[derive(Clone, PartialEq, Debug)]
struct Key {
    /// A field that the topic does not keep anyway.
    field: Option<FieldPath>,
    /// What the client is told: the field, or the name of what the topic has; nothing where the newest of all is kept.
    name: Option<String>,
}

/// By what the newest is to be kept, where this field was asked for.
///
/// # Errors
/// If it is no field, or publications of the topic do not replace each other by it.
fn key(topic: &Topic, asked: Option<&str>) -> Result<Key, Refusal> {
    let own = own_key(topic);
    let by_own = Key {
        field: None,
        name: own.map(|(name, _)| name.to_owned()),
    };
    let Some(asked) = asked else {
        return Ok(by_own);
    };
    let refuse = |why: String| Err(Refusal::new(ErrorCode::InvalidParams, why));
    let field = match FieldPath::parse(asked) {
        Ok(field) => field,
        Err(why) => {
            let shown: String = asked.chars().take(64).collect();
            return refuse(format!("the key `{shown}` {why}"));
        }
    };
    let channel = topic.channel();
    match (own, takes_any_key(topic)) {
        (Some((name, _)), _) if name == asked => Ok(by_own),
        (_, true) => Ok(Key {
            name: Some(asked.to_owned()),
            field: Some(field),
        }),
        (Some((name, what)), false) => refuse(format!(
            "`{channel}` keeps the newest of each {what}; its key is `{name}`"
        )),
        (None, false) => refuse(format!(
            "what comes on `{channel}` has no fields to be kept by; leave `key` out"
        )),
    }
}

/// The name of the key that a topic has by itself, and what it is of.
fn own_key(topic: &Topic) -> Option<(&'static str, &'static str)> {
    match topic {
        Topic::Prices(_) => Some(("symbol", "symbol")),
        Topic::Candles(..) => Some(("time", "bar")),
        Topic::UserOrders(_) => Some(("id", "order")),
        Topic::Telemetry => Some(("device_id", "device")),
        Topic::Commands => Some(("command_id", "command")),
        Topic::Tasks => Some(("task_id", "task")),
        Topic::Ai => Some(("stream_id", "stream")),
        // One market, one account: the newest is the newest of all.
        Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::UserFills(_)
        | Topic::AccountUpdates(_)
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => None,
    }
}

/// Whether the newest can be kept by any field of the payload.
fn takes_any_key(topic: &Topic) -> bool {
    match topic {
        Topic::Telemetry
        | Topic::Commands
        | Topic::Tasks
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => true,
        // Lists and objects by name, books, and chunks that only together are a text.
        Topic::Prices(_)
        | Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::Candles(..)
        | Topic::UserOrders(_)
        | Topic::UserFills(_)
        | Topic::AccountUpdates(_)
        | Topic::Ai => false,
    }
}

/// What filters select; everything if there are none.
///
/// # Errors
/// If they make no sense, or the topic has none.
pub(super) fn selected(topic: &Topic, filters: &Filters) -> Result<Option<Predicate>, Refusal> {
    let is_market = matches!(
        topic,
        Topic::Prices(_) | Topic::OrderBook(..) | Topic::Trades(_) | Topic::Candles(..)
    );
    if is_market && !filters.is_empty() {
        return Err(Refusal::new(
            ErrorCode::InvalidParams,
            format!("`{}` has no filters; its params select", topic.channel()),
        ));
    }
    Predicate::compile(filters)
}

/// Subscribes. `earlier` is an earlier subscription of this connection to the same topic, and how far it got: then only
/// the mode, the throttle, the key and the filters change.
///
/// # Errors
/// If the topic's source does not have it, or cannot be asked, or the server is full.
pub async fn subscribe(
    cx: &Cx,
    subscribe: &Subscribe,
    earlier: Option<Closed>,
) -> Result<(Subscription, Reply), Refusal> {
    if earlier.is_none() {
        bind_account(cx, &subscribe.topic)?;
        check_source(&cx.gateway, &subscribe.topic).await?;
    }
    let mode = mode(&cx.gateway, subscribe);
    let filter = selected(&subscribe.topic, &subscribe.filters)?.map(Arc::new);
    let key = key(&subscribe.topic, subscribe.key.as_deref())?;
    let begin = begin(subscribe, earlier, filter.as_ref(), key.field.is_some());
    let policy = policy(subscribe, mode, key.field.clone());
    let subscription = Subscription::open(cx, subscribe, policy, filter);
    let joined = join(cx, &subscribe.topic, begin, key.field.is_some()).await?;
    let by = joined.first.map(|first| match first {
        First::Missed => CatchUp::After(joined.position.offset),
        First::Snapshot => CatchUp::WHOLE,
    });
    let status = joined.status.as_deref();
    cx.outbox
        .start(subscription.lane(), joined.position.clone(), by, status);
    let reply = Reply::Subscribed(Subscribed {
        channel: subscribe.topic.channel_name(),
        params: subscribe.topic.params(),
        filters: subscribe.filters.clone(),
        epoch: joined.position.epoch.clone(),
        offset: joined.position.offset,
        recovered: joined.recovered,
        mode,
        throttle_ms: subscribe.throttle_ms,
        key: key.name.filter(|_| mode == Mode::Latest),
        contiguous: mode == Mode::Every && subscribe.filters.is_empty(),
        status: status.cloned(),
    });
    Ok((subscription, reply))
}

/// Where the subscriber stands. Who keeps the newest by a field of their own has no use for a snapshot of the whole: where
/// something is lost, they begin with all that there is.
async fn join(cx: &Cx, topic: &Topic, begin: Begin, by_field: bool) -> Result<Joined, Refusal> {
    let broker = &cx.gateway.broker;
    let joined = broker.join(topic, begin).await.map_err(BrokerError::refusal)?;
    if joined.recovered != Some(false) || !by_field {
        return Ok(joined);
    }
    let anew = broker.join(topic, Begin::History).await;
    Ok(Joined {
        recovered: joined.recovered,
        ..anew.map_err(BrokerError::refusal)?
    })
}

/// Says which address at the exchange the asker has, before a topic of theirs is checked.
pub(super) fn bind_account(cx: &Cx, topic: &Topic) -> Result<(), Refusal> {
    let (Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user)) = topic else {
        return Ok(());
    };
    match &*cx.who {
        Who::SignedIn(Identity {
            user: asker,
            address: Some(address),
            ..
        }) if asker == user => cx.gateway.feeds.bind(user, address),
        Who::SignedIn(_) | Who::Anonymous => Ok(()),
    }
}

/// Whether the topic's source has it. Topics without a source are whatever is published on them.
pub(super) async fn check_source(gateway: &Gateway, topic: &Topic) -> Result<(), Refusal> {
    let needs_a_source = matches!(
        topic,
        Topic::Prices(_) | Topic::OrderBook(..) | Topic::Trades(_) | Topic::Candles(..) | Topic::Chain(_)
    );
    if gateway.feeds.serves(topic) {
        let checked = timeout(COMMAND_DEADLINE, gateway.feeds.check(topic)).await;
        return checked.unwrap_or_else(|_| {
            Err(Refusal::new(
                ErrorCode::UpstreamDown,
                "the source did not answer in time; try again later",
            ))
        });
    }
    // Somebody else may publish a market here; then it is there.
    if needs_a_source && !gateway.broker.has(topic).await {
        let missing = match topic {
            Topic::Chain(_) => "no chain node is configured on this server",
            _ => "no exchange is configured on this server",
        };
        return Err(Refusal::new(ErrorCode::UpstreamDown, missing));
    }
    Ok(())
}

/// A throttle and a key skip what is in between, which only `latest` may do.
fn mode(gateway: &Gateway, subscribe: &Subscribe) -> Mode {
    let skips = subscribe.throttle_ms.is_some() || subscribe.key.is_some();
    match subscribe.mode {
        Some(mode) => mode,
        None if skips => Mode::Latest,
        None => gateway.broker.default_mode(&subscribe.topic),
    }
}

fn policy(subscribe: &Subscribe, mode: Mode, key: Option<FieldPath>) -> Policy {
    match mode {
        Mode::Every => Policy::Every,
        Mode::Latest => Policy::Latest {
            throttle: Duration::from_millis(subscribe.throttle_ms.unwrap_or(0).into()),
            key,
        },
    }
}

fn begin(
    subscribe: &Subscribe,
    earlier: Option<Closed>,
    filter: Option<&Arc<Predicate>>,
    by_field: bool,
) -> Begin {
    if let Some(position) = &subscribe.recover {
        return Begin::Recover(position.clone());
    }
    if let Some(time) = subscribe.since {
        return Begin::Since(time);
    }
    match earlier {
        Some(earlier) if subscribe.snapshot && earlier.filter.as_ref() != filter => {
            Begin::Select(earlier.sent)
        }
        Some(earlier) => Begin::Continue(earlier.sent),
        None if subscribe.snapshot && by_field => Begin::History,
        None if subscribe.snapshot => Begin::Fresh,
        None => Begin::Live,
    }
}
