//! What one client may do, out of the settings.

use crate::config::{ConfigError, Settings};
use crate::limits::ClientLimits;

pub(super) fn from_settings(settings: &mut Settings) -> Result<ClientLimits, ConfigError> {
    let limits = ClientLimits {
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
        let why = "must be longer than `ping_secs`, or every quiet client would be closed";
        return Err(settings.wrong("idle_secs", why));
    }
    Ok(limits)
}
