//! Counting against the venue's limits: so much per minute of the venue's time.

use crate::exchange::config::Limits;

const MINUTE_MS: i64 = 60_000;

/// A budget that is full again when its minute is over.
#[derive(Debug, Default)]
struct Budget {
    began: i64,
    spent: u32,
}

impl Budget {
    fn spend(&mut self, amount: u32, limit: u32, now: i64) -> bool {
        if now - self.began >= MINUTE_MS {
            *self = Self { began: now, spent: 0 };
        }
        self.spent = self.spent.saturating_add(amount);
        self.spent <= limit
    }
}

/// What has been used of the limits that count by the minute.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    connections: Budget,
    messages: Budget,
    weight: Budget,
}

impl Usage {
    /// Counts a new connection; false if it is one too many.
    pub(crate) fn connect(&mut self, limits: &Limits, now: i64) -> bool {
        self.connections.spend(1, limits.new_connections, now)
    }

    /// Counts a message from a client; false if it is one too many.
    pub(crate) fn message(&mut self, limits: &Limits, now: i64) -> bool {
        self.messages.spend(1, limits.messages, now)
    }

    /// Counts the weight of an HTTP request; false if it is too much.
    pub(crate) fn weigh(&mut self, weight: u32, limits: &Limits, now: i64) -> bool {
        self.weight.spend(weight, limits.weight, now)
    }

    /// Weight used in this minute.
    pub(crate) fn weight(&self) -> u32 {
        self.weight.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_full_again_after_its_minute() {
        let limits = Limits {
            messages: 3,
            ..Limits::default()
        };
        let mut usage = Usage::default();
        let taken: Vec<bool> = [0, 1, 2, 3, 59_999, 60_000]
            .iter()
            .map(|now| usage.message(&limits, 100_000 + now))
            .collect();
        assert_eq!(taken, [true, true, true, false, false, true]);
    }
}
