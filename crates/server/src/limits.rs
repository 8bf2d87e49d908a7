//! What one client may do. All of it is announced in `connected`, so that nobody finds out by being cut.

use std::time::Duration;

/// What one client may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientLimits {
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
