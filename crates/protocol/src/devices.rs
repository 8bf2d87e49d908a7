//! What devices report, and the life of a command: payloads of `telemetry` and `commands`, and the order to a device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CommandId, CommandStage, DeviceId, Json, Timestamp, UserId};

/// Payload of `telemetry.update`. A push with `snapshot` is one device's latest, and stands for that device alone:
/// after `subscribe` one comes for each device, all with the same offset.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TelemetryUpdate {
    /// Who measured.
    pub device_id: DeviceId,
    /// What was measured, by name; each a finite number.
    pub metrics: BTreeMap<String, f64>,
    /// When, by the device's clock, where it said so. When the server got it stands in the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How far the device's clock is ahead of the server's, in milliseconds, where that is more than
    /// [`SKEW_NOTED_MS`] either way. Times that order anything are the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
}

/// From how many milliseconds on a difference between a device's clock and the server's is noted.
pub const SKEW_NOTED_MS: i64 = 2_000;

/// Payload of the push `command`: what the server tells a device to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CommandOrder {
    /// Names the command; the device's answers carry it.
    pub command_id: CommandId,
    /// Which device: a connection may stand for several.
    pub device_id: DeviceId,
    /// What to do.
    pub name: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Json>,
    /// When it is too late to do it.
    pub expires_at: Timestamp,
    /// Whether the device may have got it before: a device that knows the id answers what it did, and does not do it
    /// again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redelivered: bool,
}

/// Payload of `commands.update`: a step in the life of a command, and a line of the audit trail. A push with
/// `snapshot` stands for that command alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CommandUpdate {
    /// Which command.
    pub command_id: CommandId,
    /// Who shall do it.
    pub device_id: DeviceId,
    /// What to do.
    pub name: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Json>,
    /// Who ordered it.
    pub by: UserId,
    /// How far it is.
    pub status: CommandStage,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// What the device gave back, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// Why it failed or expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The key under which its sender ordered it, so that a repeat finds it after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<crate::IdempotencyKey>,
}

impl CommandStage {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        match self {
            CommandStage::Queued | CommandStage::Sent | CommandStage::Delivered => false,
            CommandStage::Done | CommandStage::Failed | CommandStage::Expired => true,
        }
    }
}
