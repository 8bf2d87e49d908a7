//! What someone may do: a pure table, denied by default.

use nexus_protocol::{DeviceId, ErrorCode, Refusal, Topic, UserId};

use crate::auth::{ChannelPattern, Identity, Role};

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
    /// Be seen in a room.
    Join(&'a str),
    /// See and end other people's connections, and revoke tokens.
    Manage,
}

/// What people without a token may.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    anonymous: Vec<ChannelPattern>,
}

impl Permissions {
    /// Lets people without a token read these channels, and nothing else.
    pub fn new(anonymous: Vec<ChannelPattern>) -> Self {
        Permissions { anonymous }
    }

    /// Whether one must sign in to do anything at all.
    pub fn need_a_token(&self) -> bool {
        self.anonymous.is_empty()
    }

    /// Whether someone may do something.
    ///
    /// # Errors
    /// If not: `AUTH_FAILED` if a token could help, else `FORBIDDEN`.
    pub fn check(&self, who: &Who, act: Act<'_>) -> Result<(), Refusal> {
        match who {
            Who::Anonymous if self.anonymous_may(act) => Ok(()),
            Who::Anonymous => Err(Refusal::new(
                ErrorCode::AuthFailed,
                format!("{act} needs a token; send `auth` first"),
            )),
            Who::SignedIn(identity) if may(identity, act) => Ok(()),
            Who::SignedIn(_) => Err(Refusal::new(
                ErrorCode::Forbidden,
                format!("your token does not allow {act}"),
            )),
        }
    }

    fn anonymous_may(&self, act: Act<'_>) -> bool {
        match act {
            Act::Read(topic) => owner(topic).is_none() && matches_any(&self.anonymous, topic.channel()),
            Act::Presence(_)
            | Act::Publish(_)
            | Act::Report(_)
            | Act::Command { .. }
            | Act::Join(_)
            | Act::Manage => false,
        }
    }
}

impl Who {
    /// The user's name, if they signed in.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Who::Anonymous => None,
            Who::SignedIn(identity) => Some(&identity.user),
        }
    }
}

fn may(identity: &Identity, act: Act<'_>) -> bool {
    let in_channels = |channel: &str| {
        identity
            .channels
            .as_ref()
            .is_none_or(|patterns| matches_any(patterns, channel))
    };
    match act {
        Act::Read(topic) | Act::Presence(topic) => in_channels(topic.channel()) && may_read(identity, topic),
        Act::Publish(channel) => {
            in_channels(channel) && matches!(identity.role, Role::Operator | Role::Admin)
        }
        Act::Report(device) => {
            in_channels("telemetry")
                && match identity.role {
                    Role::Admin => true,
                    Role::Device => device.as_str() == identity.user.as_str(),
                    Role::Viewer | Role::Operator => false,
                }
        }
        Act::Manage => identity.role == Role::Admin,
        Act::Command { .. } => {
            in_channels("commands") && matches!(identity.role, Role::Operator | Role::Admin)
        }
        Act::Join(room) => {
            in_channels(&format!("room:{room}"))
                && matches!(identity.role, Role::Viewer | Role::Operator | Role::Admin)
        }
    }
}

fn may_read(identity: &Identity, topic: &Topic) -> bool {
    match (identity.role, owner(topic)) {
        (Role::Admin, _) => true,
        (Role::Viewer | Role::Operator, Some(owner)) => *owner == identity.user,
        (Role::Viewer | Role::Operator, None) => true,
        (Role::Device, Some(_)) => false,
        (Role::Device, None) => matches!(topic, Topic::Commands | Topic::System),
    }
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
            Act::Publish(channel) => write!(f, "publishing on `{channel}`"),
            Act::Presence(topic) => write!(f, "seeing who is on `{}`", topic.channel()),
            Act::Report(device) => write!(f, "reporting as `{device}`"),
            Act::Command { device, name } => write!(f, "telling `{device}` to `{name}`"),
            Act::Manage => f.write_str("managing the server"),
            Act::Join(_) => f.write_str("joining rooms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params, Timestamp};

    use super::*;

    fn topic(channel: &str, params: &str) -> Topic {
        Topic::parse(
            &ChannelName::parse(channel).unwrap(),
            serde_json::from_str::<Params>(params).unwrap(),
        )
        .unwrap()
        .topic
    }

    fn patterns(texts: &[&str]) -> Vec<ChannelPattern> {
        texts
            .iter()
            .map(|text| ChannelPattern::parse(text).unwrap())
            .collect()
    }

    fn ann(role: Role, channels: Option<&[&str]>) -> Who {
        Who::SignedIn(Identity {
            user: UserId::parse("ann").unwrap(),
            role,
            channels: channels.map(|channels| patterns(channels).into()),
            address: None,
            messages_per_minute: None,
            token_id: None,
            issued_at: None,
            expires_at: Timestamp::MAX,
        })
    }

    /// What each may, as letters: `r`ead market, own user channel, a user channel of `b`ob, `t`elemetry, commands
    /// (`c`), a room (`l`); publish (`P`), report (`R`), command (`C`), join (`J`).
    fn check(permissions: &Permissions, who: &Who, expected: &str) {
        let market = topic("trades", r#"{"symbol":"BTC"}"#);
        let own = topic("user_fills", r#"{"userId":"ann"}"#);
        let bobs = topic("user_orders", r#"{"userId":"bob"}"#);
        let telemetry = topic("telemetry", "{}");
        let commands = topic("commands", "{}");
        let room = topic("room:lobby", "{}");
        let device = DeviceId::parse("ann").unwrap();
        let acts = [
            ('r', Act::Read(&market)),
            ('o', Act::Read(&own)),
            ('b', Act::Read(&bobs)),
            ('t', Act::Read(&telemetry)),
            ('c', Act::Read(&commands)),
            ('l', Act::Read(&room)),
            ('P', Act::Publish("room:lobby")),
            ('R', Act::Report(&device)),
            (
                'C',
                Act::Command {
                    device: &device,
                    name: "reboot",
                },
            ),
            ('J', Act::Join("lobby")),
        ];
        let allowed: String = acts
            .into_iter()
            .filter(|(_, act)| permissions.check(who, *act).is_ok())
            .map(|(letter, _)| letter)
            .collect();
        assert_eq!(allowed, expected, "{who:?}");
    }

    #[test]
    fn each_role_may_what_the_table_says() {
        let nobody = Permissions::default();
        check(&nobody, &Who::Anonymous, "");
        check(&nobody, &ann(Role::Viewer, None), "rotclJ");
        check(&nobody, &ann(Role::Operator, None), "rotclPCJ");
        check(&nobody, &ann(Role::Device, None), "cR");
        check(&nobody, &ann(Role::Admin, None), "robtclPRCJ");
    }

    #[test]
    fn a_token_s_channels_narrow_its_role() {
        let nobody = Permissions::default();
        check(&nobody, &ann(Role::Viewer, Some(&["trades"])), "r");
        check(&nobody, &ann(Role::Operator, Some(&["room:*"])), "lPJ");
        check(&nobody, &ann(Role::Admin, Some(&["user_*"])), "ob");
        check(&nobody, &ann(Role::Viewer, Some(&["user_*"])), "o");
        check(&nobody, &ann(Role::Admin, Some(&[])), "");
        check(&nobody, &ann(Role::Device, Some(&["*"])), "cR");
    }

    #[test]
    fn without_a_token_one_reads_what_the_configuration_says_and_no_user_s_channel() {
        check(&Permissions::new(patterns(&["trades"])), &Who::Anonymous, "r");
        check(&Permissions::new(patterns(&["*"])), &Who::Anonymous, "rtcl");
        assert!(Permissions::default().need_a_token());
    }

    #[test]
    fn a_refusal_says_whether_a_token_could_help() {
        let bobs = topic("user_orders", r#"{"userId":"bob"}"#);
        let code = |who: &Who| {
            Permissions::default()
                .check(who, Act::Read(&bobs))
                .unwrap_err()
                .code
        };
        assert_eq!(code(&Who::Anonymous), ErrorCode::AuthFailed);
        assert_eq!(code(&ann(Role::Viewer, None)), ErrorCode::Forbidden);
    }
}
