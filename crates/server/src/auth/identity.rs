//! Someone who signed in: who they are, as what, and what their token says beyond that.

use std::sync::Arc;

use nexus_protocol::{Timestamp, UserId};
use serde::Deserialize;

use crate::auth::ChannelPattern;

/// Someone who signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Only these channels, whatever the role may; all if absent.
    pub channels: Option<Arc<[ChannelPattern]>>,
    /// What the token says in place of the role.
    pub rights: Arc<Rights>,
    /// The user's address at the exchange, where the token binds one.
    pub address: Option<Arc<str>>,
    /// How many messages this user may send in any 60 seconds, where the token says so.
    pub messages_per_minute: Option<u32>,
    /// The token's own name, by which it can be revoked.
    pub token_id: Option<Arc<str>>,
    /// When the token was made.
    pub issued_at: Option<Timestamp>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// What someone is here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks on.
    #[default]
    Viewer,
    /// Looks on, publishes and gives commands.
    Operator,
    /// Reports and takes commands.
    Device,
    /// May all, other users' channels included.
    Admin,
}

/// What a token says in place of the role. A list that is absent leaves the act to the role; an empty one allows
/// nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Rights {
    /// Channels that may be listened to, and whose past may be read.
    #[serde(default)]
    pub subscribe: Option<Vec<ChannelPattern>>,
    /// Channels that may be published on.
    #[serde(default)]
    pub publish: Option<Vec<ChannelPattern>>,
    /// Channels that may be joined.
    #[serde(default)]
    pub join: Option<Vec<ChannelPattern>>,
    /// Channels of which one may see who is there.
    #[serde(default)]
    pub presence: Option<Vec<ChannelPattern>>,
    /// Names of commands that may be given.
    #[serde(default)]
    pub commands: Option<Vec<ChannelPattern>>,
    /// Devices that commands may be given to; of a device's token, those that it stands for.
    #[serde(default)]
    pub devices: Option<Vec<ChannelPattern>>,
}

#[cfg(test)]
impl Identity {
    /// Someone with a token that says no more than who and as what.
    pub(crate) fn plain(user: &str, role: Role) -> Self {
        Identity {
            user: UserId::parse(user).unwrap(),
            role,
            channels: None,
            rights: Arc::default(),
            address: None,
            messages_per_minute: None,
            token_id: None,
            issued_at: None,
            expires_at: Timestamp::MAX,
        }
    }
}
