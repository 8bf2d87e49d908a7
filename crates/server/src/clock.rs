//! The one place of the server that reads the clock on the wall; the feeds' own clock can be made faster for tests.

use std::time::SystemTime;

use nexus_protocol::Timestamp;

/// The time on the wall.
pub fn wall_clock() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
