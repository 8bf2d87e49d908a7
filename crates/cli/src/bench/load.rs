//! The load itself: one event loop over all subscribers and the publisher.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use mio::{Events, Poll, Token};

use super::alarm::Alarm;
use super::dial::{self, Dialer};
use super::ear::{Ended, Sense};
use super::flight::Flight;
use super::link::{Link, Reader};
use super::payload::{self, Stamp};
use super::publisher::{Publisher, Schedule};
use super::tally::{Tally, UNHEARD};
use super::tongues::{Heard, Speech, Tongue};
use super::{Args, Scenario, UNLIMITED};

/// The publisher among the sockets.
pub(super) const PUBLISHER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);
/// What is read at once, of whichever socket.
const BUFFER_BYTES: usize = 256 << 10;
/// Sockets that are read before the next message is looked after. More of them would make it late.
const EVENTS: usize = 128;
/// Connections that are being made at a time.
pub(super) const IN_FLIGHT: usize = 64;
/// Nothing that one waits for takes longer, unless the server is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

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
    pub(super) links: Vec<Option<Link>>,
    /// The number that is due next, by subscriber.
    pub(super) next: Vec<u64>,
    /// The subscribers that shall get everything.
    pub(super) counted: Vec<usize>,
    pub(super) flight: Option<Flight>,
    pub(super) poll: Poll,
    events: Option<Events>,
    pub(super) alarm: Alarm,
    pub(super) schedule: Option<Schedule>,
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
        ensure!(
            !args.deflate || args.tongue != Tongue::Mqtt,
            "--deflate is not for --as mqtt: no server of MQTT over WebSocket compresses"
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
                sense: Sense::new(Speech {
                    tongue: args.tongue,
                    host,
                    path,
                    channel: args.channel.to_string(),
                    topics: args.topics,
                    params: args.params.clone(),
                    token: args.credentials.token()?,
                    size: args.size,
                    is_listening: args.listen,
                    offers_deflate: args.deflate,
                    names: std::cell::Cell::new(0),
                }),
                epoch: Instant::now(),
                buffer: vec![0; BUFFER_BYTES],
            },
            tally: Tally::new()?,
            publisher: None,
            news: Vec::new(),
            ended: Vec::new(),
            dialer,
            links: Vec::new(),
            next: Vec::new(),
            counted: Vec::new(),
            flight: None,
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

    /// How many messages were published, over all topics.
    pub(super) fn published(&self) -> u64 {
        self.publisher.as_ref().map_or(0, |it| it.total)
    }

    /// Connections of subscribers that are open.
    pub(super) fn open(&self) -> usize {
        self.links.iter().flatten().count()
    }

    /// Why the last connection ended that did, when none should have.
    pub(super) fn why_ended(&mut self) -> anyhow::Error {
        let address = self.dialer.address;
        match self.ended.pop().map(|gone| gone.why) {
            Some(Ended::Broken(why)) => {
                anyhow::anyhow!("no connection to {address}: {why}; is the server there?")
            }
            Some(why) => anyhow::anyhow!("{why}"),
            None => anyhow::anyhow!("a connection to {address} ended"),
        }
    }

    /// Counts deliveries from here.
    pub(super) fn measure(&mut self) {
        self.tally.measure();
        self.reader.sense.deflated = 0;
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
                PUBLISHER => self.read_publisher(event.is_read_closed())?,
                ALARM => {}
                Token(subscriber) => self.read_subscriber(subscriber, event.is_read_closed())?,
            }
        }
        self.events = Some(events);
        if let Some(refused) = &self.refused {
            ensure!(
                !refused.contains("RATE_LIMITED"),
                "the server refused: {refused}: {UNLIMITED}"
            );
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

    fn read_subscriber(&mut self, subscriber: usize, is_over: bool) -> anyhow::Result<()> {
        let Load {
            links,
            next,
            reader,
            tally,
            news,
            refused,
            flight,
            args,
            ..
        } = self;
        let (Some(Some(link)), Some(next)) = (links.get_mut(subscriber), next.get_mut(subscriber)) else {
            return Ok(());
        };
        let before = *next;
        let read = link.read(reader, is_over, |heard, now| match heard {
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
        if before == UNHEARD && *next != UNHEARD {
            news.push(News::First(subscriber));
        } else if before != *next
            && let Some(flight) = flight
        {
            flight.received(subscriber % args.topics, before..*next);
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

    fn read_publisher(&mut self, is_over: bool) -> anyhow::Result<()> {
        let Load {
            publisher,
            reader,
            refused,
            ..
        } = self;
        let Some(Publisher { link, is_ready, .. }) = publisher else {
            return Ok(());
        };
        let read = link.read(reader, is_over, |heard, _| match heard {
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
            if let Some(flight) = &mut self.flight {
                flight.gone(subscriber % self.args.topics, self.next[subscriber]);
            }
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
            reader.sense.speech.leave(link.role, &mut say);
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

    /// Deliveries of published messages that have not come.
    pub(super) fn missing(&self) -> u64 {
        let Some(publisher) = &self.publisher else {
            return 0;
        };
        let missing = |topic: usize, next: u64| match next {
            UNHEARD => publisher.sent_on(topic),
            next => publisher.sent_on(topic).saturating_sub(next),
        };
        let here = self
            .counted
            .iter()
            .map(|it| missing(self.topic_of(*it), self.next[*it]));
        let gone = self
            .ended
            .iter()
            .filter_map(|it| Some(missing(it.topic, it.next?)));
        here.sum::<u64>() + gone.sum::<u64>()
    }
}
