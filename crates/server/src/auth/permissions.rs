//! What someone may do: a pure table, denied by default.
//!
//! Three things are looked at, and each can only deny: the token's `channels`, whose a topic is, and what the token says
//! of the act or, where it says nothing, what the role may.

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use nexus_protocol::{DeviceId, ErrorCode, Refusal, Topic, UserId};

use crate::auth::{ChannelPattern, Identity, Role};
use crate::namespaces::{Audience, Namespace, Namespaces};

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Someone without a token.
    Anonymous,
    /// Someone who signed in.
    SignedIn(Identity),
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act<'a> {
    /// Listen to a topic, or read its past.
    Read(&'a Topic),
    /// Publish on a channel.
    Publish(&'a str),
    /// The same, by someone who has joined the channel.
    PublishAsMember(&'a str),
    /// See who is on a topic.
    Presence(&'a Topic),
    /// Report as this device, and take its commands.
    Report(&'a DeviceId),
    /// Give a device a command.
    Command {
        /// To whom.
        device: &'a DeviceId,
        /// What to do.
        name: &'a str,
    },
    /// Be seen on a channel.
    Join(&'a str),
    /// See and end other people's connections, and revoke tokens.
    Manage,
}

/// Who may what: what the configuration says of people without a token and of the operator's namespaces.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    anonymous: Vec<ChannelPattern>,
    namespaces: Arc<Namespaces>,
}

impl Permissions {
    /// Lets people without a token read these channels, and those of open namespaces.
    pub fn new(anonymous: Vec<ChannelPattern>, namespaces: Arc<Namespaces>) -> Self {
        Permissions {
            anonymous,
            namespaces,
        }
    }

    /// Whether one must sign in to do anything at all.
    pub fn need_a_token(&self) -> bool {
        self.anonymous.is_empty() && !self.namespaces.any_is_open()
    }

    /// Whether someone may do something.
    ///
    /// # Errors
    /// If not: `UNKNOWN_CHANNEL` if the channel is of no namespace, `AUTH_FAILED` if a token could help, else
    /// `FORBIDDEN`.
    pub fn check(&self, who: &Who, act: Act<'_>) -> Result<(), Refusal> {
        if let Some(unknown) = act.channel().filter(|channel| !self.namespaces.knows(channel)) {
            return Err(self.namespaces.unknown(unknown));
        }
        match who {
            Who::Anonymous if self.anonymous_may(act) => Ok(()),
            Who::Anonymous => Err(Refusal::new(
                ErrorCode::AuthFailed,
                format!("{act} needs a token; send `auth` first"),
            )),
            Who::SignedIn(identity) if self.may(identity, act) => Ok(()),
            Who::SignedIn(_) => Err(Refusal::new(
                ErrorCode::Forbidden,
                format!("your token does not allow {act}"),
            )),
        }
    }

    fn anonymous_may(&self, act: Act<'_>) -> bool {
        match act {
            Act::Read(topic) => {
                let is_open = self
                    .namespaces
                    .of(topic.channel())
                    .is_some_and(|space| space.subscribe == Audience::Anyone);
                owner(topic).is_none() && (is_open || matches_any(&self.anonymous, topic.channel()))
            }
            Act::Presence(topic) => owner(topic).is_none() && matches_any(&self.anonymous, topic.channel()),
            Act::Publish(_)
            | Act::PublishAsMember(_)
            | Act::Report(_)
            | Act::Command { .. }
            | Act::Join(_)
            | Act::Manage => false,
        }
    }

    fn may(&self, identity: &Identity, act: Act<'_>) -> bool {
        let rights = &identity.rights;
        let in_channels = |channel: &str| {
            let channels = identity.channels.as_ref();
            channels.is_none_or(|patterns| matches_any(patterns, channel))
        };
        match act {
            Act::Read(topic) => {
                in_channels(topic.channel())
                    && is_open_to(identity, topic)
                    && said(&rights.subscribe, topic.channel())
                        .unwrap_or_else(|| self.role_reads(identity.role, topic))
            }
            Act::Presence(topic) => {
                in_channels(topic.channel())
                    && is_open_to(identity, topic)
                    && said(&rights.presence, topic.channel())
                        .unwrap_or_else(|| self.may(identity, Act::Read(topic)))
            }
            Act::Publish(channel) | Act::PublishAsMember(channel) => {
                let is_member = matches!(act, Act::PublishAsMember(_));
                in_channels(channel)
                    && said(&rights.publish, channel)
                        .unwrap_or_else(|| self.role_publishes(identity.role, channel, is_member))
            }
            Act::Join(channel) => {
                in_channels(channel)
                    && said(&rights.join, channel).unwrap_or_else(|| {
                        let space = self.namespaces.of(channel);
                        space.is_some_and(|space| is_in(identity.role, space.join))
                    })
            }
            Act::Report(device) => {
                in_channels("telemetry")
                    && match identity.role {
                        Role::Device | Role::Admin => {
                            said(&rights.devices, device.as_str()).unwrap_or_else(|| {
                                identity.role == Role::Admin || device.as_str() == identity.user.as_str()
                            })
                        }
                        Role::Viewer | Role::Operator => false,
                    }
            }
            Act::Command { device, name } => {
                in_channels("commands")
                    && said(&rights.commands, name)
                        .unwrap_or(matches!(identity.role, Role::Operator | Role::Admin))
                    && said(&rights.devices, device.as_str()).unwrap_or(true)
            }
            Act::Manage => identity.role == Role::Admin,
        }
    }

    fn role_reads(&self, role: Role, topic: &Topic) -> bool {
        match topic {
            Topic::Named(name) => {
                let space = self.namespaces.of(name.as_str());
                space.is_some_and(|space: &Namespace| is_in(role, space.subscribe))
            }
            Topic::System => true,
            // A device's own commands come to it unasked.
            Topic::Prices(_)
            | Topic::OrderBook(..)
            | Topic::Trades(_)
            | Topic::Candles(..)
            | Topic::UserOrders(_)
            | Topic::UserFills(_)
            | Topic::AccountUpdates(_)
            | Topic::Telemetry
            | Topic::Commands
            | Topic::Tasks
            | Topic::Ai
            | Topic::Events
            | Topic::Chain(_) => match role {
                Role::Viewer | Role::Operator | Role::Admin => true,
                Role::Device => false,
            },
        }
    }

    fn role_publishes(&self, role: Role, channel: &str, is_member: bool) -> bool {
        match (role, self.namespaces.of(channel)) {
            (Role::Admin, _) => true,
            (_, Some(space)) if space.publish == Audience::Members && is_member => true,
            (_, Some(space)) => is_in(role, space.publish),
            (Role::Operator, None) => matches!(channel, "tasks" | "ai" | "events"),
            (Role::Viewer | Role::Device, None) => false,
        }
    }
}

impl Who {
    /// Someone without a token, who costs nothing.
    pub fn anonymous() -> Arc<Self> {
        static ANONYMOUS: LazyLock<Arc<Who>> = LazyLock::new(|| Arc::new(Who::Anonymous));
        Arc::clone(&ANONYMOUS)
    }

    /// The user's name, if they signed in.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Who::Anonymous => None,
            Who::SignedIn(identity) => Some(&identity.user),
        }
    }
}

impl<'a> Act<'a> {
    /// The channel that it is about.
    fn channel(self) -> Option<&'a str> {
        match self {
            Act::Read(topic) | Act::Presence(topic) => Some(topic.channel()),
            Act::Publish(channel) | Act::PublishAsMember(channel) | Act::Join(channel) => Some(channel),
            Act::Report(_) | Act::Command { .. } | Act::Manage => None,
        }
    }
}

/// What a token says of something, if it says anything.
fn said(right: &Option<Vec<ChannelPattern>>, name: &str) -> Option<bool> {
    right.as_ref().map(|patterns| matches_any(patterns, name))
}

/// Whether a role belongs to an audience by itself.
fn is_in(role: Role, audience: Audience) -> bool {
    match (audience, role) {
        (_, Role::Admin) | (Audience::Anyone, _) => true,
        (Audience::Nobody, _) | (_, Role::Device) => false,
        (Audience::Operators | Audience::Members, role) => role == Role::Operator,
        (Audience::SignedIn, Role::Viewer | Role::Operator) => true,
    }
}

/// Another user's topic is closed to all but administrators, whatever a token says. A user's account is theirs by their
/// name and by the address that their token binds.
fn is_open_to(identity: &Identity, topic: &Topic) -> bool {
    let is_own = |owner: &UserId| {
        let address = identity.address.as_deref();
        *owner == identity.user || address.is_some_and(|own| own.eq_ignore_ascii_case(owner.as_str()))
    };
    owner(topic).is_none_or(|owner| is_own(owner) || identity.role == Role::Admin)
}

/// Whose a topic is, if it is one user's.
fn owner(topic: &Topic) -> Option<&UserId> {
    match topic {
        Topic::UserOrders(user) | Topic::UserFills(user) | Topic::AccountUpdates(user) => Some(user),
        Topic::Prices(_)
        | Topic::OrderBook(..)
        | Topic::Trades(_)
        | Topic::Candles(..)
        | Topic::Telemetry
        | Topic::Commands
        | Topic::Tasks
        | Topic::Ai
        | Topic::Events
        | Topic::Chain(_)
        | Topic::System
        | Topic::Named(_) => None,
    }
}

fn matches_any(patterns: &[ChannelPattern], channel: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(channel))
}

impl std::fmt::Display for Act<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Act::Read(topic) => write!(f, "reading `{}`", topic.channel()),
            Act::Publish(channel) | Act::PublishAsMember(channel) => {
                write!(f, "publishing on `{channel}`")
            }
            Act::Presence(topic) => write!(f, "seeing who is on `{}`", topic.channel()),
            Act::Report(device) => write!(f, "reporting as `{device}`"),
            Act::Command { device, name } => write!(f, "telling `{device}` to `{name}`"),
            Act::Join(channel) => write!(f, "joining `{channel}`"),
            Act::Manage => f.write_str("managing the server"),
        }
    }
}
