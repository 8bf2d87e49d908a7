//! What a server answers to a request, under the request's id.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    ChannelName, ChannelStatus, CommandId, CommandResult, Epoch, Filters, Json, Mode, Offset, Params,
    Position, Refusal, Timestamp, Topic, UserId,
};

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// To `auth`: signed in.
    Authenticated(Authenticated),
    /// To `subscribe`: pushes follow.
    Subscribed(Subscribed),
    /// To `unsubscribe`: no more pushes follow.
    Unsubscribed(Unsubscribed),
    /// To `publish`, `telemetry`, `command`, `command.result`: accepted.
    Ack(Ack),
    /// To `command`, as it goes on.
    CommandStatus(CommandStatus),
    /// To `command`, at its end.
    CommandResult(CommandResult),
    /// To `join`.
    Joined(Joined),
    /// To `leave`.
    Left(Left),
    /// To `presence`.
    Presence(PresenceList),
    /// To `history`.
    History(HistoryPage),
    /// To `ping`.
    Pong,
    /// To any request: it was not done.
    Error(Refusal),
}

/// Payload of `authenticated`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authenticated {
    /// Who one is now.
    pub user: UserId,
    /// When the token ends; send another `auth` before.
    pub expires_at: Timestamp,
    /// How many messages one may send in any 60 seconds from now on, where the token says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_minute: Option<u32>,
}

/// Payload of `subscribed`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subscribed {
    /// The channel.
    pub channel: ChannelName,
    /// The topic's params in canonical form.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// The filters in force.
    #[serde(default, skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// The order that offsets count in.
    pub epoch: Epoch,
    /// Where the pushes that follow go on from: the next one is the next offset, or a snapshot.
    pub offset: Offset,
    /// Present when `recover` was asked: whether everything since then follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
    /// The mode in force.
    pub mode: Mode,
    /// The throttle in force, in milliseconds.
    #[serde(default, rename = "throttle", skip_serializing_if = "Option::is_none")]
    pub throttle_ms: Option<u32>,
    /// The field of the payload by which the newest is kept, in mode `latest`; absent if it is the newest of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether each push has the next offset, so that a jump is a gap. Not so with `latest`, filters or a throttle.
    pub contiguous: bool,
    /// How fresh the topic's source is; absent where the topic has no feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ChannelStatus>,
}

/// Payload of `unsubscribed`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Unsubscribed {
    /// The channel.
    pub channel: ChannelName,
    /// The topic's params in canonical form.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
}

/// Payload of `ack`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct Ack {
    /// Where the publication stands, if the request made one.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// The command's id, if the request was a command.
    #[serde(default)]
    pub command_id: Option<CommandId>,
}

/// By hand: there is one for every publication, and a flattened field costs as much as all the rest.
impl Serialize for Ack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 * usize::from(self.position.is_some()) + usize::from(self.command_id.is_some());
        let mut ack = serializer.serialize_struct("Ack", fields)?;
        if let Some(position) = &self.position {
            ack.serialize_field("epoch", &position.epoch)?;
            ack.serialize_field("offset", &position.offset)?;
        }
        if let Some(command_id) = &self.command_id {
            ack.serialize_field("command_id", command_id)?;
        }
        ack.end()
    }
}

/// Payload of `command.status`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommandStatus {
    /// Which command.
    pub command_id: CommandId,
    /// How far it is.
    pub status: CommandStage,
}

/// How far a command is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandStage {
    /// Waits for the device.
    Queued,
    /// Written to the device's connection.
    Sent,
    /// The device has confirmed that it got it.
    Delivered,
    /// The device did it.
    Done,
    /// The device could not do it.
    Failed,
    /// Nobody did it in time.
    Expired,
}

/// Payload of `joined`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// The room's name.
    pub room: String,
    /// Who is in it, oneself included.
    pub members: Vec<Member>,
    /// The order that the room's offsets count in.
    pub epoch: Epoch,
    /// Where the pushes that follow go on from.
    pub offset: Offset,
}

/// Payload of `left`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Left {
    /// The room's name.
    pub room: String,
}

/// Someone who is present.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
}

/// Payload of `presence`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PresenceList {
    /// The channel.
    pub channel: ChannelName,
    /// The topic's params in canonical form.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// Who is there.
    pub members: Vec<Member>,
}

/// Payload of `history`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The channel.
    pub channel: ChannelName,
    /// The topic's params in canonical form.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// The order that offsets count in.
    pub epoch: Epoch,
    /// The offset of the topic's last publication.
    pub offset: Offset,
    /// What was asked for, in the order that was asked for.
    pub items: Vec<HistoryItem>,
    /// Whether there is more in the direction that was asked for.
    pub more: bool,
}

/// A publication of the past.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryItem {
    /// Its offset; absent where it comes from the source's own archive and was never published here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
    /// When it was published.
    pub timestamp: Timestamp,
    /// Who published it, where that was a user and the server vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// What was published.
    pub payload: Json,
}

impl Reply {
    /// The `type` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Reply::Authenticated(_) => "authenticated",
            Reply::Subscribed(_) => "subscribed",
            Reply::Unsubscribed(_) => "unsubscribed",
            Reply::Ack(_) => "ack",
            Reply::CommandStatus(_) => "command.status",
            Reply::CommandResult(_) => "command.result",
            Reply::Joined(_) => "joined",
            Reply::Left(_) => "left",
            Reply::Presence(_) => "presence",
            Reply::History(_) => "history",
            Reply::Pong => "pong",
            Reply::Error(_) => "error",
        }
    }
}

impl Subscribed {
    /// The topic that was subscribed.
    ///
    /// # Errors
    /// If channel and params, which may come from the network, are no topic.
    pub fn topic(&self) -> Result<Topic, crate::TopicError> {
        Ok(Topic::parse(&self.channel, self.params.clone())?.topic)
    }
}
