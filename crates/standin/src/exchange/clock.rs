//! The venue's clock: Unix milliseconds that run `speed` times as fast as the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Reads the venue's time and turns moments of it into moments of the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    start: i64,
    speed: f64,
}

impl Clock {
    /// Starts a clock at `start` (Unix ms), or at the wall clock's time.
    pub(crate) fn new(start: Option<i64>, speed: f64) -> Self {
        let wall = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as i64)
        };
        Self {
            began: Instant::now(),
            start: start.unwrap_or_else(wall),
            speed,
        }
    }

    /// The venue's time now, Unix ms.
    pub fn now(&self) -> i64 {
        self.start + (self.began.elapsed().as_secs_f64() * 1_000.0 * self.speed) as i64
    }

    /// The moment of the runtime at which the venue's time reaches `at`, rounded up.
    pub(crate) fn instant(&self, at: i64) -> Instant {
        let secs = (at - self.start).max(0) as f64 / 1_000.0 / self.speed;
        self.began + Duration::from_secs_f64(secs) + Duration::from_micros(1)
    }

    /// A stretch of the venue's time on the wall clock.
    pub fn wall(&self, venue: Duration) -> Duration {
        venue.div_f64(self.speed)
    }
}
