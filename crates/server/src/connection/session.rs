//! What a connection knows of its client: who it is, what it listens to, how often it asked and was refused.

use std::collections::HashMap;
use std::sync::Arc;

use nexus_protocol::{ErrorCode, Refusal, Topic};
use tokio::time::Instant;

use crate::auth::Who;
use crate::commands::Subscription;
use crate::connection::rights::Granted;
use crate::connection::rooms::Membership;
use crate::devices::DeviceLink;
use crate::rate::SlidingWindow;

/// What a connection knows of its client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) who: Arc<Who>,
    pub(super) subscriptions: HashMap<Topic, Subscription>,
    /// Its part in the devices' being there, if it is one.
    pub(super) device: Option<DeviceLink>,
    /// The rooms that this connection has joined.
    pub(super) rooms: HashMap<Topic, Membership>,
    /// Subscriptions that stand by a token of their own.
    pub(super) granted: HashMap<Topic, Granted>,
    /// Messages that were admitted.
    pub(super) messages: SlidingWindow,
    /// Refusals that were the client's doing.
    pub(super) refusals: SlidingWindow,
    /// Pings and pongs of the WebSocket itself.
    pub(super) controls: SlidingWindow,
}

impl Default for Session {
    fn default() -> Self {
        Session {
            who: Who::anonymous(),
            subscriptions: HashMap::new(),
            device: None,
            rooms: HashMap::new(),
            granted: HashMap::new(),
            messages: SlidingWindow::default(),
            refusals: SlidingWindow::default(),
            controls: SlidingWindow::default(),
        }
    }
}

impl Session {
    /// How many messages this client may send in a minute: what its token says, else what all may.
    pub(super) fn messages_per_minute(&self, all: u32) -> u32 {
        match &*self.who {
            Who::SignedIn(identity) => identity.messages_per_minute.unwrap_or(all),
            Who::Anonymous => all,
        }
    }

    /// Lets go of the memory of what is long past.
    pub(super) fn rest(&mut self, now: Instant) {
        self.messages.forget(now);
        self.refusals.forget(now);
        self.controls.forget(now);
    }
}

/// Whether a refusal counts against the client. What the server or an upstream is to blame for does not: a dashboard
/// that asks for ten topics while the exchange is down has done nothing wrong.
pub(crate) fn is_the_client_s_doing(refusal: &Refusal) -> bool {
    match refusal.code {
        ErrorCode::UpstreamDown
        | ErrorCode::DeviceOffline
        | ErrorCode::CommandFailed
        | ErrorCode::Internal => false,
        ErrorCode::AuthFailed
        | ErrorCode::TokenExpired
        | ErrorCode::Forbidden
        | ErrorCode::InvalidMessage
        | ErrorCode::UnknownMessageType
        | ErrorCode::UnknownChannel
        | ErrorCode::InvalidParams
        | ErrorCode::RateLimited
        | ErrorCode::TooManySubscriptions => true,
    }
}
