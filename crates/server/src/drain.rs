//! The planned end: announced, paced, bounded.
//!
//! A drain begins once. From then on the server is not ready, new WebSockets are sent away, and each connection picks
//! a moment of its own to be closed at, spread so that neither the closing nor the coming back is a stampede.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::connections::Connections;

/// For each connection, the spread is so much longer: 10,000 clients are let go over the whole of it.
const PER_CONNECTION: Duration = Duration::from_millis(1);
/// At most this part of the grace is used to let clients go; the rest is for those that read slowly.
const PART_OF_GRACE: u32 = 3;
/// Nobody is told to come back sooner: the server has to start first.
const RESTART: Duration = Duration::from_millis(500);

/// Whether the planned end has begun.
#[derive(Debug, Default)]
pub struct Drain {
    spread: OnceLock<Spread>,
}

/// Over how long clients are let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spread {
    began: Instant,
    over: Duration,
}

/// When one client is closed, and when it is to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Farewell {
    /// Then it is closed.
    pub close_at: Instant,
    /// After so long it is to come back.
    pub come_back_after: Duration,
}

impl Drain {
    /// Begins the drain, and wakes all connections.
    pub fn begin(&self, connections: &Connections, grace: Duration, now: Instant) {
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let over = PER_CONNECTION.saturating_mul(count).min(grace / PART_OF_GRACE);
        let _ = self.spread.set(Spread { began: now, over });
        connections.wake_all();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.spread.get().is_some()
    }

    /// One client's farewell, if the drain has begun. `dice` is between 0 and 1.
    pub fn farewell(&self, dice: f64) -> Option<Farewell> {
        let spread = self.spread.get()?;
        let own = spread.over.mul_f64(dice.clamp(0.0, 1.0));
        Some(Farewell {
            close_at: spread.began + own,
            // Those who are closed last come back last: one order, one pace.
            come_back_after: RESTART + own * 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clients_are_let_go_over_a_part_of_the_grace_and_come_back_later_than_they_go() {
        let now = Instant::now();
        let over = Duration::from_secs(10);
        let drain = Drain::default();
        assert_eq!(drain.farewell(0.5), None);
        drain.spread.set(Spread { began: now, over }).unwrap();
        let mut last = Duration::ZERO;
        for dice in [0.0, 0.25, 0.5, 1.0] {
            let farewell = drain.farewell(dice).unwrap();
            let closed_after = farewell.close_at - now;
            assert!(closed_after <= over);
            assert!(farewell.come_back_after > closed_after);
            assert!(farewell.come_back_after >= last);
            last = farewell.come_back_after;
        }
        assert_eq!(drain.farewell(1.0).unwrap().close_at, now + over);
    }

    #[tokio::test]
    async fn few_clients_are_let_go_at_once() {
        let drain = Drain::default();
        let now = Instant::now();
        drain.begin(&Connections::default(), Duration::from_secs(30), now);
        assert!(drain.has_begun());
        assert_eq!(drain.farewell(1.0).unwrap().close_at, now);
    }
}
