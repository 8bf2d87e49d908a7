//! `GET /v1/channels`, `/v1/history`, `/v1/presence`: what there is, what was, and who is there.

use axum::Json as Answer;
use axum::http::Uri;
use nexus_protocol::{
    ChannelName, Epoch, ErrorCode, Filters, History, Offset, Params, Position, Refusal, Reply, Target,
    Timestamp, Topic,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{json_part, query};
use super::caller::Caller;
use super::problem::Problem;
use crate::auth::Act;
use crate::commands;

/// Channels of one page, unless said otherwise, and at most.
const PAGE: usize = 100;
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Which {
    channel: String,
    /// The topic's params, as JSON.
    params: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    prefix: Option<String>,
    limit: Option<usize>,
    /// The last topic of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Past {
    channel: String,
    params: Option<String>,
    filters: Option<String>,
    limit: Option<u32>,
    epoch: Option<Epoch>,
    /// Only what lies behind this place of the epoch.
    offset: Option<Offset>,
    /// Only what lies before this place of the epoch.
    until: Option<Offset>,
    before: Option<Timestamp>,
    #[serde(default)]
    reverse: bool,
}

/// The topics that somebody listens to or that have a history, as far as the caller may read them.
pub(super) async fn channels(caller: Caller, uri: Uri) -> Result<Answer<Value>, Problem> {
    let listed: Listed = query(&uri)?;
    let limit = listed.limit.unwrap_or(PAGE).clamp(1, MOST);
    let gateway = &caller.cx.gateway;
    // Each caller sees what it may read, and somebody who may read nothing at all is told so.
    if gateway.permissions.need_a_token() && caller.cx.who.user().is_none() {
        let refusal = Refusal::new(ErrorCode::AuthFailed, "listing channels needs a token");
        return Err(caller.problem(refusal));
    }
    let mut topics = gateway.topics();
    topics.retain(|name, standing| {
        listed
            .prefix
            .as_deref()
            .is_none_or(|prefix| name.starts_with(prefix))
            && listed
                .cursor
                .as_deref()
                .is_none_or(|cursor| name.as_str() > cursor)
            && gateway
                .permissions
                .check(&caller.cx.who, Act::Read(&standing.topic))
                .is_ok()
    });
    let more = topics.len() > limit;
    let page: Vec<(String, Value)> = topics
        .into_iter()
        .take(limit)
        .map(|(name, standing)| {
            let shown = json!({
                "channel": standing.topic.channel(),
                "params": standing.topic.params(),
                "subscribers": standing.subscribers,
                "offset": standing.offset,
            });
            (name, shown)
        })
        .collect();
    let next = page.last().map(|(name, _)| name.clone()).filter(|_| more);
    let shown: Vec<Value> = page.into_iter().map(|(_, shown)| shown).collect();
    Ok(Answer(json!({"channels": shown, "next": next})))
}

/// A page of the past, bounded by places of an epoch where these are named; `next` has what to ask with to go on.
pub(super) async fn history(caller: Caller, uri: Uri) -> Result<Answer<Value>, Problem> {
    let past: Past = query(&uri)?;
    let is_bounded = past.offset.is_some() || past.until.is_some();
    if past.epoch.is_some() != is_bounded {
        let sentence = "`epoch` comes with `offset`, `until` or both, and neither comes without it";
        return Err(Problem::invalid(sentence));
    }
    let position = |offset: Option<Offset>| {
        let (epoch, offset) = past.epoch.clone().zip(offset)?;
        Some(Position { epoch, offset })
    };
    let history = History {
        topic: topic(&past.channel, past.params.as_deref())?,
        filters: json_part::<Filters>("filters", past.filters.as_deref())?,
        since: position(past.offset),
        until: position(past.until),
        before: past.before,
        limit: past.limit,
        reverse: past.reverse,
    };
    let reply = commands::history::history(&caller.cx, &history).await;
    let Reply::History(page) = reply.map_err(|refusal| caller.problem(refusal))? else {
        return Ok(Answer(json!({})));
    };
    let last = page.items.last().and_then(|item| item.offset);
    let next = last.filter(|_| page.more).map(|offset| match history.reverse {
        true => json!({"epoch": page.epoch, "until": offset}),
        false => json!({"epoch": page.epoch, "offset": offset}),
    });
    let mut answer = json!(page);
    answer["next"] = json!(next);
    Ok(Answer(answer))
}

/// Who is on a channel.
pub(super) async fn presence(caller: Caller, uri: Uri) -> Result<Answer<Value>, Problem> {
    let which: Which = query(&uri)?;
    let target = Target {
        topic: topic(&which.channel, which.params.as_deref())?,
    };
    match commands::room::presence(&caller.cx, &target) {
        Ok(Reply::Presence(list)) => Ok(Answer(json!(list))),
        Ok(_) => Ok(Answer(json!({}))),
        Err(refusal) => Err(caller.problem(refusal)),
    }
}

/// The topic that a query names.
pub(super) fn topic(channel: &str, params: Option<&str>) -> Result<Topic, Problem> {
    let name = ChannelName::parse(channel)
        .map_err(|error| Refusal::new(ErrorCode::UnknownChannel, error.to_string()))?;
    let params = json_part::<Params>("params", params)?;
    let selected = Topic::parse(&name, params).map_err(Refusal::from)?;
    Ok(selected.topic)
}
