//! `history`: a page of the past, out of the broker's memory or, for bars before a time, the exchange's own archive.

use nexus_protocol::{
    ErrorCode, History, HistoryItem, HistoryPage, Json, Offset, Position, Refusal, Reply, Timestamp, Topic,
};
use tokio::time::timeout;

use crate::auth::Act;
use crate::broker::{Page, PageOf};
use crate::commands::subscribe::{bind_account, check_source, selected};
use crate::commands::{COMMAND_DEADLINE, Cx};
use crate::filters::Predicate;

/// The most items of one page.
pub const MOST_ITEMS: u32 = 1_000;

/// Reads a page.
///
/// # Errors
/// If it is not allowed, or the source does not have the topic or cannot be asked.
pub async fn history(cx: &Cx, history: &History) -> Result<Reply, Refusal> {
    cx.gateway.permissions.check(&cx.who, Act::Read(&history.topic))?;
    bind_account(cx, &history.topic)?;
    check_source(&cx.gateway, &history.topic).await?;
    // What the archive has, has no position: a page between positions is one of the topic's own order.
    let before = history
        .before
        .filter(|_| history.since.is_none() && history.until.is_none());
    match (&history.topic, before) {
        (Topic::Candles(..), Some(before)) if cx.gateway.feeds.serves(&history.topic) => {
            archive(cx, history, before).await
        }
        _ => memory(cx, history).await,
    }
}

async fn memory(cx: &Cx, history: &History) -> Result<Reply, Refusal> {
    let filter = selected(&history.topic, &history.filters)?;
    let here = here(cx, history).await;
    let after = bound(cx, history, &here, ("since", history.since.as_ref())).await?;
    let of = PageOf {
        after: after.unwrap_or(Offset::ZERO),
        until: bound(cx, history, &here, ("until", history.until.as_ref())).await?,
        before: history.before,
        limit: limit(history) as usize,
        reverse: history.reverse,
    };
    let page = page(cx, history, of, filter.as_ref()).await;
    let items = page.publications.iter().filter_map(|publication| {
        Some(HistoryItem {
            offset: Some(publication.offset),
            timestamp: publication.time,
            from: publication.from.clone(),
            payload: Json::parse(publication.payload()).ok()?,
        })
    });
    Ok(reply(history, page.position, items.collect(), page.more))
}

async fn archive(cx: &Cx, history: &History, before: Timestamp) -> Result<Reply, Refusal> {
    selected(&history.topic, &history.filters)?;
    let limit = limit(history);
    let older = timeout(
        COMMAND_DEADLINE,
        cx.gateway.feeds.older(&history.topic, before, limit),
    )
    .await;
    let mut items = older.unwrap_or_else(|_| {
        Err(Refusal::new(
            ErrorCode::UpstreamDown,
            "the exchange did not answer in time; try again later",
        ))
    })?;
    let more = items.len() >= limit as usize;
    if history.reverse {
        items.reverse();
    }
    Ok(reply(history, here(cx, history).await, items, more))
}

/// Where the topic stands.
async fn here(cx: &Cx, history: &History) -> Position {
    let nothing = PageOf {
        after: Offset::ZERO,
        until: None,
        before: None,
        limit: 0,
        reverse: false,
    };
    page(cx, history, nothing, None).await.position
}

async fn page(cx: &Cx, history: &History, of: PageOf, filter: Option<&Predicate>) -> Page {
    let broker = &cx.gateway.broker;
    broker
        .page_of(&history.topic, of, filter)
        .await
        .unwrap_or_else(|| Page {
            position: broker.nowhere(),
            publications: Vec::new(),
            more: false,
        })
}

fn reply(history: &History, position: Position, items: Vec<HistoryItem>, more: bool) -> Reply {
    Reply::History(HistoryPage {
        channel: history.topic.channel_name(),
        params: history.topic.params(),
        epoch: position.epoch,
        offset: position.offset,
        items,
        more,
    })
}

fn limit(history: &History) -> u32 {
    history.limit.unwrap_or(MOST_ITEMS).clamp(1, MOST_ITEMS)
}

/// A position of another epoch says nothing about this order, unless this one goes on from it.
async fn bound(
    cx: &Cx,
    history: &History,
    here: &Position,
    (name, bound): (&str, Option<&Position>),
) -> Result<Option<Offset>, Refusal> {
    let Some(bound) = bound else { return Ok(None) };
    if bound.epoch == here.epoch || cx.gateway.broker.goes_on_from(&history.topic, bound).await {
        return Ok(Some(bound.offset));
    }
    Err(Refusal::new(
        ErrorCode::InvalidParams,
        format!("`{name}` is of an order that has ended; leave it out and begin anew"),
    ))
}
