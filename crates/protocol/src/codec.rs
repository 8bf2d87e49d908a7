//! Messages to JSON text and back. The only place where the two meet.

mod publishing;
mod text;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Error, Unexpected};
use serde_json::value::RawValue;

use crate::envelope::{Received, Sent};
use crate::request::{HistoryWire, SubscribeWire, TargetWire};
use crate::{
    ChannelName, ErrorCode, History, MessageId, Offset, Payload, Publication, Push, Refusal, Reply, Request,
    Subscribe, Target, Timestamp, Topic, UserId,
};

/// The subprotocol of JSON text frames; the default.
pub const JSON_SUBPROTOCOL: &str = "nexus.v1.json";
/// The subprotocol of MessagePack binary frames.
pub const MSGPACK_SUBPROTOCOL: &str = "nexus.v1.msgpack";

/// A request that could not even be read. The answer is the refusal under the id, if there was one.
#[derive(Clone, PartialEq, Debug)]
pub struct Rejected {
    /// The id of the message, where it could be read.
    pub id: Option<MessageId>,
    /// What to answer.
    pub refusal: Refusal,
}

/// A message from the server, as a client reads it.
#[derive(Clone, PartialEq, Debug)]
pub enum FromServer {
    /// An answer to the request of this id; none where the request had none or could not be read.
    Reply(Option<MessageId>, Reply),
    /// Something unasked.
    Push(Push),
}

/// Why a text is no message of a server.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No JSON, or not the envelope or payload that the protocol says.
    #[error("not a message of this protocol: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The envelope is right, but this version does not know the type. Ignore the message.
    #[error("a message of an unknown type `{0}`")]
    UnknownType(String),
    /// Channel and params are no topic.
    #[error("a push on what is no topic: {0}")]
    Topic(#[from] crate::TopicError),
}

/// The part of a publication's text that is the same for every publication of a topic.
///
/// A server makes one per topic and then only joins texts: a publication is encoded once for all subscribers.
#[derive(Clone, Debug)]
pub struct PublicationHead(Box<str>);

/// What a publication says of others that it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Whether it stands for everything up to it.
    pub snapshot: bool,
    /// How many publications before it are not sent, because it stands for them.
    pub conflated: u64,
}

/// Reads a request.
///
/// # Errors
/// If the text is longer than `max_bytes`, or no request of this protocol.
pub fn decode_request(text: &str, max_bytes: usize) -> Result<(Option<MessageId>, Request), Box<Rejected>> {
    if text.len() > max_bytes {
        let message = format!("a message has at most {max_bytes} bytes");
        return Err(invalid_message(message));
    }
    publishing::read(text).map_or_else(|| read_any(text), Ok)
}

/// Reads whatever it may be.
fn read_any(text: &str) -> Result<(Option<MessageId>, Request), Box<Rejected>> {
    let envelope: Received<'_> = serde_json::from_str(text).map_err(|error| {
        let what = "a message is a JSON object with `type`, `id` and `payload`";
        invalid_message(format!("{what}: {}", brief(&error)))
    })?;
    let id = envelope
        .id
        .map(|raw| serde_json::from_str::<MessageId>(raw.get()))
        .transpose()
        .map_err(|error| invalid_message(format!("`id`: {}", brief(&error))))?;
    match request_of(&envelope) {
        Ok(request) => Ok((id, request)),
        Err(refusal) => Err(Box::new(Rejected { id, refusal })),
    }
}

/// What to answer where not even the id could be read.
fn invalid_message(message: String) -> Box<Rejected> {
    Box::new(Rejected {
        id: None,
        refusal: Refusal::new(ErrorCode::InvalidMessage, message),
    })
}

/// Writes a request.
pub fn encode_request(id: &MessageId, request: &Request) -> String {
    fn write<P: Serialize>(id: &MessageId, kind: &str, payload: Option<&P>) -> String {
        to_text(&Sent {
            id: Some(id.as_str()),
            ..Sent::new(kind, payload)
        })
    }
    let kind = request.type_name();
    match request {
        Request::Auth(payload) => write(id, kind, Some(payload)),
        Request::Subscribe(payload) => write(id, kind, Some(payload)),
        Request::Unsubscribe(payload) | Request::Presence(payload) => write(id, kind, Some(payload)),
        Request::Publish(payload) => write(id, kind, Some(payload)),
        Request::Telemetry(payload) => write(id, kind, Some(payload)),
        Request::Command(payload) => write(id, kind, Some(payload)),
        Request::CommandReceived(payload) => write(id, kind, Some(payload)),
        Request::CommandResult(payload) => write(id, kind, Some(payload)),
        Request::Typing(payload) => write(id, kind, Some(payload)),
        Request::Join(payload) | Request::Leave(payload) => write(id, kind, Some(payload)),
        Request::History(payload) => write(id, kind, Some(payload)),
        Request::Ping => write::<()>(id, kind, None),
    }
}

/// Writes an answer.
pub fn encode_reply(id: Option<&MessageId>, reply: &Reply, now: Timestamp) -> String {
    text_of(|text| append_reply(text, id, reply, now))
}

/// Writes an answer behind what stands in `text`.
pub fn append_reply(text: &mut Vec<u8>, id: Option<&MessageId>, reply: &Reply, now: Timestamp) {
    let kind = reply.type_name();
    text::open(text, kind, id, now);
    match reply {
        Reply::Authenticated(payload) => text::payload(text, payload),
        Reply::Subscribed(payload) => text::payload(text, payload),
        Reply::Unsubscribed(payload) => text::payload(text, payload),
        Reply::Ack(payload) => text::payload(text, payload),
        Reply::CommandStatus(payload) => text::payload(text, payload),
        Reply::CommandResult(payload) => text::payload(text, payload),
        Reply::Joined(payload) => text::payload(text, payload),
        Reply::Left(payload) => text::payload(text, payload),
        Reply::Presence(payload) => text::payload(text, payload),
        Reply::History(payload) => text::payload(text, payload),
        Reply::Pong => {}
        Reply::Error(refusal) => text::field(text, "error", refusal),
    }
    text.push(b'}');
}

/// Writes a push. `now` stands in the envelope, except of a publication, which has its own time.
pub fn encode_push(push: &Push, now: Timestamp) -> String {
    fn on<'a, P: Serialize>(
        topic: &'a Topic,
        kind: &'a str,
        payload: &'a P,
        time: Timestamp,
    ) -> Sent<'a, &'a P> {
        let base = Sent::new(kind, Some(payload));
        Sent {
            channel: Some(topic.channel()),
            params: topic.params(),
            timestamp: Some(time),
            ..base
        }
    }
    let kind = push.type_name();
    match push {
        Push::Connected(payload) => to_text(&Sent {
            timestamp: Some(now),
            ..Sent::new(kind, Some(payload))
        }),
        Push::Shutdown(payload) => to_text(&Sent {
            timestamp: Some(now),
            ..Sent::new(kind, Some(payload))
        }),
        Push::Command(payload) => to_text(&Sent {
            timestamp: Some(now),
            ..Sent::new(kind, Some(payload))
        }),
        Push::Presence(topic, payload) => to_text(&on(topic, kind, payload, now)),
        Push::Status(topic, payload) => to_text(&on(topic, kind, payload, now)),
        Push::Publication(publication) => {
            let payload = match &publication.payload {
                Payload::Prices(prices) => to_text(prices),
                Payload::Book(book) => to_text(book),
                Payload::Trades(trades) => to_text(trades),
                Payload::Candles(candles) => to_text(candles),
                Payload::Json(json) => json.as_str().to_owned(),
            };
            let marks = Marks {
                snapshot: publication.snapshot,
                conflated: publication.conflated,
            };
            let (offset, time) = (publication.offset, publication.timestamp);
            let from = publication.from.as_ref();
            text_of(|text| {
                PublicationHead::of(&publication.topic).append(text, offset, marks, time, from, &payload);
            })
        }
    }
}

/// Reads a message of a server.
///
/// # Errors
/// If it is none. An unknown type is an error of its own, so that a client can ignore what is newer than itself.
pub fn decode_server(text: &str) -> Result<FromServer, DecodeError> {
    let envelope: Received<'_> = serde_json::from_str(text)?;
    let id = || envelope.id.map(|raw| serde_json::from_str(raw.get())).transpose();
    let reply = match envelope.kind.as_ref() {
        "authenticated" => Reply::Authenticated(payload(&envelope)?),
        "subscribed" => Reply::Subscribed(payload(&envelope)?),
        "unsubscribed" => Reply::Unsubscribed(payload(&envelope)?),
        "ack" => Reply::Ack(payload(&envelope)?),
        "command.status" => Reply::CommandStatus(payload(&envelope)?),
        "command.result" => Reply::CommandResult(payload(&envelope)?),
        "joined" => Reply::Joined(payload(&envelope)?),
        "left" => Reply::Left(payload(&envelope)?),
        "presence" => Reply::Presence(payload(&envelope)?),
        "history" => Reply::History(payload(&envelope)?),
        "pong" => Reply::Pong,
        "error" => Reply::Error(read(envelope.error)?),
        "connected" => return Ok(FromServer::Push(Push::Connected(payload(&envelope)?))),
        "shutdown" => return Ok(FromServer::Push(Push::Shutdown(payload(&envelope)?))),
        "command" => return Ok(FromServer::Push(Push::Command(payload(&envelope)?))),
        "presence.update" => {
            return Ok(FromServer::Push(Push::Presence(
                topic_of(&envelope)?,
                payload(&envelope)?,
            )));
        }
        "channel.status" => {
            return Ok(FromServer::Push(Push::Status(
                topic_of(&envelope)?,
                payload(&envelope)?,
            )));
        }
        kind if kind == "message" || kind.ends_with(".update") => {
            return publication_of(&envelope)
                .map(|publication| FromServer::Push(Push::Publication(publication)));
        }
        other => return Err(DecodeError::UnknownType(other.chars().take(64).collect())),
    };
    Ok(FromServer::Reply(id()?, reply))
}

impl PublicationHead {
    /// The head of the publications of a topic.
    pub fn of(topic: &Topic) -> Self {
        let mut head = format!(
            r#"{{"type":"{}","channel":"{}""#,
            topic.push_type(),
            topic.channel()
        );
        let params = topic.params();
        if !params.is_empty() {
            head.push_str(r#","params":"#);
            head.push_str(&to_text(&params));
        }
        PublicationHead(head.into())
    }

    /// The whole text of one publication.
    pub fn encode(
        &self,
        offset: Offset,
        marks: Marks,
        time: Timestamp,
        from: Option<&UserId>,
        payload: &str,
    ) -> String {
        text_of(|text| self.append(text, offset, marks, time, from, payload))
    }

    /// Writes one publication behind what stands in `text`, `payload` exactly as it is. `from` is the user who published
    /// it, where the server vouches for one.
    pub fn append(
        &self,
        text: &mut Vec<u8>,
        offset: Offset,
        marks: Marks,
        time: Timestamp,
        from: Option<&UserId>,
        payload: &str,
    ) {
        text.reserve(self.0.len() + payload.len() + 128);
        text.extend_from_slice(self.0.as_bytes());
        text::field(text, "offset", &offset);
        if marks.snapshot {
            text.extend_from_slice(br#","snapshot":true"#);
        }
        if marks.conflated > 0 {
            text::field(text, "conflated", &marks.conflated);
        }
        text::timestamp(text, time);
        if let Some(from) = from {
            text::field(text, "from", from);
        }
        text.extend_from_slice(br#","payload":"#);
        text.extend_from_slice(payload.as_bytes());
        text.push(b'}');
    }
}

fn request_of(envelope: &Received<'_>) -> Result<Request, Refusal> {
    if let Some(raw) = envelope.timestamp {
        serde_json::from_str::<Option<Timestamp>>(raw.get()).map_err(|error| invalid("timestamp", &error))?;
    }
    Ok(match envelope.kind.as_ref() {
        "auth" => Request::Auth(body(envelope)?),
        "subscribe" => Request::Subscribe(Subscribe::try_from(body::<SubscribeWire>(envelope)?)?),
        "unsubscribe" => Request::Unsubscribe(Target::try_from(body::<TargetWire>(envelope)?)?),
        "publish" => Request::Publish(body(envelope)?),
        "telemetry" => Request::Telemetry(body(envelope)?),
        "command" => Request::Command(body(envelope)?),
        "command.received" => Request::CommandReceived(body(envelope)?),
        "command.result" => Request::CommandResult(body(envelope)?),
        "typing" => Request::Typing(body(envelope)?),
        "join" => Request::Join(body(envelope)?),
        "leave" => Request::Leave(body(envelope)?),
        "presence" => Request::Presence(Target::try_from(body::<TargetWire>(envelope)?)?),
        "history" => Request::History(History::try_from(body::<HistoryWire>(envelope)?)?),
        "ping" => Request::Ping,
        other => {
            let shown: String = other.chars().take(64).collect();
            let message =
                format!("there is no message type `{shown}`; see docs/PROTOCOL.md for those there are");
            return Err(Refusal::new(ErrorCode::UnknownMessageType, message));
        }
    })
}

/// The payload of a request as a type, or the refusal that says what is wrong with it.
fn body<T: DeserializeOwned>(envelope: &Received<'_>) -> Result<T, Refusal> {
    // Otherwise a list would do, with the fields in the order in which they happen to be defined.
    if envelope.payload.is_some_and(|raw| raw.get().starts_with('[')) {
        let error = serde_json::Error::invalid_type(Unexpected::Seq, &"an object");
        return Err(invalid("payload", &error));
    }
    read(envelope.payload).map_err(|error| invalid("payload", &error))
}

fn payload<T: DeserializeOwned>(envelope: &Received<'_>) -> Result<T, serde_json::Error> {
    read(envelope.payload)
}

/// An absent value reads as an empty object.
fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, serde_json::Error> {
    serde_json::from_str(raw.map_or("{}", RawValue::get))
}

fn topic_of(envelope: &Received<'_>) -> Result<Topic, DecodeError> {
    let name = envelope.channel.as_deref().unwrap_or_default();
    let unknown = |_| crate::TopicError::UnknownChannel(name.chars().take(64).collect());
    let name = ChannelName::parse(name).map_err(unknown)?;
    Ok(Topic::parse(&name, envelope.params.clone().unwrap_or_default())?.topic)
}

fn publication_of(envelope: &Received<'_>) -> Result<Publication, DecodeError> {
    fn typed<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, serde_json::Error> {
        serde_json::from_str(raw.map_or("null", RawValue::get))
    }
    let topic = match topic_of(envelope) {
        Ok(topic) => topic,
        // A channel that is newer than this client.
        Err(DecodeError::Topic(crate::TopicError::UnknownChannel(name))) => {
            return Err(DecodeError::UnknownType(name));
        }
        Err(other) => return Err(other),
    };
    let payload = match &topic {
        Topic::Prices(_) => Payload::Prices(typed(envelope.payload)?),
        Topic::OrderBook(..) => Payload::Book(typed(envelope.payload)?),
        Topic::Trades(_) => Payload::Trades(typed(envelope.payload)?),
        Topic::Candles(..) => Payload::Candles(typed(envelope.payload)?),
        Topic::UserOrders(_)
        | Topic::UserFills(_)
        | Topic::AccountUpdates(_)
        | Topic::Telemetry
        | Topic::Commands
        | Topic::Tasks
        | Topic::Ai
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => Payload::Json(typed(envelope.payload)?),
    };
    Ok(Publication {
        topic,
        offset: envelope.offset.unwrap_or_default(),
        snapshot: envelope.snapshot,
        conflated: envelope.conflated,
        timestamp: envelope
            .timestamp
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()?
            .unwrap_or_default(),
        from: envelope.from.clone(),
        payload,
    })
}

/// What was written is text: it is put together of texts.
fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::with_capacity(192);
    write(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Writing our own types cannot fail: none has a map whose keys are no strings, and none refuses to be written.
fn to_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn invalid(what: &str, error: &serde_json::Error) -> Refusal {
    Refusal::new(ErrorCode::InvalidMessage, format!("`{what}`: {}", brief(error)))
}

/// What serde says, short enough to be sent back; it may quote the input.
fn brief(error: &serde_json::Error) -> String {
    let mut text: String = error.to_string().chars().take(160).collect();
    if text.len() < error.to_string().len() {
        text.push('…');
    }
    text
}
