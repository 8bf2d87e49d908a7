//! How often each caller of the HTTP API may ask: the limits that a connection has, for a user over all their requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use nexus_protocol::UserId;
use tokio::time::Instant;

use crate::rate::{SlidingWindow, TooOften};

/// So many callers are remembered; when all of them asked within the minute, further ones are refused.
const MOST_CALLERS: usize = 100_000;

/// How often each caller asked and was refused in the last minute.
#[derive(Debug, Default)]
pub struct Callers {
    /// Protects the windows.
    windows: Mutex<HashMap<Caller, Windows>>,
}

/// Who is counted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Caller {
    /// Someone with a token.
    User(UserId),
    /// Whoever asks from there without one.
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct Windows {
    messages: SlidingWindow,
    refusals: SlidingWindow,
}

impl Callers {
    /// Counts a message, unless the caller sent `limit` in the last minute.
    pub(super) fn admit(&self, caller: &Caller, limit: u32, now: Instant) -> Result<(), TooOften> {
        self.with(caller, now, |windows| windows.messages.admit(now, limit))
    }

    /// Counts a refusal.
    ///
    /// # Errors
    /// If there were `limit` in the last minute: then the caller is to be sent away.
    pub(super) fn refused(&self, caller: &Caller, limit: u32, now: Instant) -> Result<(), TooOften> {
        self.with(caller, now, |windows| windows.refusals.admit(now, limit))
    }

    /// Lets go of callers that did not ask lately.
    pub fn sweep(&self, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|_, windows| windows.are_used(now));
        windows.shrink_to_fit();
    }

    fn with(
        &self,
        caller: &Caller,
        now: Instant,
        count: impl FnOnce(&mut Windows) -> Result<(), TooOften>,
    ) -> Result<(), TooOften> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_CALLERS && !windows.contains_key(caller) {
            windows.retain(|_, windows| windows.are_used(now));
            if windows.len() >= MOST_CALLERS {
                return Err(TooOften {
                    retry_after: crate::rate::MINUTE,
                });
            }
        }
        count(windows.entry(caller.clone()).or_default())
    }
}

impl Windows {
    fn are_used(&mut self, now: Instant) -> bool {
        self.messages.forget(now);
        self.refusals.forget(now);
        !self.messages.is_empty() || !self.refusals.is_empty()
    }
}
