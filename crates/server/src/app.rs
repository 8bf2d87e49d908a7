//! What every door and connection needs: the settings, the hub, the broker, the feeds. Made once, shared by all.

use std::sync::Arc;
use std::time::SystemTime;

use nexus_protocol::Timestamp;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::auth::{Permissions, Verifier};
use crate::broker::Broker;
use crate::config::Config;
use crate::connections::Connections;
use crate::doors::addresses::Addresses;
use crate::doors::origin::Origins;
use crate::feeds::Feeds;
use crate::hub::Hub;
use crate::metrics::{Metrics, Standing};
use crate::shutdown::Drain;

/// What every door and connection needs.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// Checks tokens.
    pub verifier: Verifier,
    /// What each may do.
    pub permissions: Permissions,
    /// Which pages may connect.
    pub origins: Origins,
    /// How often each address connects.
    pub addresses: Addresses,
    /// Who listens.
    pub hub: Hub,
    /// What was published.
    pub broker: Broker,
    /// Where the market comes from.
    pub feeds: Feeds,
    /// Who is connected.
    pub connections: Connections,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the planned end has begun.
    pub drain: Drain,
    /// Every task of a connection, so that the end can wait for them.
    pub tasks: TaskTracker,
    /// When the server started.
    pub started: Instant,
}

impl App {
    /// What stands now, for `/health` and `/metrics`.
    pub fn standing(&self) -> Standing {
        Standing {
            connections: self.connections.len() as u64,
            subscriptions: self.hub.seats(),
            topics: self.broker.topics() as u64,
            topics_wanted: self.hub.topics_wanted() as u64,
        }
    }
}

/// A handle to the one [`App`].
pub type AppHandle = Arc<App>;

/// The time on the wall.
pub fn wall_clock() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
