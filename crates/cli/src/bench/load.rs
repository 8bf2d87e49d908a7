//! The load itself: one event loop over all subscribers and the publisher.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use super::Args;
use super::cpu;
use super::frames::{self, Frame};
use super::socket::{Socket, address_of};

/// Where the publisher stands among the sockets.
const PUBLISHER: Token = Token(usize::MAX);
/// What is read at once, of whichever socket.
const BUFFER_BYTES: usize = 1 << 20;
/// Messages that may wait for their acknowledgement where the server sets the pace.
const WINDOW: u64 = 256;
/// So long it runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// So long the last deliveries may take.
const DRAIN: Duration = Duration::from_secs(20);

/// What was seen.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) subscribers: usize,
    pub(super) topics: usize,
    pub(super) size: usize,
    pub(super) took: Duration,
    /// Within the time that was measured.
    pub(super) deliveries: u64,
    pub(super) published: u64,
    /// Deliveries that were lost, repeated or out of order, over the whole run.
    pub(super) faults: u64,
    /// From when a message was due to its arrival, in microseconds.
    pub(super) latency: Histogram<u64>,
    /// What the deliveries cost the server.
    pub(super) server_cpu: Option<Duration>,
    pub(super) server_memory: Option<u64>,
    /// What the load itself used.
    pub(super) own_cpu: Option<Duration>,
    pub(super) connects_per_second: f64,
}

struct Subscriber {
    socket: Socket,
    topic: usize,
    /// The offset of its last delivery.
    last: Option<u64>,
    is_ready: bool,
}

struct Publisher {
    socket: Socket,
    sent: u64,
    acked: u64,
    /// The last offset that was acknowledged, by topic.
    reached: Vec<u64>,
    payload_padding: String,
}

struct Run<'a> {
    args: &'a Args,
    poll: Poll,
    subscribers: Vec<Subscriber>,
    publisher: Option<Publisher>,
    buffer: Vec<u8>,
    /// Times in payloads count from here.
    epoch: Instant,
    latency: Histogram<u64>,
    deliveries: u64,
    faults: u64,
    refused: Option<String>,
    is_measuring: bool,
}

/// Opens everything, runs the load, and sees to the end of it.
pub(super) fn run(args: &Args) -> anyhow::Result<Measured> {
    ensure!(
        args.subscribers > 0 && args.topics > 0,
        "there must be subscribers and a channel"
    );
    ensure!(
        args.topics == 1 || !args.listen,
        "with --listen there is one channel"
    );
    let address = address_of(&args.server)?;
    let mut run = Run {
        args,
        poll: Poll::new()?,
        subscribers: Vec::with_capacity(args.subscribers),
        publisher: None,
        buffer: vec![0; BUFFER_BYTES],
        epoch: Instant::now(),
        latency: Histogram::new_with_bounds(1, 600_000_000, 3)?,
        deliveries: 0,
        faults: 0,
        refused: None,
        is_measuring: false,
    };
    let began = Instant::now();
    for number in 0..args.subscribers {
        run.subscribe(address, number)?;
    }
    run.turn_until(began + DRAIN * 3, |run| {
        run.subscribers.iter().all(|it| it.is_ready)
    })?;
    ensure!(
        run.subscribers.iter().all(|it| it.is_ready),
        "not every subscription was answered in time"
    );
    let connects_per_second = args.subscribers as f64 / began.elapsed().as_secs_f64();
    if !args.listen {
        run.open_publisher(address)?;
    }

    let started = Instant::now();
    run.drive(started, started + WARM_UP)?;
    run.is_measuring = true;
    let cpu_before = (args.pid.and_then(cpu::used_by), cpu::used_by(std::process::id()));
    let published_before = run.publisher.as_ref().map_or(0, |it| it.acked);
    let measured_from = Instant::now();
    run.drive(started, measured_from + args.time)?;
    let took = measured_from.elapsed();
    run.is_measuring = false;
    let cpu_after = (args.pid.and_then(cpu::used_by), cpu::used_by(std::process::id()));
    let (deliveries, latency) = (run.deliveries, run.latency.clone());
    let published = run.publisher.as_ref().map_or(0, |it| it.acked) - published_before;

    run.turn_until(Instant::now() + DRAIN, Run::has_everything)?;
    let missing = run.missing();
    Ok(Measured {
        subscribers: args.subscribers,
        topics: args.topics,
        size: args.size,
        took,
        deliveries,
        published,
        faults: run.faults + missing,
        latency,
        server_cpu: cpu_before
            .0
            .zip(cpu_after.0)
            .map(|(before, after)| after - before),
        server_memory: args.pid.and_then(cpu::memory_of),
        own_cpu: cpu_before
            .1
            .zip(cpu_after.1)
            .map(|(before, after)| after - before),
        connects_per_second,
    })
}

impl Run<'_> {
    fn channel(&self, topic: usize) -> String {
        match self.args.topics {
            1 => self.args.channel.to_string(),
            _ => format!("{}{topic}", self.args.channel),
        }
    }

    fn subscribe(&mut self, address: std::net::SocketAddr, number: usize) -> anyhow::Result<()> {
        let topic = number % self.args.topics;
        let channel = self.channel(topic);
        let params = &self.args.params;
        let message = format!(
            r#"{{"type":"subscribe","id":"s","payload":{{"channel":"{channel}","params":{params},"mode":"every","snapshot":false}}}}"#
        );
        let mut socket = Socket::open(address, self.args.token.as_deref(), &[message])?;
        self.poll
            .registry()
            .register(&mut socket.stream, Token(number), Interest::READABLE)?;
        self.subscribers.push(Subscriber {
            socket,
            topic,
            last: None,
            is_ready: false,
        });
        // What came with the handshake is not announced again.
        self.read_subscriber(number)
    }

    fn open_publisher(&mut self, address: std::net::SocketAddr) -> anyhow::Result<()> {
        let mut socket = Socket::open(address, self.args.token.as_deref(), &[])?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket.stream, PUBLISHER, interest)?;
        // The size of `{"t":…,"p":""}` with a time of usual length.
        let padding = self.args.size.saturating_sub(26);
        self.publisher = Some(Publisher {
            socket,
            sent: 0,
            acked: 0,
            reached: vec![0; self.args.topics],
            payload_padding: "x".repeat(padding),
        });
        Ok(())
    }

    /// Publishes what is due and reads what comes, until a moment.
    fn drive(&mut self, started: Instant, until: Instant) -> anyhow::Result<()> {
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            let next = self.publish_due(started, now)?.unwrap_or(until).min(until);
            self.turn(next.saturating_duration_since(Instant::now()))?;
        }
    }

    /// Publishes what is due; gives when the next message is.
    fn publish_due(&mut self, started: Instant, now: Instant) -> anyhow::Result<Option<Instant>> {
        let Some(mut publisher) = self.publisher.take() else {
            return Ok(None);
        };
        let next = if self.args.rate > 0.0 {
            let due = |number: u64| started + Duration::from_secs_f64(number as f64 / self.args.rate);
            while due(publisher.sent) <= now {
                let at = due(publisher.sent);
                self.publish(&mut publisher, at)?;
            }
            Some(due(publisher.sent))
        } else {
            while publisher.sent - publisher.acked < WINDOW {
                self.publish(&mut publisher, Instant::now())?;
            }
            None
        };
        publisher.socket.flush()?;
        self.publisher = Some(publisher);
        Ok(next)
    }

    fn publish(&self, publisher: &mut Publisher, due: Instant) -> anyhow::Result<()> {
        let topic = (publisher.sent % self.args.topics as u64) as usize;
        let channel = self.channel(topic);
        let nanos = due.saturating_duration_since(self.epoch).as_nanos();
        let padding = &publisher.payload_padding;
        let text = format!(
            r#"{{"type":"publish","id":"{topic}","payload":{{"channel":"{channel}","data":{{"t":{nanos},"p":"{padding}"}}}}}}"#
        );
        let mut frame = Vec::with_capacity(text.len() + 14);
        frames::masked(1, text.as_bytes(), &mut frame);
        publisher.sent += 1;
        publisher.socket.send(&frame)
    }

    /// Waits for the sockets, at most so long, and reads what came.
    fn turn(&mut self, wait: Duration) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.token() {
                PUBLISHER => self.read_publisher()?,
                Token(number) => self.read_subscriber(number)?,
            }
        }
        if let Some(refused) = &self.refused {
            bail!("the server refused: {refused}");
        }
        Ok(())
    }

    fn turn_until(&mut self, deadline: Instant, is_done: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        while !is_done(self) && Instant::now() < deadline {
            self.turn(Duration::from_millis(50))?;
        }
        Ok(())
    }

    fn read_subscriber(&mut self, number: usize) -> anyhow::Result<()> {
        let Run {
            subscribers,
            buffer,
            epoch,
            latency,
            deliveries,
            faults,
            refused,
            is_measuring,
            ..
        } = self;
        let Subscriber {
            socket,
            last,
            is_ready,
            ..
        } = &mut subscribers[number];
        let now = Instant::now();
        let mut pongs = Vec::new();
        socket
            .read(buffer, |frame| match frame {
                Frame::Text(text) if text.starts_with(br#"{"type":"subscribed""#) => *is_ready = true,
                Frame::Text(text) if text.starts_with(br#"{"type":"error""#) => {
                    refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
                }
                Frame::Text(text) => {
                    let Some(offset) = frames::number(text, r#""offset":"#, 256) else {
                        return;
                    };
                    if last.is_some_and(|last| offset != last + 1) {
                        *faults += 1;
                    }
                    *last = Some(offset);
                    if *is_measuring {
                        *deliveries += 1;
                        if let Some(sent) = frames::number(text, r#"{"t":"#, 512) {
                            let took = now.saturating_duration_since(*epoch).as_nanos() as u64;
                            let micros = took.saturating_sub(sent) / 1_000;
                            latency.saturating_record(micros.max(1));
                        }
                    }
                }
                Frame::Ping(payload) => frames::masked(10, payload, &mut pongs),
                Frame::Close(code) => {
                    refused.get_or_insert_with(|| format!("it closed a connection with {code}"));
                }
                Frame::Other => {}
            })
            .with_context(|| format!("subscriber {number}"))?;
        if !pongs.is_empty() {
            socket.send(&pongs)?;
        }
        Ok(())
    }

    fn read_publisher(&mut self) -> anyhow::Result<()> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        let Publisher {
            socket,
            acked,
            reached,
            ..
        } = publisher;
        let refused = &mut self.refused;
        let mut pongs = Vec::new();
        socket
            .read(&mut self.buffer, |frame| match frame {
                Frame::Text(text) if text.starts_with(br#"{"type":"ack""#) => {
                    *acked += 1;
                    let topic = frames::number(text, r#""id":""#, 64).unwrap_or(0) as usize;
                    let offset = frames::number(text, r#""offset":"#, 256).unwrap_or(0);
                    if let Some(reached) = reached.get_mut(topic) {
                        *reached = offset.max(*reached);
                    }
                }
                Frame::Text(text) if text.starts_with(br#"{"type":"error""#) => {
                    refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
                }
                Frame::Close(code) => {
                    refused.get_or_insert_with(|| format!("it closed the publisher with {code}"));
                }
                Frame::Ping(payload) => frames::masked(10, payload, &mut pongs),
                Frame::Text(_) | Frame::Other => {}
            })
            .context("the publisher")?;
        if !pongs.is_empty() {
            socket.send(&pongs)?;
        }
        socket.flush()
    }

    /// Whether every message was acknowledged and has reached every subscriber of its channel.
    fn has_everything(&self) -> bool {
        let Some(publisher) = &self.publisher else {
            return true;
        };
        publisher.acked == publisher.sent && self.missing() == 0
    }

    /// Deliveries of acknowledged messages that have not come.
    fn missing(&self) -> u64 {
        let Some(publisher) = &self.publisher else {
            return 0;
        };
        self.subscribers
            .iter()
            .map(|it| publisher.reached[it.topic].saturating_sub(it.last.unwrap_or(0)))
            .sum()
    }
}
