//! The floor: what delivering costs when nothing is done but writing bytes to sockets. The yardstick of `cargo xtask
//! bench`.
//!
//! One epoll loop. `GET /sub/TOPIC` subscribes to a topic (the number that the path ends with), `GET /pub` makes a
//! publisher; both are answered with a 101 that is always the same. A publisher then sends records of `u32` topic and
//! `u32` length, both big-endian, and bytes, which go to every subscriber of the topic as they are. There is no protocol,
//! no history, no order to keep and no permission: no server of messages can cost less with the same system calls.
//!
//! Mode `message` writes each message by itself. Mode `wakeup` joins what came for a topic in one wake-up, and writes once
//! per subscriber. Nothing is allocated for a delivery unless the socket is full.

#![allow(
    clippy::print_stdout,
    reason = "whoever starts it reads the address from its first line"
)]

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

const LISTENER: Token = Token(usize::MAX);
const USAGE: &str = "usage: floor --listen ADDR:PORT [--mode message|wakeup]";
const MOST_EVENTS: usize = 1024;
/// What one wake-up takes from a publisher; also the longest record.
const PUBLISHER_BYTES: usize = 256 * 1024;
const MOST_HEAD_BYTES: usize = 4096;
const MOST_TOPICS: u32 = 1 << 20;
/// What may wait for a socket that is full. Whoever lets more come is cut off.
const MOST_UNSENT_BYTES: usize = 4 * 1024 * 1024;
const RECORD_HEADER: usize = 8;
/// The accept is that of the key `AAAAAAAAAAAAAAAAAAAAAA==`, for clients that check it.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";

/// When bytes are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each message by a write of its own.
    Message,
    /// What came together is written together.
    Wakeup,
}

/// What a connection is for.
enum Role {
    /// It has not said yet; the head so far.
    Greeting(Vec<u8>),
    /// It receives what is published on this topic.
    Subscriber(u32),
    /// It publishes; records that are not whole yet wait here.
    Publisher(Box<Reading>),
}

/// The bytes of a publisher: `bytes[..filled]` were read.
struct Reading {
    bytes: Vec<u8>,
    filled: usize,
}

struct Connection {
    stream: TcpStream,
    role: Role,
    /// What a full socket did not take.
    unsent: Vec<u8>,
}

#[derive(Default)]
struct Topic {
    subscribers: Vec<u32>,
    /// What came in this wake-up.
    joined: Vec<u8>,
}

struct Floor {
    mode: Mode,
    connections: Vec<Option<Connection>>,
    free: Vec<u32>,
    topics: Vec<Topic>,
    /// Topics with something joined.
    dirty: Vec<u32>,
    /// Connections that are gone but not forgotten yet.
    gone: Vec<u32>,
    /// Publishers that may have more than was taken.
    unread: Vec<u32>,
}

fn main() -> anyhow::Result<()> {
    let (address, mode) = arguments()?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on http://{}", listener.local_addr()?);

    let mut events = Events::with_capacity(MOST_EVENTS);
    let mut floor = Floor::new(mode);
    loop {
        let patience = (!floor.unread.is_empty()).then_some(Duration::ZERO);
        match poll.poll(&mut events, patience) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("the event loop broke"),
        }
        let unread = std::mem::take(&mut floor.unread);
        for event in &events {
            if event.token() == LISTENER {
                floor.accept(&listener, poll.registry())?;
                continue;
            }
            let id = event.token().0 as u32;
            if event.is_writable() {
                floor.flush(id);
            }
            if event.is_readable() || event.is_error() {
                floor.read(id);
            }
        }
        for id in unread {
            floor.read(id);
        }
        floor.write_joined();
        floor.forget_gone();
    }
}

fn arguments() -> anyhow::Result<(SocketAddr, Mode)> {
    let mut address = None;
    let mut mode = Mode::Message;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next();
        match (word.as_str(), value.as_deref()) {
            ("--listen", Some(value)) => address = Some(value.parse().context(USAGE)?),
            ("--mode", Some("message")) => mode = Mode::Message,
            ("--mode", Some("wakeup")) => mode = Mode::Wakeup,
            _ => bail!(USAGE),
        }
    }
    Ok((address.context(USAGE)?, mode))
}

impl Floor {
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            connections: Vec::new(),
            free: Vec::new(),
            topics: Vec::new(),
            dirty: Vec::new(),
            gone: Vec::new(),
            unread: Vec::new(),
        }
    }

    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> anyhow::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Whoever came is gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    return Err(error).context("cannot accept: are there enough descriptors (ulimit -n)?");
                }
            };
            stream.set_nodelay(true)?;
            let id = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                (self.connections.len() - 1) as u32
            });
            // A socket says that it is writable only after it was full: arming that once costs nothing.
            let both = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut stream, Token(id as usize), both)?;
            self.connections[id as usize] = Some(Connection {
                stream,
                role: Role::Greeting(Vec::new()),
                unsent: Vec::new(),
            });
        }
    }

    /// Writes what a full socket left behind.
    fn flush(&mut self, id: u32) {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else {
            return;
        };
        if !connection.unsent.is_empty() && connection.flush().is_err() {
            self.gone.push(id);
        }
    }

    fn read(&mut self, id: u32) {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else {
            return;
        };
        let outcome = match &mut connection.role {
            Role::Greeting(_) => self.greet(id),
            Role::Subscriber(_) => connection.ignore(),
            Role::Publisher(_) => self.publish(id),
        };
        if outcome.is_err() {
            self.gone.push(id);
        }
    }

    /// Reads a head until it is whole, and makes the connection what it asks for.
    fn greet(&mut self, id: u32) -> io::Result<()> {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else {
            return Ok(());
        };
        let Connection { stream, role, .. } = connection;
        let Role::Greeting(head) = role else {
            return Ok(());
        };
        let mut buffer = [0; MOST_HEAD_BYTES];
        loop {
            let Some(read) = read_some(stream, &mut buffer)? else {
                return Ok(());
            };
            head.extend_from_slice(&buffer[..read]);
            if head.len() > MOST_HEAD_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some(end) = memchr::memmem::find(head, b"\r\n\r\n").map(|at| at + 4) else {
                continue;
            };
            let behind = head.split_off(end);
            let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            if path == b"/pub" {
                let mut bytes = vec![0; PUBLISHER_BYTES];
                bytes[..behind.len()].copy_from_slice(&behind);
                let filled = behind.len();
                *role = Role::Publisher(Box::new(Reading { bytes, filled }));
                connection.send(SWITCHING)?;
                return self.publish(id);
            }
            let topic = topic_of(path).ok_or(io::ErrorKind::InvalidInput)?;
            *role = Role::Subscriber(topic);
            if self.topics.len() <= topic as usize {
                self.topics.resize_with(topic as usize + 1, Topic::default);
            }
            self.topics[topic as usize].subscribers.push(id);
            connection.send(SWITCHING)?;
            return connection.ignore();
        }
    }

    /// Takes one buffer of records. What is left in the socket then is for the next wake-up, so that others come between.
    fn publish(&mut self, id: u32) -> io::Result<()> {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else {
            return Ok(());
        };
        let Role::Publisher(reading) = &mut connection.role else {
            return Ok(());
        };
        let mut drained = false;
        while reading.filled < reading.bytes.len() {
            match read_some(&mut connection.stream, &mut reading.bytes[reading.filled..])? {
                Some(read) => reading.filled += read,
                None => {
                    drained = true;
                    break;
                }
            }
        }
        if !drained {
            self.unread.push(id);
        }
        // Its place in the table is needed while others are written to.
        let mut bytes = std::mem::take(&mut reading.bytes);
        let filled = reading.filled;
        let used = self.records(&bytes[..filled]);
        bytes.copy_within(used..filled, 0);
        if used == 0 && filled == bytes.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if let Some(Some(connection)) = self.connections.get_mut(id as usize)
            && let Role::Publisher(reading) = &mut connection.role
        {
            reading.bytes = bytes;
            reading.filled = filled - used;
        }
        Ok(())
    }

    /// Handles every whole record; gives how many bytes they were.
    fn records(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(header) = bytes[at..].first_chunk::<RECORD_HEADER>() {
            let [t0, t1, t2, t3, l0, l1, l2, l3] = *header;
            let topic = u32::from_be_bytes([t0, t1, t2, t3]);
            let start = at + RECORD_HEADER;
            let end = start.saturating_add(u32::from_be_bytes([l0, l1, l2, l3]) as usize);
            let Some(message) = bytes.get(start..end) else {
                break;
            };
            at = end;
            let Some(entry) = self.topics.get_mut(topic as usize) else {
                continue;
            };
            match self.mode {
                Mode::Message => {
                    write_to_all(&mut self.connections, &entry.subscribers, message, &mut self.gone);
                }
                Mode::Wakeup => {
                    if entry.joined.is_empty() {
                        self.dirty.push(topic);
                    }
                    entry.joined.extend_from_slice(message);
                }
            }
        }
        at
    }

    fn write_joined(&mut self) {
        for topic in self.dirty.drain(..) {
            let Topic { subscribers, joined } = &mut self.topics[topic as usize];
            write_to_all(&mut self.connections, subscribers, joined, &mut self.gone);
            joined.clear();
        }
    }

    fn forget_gone(&mut self) {
        while let Some(id) = self.gone.pop() {
            // Dropping the stream closes it and takes it from the event loop.
            let Some(connection) = self.connections[id as usize].take() else {
                continue;
            };
            self.free.push(id);
            if let Role::Subscriber(topic) = connection.role {
                let subscribers = &mut self.topics[topic as usize].subscribers;
                if let Some(place) = subscribers.iter().position(|it| *it == id) {
                    subscribers.swap_remove(place);
                }
            }
        }
    }
}

impl Connection {
    /// Writes bytes, or keeps what the socket does not take until it says that it takes more.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            return self.keep(bytes);
        }
        match self.stream.write(bytes) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Ok(sent) => {
                self.keep(&bytes[sent..])?;
                // Nobody tells us that there is space as long as the socket has not said that there is none.
                self.flush()
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.keep(bytes),
            Err(error) => Err(error),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.len() + bytes.len() > MOST_UNSENT_BYTES {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(some) => sent += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if sent == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..sent);
        }
        Ok(())
    }

    /// Throws away what a subscriber says; an error when it is gone.
    fn ignore(&mut self) -> io::Result<()> {
        let mut buffer = [0; MOST_HEAD_BYTES];
        while read_some(&mut self.stream, &mut buffer)?.is_some() {}
        Ok(())
    }
}

/// Reads what is there; `None` for nothing at the moment, an error for the end.
fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number that a path `/sub/TOPIC` ends with.
fn topic_of(path: &[u8]) -> Option<u32> {
    let name = path.strip_prefix(b"/sub/")?;
    let letters = name
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let number = std::str::from_utf8(&name[letters..]).ok()?.parse().ok()?;
    (number < MOST_TOPICS).then_some(number)
}

fn write_to_all(connections: &mut [Option<Connection>], ids: &[u32], bytes: &[u8], gone: &mut Vec<u32>) {
    for id in ids {
        if let Some(connection) = &mut connections[*id as usize]
            && connection.send(bytes).is_err()
        {
            gone.push(*id);
        }
    }
}
