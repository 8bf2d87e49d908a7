//! `/v1/connections`, `/v1/disconnect`, `/v1/unsubscribe`, `/v1/tokens/revoke`: for administrators.

use axum::Json as Answer;
use axum::http::Uri;
use nexus_protocol::{ChannelName, ClientId, CloseCode, ErrorCode, Params, Refusal, Topic, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Body, query};
use super::caller::Caller;
use super::problem::Problem;
use crate::auth::{Act, Revoke, Role};
use crate::clock::wall_clock;
use crate::connections::{ConnectionInfo, Selector};
use crate::revocations::RevokeError;

/// Connections of one page, unless said otherwise.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Listed {
    user: Option<UserId>,
    limit: Option<usize>,
    /// The last connection of the page before.
    cursor: Option<ClientId>,
}

#[derive(Deserialize)]
pub(super) struct Whom {
    user: Option<UserId>,
    client_id: Option<ClientId>,
}

#[derive(Deserialize)]
pub(super) struct Ended {
    user: UserId,
    channel: ChannelName,
    #[serde(default)]
    params: Params,
}

#[derive(Deserialize)]
pub(super) struct Revoked {
    user: Option<UserId>,
    token_id: Option<Box<str>>,
}

/// Who is connected, in the order in which they came.
pub(super) async fn connections(caller: Caller, uri: Uri) -> Result<Answer<Value>, Problem> {
    may_manage(&caller)?;
    let listed: Listed = query(&uri)?;
    let limit = listed.limit.unwrap_or(PAGE);
    let connections = &caller.cx.gateway.connections;
    let page = connections.list(listed.user.as_ref(), listed.cursor.as_ref(), limit);
    let next = page
        .connections
        .last()
        .map(|last| &last.client)
        .filter(|_| page.more);
    let shown: Vec<Value> = page.connections.iter().map(shown).collect();
    Ok(Answer(json!({"connections": shown, "next": next})))
}

/// Closes connections; they do not come back by themselves.
pub(super) async fn disconnect(caller: Caller, Body(whom): Body<Whom>) -> Result<Answer<Value>, Problem> {
    may_manage(&caller)?;
    let selector = match whom {
        Whom {
            user: Some(user),
            client_id: None,
        } => Selector::User(user),
        Whom {
            user: None,
            client_id: Some(client),
        } => Selector::Client(client),
        _ => return Err(Problem::invalid("a body has either `user` or `client_id`")),
    };
    let connections = &caller.cx.gateway.connections;
    let count = connections.disconnect(&selector, CloseCode::Removed, "removed by an operator");
    Ok(Answer(json!({"disconnected": count})))
}

/// Ends a user's subscriptions to a topic.
pub(super) async fn unsubscribe(caller: Caller, Body(ended): Body<Ended>) -> Result<Answer<Value>, Problem> {
    may_manage(&caller)?;
    let selected = Topic::parse(&ended.channel, ended.params).map_err(Refusal::from)?;
    let count = caller
        .cx
        .gateway
        .connections
        .unsubscribe(&ended.user, &selected.topic);
    Ok(Answer(json!({"unsubscribed": count})))
}

/// Revokes tokens, and closes the connections that live by them.
pub(super) async fn revoke(caller: Caller, Body(revoked): Body<Revoked>) -> Result<Answer<Value>, Problem> {
    may_manage(&caller)?;
    let revoke = match revoked {
        Revoked {
            user: Some(user),
            token_id: None,
        } => Revoke::User(user),
        Revoked {
            user: None,
            token_id: Some(name),
        } => Revoke::Token(name),
        _ => return Err(Problem::invalid("a body has either `user` or `token_id`")),
    };
    let gateway = &caller.cx.gateway;
    gateway
        .revocations
        .revoke(&revoke, None, wall_clock(), &gateway.connections)
        .await
        .map_err(|error| match error {
            RevokeError::Name => Problem::invalid(error.to_string()),
            RevokeError::Full(_) | RevokeError::NotKept(_) => {
                tracing::error!(error = %error, "a revocation was not kept");
                Refusal::new(ErrorCode::Internal, error.to_string()).into()
            }
        })?;
    Ok(Answer(json!({"revoked": true})))
}

fn may_manage(caller: &Caller) -> Result<(), Problem> {
    let cx = &caller.cx;
    let checked = cx.gateway.permissions.check(&cx.who, Act::Manage);
    checked.map_err(|refusal| caller.problem(refusal))
}

fn shown(connection: &ConnectionInfo) -> Value {
    let role = connection.role.map(|role| match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Device => "device",
        Role::Admin => "admin",
    });
    json!({
        "client_id": connection.client,
        "user": connection.user,
        "role": role,
        "connected_at": connection.since,
        "waiting_bytes": connection.waiting,
    })
}
