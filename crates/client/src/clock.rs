//! The driver's clock: steady, and honest about sleep.

use std::time::Duration;

/// A jump of the wall clock over the steady clock by less than this is drift, not sleep.
const SLEEP: Duration = Duration::from_secs(2);

/// Makes the `now` that a [`Session`](crate::Session) wants out of the two clocks that machines have.
///
/// Steady clocks (`Instant`, `performance.now()`) stand still while a machine sleeps, on most systems; wall clocks
/// (`SystemTime`, `Date.now()`) go on, but are set back at times. This clock never goes back, and counts sleep. Pure: the
/// driver reads both clocks and hands them in.
///
/// ```
/// # use nexus_client::Clock;
/// # use std::time::Duration;
/// let secs = Duration::from_secs;
/// let mut clock = Clock::start(secs(100), secs(5_000));
/// assert_eq!(clock.read(secs(101), secs(5_001)), secs(1));
/// assert_eq!(clock.read(secs(102), secs(8_602)), secs(3_602), "slept for an hour");
/// assert_eq!(clock.read(secs(103), secs(2_000)), secs(3_603), "the wall clock was set back");
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    steady: Duration,
    wall: Duration,
    now: Duration,
}

impl Clock {
    /// Starts at zero. `steady` and `wall` may count from anywhere.
    pub fn start(steady: Duration, wall: Duration) -> Self {
        Clock {
            steady,
            wall,
            now: Duration::ZERO,
        }
    }

    /// The time since the start, given what the two clocks say now.
    pub fn read(&mut self, steady: Duration, wall: Duration) -> Duration {
        let by_steady = steady.saturating_sub(self.steady);
        let by_wall = wall.saturating_sub(self.wall);
        self.now += if by_wall > by_steady + SLEEP {
            by_wall
        } else {
            by_steady
        };
        self.steady = self.steady.max(steady);
        self.wall = wall;
        self.now
    }
}
