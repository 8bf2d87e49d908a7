//! What a client may ask for: one file a request. A command knows nothing of sockets; it takes what it needs and gives
//! back a reply or a refusal.

pub mod auth;
pub mod chains;
pub mod command;
pub mod grant;
pub mod history;
mod ordered;
pub mod publish;
pub mod room;
pub mod subscribe;
pub mod telemetry;

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ClientId, Reply, Subscribe, Topic, Unsubscribed};

use crate::auth::Who;
pub use crate::commands::ordered::{Acknowledged, Ordered};
use crate::filters::Predicate;
use crate::gateway::Gateway;
use crate::hub::Seat;
use crate::outbox::{LaneId, Outbox};

/// How long a command may wait for the broker and the feeds.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// Who asks, and where pushes go.
#[derive(Clone, Debug)]
pub struct Cx {
    /// What the server has.
    pub gateway: Arc<Gateway>,
    /// Who asks.
    pub who: Arc<Who>,
    /// What waits for the asker's socket; of whoever asks over HTTP, one that nobody empties.
    pub outbox: Arc<Outbox>,
    /// The asker's connection; none of whoever asks over HTTP.
    pub client: Option<ClientId>,
}

/// A subscription of one connection: its seat in the hub and its lane in the outbox. Dropping it ends both.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    /// Left when this is dropped.
    _seat: Seat,
    lane: LaneId,
    outbox: Arc<Outbox>,
}

impl Subscription {
    /// Opens a lane, and then takes the seat: from here on nothing can be missed.
    pub fn open(
        cx: &Cx,
        subscribe: &Subscribe,
        policy: crate::outbox::Policy,
        filter: Option<Arc<Predicate>>,
    ) -> Self {
        let lane = cx.outbox.open_filtered(&subscribe.topic, policy, filter);
        if room::may_watch(&cx.gateway, &cx.who, &subscribe.topic) {
            cx.outbox.watch_presence(lane, &subscribe.topic);
        }
        Subscription {
            _seat: cx.gateway.hub.take_seat(&subscribe.topic, &cx.outbox, lane),
            lane,
            outbox: Arc::clone(&cx.outbox),
        }
    }

    /// The lane that pushes go through.
    pub fn lane(&self) -> LaneId {
        self.lane
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.outbox.close(self.lane);
    }
}

/// The answer that a subscription has ended.
pub fn unsubscribed(topic: &Topic) -> Reply {
    Reply::Unsubscribed(Unsubscribed {
        channel: topic.channel_name(),
        params: topic.params(),
    })
}

/// Whether a text may name a metric or a command.
fn is_name(text: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(is_right)
}
