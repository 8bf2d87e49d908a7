//! Who is measured.

use super::scenario::Scenario;

/// A server, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The floor that joins what came in one wake-up.
    FloorByWakeup,
    /// The floor that writes each message by itself.
    FloorByMessage,
    Nexus,
    Nats,
    Nchan,
    Ws,
    SocketIo,
    Mosquitto,
}

impl Peer {
    pub(crate) const ALL: [Self; 8] = [
        Self::FloorByWakeup,
        Self::FloorByMessage,
        Self::Nexus,
        Self::Nats,
        Self::Nchan,
        Self::Ws,
        Self::SocketIo,
        Self::Mosquitto,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FloorByWakeup | Self::FloorByMessage => "floor",
            Self::Nexus => "nexus",
            Self::Nats => "nats",
            Self::Nchan => "nchan",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// Its name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::FloorByWakeup => "floor, one write per wake-up",
            Self::FloorByMessage => "floor, one write per message",
            Self::Nexus => "**Nexus**",
            Self::Nats => "nats-server",
            Self::Nchan => "nginx + nchan",
            Self::Ws => "npm `ws`",
            Self::SocketIo => "socket.io",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// Its name in the names of files.
    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::FloorByWakeup => "floor-wakeup",
            Self::FloorByMessage => "floor-message",
            other => other.name(),
        }
    }

    /// What the load calls the protocol that it speaks.
    pub(super) fn tongue(self) -> &'static str {
        match self {
            Self::Mosquitto => "mqtt",
            other => other.name(),
        }
    }

    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::FloorByWakeup | Self::FloorByMessage)
    }

    /// Why it has no place in a scenario, if so.
    pub(super) fn cannot(self, scenario: Scenario) -> Option<&'static str> {
        match (self, scenario) {
            (Self::Mosquitto, Scenario::Compressed) => Some("its WebSocket listener does not compress"),
            _ => None,
        }
    }
}
