//! The one connection that publishes: in turn to each topic, and at which pace.

use super::Args;
use super::ear::Ended;
use super::link::Link;
use super::payload::{Stamp, Template};
use super::tongues::Speech;
use super::unfold::Folder;

/// How fast messages are published.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Pace {
    /// As fast as they are received: so many are on their way.
    Window(u64),
    /// So many a second, whether received or not.
    Rate(f64),
}

impl Pace {
    /// What the command line says, or else so many a second; 0 for as fast as it goes.
    pub(super) fn of(args: &Args, otherwise: f64) -> Self {
        let rate = args.rate.unwrap_or(otherwise);
        if rate > 0.0 {
            Pace::Rate(rate)
        } else {
            Pace::Window(args.window)
        }
    }

    /// As on the command line.
    pub(super) fn per_second(self) -> f64 {
        match self {
            Pace::Window(_) => 0.0,
            Pace::Rate(per_second) => per_second,
        }
    }
}

/// The publisher.
pub(super) struct Publisher {
    pub(super) link: Link,
    pub(super) is_ready: bool,
    /// Messages over all topics. They go round: message `k` is on topic `k % topics`, and there the one of number
    /// `k / topics`.
    pub(super) total: u64,
    topics: u64,
    template: Template,
    folder: Folder,
}

impl Publisher {
    pub(super) fn new(link: Link, speech: &Speech) -> Self {
        Publisher {
            link,
            is_ready: false,
            total: 0,
            topics: speech.topics as u64,
            template: Template::new(speech.size),
            folder: Folder::new(),
        }
    }

    /// Puts the next message where the next [`flush`](Publisher::flush) takes it.
    pub(super) fn publish(&mut self, speech: &Speech, due: u64) {
        let stamp = Stamp {
            number: self.total / self.topics,
            due,
        };
        let topic = (self.total % self.topics) as usize;
        let payload = self.template.stamped(stamp);
        speech.publish(topic, stamp, payload, &mut self.folder, self.link.unsent());
        self.total += 1;
    }

    /// Sends what was published.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        self.link.flush()
    }

    /// How many messages a topic has had.
    pub(super) fn sent_on(&self, topic: usize) -> u64 {
        (self.total + self.topics - 1 - topic as u64) / self.topics
    }
}

/// When messages are due that come at a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// In nanoseconds since the load began.
    began: u64,
    /// The message that was due then.
    first: u64,
    per_second: f64,
}

impl Schedule {
    pub(super) fn new(began: u64, first: u64, per_second: f64) -> Self {
        Schedule {
            began,
            first,
            per_second,
        }
    }

    /// When a message is due.
    pub(super) fn due(&self, number: u64) -> u64 {
        self.began + ((number - self.first) as f64 / self.per_second * 1e9) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_their_rate_however_late_they_are_sent() {
        let schedule = Schedule::new(1_000, 7, 50.0);
        assert_eq!(schedule.due(7), 1_000);
        assert_eq!(schedule.due(8), 20_001_000);
        assert_eq!(schedule.due(57), 1_000_001_000);
    }
}
