//! What one client may do. All of it is announced in `connected`, so that nobody finds out by being cut.

use std::time::Duration;

use crate::config::{ConfigError, Settings};

/// What one client may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitsConfig {
    /// Messages in any 60 seconds. `NEXUS_MESSAGES_PER_MINUTE`.
    pub messages_per_minute: u32,
    /// Refusals in any 60 seconds; one more closes. `NEXUS_ERRORS_PER_MINUTE`.
    pub errors_per_minute: u32,
    /// New connections in any 60 seconds from one address. `NEXUS_CONNECTIONS_PER_MINUTE`.
    pub connections_per_minute: u32,
    /// Whether loopback addresses are not counted. `NEXUS_EXEMPT_LOOPBACK`.
    pub exempt_loopback: bool,
    /// The largest message, in bytes. `NEXUS_MESSAGE_BYTES`.
    pub message_bytes: u32,
    /// Subscriptions of one connection. `NEXUS_SUBSCRIPTIONS`.
    pub subscriptions: u32,
    /// What may wait for one connection, in bytes. `NEXUS_OUTBOX_BYTES`.
    pub outbox_bytes: u32,
    /// How long one may take to sign in, where one must. `NEXUS_SIGN_IN_SECS`.
    pub sign_in_within: Duration,
    /// When clients are told to ping. `NEXUS_HEARTBEAT_SECS`.
    pub heartbeat: Duration,
    /// How often the server pings. `NEXUS_PING_SECS`.
    pub ping_every: Duration,
    /// How long a client may be silent. `NEXUS_IDLE_SECS`.
    pub idle: Duration,
    /// How long a client may take nothing. `NEXUS_SLOW_SECS`.
    pub slow_after: Duration,
}

impl LimitsConfig {
    pub(super) fn from_settings(settings: &mut Settings) -> Result<Self, ConfigError> {
        let limits = LimitsConfig {
            messages_per_minute: settings.number("messages_per_minute", 1)?,
            errors_per_minute: settings.number("errors_per_minute", 1)?,
            connections_per_minute: settings.number("connections_per_minute", 1)?,
            exempt_loopback: settings.switch("exempt_loopback")?,
            // Below this, an `auth` with an ordinary token would not fit.
            message_bytes: settings.number("message_bytes", 1024)?,
            subscriptions: settings.number("subscriptions", 1)?,
            outbox_bytes: settings.number("outbox_bytes", 1024)?,
            sign_in_within: settings.seconds("sign_in_secs")?,
            heartbeat: settings.seconds("heartbeat_secs")?,
            ping_every: settings.seconds("ping_secs")?,
            idle: settings.seconds("idle_secs")?,
            slow_after: settings.seconds("slow_secs")?,
        };
        if limits.idle <= limits.ping_every {
            return Err(settings.wrong("idle_secs", "must be longer than `ping_secs`, or every quiet client would be closed"));
        }
        Ok(limits)
    }
}
