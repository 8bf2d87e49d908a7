//! How long to wait before the next attempt: doubling, with full jitter.

use std::time::Duration;

/// Waits that double. Reset it when the protocol proved healthy, never because a socket opened.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Back-off whose bound begins at `first` and ends at `longest`.
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Backoff {
            first,
            longest,
            failures: 0,
        }
    }

    /// The wait after one more failure: anything from zero to the bound.
    pub(crate) fn next(&mut self, rng: &mut fastrand::Rng) -> Duration {
        let bound = self
            .first
            .saturating_mul(1 << self.failures.min(20))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(rng.f64())
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last reset.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_below_a_bound_that_doubles_and_ends() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let mut longest = Duration::ZERO;
        for bound in [1, 2, 4, 8, 16, 30, 30, 30].into_iter().chain([30; 100]) {
            let wait = backoff.next(&mut rng);
            assert!(wait <= Duration::from_secs(bound), "{wait:?} of {bound} s");
            longest = longest.max(wait);
        }
        assert!(longest > Duration::from_secs(25), "jitter uses the whole range");
        backoff.reset();
        assert!(backoff.next(&mut rng) <= Duration::from_secs(1));
    }
}
