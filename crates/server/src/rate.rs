//! How often something may happen: a sliding window that never lets more through than it says. Time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The window of every rate in this server.
pub const MINUTE: Duration = Duration::from_secs(60);

/// Up to this limit each moment is kept.
const EXACT: u32 = 1_000;
/// Above it, what happened within so long counts as if it had happened at its end.
const GRAIN: Duration = Duration::from_millis(60);

/// The moments of what happened in the last minute. Holds no memory when nothing did, and little whatever the limit is.
#[derive(Clone, Debug, Default)]
pub struct SlidingWindow {
    hits: VecDeque<Hits>,
    count: u32,
}

/// What happened at one moment, or close to it.
#[derive(Clone, Copy, Debug)]
struct Hits {
    first: Instant,
    last: Instant,
    count: u32,
}

/// It happened too often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooOften {
    /// After so long it may happen again.
    pub retry_after: Duration,
}

impl SlidingWindow {
    /// Counts something that happens now, unless it already happened `limit` times in the last minute.
    ///
    /// # Errors
    /// If it did. It is then not counted, so that whoever waits as told is let in.
    pub fn admit(&mut self, now: Instant, limit: u32) -> Result<(), TooOften> {
        self.forget(now);
        if self.count >= limit {
            let oldest = self.hits.front().map_or(now, |hits| hits.last);
            let retry_after = (oldest + MINUTE).saturating_duration_since(now);
            return Err(TooOften { retry_after });
        }
        self.count += 1;
        match self.hits.back_mut() {
            Some(hits) if limit > EXACT && now.saturating_duration_since(hits.first) < GRAIN => {
                hits.last = now;
                hits.count += 1;
            }
            Some(_) | None => self.hits.push_back(Hits {
                first: now,
                last: now,
                count: 1,
            }),
        }
        Ok(())
    }

    /// Lets go of what is older than a minute, and of the memory when nothing is left.
    pub fn forget(&mut self, now: Instant) {
        while let Some(hits) = self.hits.front()
            && now.saturating_duration_since(hits.last) >= MINUTE
        {
            self.count -= hits.count;
            self.hits.pop_front();
        }
        if self.hits.is_empty() {
            self.hits = VecDeque::new();
        }
    }

    /// Whether nothing happened in the last minute, as far as it was told the time.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_is_admitted_and_one_more_is_not() {
        let start = Instant::now();
        let mut window = SlidingWindow::default();
        for hit in 0..100 {
            assert_eq!(window.admit(start + Duration::from_millis(hit), 100), Ok(()));
        }
        let refused = window.admit(start + Duration::from_secs(1), 100);
        assert_eq!(
            refused,
            Err(TooOften {
                retry_after: Duration::from_secs(59)
            })
        );
        assert_eq!(window.admit(start + Duration::from_secs(60), 100), Ok(()));
        assert!(window.admit(start + Duration::from_secs(60), 100).is_err());
    }

    #[test]
    fn idle_holds_no_memory() {
        let start = Instant::now();
        let mut window = SlidingWindow::default();
        window.admit(start, 9).unwrap();
        window.forget(start + MINUTE);
        assert!(window.is_empty());
        assert_eq!(window.hits.capacity(), 0);
    }

    proptest! {
        #[test]
        fn no_minute_ever_has_more_than_the_limit(
            steps in proptest::collection::vec(0u64..5_000, 1..300),
            limit in 1u32..20,
        ) {
            let start = Instant::now();
            let mut window = SlidingWindow::default();
            let mut at = 0;
            let mut admitted: Vec<u64> = Vec::new();
            for step in steps {
                at += step;
                match window.admit(start + Duration::from_millis(at), limit) {
                    Ok(()) => admitted.push(at),
                    Err(TooOften { retry_after }) => {
                        let wait = retry_after.as_millis() as u64;
                        prop_assert!(wait > 0 && wait <= 60_000);
                        let in_time = window.clone().admit(start + Duration::from_millis(at + wait), limit);
                        prop_assert!(in_time.is_ok(), "whoever waits as told is let in");
                    }
                }
                let recent = admitted.iter().filter(|hit| **hit + 60_000 > at).count();
                prop_assert!(recent <= limit as usize);
            }
        }
    }
}
