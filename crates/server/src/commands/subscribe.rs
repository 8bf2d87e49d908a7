//! `subscribe`: the seat first, then the read of the broker, so that nothing falls between them.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ErrorCode, Filters, Mode, Refusal, Reply, Subscribe, Subscribed, Topic};
use tokio::time::timeout;

use crate::auth::{Grant, Identity, Who};
use crate::broker::{Begin, BrokerError, First};
use crate::commands::{COMMAND_DEADLINE, Cx, Subscription, grant};
use crate::filters::Predicate;
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
    if subscribe.mode == Some(Mode::Every) && subscribe.throttle_ms.is_some() {
        return Err(Refusal::new(
            ErrorCode::InvalidParams,
            "a throttle skips what is in between, so it needs the mode `latest`",
        ));
    }
    Ok(grant)
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
/// the mode, the throttle and the filters change.
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
    let begin = begin(subscribe, earlier, filter.as_ref());
    let subscription = Subscription::open(cx, subscribe, policy(subscribe, mode), filter);
    let joined = cx
        .gateway
        .broker
        .join(&subscribe.topic, begin)
        .await
        .map_err(BrokerError::refusal)?;
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
        key: None,
        contiguous: mode == Mode::Every && subscribe.filters.is_empty(),
        status: status.cloned(),
    });
    Ok((subscription, reply))
}

/// Says which address at the exchange the asker has, before a topic of theirs is checked.
pub(super) fn bind_account(cx: &Cx, topic: &Topic) -> Result<(), Refusal> {
    let (Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user)) = topic else {
        return Ok(());
    };
    match &cx.who {
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

/// A throttle skips what is in between, which only `latest` may do.
fn mode(gateway: &Gateway, subscribe: &Subscribe) -> Mode {
    match (subscribe.mode, subscribe.throttle_ms) {
        (Some(mode), _) => mode,
        (None, Some(_)) => Mode::Latest,
        (None, None) => gateway.broker.default_mode(&subscribe.topic),
    }
}

fn policy(subscribe: &Subscribe, mode: Mode) -> Policy {
    match mode {
        Mode::Every => Policy::Every,
        Mode::Latest => Policy::Latest {
            throttle: Duration::from_millis(subscribe.throttle_ms.unwrap_or(0).into()),
        },
    }
}

fn begin(subscribe: &Subscribe, earlier: Option<Closed>, filter: Option<&Arc<Predicate>>) -> Begin {
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
        None if subscribe.snapshot => Begin::Fresh,
        None => Begin::Live,
    }
}
