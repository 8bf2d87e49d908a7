//! Replies and pushes as flat messages.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::classic::numbers::without_quotes;
use crate::{
    ChannelStatus, ClientId, ErrorCode, FeedState, FromServer, Gap, Params, Payload, Publication, Push,
    Refusal, Reply, Timestamp, Topic, UserId, decode_server,
};

/// A flat message. Fields that are absent are not written.
#[derive(Serialize)]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "clientId", skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Params>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    username: &'a str,
}

/// The name of whoever has no token.
const ANONYMOUS: &str = "anonymous";

/// The first message.
pub fn encode_welcome(client: &ClientId, user: Option<&UserId>, now: Timestamp) -> String {
    let name = user.map_or(ANONYMOUS, UserId::as_str);
    write(&Flat {
        client_id: Some(client.as_str()),
        user: Some(User {
            id: name,
            username: name,
        }),
        ..Flat::new("welcome", now)
    })
}

/// An answer; none where the classic door has no word for it.
pub fn encode_reply(reply: &Reply, channel: Option<&str>, now: Timestamp) -> Option<String> {
    match reply {
        Reply::Authenticated(_) => Some(write(&Flat {
            success: Some(true),
            timestamp: None,
            ..Flat::new("auth", now)
        })),
        Reply::Subscribed(subscribed) => Some(write(&Flat {
            channel: Some(subscribed.channel.as_str()),
            params: Some(subscribed.params.clone()),
            ..Flat::new("subscribed", now)
        })),
        Reply::Unsubscribed(unsubscribed) => Some(write(&Flat {
            channel: Some(unsubscribed.channel.as_str()),
            params: Some(unsubscribed.params.clone()),
            ..Flat::new("unsubscribed", now)
        })),
        Reply::Joined(joined) => Some(room("subscribed", &joined.room, now)),
        Reply::Left(left) => Some(room("unsubscribed", &left.room, now)),
        Reply::Pong => Some(write(&Flat::new("pong", now))),
        Reply::Error(refusal) => Some(encode_refusal(refusal, channel, now)),
        Reply::Ack(_)
        | Reply::CommandStatus(_)
        | Reply::CommandResult(_)
        | Reply::Presence(_)
        | Reply::History(_) => None,
    }
}

/// A refusal.
pub fn encode_refusal(refusal: &Refusal, channel: Option<&str>, now: Timestamp) -> String {
    write(&Flat {
        code: Some(refusal.code.as_str()),
        message: Some(&refusal.message),
        channel,
        ..Flat::new("error", now)
    })
}

/// A push; none where the classic door has no word for it. A source that is not live, and what is missing, are told as
/// errors, because old data must not look live here either.
pub fn encode_push(push: &Push, now: Timestamp) -> Option<String> {
    match push {
        Push::Publication(publication) => Some(publication_text(publication)),
        Push::Status(topic, status) => status_text(topic, status, now),
        Push::Shutdown(shutdown) => Some(write(&Flat {
            message: Some(&shutdown.message),
            ..Flat::new("shutdown", now)
        })),
        Push::Connected(_) | Push::Presence(..) | Push::Command(_) => None,
    }
}

/// A publication's text of the native door, written for the classic one; none if it is no publication.
pub fn transcribe(native: &str) -> Option<String> {
    match decode_server(native) {
        Ok(FromServer::Push(Push::Publication(publication))) => Some(publication_text(&publication)),
        Ok(FromServer::Push(_) | FromServer::Reply(..)) | Err(_) => None,
    }
}

fn publication_text(publication: &Publication) -> String {
    let topic = &publication.topic;
    let payload = match &publication.payload {
        Payload::Prices(prices) => without_quotes(&json(prices)),
        Payload::Book(book) => without_quotes(&json(book)),
        Payload::Trades(trades) => without_quotes(&json(trades)),
        Payload::Candles(candles) => without_quotes(&json(candles)),
        Payload::Json(json) if is_market(topic) => without_quotes(json.as_str()),
        Payload::Json(json) => json.as_str().to_owned(),
    };
    let data = RawValue::from_string(payload).ok();
    let params = topic.params();
    write(&Flat {
        channel: Some(topic.channel()),
        params: (is_market(topic) || !params.is_empty()).then_some(params),
        data: data.as_deref(),
        ..Flat::new(
            if is_market(topic) { "data" } else { "message" },
            publication.timestamp,
        )
    })
}

fn status_text(topic: &Topic, status: &ChannelStatus, now: Timestamp) -> Option<String> {
    let told = match (status.state, &status.gap) {
        (FeedState::Live | FeedState::Resyncing, _) => return None,
        (FeedState::Stale | FeedState::Down, _) => status
            .reason
            .clone()
            .unwrap_or_else(|| "the source is not live; what you have is old".to_owned()),
        (FeedState::Gap, Some(Gap::Publications { missed, .. })) => {
            format!("{missed} messages are missing: you were too far behind")
        }
        (FeedState::Gap, Some(Gap::Source { from, to })) => {
            format!("what the source sent between {from} and {to} is missing")
        }
        (FeedState::Gap, None) => "something is missing".to_owned(),
    };
    let refusal = Refusal::new(ErrorCode::UpstreamDown, told);
    Some(encode_refusal(&refusal, Some(topic.channel()), now))
}

/// Whether a topic's pushes are called `data`: market and accounts.
fn is_market(topic: &Topic) -> bool {
    match topic {
        Topic::Prices(_)
        | Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::Candles(..)
        | Topic::UserOrders(_)
        | Topic::UserFills(_)
        | Topic::AccountUpdates(_) => true,
        Topic::Telemetry
        | Topic::Commands
        | Topic::Tasks
        | Topic::Ai
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => false,
    }
}

fn room(kind: &'static str, room: &str, now: Timestamp) -> String {
    let channel = if room.contains(':') {
        room.to_owned()
    } else {
        format!("room:{room}")
    };
    write(&Flat {
        channel: Some(&channel),
        params: Some(Params::default()),
        ..Flat::new(kind, now)
    })
}

impl Flat<'_> {
    fn new(kind: &'static str, now: Timestamp) -> Self {
        Flat {
            kind,
            client_id: None,
            user: None,
            success: None,
            code: None,
            message: None,
            channel: None,
            params: None,
            data: None,
            timestamp: Some(now.as_millis()),
        }
    }
}

fn write(flat: &Flat<'_>) -> String {
    json(flat)
}

/// Writing our own types cannot fail.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
