//! What a client may ask.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ChannelName, CommandId, DeviceId, ErrorCode, Filters, IdempotencyKey, Json, Params, Position, Refusal,
    Subscription, Timestamp, Topic,
};

/// A request of a client.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Sign in, or refresh a token before it expires.
    Auth(Auth),
    /// Listen to a topic.
    Subscribe(Subscribe),
    /// Stop listening to a topic.
    Unsubscribe(Target),
    /// Publish on a channel.
    Publish(Publish),
    /// A device reports what it measured.
    Telemetry(Telemetry),
    /// Order a device to do something.
    Command(Command),
    /// A device says that it has got a command.
    CommandReceived(CommandReceived),
    /// A device says what became of a command.
    CommandResult(CommandResult),
    /// Enter a room and be seen in it.
    Join(Join),
    /// Leave a room.
    Leave(Join),
    /// Show the others in a room that one is typing, or no longer is.
    Typing(Typing),
    /// Who is on a channel.
    Presence(Target),
    /// What was published before.
    History(History),
    /// Are you there?
    Ping,
}

/// Payload of `auth`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// A JSON Web Token.
    pub token: String,
}

/// Payload of `subscribe`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "SubscribeWire", into = "SubscribeWire")]
pub struct Subscribe {
    /// What to listen to.
    pub topic: Topic,
    /// Which publications to get; none means all.
    pub filters: Filters,
    /// The last publication that the client has: what lies behind it is sent first.
    pub recover: Option<Position>,
    /// Send first what was published since then, as far as the history reaches.
    pub since: Option<Timestamp>,
    /// Every publication, or only the latest of what is waiting; the channel's default if absent.
    pub mode: Option<Mode>,
    /// The least time between two pushes, in milliseconds.
    pub throttle_ms: Option<u32>,
    /// The field of the payload by which `latest` keeps the newest: a name, or a path of names with dots between, as in
    /// filters. Means `latest`. The channel's own key if absent, or the newest of all where it has none.
    pub key: Option<String>,
    /// Whether to send first what is known now; yes, unless said otherwise.
    pub snapshot: bool,
    /// A token for this subscription alone, for a topic that the connection's own token does not allow.
    pub token: Option<SubscriptionToken>,
}

/// A JSON Web Token that allows one subscription.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionToken(pub String);

/// How publications that wait for a slow link are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All of them, in order.
    Every,
    /// Only the newest, per key where the channel has keys; offsets then skip.
    Latest,
}

/// Payload of `unsubscribe` and `presence`: a topic.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "TargetWire", into = "TargetWire")]
pub struct Target {
    /// The topic.
    pub topic: Topic,
}

/// Payload of `presence`.
pub type Presence = Target;

/// Payload of `publish`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Publish {
    /// Where.
    pub channel: ChannelName,
    /// What: passed on exactly as it is.
    pub data: Json,
    /// The same key again within the server's window answers with the first position and publishes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whether an `ack` is wanted; yes, unless said otherwise. A refusal comes in any case.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub ack: bool,
}

/// What stands where nothing was said.
fn yes() -> bool {
    true
}

/// What need not be said.
fn is_yes(said: &bool) -> bool {
    *said
}

/// Payload of `telemetry`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Telemetry {
    /// Who measured.
    pub device_id: DeviceId,
    /// What was measured, by name.
    pub metrics: BTreeMap<String, f64>,
    /// When, by the device's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// Payload of `command`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Who shall do it.
    pub device_id: DeviceId,
    /// What to do.
    pub name: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Json>,
    /// How long the command may wait for the device, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// The same key again is the same command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// A person has said that it shall really be done; commands that the operator calls dangerous want it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

/// Payload of `command.received`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommandReceived {
    /// Which command.
    pub command_id: CommandId,
}

/// Payload of `command.result`, from the device to the server and from the server to the sender of the command.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "CommandResultWire", into = "CommandResultWire")]
pub struct CommandResult {
    /// Which command.
    pub command_id: CommandId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a command.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The device did it.
    Done(Option<Json>),
    /// The device could not do it, and says why.
    Failed(String),
}

/// Payload of `join` and `leave`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Join {
    /// The room's name, without `room:`.
    pub room: String,
}

/// Payload of `typing`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Typing {
    /// The room's name, without `room:`.
    pub room: String,
    /// Whether one is typing now. It holds for some seconds; say it again while it is so.
    #[serde(default = "is_typing")]
    pub typing: bool,
}

fn is_typing() -> bool {
    true
}

/// Payload of `history`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "HistoryWire", into = "HistoryWire")]
pub struct History {
    /// Of which topic.
    pub topic: Topic,
    /// Which publications to get; none means all.
    pub filters: Filters,
    /// Only what was published later than this.
    pub since: Option<Position>,
    /// Only what was published earlier than the publication at this position: what to go back by, page by page, since
    /// many publications may be of one time.
    pub until: Option<Position>,
    /// Only what is older than this; for `candles`, bars that opened earlier.
    pub before: Option<Timestamp>,
    /// At most so many; the server's limit if absent.
    pub limit: Option<u32>,
    /// Newest first.
    pub reverse: bool,
}

impl Request {
    /// The `type` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Request::Auth(_) => "auth",
            Request::Subscribe(_) => "subscribe",
            Request::Unsubscribe(_) => "unsubscribe",
            Request::Publish(_) => "publish",
            Request::Telemetry(_) => "telemetry",
            Request::Command(_) => "command",
            Request::CommandReceived(_) => "command.received",
            Request::CommandResult(_) => "command.result",
            Request::Join(_) => "join",
            Request::Leave(_) => "leave",
            Request::Typing(_) => "typing",
            Request::Presence(_) => "presence",
            Request::History(_) => "history",
            Request::Ping => "ping",
        }
    }
}

impl Subscribe {
    /// A subscription of everything on a topic, with its snapshot.
    pub fn to(topic: Topic) -> Self {
        Subscribe {
            topic,
            filters: Filters::default(),
            recover: None,
            since: None,
            mode: None,
            throttle_ms: None,
            key: None,
            snapshot: true,
            token: None,
        }
    }
}

impl History {
    /// The newest page of a topic, newest first.
    pub fn newest(topic: Topic, limit: u32) -> Self {
        History {
            topic,
            filters: Filters::default(),
            since: None,
            until: None,
            before: None,
            limit: Some(limit),
            reverse: true,
        }
    }
}

/// A token must not reach a log.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

/// A token must not reach a log.
impl std::fmt::Debug for SubscriptionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubscriptionToken(..)")
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SubscribeWire {
    channel: String,
    #[serde(default, skip_serializing_if = "params_are_none")]
    params: Option<Params>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filters: Option<Filters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recover: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    throttle: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<SubscriptionToken>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct TargetWire {
    channel: String,
    #[serde(default, skip_serializing_if = "params_are_none")]
    params: Option<Params>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct HistoryWire {
    channel: String,
    #[serde(default, skip_serializing_if = "params_are_none")]
    params: Option<Params>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filters: Option<Filters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    reverse: bool,
}

#[derive(Serialize, Deserialize)]
struct CommandResultWire {
    command_id: CommandId,
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn params_are_none(params: &Option<Params>) -> bool {
    params.as_ref().is_none_or(Params::is_empty)
}

impl TryFrom<SubscribeWire> for Subscribe {
    type Error = Refusal;

    fn try_from(wire: SubscribeWire) -> Result<Self, Refusal> {
        let selected = selected(&wire.channel, wire.params)?;
        Ok(Subscribe {
            topic: selected.topic,
            filters: wire.filters.unwrap_or_default(),
            recover: wire.recover,
            since: wire.since,
            mode: wire.mode,
            throttle_ms: wire
                .throttle
                .filter(|millis| *millis > 0)
                .or(selected.throttle_ms),
            key: wire.key,
            snapshot: wire.snapshot.unwrap_or(true),
            token: wire.token,
        })
    }
}

impl From<Subscribe> for SubscribeWire {
    fn from(subscribe: Subscribe) -> Self {
        let (channel, params) = written(&subscribe.topic);
        SubscribeWire {
            channel,
            params,
            filters: Some(subscribe.filters).filter(|filters| !filters.is_empty()),
            recover: subscribe.recover,
            since: subscribe.since,
            mode: subscribe.mode,
            throttle: subscribe.throttle_ms,
            key: subscribe.key,
            snapshot: (!subscribe.snapshot).then_some(false),
            token: subscribe.token,
        }
    }
}

impl TryFrom<TargetWire> for Target {
    type Error = Refusal;

    fn try_from(wire: TargetWire) -> Result<Self, Refusal> {
        Ok(Target {
            topic: selected(&wire.channel, wire.params)?.topic,
        })
    }
}

impl From<Target> for TargetWire {
    fn from(target: Target) -> Self {
        let (channel, params) = written(&target.topic);
        TargetWire { channel, params }
    }
}

impl TryFrom<HistoryWire> for History {
    type Error = Refusal;

    fn try_from(wire: HistoryWire) -> Result<Self, Refusal> {
        Ok(History {
            topic: selected(&wire.channel, wire.params)?.topic,
            filters: wire.filters.unwrap_or_default(),
            since: wire.since,
            until: wire.until,
            before: wire.before,
            limit: wire.limit,
            reverse: wire.reverse,
        })
    }
}

impl From<History> for HistoryWire {
    fn from(history: History) -> Self {
        let (channel, params) = written(&history.topic);
        HistoryWire {
            channel,
            params,
            filters: Some(history.filters).filter(|filters| !filters.is_empty()),
            since: history.since,
            until: history.until,
            before: history.before,
            limit: history.limit,
            reverse: history.reverse,
        }
    }
}

impl From<CommandResultWire> for CommandResult {
    fn from(wire: CommandResultWire) -> Self {
        let outcome = if wire.ok {
            Outcome::Done(wire.result)
        } else {
            Outcome::Failed(wire.error.unwrap_or_default())
        };
        CommandResult {
            command_id: wire.command_id,
            outcome,
        }
    }
}

impl From<CommandResult> for CommandResultWire {
    fn from(result: CommandResult) -> Self {
        let command_id = result.command_id;
        match result.outcome {
            Outcome::Done(result) => CommandResultWire {
                command_id,
                ok: true,
                result,
                error: None,
            },
            Outcome::Failed(error) => CommandResultWire {
                command_id,
                ok: false,
                result: None,
                error: Some(error),
            },
        }
    }
}

/// Channel and params as a topic.
fn selected(channel: &str, params: Option<Params>) -> Result<Subscription, Refusal> {
    let channel = ChannelName::parse(channel)
        .map_err(|error| Refusal::new(ErrorCode::UnknownChannel, error.to_string()))?;
    Ok(Topic::parse(&channel, params.unwrap_or_default())?)
}

/// A topic as channel and params.
fn written(topic: &Topic) -> (String, Option<Params>) {
    (
        topic.channel().to_owned(),
        Some(topic.params()).filter(|params| !params.is_empty()),
    )
}
