//! What tokens say, as it stands in them. A token for one subscription names a `channel`, one for a connection does not:
//! so neither is ever taken for the other.

use std::sync::Arc;

use nexus_protocol::{ChannelName, Params, Timestamp, Topic, UserId};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::auth::{ChannelPattern, Grant, Identity, Rights, Role, TokenError};

/// The largest budget that a token may give.
const MOST_MESSAGES_PER_MINUTE: u32 = 1_000_000;
/// The longest name of a token, and the longest address.
const MOST_TEXT_BYTES: usize = 128;

/// What the token of a connection says.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: UserId,
    #[serde(flatten)]
    pub(super) times: Times,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    channels: Option<Vec<ChannelPattern>>,
    #[serde(flatten)]
    rights: Rights,
    #[serde(default)]
    address: Option<Arc<str>>,
    #[serde(default)]
    messages_per_minute: Option<u32>,
    #[serde(default)]
    jti: Option<Arc<str>>,
    /// Stands in tokens for one subscription only.
    #[serde(default, rename = "channel", deserialize_with = "is_present")]
    is_of_a_subscription: bool,
}

/// What the token of one subscription says.
#[derive(Deserialize)]
pub(super) struct GrantClaims {
    #[serde(default)]
    sub: Option<UserId>,
    /// Whether it is anyone's.
    #[serde(default)]
    anonymous: bool,
    channel: ChannelName,
    #[serde(default)]
    params: Option<Params>,
    #[serde(flatten)]
    pub(super) times: Times,
    #[serde(default)]
    jti: Option<Arc<str>>,
}

/// When a token holds, in seconds since 1970.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Times {
    pub(super) exp: f64,
    #[serde(default)]
    pub(super) nbf: Option<f64>,
    #[serde(default)]
    pub(super) iat: Option<f64>,
}

impl Claims {
    pub(super) fn identity(self) -> Result<Identity, TokenError> {
        let has_right_budget = self
            .messages_per_minute
            .is_none_or(|budget| (1..=MOST_MESSAGES_PER_MINUTE).contains(&budget));
        if self.is_of_a_subscription
            || !has_right_budget
            || !is_short(self.address.as_deref())
            || !is_short(self.jti.as_deref())
        {
            return Err(TokenError::Wrong);
        }
        Ok(Identity {
            user: self.sub,
            role: self.role,
            channels: self.channels.map(Into::into),
            rights: Arc::new(self.rights),
            address: self.address,
            messages_per_minute: self.messages_per_minute,
            token_id: self.jti,
            issued_at: self.times.iat.map(moment_of),
            expires_at: moment_of(self.times.exp),
        })
    }
}

impl GrantClaims {
    pub(super) fn grant(self) -> Result<Grant, TokenError> {
        let params = self.params.unwrap_or_default();
        let selected = Topic::parse(&self.channel, params).map_err(|_| TokenError::Wrong)?;
        let user = match (self.sub, self.anonymous) {
            (Some(user), false) => Some(user),
            (None, true) => None,
            // Whose it is must be said once.
            (Some(_), true) | (None, false) => return Err(TokenError::Wrong),
        };
        if !is_short(self.jti.as_deref()) {
            return Err(TokenError::Wrong);
        }
        Ok(Grant {
            topic: selected.topic,
            user,
            token_id: self.jti,
            issued_at: self.times.iat.map(moment_of),
            expires_at: moment_of(self.times.exp),
        })
    }
}

/// A NumericDate of RFC 7519: seconds, perhaps with a fraction. What cannot be a time becomes the nearest that can.
pub(super) fn moment_of(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as u64)
}

fn is_short(text: Option<&str>) -> bool {
    text.is_none_or(|text| {
        (1..=MOST_TEXT_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
