//! `join`, `leave`, `typing`, `presence`: being seen on a channel, and seeing who is.
//!
//! Whoever joins is a member and gets the channel's messages. Membership is the user's: several connections are one
//! member. What a connection holds of it is an [`Attendance`], beside its subscription.

use nexus_protocol::{
    Ack, ChannelName, ErrorCode, Joined, Left, Params, Position, Presence, PresenceList, Refusal, Reply,
    Subscribe, Topic, Typing, UserId,
};

use crate::auth::{Act, Who};
use crate::commands::{Cx, Subscription, subscribe};
use crate::gateway::Gateway;
use crate::outbox::LaneId;
use crate::presence::{Attendance, PresenceError};

/// A room that was joined.
#[derive(Debug)]
pub struct Entered {
    /// The subscription that joining made; none if there was one.
    pub subscription: Option<Subscription>,
    /// The membership; none if there was one.
    pub attendance: Option<Attendance>,
    /// The answer.
    pub reply: Reply,
}

/// What a connection has of a room before it joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Before {
    /// The lane of its subscription.
    pub lane: Option<LaneId>,
    /// Whether it has joined already.
    pub is_member: bool,
}

/// The channel of a room: `room:NAME`, or what is written where that is a channel's whole name.
///
/// # Errors
/// If there can be no such channel.
pub fn topic(room: &str) -> Result<Topic, Refusal> {
    let name = if room.contains(':') {
        ChannelName::parse(room)
    } else {
        ChannelName::parse(&format!("room:{room}"))
    };
    let name = name.map_err(|error| Refusal::new(ErrorCode::UnknownChannel, error.to_string()))?;
    Ok(Topic::parse(&name, Params::default())?.topic)
}

/// Whether a room may be joined.
///
/// # Errors
/// If not, or nobody can be seen there.
pub fn check_join(gateway: &Gateway, who: &Who, topic: &Topic) -> Result<(), Refusal> {
    gateway.permissions.check(who, Act::Join(topic.channel()))?;
    gateway.permissions.check(who, Act::Read(topic))?;
    check_presence(gateway, topic)
}

/// Joins a room. The seat comes before the list, so that whoever comes later is told.
///
/// # Errors
/// If the room or the server is full.
pub async fn join(cx: &Cx, topic: &Topic, room: &str, before: Before) -> Result<Entered, Refusal> {
    let (subscription, position) = match before.lane.and_then(|lane| cx.outbox.position(lane)) {
        Some(position) => (None, position),
        None => {
            let wanted = Subscribe::to(topic.clone());
            let (subscription, reply) = subscribe::subscribe(cx, &wanted, None).await?;
            (Some(subscription), position_of(reply)?)
        }
    };
    // From here on nothing is waited for: what the client is sent next is the answer.
    let presence = &cx.gateway.presence;
    let attendance = match before.is_member {
        true => None,
        false => Some(presence.enter(topic, user(&cx.who)?).map_err(full)?),
    };
    if let Some(lane) = subscription.as_ref().map(Subscription::lane).or(before.lane) {
        cx.outbox.supersede_presence(lane);
    }
    let mut members = presence.members(topic);
    if !may_watch(&cx.gateway, &cx.who, topic) {
        members.retain(|member| Some(&member.user) == cx.who.user());
    }
    let reply = Reply::Joined(Joined {
        room: room.to_owned(),
        members,
        epoch: position.epoch,
        offset: position.offset,
    });
    Ok(Entered {
        subscription,
        attendance,
        reply,
    })
}

/// The answer that a room was left.
pub fn left(room: &str) -> Reply {
    Reply::Left(Left {
        room: room.to_owned(),
    })
}

/// The name of a room as its members write it.
pub fn room_of(topic: &Topic) -> &str {
    let channel = topic.channel();
    channel.strip_prefix("room:").unwrap_or(channel)
}

/// Shows the others that a member types, or no longer.
///
/// # Errors
/// If they are no member.
pub fn typing(cx: &Cx, typing: &Typing) -> Result<Reply, Refusal> {
    let topic = topic(&typing.room)?;
    cx.gateway
        .permissions
        .check(&cx.who, Act::Join(topic.channel()))?;
    if cx
        .gateway
        .presence
        .set_typing(&topic, user(&cx.who)?, typing.typing)
    {
        return Ok(Reply::Ack(Ack::default()));
    }
    Err(Refusal::new(
        ErrorCode::Forbidden,
        format!("only members type on `{}`; send `join` first", topic.channel()),
    ))
}

/// Who is there.
///
/// # Errors
/// If it is not allowed, or nobody can be seen there.
pub fn presence(cx: &Cx, presence: &Presence) -> Result<Reply, Refusal> {
    let topic = &presence.topic;
    cx.gateway.permissions.check(&cx.who, Act::Presence(topic))?;
    check_presence(&cx.gateway, topic)?;
    Ok(Reply::Presence(PresenceList {
        channel: topic.channel_name(),
        params: topic.params(),
        members: cx.gateway.presence.members(topic),
    }))
}

/// Whether someone may publish on a channel: by their token and role, or because they have joined it. Over HTTP nobody
/// has joined anything.
///
/// # Errors
/// If not.
pub fn check_publish(cx: &Cx, channel: &ChannelName) -> Result<(), Refusal> {
    let is_member = |user| {
        let topic = Topic::Named(channel.clone());
        cx.gateway.presence.is_member(&topic, user)
    };
    let act = match cx.who.user() {
        Some(user) if cx.client.is_some() && is_member(user) => Act::PublishAsMember(channel.as_str()),
        Some(_) | None => Act::Publish(channel.as_str()),
    };
    cx.gateway.permissions.check(&cx.who, act)
}

/// Whoever has said something no longer types.
pub fn has_published(cx: &Cx, channel: &ChannelName) {
    if let Some(user) = cx.who.user() {
        let topic = Topic::Named(channel.clone());
        cx.gateway.presence.set_typing(&topic, user, false);
    }
}

/// Whether someone who listens to a topic is told who comes and goes.
pub fn may_watch(gateway: &Gateway, who: &Who, topic: &Topic) -> bool {
    has_presence(gateway, topic) && gateway.permissions.check(who, Act::Presence(topic)).is_ok()
}

fn check_presence(gateway: &Gateway, topic: &Topic) -> Result<(), Refusal> {
    if has_presence(gateway, topic) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::InvalidParams,
        format!("nobody is seen on `{}`: it has no presence", topic.channel()),
    ))
}

fn has_presence(gateway: &Gateway, topic: &Topic) -> bool {
    match topic {
        Topic::Named(name) => {
            let space = gateway.namespaces.of(name.as_str());
            space.is_some_and(|space| space.presence)
        }
        // Its members are the devices.
        Topic::Telemetry => true,
        Topic::Prices(_)
        | Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::Candles(..)
        | Topic::UserOrders(_)
        | Topic::UserFills(_)
        | Topic::AccountUpdates(_)
        | Topic::Commands
        | Topic::Tasks
        | Topic::Ai
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System => false,
    }
}

fn user(who: &Who) -> Result<&UserId, Refusal> {
    who.user().ok_or_else(|| {
        Refusal::new(
            ErrorCode::AuthFailed,
            "one must be somebody to be seen; send `auth` first",
        )
    })
}

fn position_of(reply: Reply) -> Result<Position, Refusal> {
    match reply {
        Reply::Subscribed(subscribed) => Ok(Position {
            epoch: subscribed.epoch,
            offset: subscribed.offset,
        }),
        _ => Err(Refusal::new(
            ErrorCode::Internal,
            "the room could not be entered; try again",
        )),
    }
}

fn full(error: PresenceError) -> Refusal {
    match error {
        PresenceError::TooManyMembers => Refusal::new(
            ErrorCode::Forbidden,
            format!("{error}; try again when somebody has left"),
        )
        .retry_after_ms(10_000),
        PresenceError::TooManyTopics => {
            Refusal::new(ErrorCode::Internal, format!("{error}; try again later")).retry_after_ms(60_000)
        }
    }
}
