//! How often something happened lately.

use std::collections::VecDeque;
use std::time::Duration;

/// Counts what happened within the last so many seconds. Holds one moment per event of that time.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    length: Duration,
    moments: VecDeque<Duration>,
}

impl Window {
    /// Nothing has happened yet.
    pub(crate) fn new(length: Duration) -> Self {
        Window {
            length,
            moments: VecDeque::new(),
        }
    }

    /// It happened.
    pub(crate) fn record(&mut self, now: Duration) {
        self.forget(now);
        self.moments.push_back(now);
    }

    /// How often it happened within the window that ends now.
    pub(crate) fn count(&mut self, now: Duration) -> usize {
        self.forget(now);
        self.moments.len()
    }

    /// When the count will have fallen below `limit`; `None` if it is below it already, as far as is known.
    pub(crate) fn falls_below(&self, limit: usize) -> Option<Duration> {
        let surplus = self.moments.len().checked_sub(limit.max(1))?;
        self.moments.get(surplus).map(|moment| *moment + self.length)
    }

    fn forget(&mut self, now: Duration) {
        while self
            .moments
            .front()
            .is_some_and(|moment| *moment + self.length <= now)
        {
            self.moments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let secs = Duration::from_secs;
        let mut window = Window::new(secs(60));
        for second in [0, 1, 2] {
            window.record(secs(second));
        }
        assert_eq!(window.count(secs(59)), 3);
        assert_eq!(window.falls_below(3), Some(secs(60)));
        assert_eq!(window.falls_below(1), Some(secs(62)));
        assert_eq!(window.falls_below(4), None);
        assert_eq!(window.count(secs(60)), 2);
        assert_eq!(window.count(secs(62)), 0);
    }
}
