//! The load itself: one event loop over all subscribers and the publisher.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use mio::{Events, Interest, Poll, Token};

use super::alarm::Alarm;
use super::dial::{self, Dialer};
use super::link::{Ended, Link, Reader};
use super::payload::{self, Stamp};
use super::publisher::{Pace, Publisher, Schedule};
use super::tally::{Faults, Tally, UNHEARD};
use super::tongues::{Heard, Role, Speech, Tongue};
use super::unfold::Unfolder;
use super::{Args, Scenario};

const PUBLISHER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);
/// What is read at once, of whichever socket.
const BUFFER_BYTES: usize = 256 << 10;
/// Sockets that are read before the next message is looked after. More of them would make it late.
const EVENTS: usize = 128;
/// Connections that are being made at a time.
pub(super) const IN_FLIGHT: usize = 64;
/// Nothing that one waits for takes longer, unless the server is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// So often is published until everyone has heard something.
const KNOCK: Duration = Duration::from_secs(1);

/// Connections, and what came of them.
pub(super) struct Load<'a> {
    pub(super) args: &'a Args,
    pub(super) reader: Reader,
    pub(super) tally: Tally,
    pub(super) publisher: Option<Publisher>,
    /// What became of subscribers since it was last looked at.
    pub(super) news: Vec<News>,
    pub(super) ended: Vec<Gone>,
    pub(super) dialer: Dialer,
    links: Vec<Option<Link>>,
    /// The number that is due next, by subscriber.
    next: Vec<u64>,
    /// The subscribers that shall get everything.
    counted: Vec<usize>,
    window: Window,
    poll: Poll,
    events: Option<Events>,
    alarm: Alarm,
    schedule: Option<Schedule>,
    refused: Option<String>,
}

/// What became of a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// It is subscribed, as far as the server says so.
    Ready(usize),
    /// It heard its first message.
    First(usize),
    /// Its connection has ended.
    Ended(usize),
}

/// A subscriber whose connection has ended before its time.
#[derive(Debug)]
pub(super) struct Gone {
    topic: usize,
    /// The number that was due next; none if it was not counted.
    next: Option<u64>,
    pub(super) why: Ended,
}

/// What everyone has.
#[derive(Default)]
struct Window {
    /// A subscriber of those that have least.
    laggard: usize,
    /// The message that it waits for.
    reached: u64,
}

impl<'a> Load<'a> {
    /// A load without connections. `connections` are made at a time or soon after each other.
    pub(super) fn new(args: &'a Args, connections: usize, open: usize) -> anyhow::Result<Self> {
        ensure!(
            args.subscribers > 0 && args.topics > 0,
            "there must be subscribers and a topic"
        );
        ensure!(
            args.size >= payload::LEAST,
            "a payload has at least {} bytes: its number and its time stand in it",
            payload::LEAST
        );
        let speaks_messages = !matches!(args.tongue, Tongue::Nats | Tongue::Mqtt);
        ensure!(
            !args.deflate || speaks_messages,
            "--deflate is not for --as {}",
            args.tongue.name()
        );
        ensure!(
            !args.listen || (args.tongue == Tongue::Nexus && args.topics == 1),
            "--listen is for one channel of Nexus"
        );
        ensure!(
            !args.listen || args.scenario == Scenario::Fanout,
            "--listen is for --scenario fanout"
        );
        dial::allow_files(open)?;
        let (host, path) = dial::host_and_path(&args.server)?;
        let dialer = Dialer::new(dial::address_of(&host)?, args.sources, connections)?;
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        Ok(Load {
            args,
            reader: Reader {
                speech: Speech {
                    tongue: args.tongue,
                    host,
                    path,
                    channel: args.channel.to_string(),
                    topics: args.topics,
                    params: args.params.clone(),
                    token: args.token.clone(),
                    size: args.size,
                    is_listening: args.listen,
                    offers_deflate: args.deflate,
                    names: std::cell::Cell::new(0),
                },
                epoch: Instant::now(),
                unfolder: Unfolder::new(),
                buffer: vec![0; BUFFER_BYTES],
                deflated: 0,
            },
            tally: Tally::new()?,
            publisher: None,
            news: Vec::new(),
            ended: Vec::new(),
            dialer,
            links: Vec::new(),
            next: Vec::new(),
            counted: Vec::new(),
            window: Window::default(),
            poll,
            events: Some(Events::with_capacity(EVENTS)),
            alarm,
            schedule: None,
            refused: None,
        })
    }

    /// The topic of a subscriber. They are spread evenly.
    pub(super) fn topic_of(&self, subscriber: usize) -> usize {
        subscriber % self.args.topics
    }

    /// Begins the connection of a subscriber.
    pub(super) fn begin(&mut self, subscriber: usize) -> anyhow::Result<()> {
        if self.links.len() <= subscriber {
            self.links.resize_with(subscriber + 1, || None);
            self.next.resize(subscriber + 1, UNHEARD);
        }
        let role = Role::Subscriber(self.topic_of(subscriber));
        let mut link = Link::new(self.dialer.dial()?, role, &self.reader.speech);
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
                    News::Ended(_) => {
                        let why = self.ended.pop().map(|gone| gone.why.to_string());
                        bail!("{}", why.unwrap_or_default());
                    }
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
        let mut link = Link::new(self.dialer.dial()?, Role::Publisher, &self.reader.speech);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut link.stream, PUBLISHER, interest)?;
        let mut publisher = Publisher::new(link, &self.reader.speech);
        // Where nothing is asked before the first message, the socket takes it when it is connected.
        publisher.is_ready = self.reader.speech.handshake(Role::Publisher).is_none();
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
        self.counted.iter().filter(|it| self.next[**it] == UNHEARD).count()
    }

    /// Begins to publish at the rate, if there is one.
    pub(super) fn start(&mut self, pace: Pace) {
        self.schedule = match (pace, &self.publisher) {
            (Pace::Rate(per_second), Some(publisher)) => {
                Some(Schedule::new(self.reader.now(), publisher.total, per_second))
            }
            _ => None,
        };
    }

    /// Publishes what is due and reads what comes, until a moment, or until so many messages were published over all.
    pub(super) fn drive(&mut self, pace: Pace, until: Instant, most: u64) -> anyhow::Result<()> {
        loop {
            let now = Instant::now();
            let published = self.publisher.as_ref().map_or(0, |it| it.total);
            if now >= until || published >= most {
                return Ok(());
            }
            let mut wait = until - now;
            if let Some(next) = self.publish_due(pace, most)? {
                let left = Duration::from_nanos(next.saturating_sub(self.reader.now()));
                wait = wait.min(self.alarm.set(left)?);
            }
            self.turn(wait)?;
        }
    }

    /// Publishes what is due; gives when the next message is, if that is known.
    fn publish_due(&mut self, pace: Pace, most: u64) -> anyhow::Result<Option<u64>> {
        let Some(published) = self.publisher.as_ref().map(|it| it.total) else {
            return Ok(None);
        };
        let mut next = None;
        match (pace, self.schedule) {
            (Pace::Window(window), _) => {
                let received = self.received(published);
                for _ in published..(received + window).min(most) {
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

    fn publish_now(&mut self) {
        self.publish_at(self.reader.now());
    }

    fn publish_at(&mut self, due: u64) {
        if let Some(publisher) = &mut self.publisher {
            publisher.publish(&self.reader.speech, due);
        }
    }

    fn flush_publisher(&mut self) -> anyhow::Result<()> {
        match self.publisher.as_mut().map(Publisher::flush) {
            Some(Err(ended)) => bail!("the publisher: {ended}"),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Up to which message everyone has everything.
    fn received(&mut self, published: u64) -> u64 {
        let topics = self.args.topics as u64;
        let waits_for = |subscriber: usize| match self.next[subscriber] {
            UNHEARD => 0,
            next => next * topics + (subscriber as u64 % topics),
        };
        let Window { laggard, reached } = self.window;
        if self.counted.is_empty() {
            return published;
        }
        if !self.counted.contains_quickly(laggard) || waits_for(laggard) != reached {
            let least = self.counted.iter().map(|it| (waits_for(*it), *it)).min();
            let (reached, laggard) = least.unwrap_or((published, 0));
            self.window = Window { laggard, reached };
        }
        self.window.reached.min(published)
    }

    /// Waits for the sockets, at most so long, and reads what came.
    pub(super) fn turn(&mut self, wait: Duration) -> anyhow::Result<()> {
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        let polled = self.poll.poll(&mut events, Some(wait));
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.token() {
                PUBLISHER => self.read_publisher()?,
                ALARM => {}
                Token(subscriber) => self.read_subscriber(subscriber)?,
            }
        }
        self.events = Some(events);
        if let Some(refused) = &self.refused {
            bail!("the server refused: {refused}");
        }
        Ok(())
    }

    /// Reads what comes until something is so, or until a moment.
    pub(super) fn turn_until(
        &mut self,
        deadline: Instant,
        is_done: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        while !is_done(self) && Instant::now() < deadline {
            self.turn(Duration::from_millis(50))?;
        }
        Ok(())
    }

    fn read_subscriber(&mut self, subscriber: usize) -> anyhow::Result<()> {
        let Load {
            links,
            next,
            reader,
            tally,
            news,
            refused,
            ..
        } = self;
        let (Some(Some(link)), Some(next)) = (links.get_mut(subscriber), next.get_mut(subscriber)) else {
            return Ok(());
        };
        let was_deaf = *next == UNHEARD;
        let read = link.read(reader, |heard, now| match heard {
            Heard::Delivery(stamp) => tally.delivered(subscriber, next, stamp, now),
            Heard::Foreign(number) => {
                let stamp = Stamp { number, due: now };
                tally.delivered(subscriber, next, stamp, now);
            }
            Heard::Ready => news.push(News::Ready(subscriber)),
            Heard::Refused(why) => {
                refused.get_or_insert_with(|| String::from_utf8_lossy(why).into_owned());
            }
        });
        if was_deaf && *next != UNHEARD {
            news.push(News::First(subscriber));
        }
        match read {
            Ok(()) => Ok(()),
            Err(Ended::Nonsense(why)) => bail!("{why}"),
            Err(why) => {
                self.end(subscriber, why);
                Ok(())
            }
        }
    }

    fn read_publisher(&mut self) -> anyhow::Result<()> {
        let Load {
            publisher,
            reader,
            refused,
            ..
        } = self;
        let Some(Publisher { link, is_ready, .. }) = publisher else {
            return Ok(());
        };
        let read = link.read(reader, |heard, _| match heard {
            Heard::Ready => *is_ready = true,
            Heard::Refused(why) => {
                refused.get_or_insert_with(|| String::from_utf8_lossy(why).into_owned());
            }
            Heard::Delivery(_) | Heard::Foreign(_) => {}
        });
        match (read, &self.refused) {
            (Err(ended), None) => bail!("the publisher: {ended}"),
            (Err(_), Some(_)) | (Ok(()), _) => Ok(()),
        }
    }

    /// A subscriber's connection has ended.
    fn end(&mut self, subscriber: usize, why: Ended) {
        if self.hang_up(subscriber).is_none() {
            return;
        }
        let was_counted = self.counted.iter().position(|it| *it == subscriber);
        if let Some(at) = was_counted {
            self.counted.swap_remove(at);
        }
        self.ended.push(Gone {
            topic: self.topic_of(subscriber),
            next: was_counted.map(|_| self.next[subscriber]),
            why,
        });
        self.news.push(News::Ended(subscriber));
    }

    /// Closes a subscriber's connection without a word.
    pub(super) fn hang_up(&mut self, subscriber: usize) -> Option<()> {
        let mut link = self.links.get_mut(subscriber)?.take()?;
        // A socket that is closed right after leaves the poll by itself.
        let _ = self.poll.registry().deregister(&mut link.stream);
        Some(())
    }

    /// Says that a subscriber leaves; the server is to close the connection.
    pub(super) fn leave(&mut self, subscriber: usize) {
        let Load { links, reader, .. } = self;
        if let Some(Some(link)) = links.get_mut(subscriber) {
            let mut say = Vec::new();
            reader.speech.leave(link.role, &mut say);
            // If it cannot be said any more, the connection has ended.
            let _ = link.send(&say);
            let _ = link.stream.shutdown(std::net::Shutdown::Write);
        }
    }

    /// A subscriber reads nothing from here on, and is not counted.
    pub(super) fn play_dead(&mut self, subscriber: usize) -> anyhow::Result<()> {
        self.counted.retain(|it| *it != subscriber);
        if let Some(Some(link)) = self.links.get_mut(subscriber) {
            self.poll.registry().deregister(&mut link.stream)?;
        }
        Ok(())
    }

    /// Whether the server has ended the connection of a subscriber that reads nothing.
    pub(super) fn is_cut_off(&self, subscriber: usize) -> bool {
        let Some(Some(link)) = self.links.get(subscriber) else {
            return true;
        };
        // What was sent before an end is still there to be read; a reset or an end behind it shows in the poll alone.
        let mut byte = [0; 1];
        match link.stream.peek(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Deliveries of published messages that have not come.
    pub(super) fn missing(&self) -> u64 {
        let Some(publisher) = &self.publisher else {
            return 0;
        };
        let missing = |topic: usize, next: u64| match next {
            UNHEARD => publisher.sent_on(topic),
            next => publisher.sent_on(topic).saturating_sub(next),
        };
        let here = self.counted.iter().map(|it| missing(self.topic_of(*it), self.next[*it]));
        let gone = self.ended.iter().filter_map(|it| Some(missing(it.topic, it.next?)));
        here.sum::<u64>() + gone.sum::<u64>()
    }

    /// What went wrong over all, once nothing more is to come.
    pub(super) fn faults(&self) -> Faults {
        let mut faults = self.tally.faults;
        faults.lost += self.missing();
        faults
    }
}

trait ContainsQuickly {
    fn contains_quickly(&self, subscriber: usize) -> bool;
}

impl ContainsQuickly for Vec<usize> {
    /// Subscribers stand at their own places unless some have gone.
    fn contains_quickly(&self, subscriber: usize) -> bool {
        self.get(subscriber) == Some(&subscriber) || self.contains(&subscriber)
    }
}
