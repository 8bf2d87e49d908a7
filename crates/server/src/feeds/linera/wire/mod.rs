//! What the node says and is told: the messages of `graphql-transport-ws`, notifications, and answers over HTTP. Read
//! tolerantly: both versions' names, unknown kinds kept as they came, heights as whole numbers of 64 bits.

pub(crate) mod answers;
mod notice;
#[cfg(test)]
mod tests;

use nexus_protocol::ChainId;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::notice::Notice;

/// The only subprotocol that is offered.
pub(crate) const SUBPROTOCOL: &str = "graphql-transport-ws";
/// The first message of a connection.
pub(crate) const INIT: &str = r#"{"type":"connection_init","payload":{}}"#;
/// Asks whether the node is there.
pub(crate) const PING: &str = r#"{"type":"ping"}"#;
/// The answer when the node asks.
pub(crate) const PONG: &str = r#"{"type":"pong"}"#;

/// A message of the node.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// It takes us in.
    Ack,
    /// It asks whether we are there.
    Ping,
    /// It is there.
    Pong,
    /// A notification on a subscription.
    Next(String, Box<Notice>),
    /// A subscription cannot be had; it may or may not be completed as well.
    Refused(String, String),
    /// A subscription has ended.
    Complete(String),
    /// Something of a subscription that could not be read.
    Garbled(Option<String>),
    /// A message of a type that is not known.
    Unknown,
}

/// The subscribe message for a chain.
pub(crate) fn subscribe(id: &str, chain: &ChainId) -> String {
    serde_json::json!({
        "id": id,
        "type": "subscribe",
        "payload": {
            "query": "subscription Notifications($chainId: ChainId!) { notifications(chainId: $chainId) }",
            "variables": {"chainId": chain.as_str()},
            "operationName": "Notifications",
        },
    })
    .to_string()
}

/// The message that ends a subscription.
pub(crate) fn complete(id: &str) -> String {
    serde_json::json!({"id": id, "type": "complete"}).to_string()
}

/// An id of a chain as the node writes it.
pub(crate) fn is_chain_id(text: &str) -> bool {
    is_hash(text)
}

/// 32 bytes as the node writes them: 64 lowercase hex digits.
fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Reads a message.
pub(crate) fn read(text: &str) -> Inbound {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        id: Option<Value>,
        #[serde(borrow, default)]
        payload: Option<&'a RawValue>,
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return Inbound::Garbled(None);
    };
    let id = match envelope.id {
        Some(Value::String(id)) => Some(id),
        _ => None,
    };
    match (envelope.kind.as_str(), id) {
        ("connection_ack", _) => Inbound::Ack,
        ("ping", _) => Inbound::Ping,
        ("pong", _) => Inbound::Pong,
        ("next" | "data", Some(id)) => next(id, envelope.payload.map_or("null", RawValue::get)),
        ("error", Some(id)) => {
            let errors = envelope.payload.map_or("null", RawValue::get);
            Inbound::Refused(id, said(serde_json::from_str(errors).unwrap_or_default()))
        }
        ("complete", Some(id)) => Inbound::Complete(id),
        ("next" | "data" | "error" | "complete", None) => Inbound::Garbled(None),
        _ => Inbound::Unknown,
    }
}

fn next(id: String, payload: &str) -> Inbound {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow, default)]
        data: Option<Data<'a>>,
        #[serde(default)]
        errors: Vec<ErrorItem>,
    }
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, default)]
        notifications: Option<&'a RawValue>,
    }
    let Ok(payload) = serde_json::from_str::<Payload<'_>>(payload) else {
        return Inbound::Garbled(Some(id));
    };
    match payload.data.and_then(|data| data.notifications) {
        Some(notification) => match Notice::read(notification.get()) {
            Some(notice) => Inbound::Next(id, Box::new(notice)),
            None => Inbound::Garbled(Some(id)),
        },
        None if !payload.errors.is_empty() => Inbound::Refused(id, said(payload.errors)),
        None => Inbound::Garbled(Some(id)),
    }
}

/// An error as GraphQL writes it.
#[derive(Deserialize)]
pub(crate) struct ErrorItem {
    #[serde(default)]
    message: String,
}

/// What errors say, in words that may be shown: one line, and not too long.
pub(crate) fn said(errors: Vec<ErrorItem>) -> String {
    const LONGEST: usize = 160;
    let first = errors.into_iter().map(|error| error.message).next();
    let line = first.unwrap_or_default();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line
        .chars()
        .take(LONGEST)
        .filter(|letter| !letter.is_control())
        .collect();
    if short.is_empty() {
        "no reason".to_owned()
    } else {
        short
    }
}
