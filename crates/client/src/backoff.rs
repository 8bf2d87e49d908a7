//! How long to wait before trying again: doubling, bounded, with full jitter.

use std::time::Duration;

use fastrand::Rng;

/// Delays that double with each failure from `first` to `most`, each time a random part of it.
///
/// Full jitter spreads many clients that lost the same server evenly over the whole delay.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    // Not below `first`.
    most: Duration,
    failures: u32,
}

/// Delays that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a back-off starts above zero and ends at most at a day, not below its start")]
pub struct BackoffError;

impl Backoff {
    /// Delays from `first` to `most`.
    ///
    /// # Errors
    /// If `first` is zero or above `most`, or `most` is more than a day.
    pub fn new(first: Duration, most: Duration) -> Result<Self, BackoffError> {
        if first.is_zero() || first > most || most > Duration::from_secs(86_400) {
            return Err(BackoffError);
        }
        Ok(Backoff {
            first,
            most,
            failures: 0,
        })
    }

    /// From 1 s to 30 s, as the protocol asks.
    pub fn standard() -> Self {
        Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(30),
            failures: 0,
        }
    }

    /// Counts a failure, and says how long to wait: anything up to the delay that is due.
    pub fn fail(&mut self, rng: &mut Rng) -> Duration {
        let due = self
            .first
            .saturating_mul(1 << self.failures.min(31))
            .min(self.most);
        self.failures = self.failures.saturating_add(1);
        due.mul_f64(rng.f64())
    }

    /// How often it failed since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// What was tried has proved healthy.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn delays_double_up_to_the_most_and_start_over_after_a_success() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..200 {
            let mut backoff = Backoff::standard();
            for due in [1, 2, 4, 8, 16, 30, 30] {
                assert!(backoff.fail(&mut rng) <= Duration::from_secs(due));
            }
            backoff.reset();
            assert!(backoff.fail(&mut rng) <= Duration::from_secs(1));
        }
    }

    #[test]
    fn the_jitter_is_full() {
        let mut rng = Rng::with_seed(7);
        let mut waits: Vec<f64> = (0..1000)
            .map(|_| Backoff::standard().fail(&mut rng).as_secs_f64())
            .collect();
        waits.sort_by(f64::total_cmp);
        assert!(waits[100] < 0.2 && (0.4..0.6).contains(&waits[500]) && waits[900] > 0.8);
    }

    #[test]
    fn wrong_delays_are_refused() {
        for (first, most) in [(0, 1), (2, 1), (1, 86_401)] {
            let made = Backoff::new(Duration::from_secs(first), Duration::from_secs(most));
            assert_eq!(made.err(), Some(BackoffError));
        }
    }

    #[test]
    fn a_thousand_failures_are_no_overflow() {
        let mut backoff = Backoff::standard();
        let mut rng = Rng::with_seed(1);
        for _ in 0..1000 {
            assert!(backoff.fail(&mut rng) <= Duration::from_secs(30));
        }
        assert_eq!(backoff.failures(), 1000);
    }
}
