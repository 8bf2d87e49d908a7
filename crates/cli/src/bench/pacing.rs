//! How a load goes on: what is due is published, and what comes is read.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::flight::Flight;
use super::load::Load;
use super::publisher::{Pace, Publisher, Schedule};

impl Load<'_> {
    /// Begins to publish at this pace. Nothing is on its way.
    pub(super) fn start(&mut self, pace: Pace) {
        let Some(published) = self.publisher.as_ref().map(|it| it.total) else {
            return;
        };
        match pace {
            Pace::Rate(per_second) => {
                self.schedule = Some(Schedule::new(self.reader.now(), published, per_second));
            }
            Pace::Window(window) => {
                let mut listeners = vec![0; self.args.topics];
                for subscriber in &self.counted {
                    listeners[self.topic_of(*subscriber)] += 1;
                }
                self.flight = Some(Flight::new(window, published, listeners));
            }
        }
    }

    /// Publishes what is due and reads what comes, until a moment, or until so many messages were published over all.
    pub(super) fn drive(&mut self, pace: Pace, until: Instant, most: u64) -> anyhow::Result<()> {
        loop {
            let now = Instant::now();
            if now >= until || self.published() >= most {
                return Ok(());
            }
            self.step(pace, until - now, most)?;
        }
    }

    /// Publishes what is due and reads what comes, once.
    pub(super) fn drive_once(&mut self, pace: Pace) -> anyhow::Result<()> {
        self.step(pace, Duration::from_millis(50), u64::MAX)
    }

    fn step(&mut self, pace: Pace, mut wait: Duration, most: u64) -> anyhow::Result<()> {
        if let Some(next) = self.publish_due(pace, most)? {
            let left = Duration::from_nanos(next.saturating_sub(self.reader.now()));
            wait = wait.min(self.alarm.set(left)?);
        }
        self.turn(wait)
    }

    /// Publishes what is due; gives when the next message is, if that is known.
    fn publish_due(&mut self, pace: Pace, most: u64) -> anyhow::Result<Option<u64>> {
        let Some(published) = self.publisher.as_ref().map(|it| it.total) else {
            return Ok(None);
        };
        let mut next = None;
        match (pace, self.schedule) {
            (Pace::Window(window), _) => {
                let room = self.flight.as_ref().map_or(0, |it| it.room(window));
                for _ in published..(published + room).min(most) {
                    self.publish_now();
                }
            }
            (Pace::Rate(_), Some(schedule)) => {
                let now = self.reader.now();
                let mut number = published;
                while number < most && schedule.due(number) <= now {
                    self.publish_at(schedule.due(number));
                    number += 1;
                }
                next = Some(schedule.due(number));
            }
            (Pace::Rate(_), None) => {}
        }
        self.flush_publisher()?;
        Ok(next)
    }

    pub(super) fn publish_now(&mut self) {
        self.publish_at(self.reader.now());
    }

    fn publish_at(&mut self, due: u64) {
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(&self.reader.sense.speech, due);
            if let Some(flight) = &mut self.flight {
                flight.published();
            }
        }
    }

    pub(super) fn flush_publisher(&mut self) -> anyhow::Result<()> {
        match self.publisher.as_mut().map(Publisher::flush) {
            Some(Err(ended)) => bail!("the publisher: {ended}"),
            Some(Ok(())) | None => Ok(()),
        }
    }
}
