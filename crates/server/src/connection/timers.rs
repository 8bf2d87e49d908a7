//! What happens to a connection by itself, and the one alarm clock that a connection has.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

/// Why a connection wakes up by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// A ping is due.
    Ping,
    /// Nothing was heard for too long.
    Silent,
    /// Nothing was taken for too long.
    Blocked,
    /// Nobody signed in.
    SignIn,
    /// The token has come to its end.
    TokenExpired,
    /// A subscription's own token has come to its end.
    GrantExpired,
    /// A throttled subscription may go on.
    Throttle,
    /// The server ends, and this client's moment has come.
    Restart,
}

/// One alarm clock, set again only when its time changes.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(at: Instant) -> Self {
        Alarm {
            sleep: Box::pin(sleep_until(at)),
        }
    }

    pub(super) fn set(&mut self, at: Instant) {
        if self.sleep.deadline() != at {
            self.sleep.as_mut().reset(at);
        }
    }

    pub(super) async fn rings(&mut self) {
        self.sleep.as_mut().await;
    }
}
