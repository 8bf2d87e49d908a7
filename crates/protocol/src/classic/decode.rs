//! Flat messages of a client as requests.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::request::{Auth, Join, Publish, Subscribe, Target};
use crate::{ChannelName, ErrorCode, Filters, Json, Params, Refusal, Request, Topic};

/// What a classic client sent.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassicRequest {
    /// What it asks for; nothing for a `heartbeat`, which is a sign of life and no more.
    pub request: Option<Request>,
    /// The channel that it is about, as the client wrote it: an error says it again.
    pub channel: Option<String>,
}

/// A message: its fields stand flat or in `payload`; flat ones count first. Unknown ones are ignored.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: String,
    channel: Option<String>,
    room: Option<String>,
    params: Option<Params>,
    filters: Option<Filters>,
    token: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Body<'a> {
    channel: Option<String>,
    room: Option<String>,
    params: Option<Params>,
    filters: Option<Filters>,
    token: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// Reads a message.
///
/// # Errors
/// If it is longer than `max_bytes`, or none of the classic door; with the channel that it names, where it can be read.
pub fn decode(text: &str, max_bytes: usize) -> Result<ClassicRequest, (Option<String>, Box<Refusal>)> {
    if text.len() > max_bytes {
        let sentence = format!("a message has at most {max_bytes} bytes");
        return Err((None, refusal(ErrorCode::InvalidMessage, sentence)));
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| {
        let sentence = format!("a message is a JSON object with a `type`: {}", brief(&error));
        (None, refusal(ErrorCode::InvalidMessage, sentence))
    })?;
    let body = body_of(&message).map_err(|error| (message.channel.clone(), error))?;
    let channel = body
        .channel
        .clone()
        .or_else(|| body.room.as_deref().map(room_channel));
    match request_of(&message.kind, body) {
        Ok(request) => Ok(ClassicRequest { request, channel }),
        Err(refusal) => Err((channel, refusal)),
    }
}

fn body_of<'a>(message: &Message<'a>) -> Result<Body<'a>, Box<Refusal>> {
    // A `payload` that is no object belongs to a `message`: it is what is published.
    let inner = match message.payload {
        Some(raw) if raw.get().starts_with('{') => serde_json::from_str(raw.get())
            .map_err(|error| refusal(ErrorCode::InvalidMessage, format!("`payload`: {}", brief(&error))))?,
        _ => Body::default(),
    };
    Ok(Body {
        channel: message.channel.clone().or(inner.channel),
        room: message.room.clone().or(inner.room),
        params: message.params.clone().or(inner.params),
        filters: message.filters.clone().or(inner.filters),
        token: message.token.clone().or(inner.token),
        data: message.data.or(inner.data),
        message: message.message.or(inner.message).or(message.payload),
    })
}

fn request_of(kind: &str, body: Body<'_>) -> Result<Option<Request>, Box<Refusal>> {
    Ok(Some(match kind {
        "subscribe" => {
            let filters = body.filters.clone().unwrap_or_default();
            let selected = selected(body)?;
            Request::Subscribe(Subscribe {
                filters,
                throttle_ms: selected.throttle_ms,
                ..Subscribe::to(selected.topic)
            })
        }
        "unsubscribe" => Request::Unsubscribe(Target {
            topic: selected(body)?.topic,
        }),
        "join" | "join_room" => Request::Join(Join { room: room(body)? }),
        "leave" | "leave_room" => Request::Leave(Join { room: room(body)? }),
        "message" => publish(body)?,
        "auth" => Request::Auth(Auth {
            token: body.token.ok_or_else(|| missing("token"))?,
        }),
        "ping" => Request::Ping,
        "heartbeat" => return Ok(None),
        other => {
            let shown: String = other.chars().take(64).collect();
            let sentence = format!("there is no message type `{shown}` here");
            return Err(refusal(ErrorCode::UnknownMessageType, sentence));
        }
    }))
}

fn selected(body: Body<'_>) -> Result<crate::Subscription, Box<Refusal>> {
    let name = match (body.channel, body.room) {
        (Some(channel), _) => channel,
        (None, Some(room)) => room_channel(&room),
        (None, None) => return Err(missing("channel")),
    };
    let name = channel_name(&name)?;
    Topic::parse(&name, body.params.unwrap_or_default()).map_err(|error| Box::new(error.into()))
}

/// The room's name, which may stand as `lobby` or as `room:lobby`.
fn room(body: Body<'_>) -> Result<String, Box<Refusal>> {
    let name = body.room.or(body.channel).ok_or_else(|| missing("room"))?;
    Ok(name.strip_prefix("room:").unwrap_or(&name).to_owned())
}

fn publish(body: Body<'_>) -> Result<Request, Box<Refusal>> {
    let channel = match (&body.channel, &body.room) {
        (Some(channel), _) => channel_name(channel)?,
        (None, Some(room)) => channel_name(&room_channel(room))?,
        (None, None) => return Err(missing("channel")),
    };
    let raw = body.data.or(body.message).ok_or_else(|| missing("data"))?;
    let data = Json::parse(raw.get())
        .map_err(|error| refusal(ErrorCode::InvalidMessage, format!("`data`: {}", brief(&error))))?;
    Ok(Request::Publish(Publish {
        channel,
        data,
        idempotency_key: None,
        ack: true,
    }))
}

fn room_channel(room: &str) -> String {
    if room.starts_with("room:") {
        room.to_owned()
    } else {
        format!("room:{room}")
    }
}

fn channel_name(text: &str) -> Result<ChannelName, Box<Refusal>> {
    ChannelName::parse(text).map_err(|error| refusal(ErrorCode::UnknownChannel, error.to_string()))
}

fn missing(field: &str) -> Box<Refusal> {
    refusal(ErrorCode::InvalidMessage, format!("`{field}` is missing"))
}

fn refusal(code: ErrorCode, sentence: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal::new(code, sentence))
}

/// What serde says, short enough to be sent back; it may quote the input.
fn brief(error: &serde_json::Error) -> String {
    error.to_string().chars().take(160).collect()
}
