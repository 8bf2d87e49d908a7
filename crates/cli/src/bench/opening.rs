//! How a load begins: everyone connects and subscribes, and then hears something.

use std::time::{Duration, Instant};

use anyhow::ensure;
use mio::{Interest, Token};

use super::link::Link;
use super::load::{IN_FLIGHT, Load, News, PATIENCE, PUBLISHER};
use super::publisher::Publisher;
use super::tally::UNHEARD;
use super::tongues::Role;

/// So often is published until everyone has heard something.
const KNOCK: Duration = Duration::from_secs(1);

impl Load<'_> {
    /// Begins the connection of a subscriber.
    pub(super) fn begin(&mut self, subscriber: usize) -> anyhow::Result<()> {
        if self.links.len() <= subscriber {
            self.links.resize_with(subscriber + 1, || None);
            self.next.resize(subscriber + 1, UNHEARD);
        }
        let role = Role::Subscriber(self.topic_of(subscriber));
        let mut link = Link::new(self.dialer.dial()?, role, &self.reader.sense.speech);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut link.stream, Token(subscriber), interest)?;
        self.links[subscriber] = Some(link);
        self.next[subscriber] = UNHEARD;
        Ok(())
    }

    /// Connects and subscribes them all; gives how many it were in a second.
    pub(super) fn subscribe_all(&mut self) -> anyhow::Result<f64> {
        let began = Instant::now();
        let (mut begun, mut ready) = (0, 0);
        let mut progress = Instant::now();
        while ready < self.args.subscribers {
            while begun < self.args.subscribers && begun - ready < IN_FLIGHT {
                self.begin(begun)?;
                begun += 1;
            }
            self.turn(Duration::from_millis(100))?;
            for news in std::mem::take(&mut self.news) {
                match news {
                    News::Ready(subscriber) => {
                        ready += 1;
                        self.counted.push(subscriber);
                        progress = Instant::now();
                    }
                    News::First(_) => {}
                    News::Ended(_) => return Err(self.why_ended()),
                }
            }
            ensure!(
                progress.elapsed() < PATIENCE,
                "{} of {} subscribers had no answer from {}",
                begun - ready,
                self.args.subscribers,
                self.dialer.address
            );
        }
        Ok(self.args.subscribers as f64 / began.elapsed().as_secs_f64())
    }

    /// Opens the connection that publishes.
    pub(super) fn open_publisher(&mut self) -> anyhow::Result<()> {
        let mut link = Link::new(self.dialer.dial()?, Role::Publisher, &self.reader.sense.speech);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut link.stream, PUBLISHER, interest)?;
        let mut publisher = Publisher::new(link, &self.reader.sense.speech);
        // Where nothing is asked before the first message, the socket takes it when it is connected.
        publisher.is_ready = self.reader.sense.speech.handshake(Role::Publisher).is_none();
        self.publisher = Some(publisher);
        let is_ready = |load: &Self| load.publisher.as_ref().is_some_and(|it| it.is_ready);
        self.turn_until(Instant::now() + PATIENCE, is_ready)?;
        ensure!(is_ready(self), "the publisher had no answer");
        Ok(())
    }

    /// Publishes until everyone has heard something: only from then on, what does not come is lost.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for _ in 0..self.args.topics {
                self.publish_now();
            }
            self.flush_publisher()?;
            let knock = Instant::now() + KNOCK;
            self.turn_until(knock, |load| load.missing() == 0)?;
            if self.deaf() == 0 {
                self.turn_until(deadline, |load| load.missing() == 0)?;
                self.news.clear();
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{} of {} subscribers heard nothing of what was published",
                self.deaf(),
                self.counted.len()
            );
        }
    }

    /// Subscribers that heard nothing.
    fn deaf(&self) -> usize {
        self.counted
            .iter()
            .filter(|it| self.next[**it] == UNHEARD)
            .count()
    }
}
