//! The feed's time. Every duration of the feed is written in it; only here it is turned into the machine's, so that a
//! test can let an hour pass in half a minute.

use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A moment of the feed's life: how long after its start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Moment(Duration);

/// Reads the feed's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// The exchange's time at the start, in Unix milliseconds.
    start: u64,
    /// How many of the feed's seconds pass in one of the machine's. Positive.
    speed: f64,
}

/// The shortest deadline on the network, however fast the feed's time runs: the network does not run with it.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(2);

impl Moment {
    /// The feed's start.
    pub(crate) const START: Moment = Moment(Duration::ZERO);

    /// How long after `earlier` this is; zero if it is not.
    pub(crate) fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration))
    }
}

impl Clock {
    /// A clock that starts now, at the exchange's time `start` (by default the machine's).
    pub(crate) fn new(start: Option<u64>, speed: f64) -> Self {
        let start = start.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
        Clock {
            began: Instant::now(),
            start,
            speed,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        Moment(self.began.elapsed().mul_f64(self.speed))
    }

    /// The exchange's time as far as our clock can tell, in Unix milliseconds.
    pub(crate) fn exchange_millis(&self) -> u64 {
        let elapsed = u64::try_from(self.now().0.as_millis()).unwrap_or(u64::MAX);
        self.start.saturating_add(elapsed)
    }

    /// The machine's instant of a moment.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.began + moment.0.div_f64(self.speed)
    }

    /// How long a wait is on the machine.
    pub(crate) fn wall(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }

    /// How long a deadline on the network is on the machine.
    pub(crate) fn deadline(&self, duration: Duration) -> Duration {
        self.wall(duration).max(SHORTEST_DEADLINE.min(duration))
    }
}
