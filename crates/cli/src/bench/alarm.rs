//! When the loop is woken for the next message. Polling alone would wake up to a millisecond late, and that would count as
//! the server's latency.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// Wakes the loop at a moment.
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Alarm {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
        mio::event::Source::register(&mut source, registry, token, mio::Interest::READABLE)?;
        Ok(Alarm { timer })
    }

    /// Wakes the loop so long from now; gives how long the loop may then wait at most.
    pub(super) fn set(&self, wait: Duration) -> io::Result<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let value = Timespec {
            tv_sec: wait.as_secs() as i64,
            // A time of nothing would turn it off.
            tv_nsec: i64::from(wait.subsec_nanos()).max(1) as _,
        };
        let spec = Itimerspec {
            it_interval: zero,
            it_value: value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
        Ok(wait + Duration::from_millis(2))
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Alarm {})
    }

    /// Gives how long the loop may wait: what is less than a millisecond it spends awake.
    pub(super) fn set(&self, wait: Duration) -> io::Result<Duration> {
        Ok(Duration::from_millis(wait.as_millis() as u64))
    }
}
