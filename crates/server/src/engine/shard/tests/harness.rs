//! The world of these tests: a server's gateway, shards that turn when they are told to, and clients that read when they want.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use mio::Events;
use nexus_protocol::msgpack::{Bounds, unpack};
use nexus_protocol::{ChannelName, ChannelStatus, Params, Topic};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};

use super::super::*;
use crate::Server;
use crate::clock::wall_clock;
use crate::config::{Config, Settings};
use crate::connection::Entrance;
use crate::connection::dialect::Dialect;
use crate::content::Content;
use crate::encoded::{WireClass, WireText};
use crate::gateway::Gateway;
use crate::mailbox::{Mailbox, waker};

/// What the kernel keeps on both sides of a slow socket; it takes the least that it knows.
const SMALL: u32 = 2_048;

/// A server whose shards turn when they are told to.
pub(super) struct World {
    pub(super) gateway: Arc<Gateway>,
    pub(super) shards: Vec<Driven>,
    /// Hands out sockets behind which little fits.
    listener: TcpListener,
    _server: Server,
}

/// A shard, and who drives it.
pub(super) struct Driven {
    pub(super) shard: Shard,
    events: Events,
}

/// A client that says and hears JSON, however its frames are written.
pub(super) struct Caller {
    stream: std::net::TcpStream,
    inflate: Inflate,
    unread: Vec<u8>,
    asked: u64,
}

pub(super) fn topic(channel: &str) -> Topic {
    let name = ChannelName::parse(channel).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}

pub(super) fn settings() -> Settings {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("nexus-shards-{}-{number}", std::process::id()));
    Settings::default()
        .with("data_dir", directory.display())
        .with("anonymous", "room:*,events")
        .with("exempt_loopback", true)
        .with("store", false)
        .with("messages_per_minute", 1_000_000)
        .with("compression_from_bytes", 64)
}

/// How a client's frames may be written.
pub(super) const CLASSES: [WireClass; 4] = [
    class(WireText::Json, false),
    class(WireText::Msgpack, false),
    class(WireText::Json, true),
    class(WireText::Msgpack, true),
];

const fn class(text: WireText, deflated: bool) -> WireClass {
    WireClass { text, deflated }
}

impl World {
    pub(super) async fn start(settings: Settings, shards: usize) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::new(Config::from_settings(settings).unwrap(), server).unwrap();
        let gateway = server.gateway();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SMALL).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let drive = |_| Driven::start(&gateway);
        World {
            shards: (0..shards).map(drive).collect(),
            listener: socket.listen(64).unwrap(),
            gateway,
            _server: server,
        }
    }

    /// A client of one of the shards, which has not been greeted yet.
    pub(super) async fn connect(&self, shard: usize, class: WireClass) -> Caller {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SMALL).unwrap();
        let stream = socket.connect(self.listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = self.listener.accept().await.unwrap();
        ours.set_nodelay(true).unwrap();
        let dialect = match class.text {
            WireText::Json => Dialect::Native,
            WireText::Msgpack => Dialect::Msgpack,
            WireText::Classic => panic!("these clients do not speak it"),
        };
        let arrival = Arrival {
            gateway: Arc::clone(&self.gateway),
            stream: ours.into_std().unwrap(),
            read: Bytes::new(),
            entrance: Ok(Entrance {
                dialect,
                class,
                identity: None,
                tracked: self.gateway.tasks.token(),
            }),
        };
        self.shards[shard]
            .shard
            .door
            .arrivals
            .lock()
            .unwrap()
            .push(arrival);
        stream.set_nodelay(true).unwrap();
        Caller {
            stream: stream.into_std().unwrap(),
            inflate: Inflate::new(),
            unread: Vec::new(),
            asked: 0,
        }
    }

    /// Lets all shards do what there is to do now.
    pub(super) fn turn(&mut self) {
        for _ in 0..4 {
            self.shards.iter_mut().for_each(Driven::turn);
        }
    }

    pub(super) async fn publish(&self, topic: &Topic, payload: &Value) -> u64 {
        let content = Content::Whole(payload.to_string().into());
        let published = self.gateway.broker.publish(topic, content, wall_clock()).await;
        published.unwrap().offset.0
    }

    pub(super) async fn set_status(&self, topic: &Topic, status: ChannelStatus) {
        self.gateway.broker.set_status(topic, status).await;
    }

    /// Nothing is left of anybody.
    pub(super) fn assert_empty(&self) {
        assert_eq!(self.gateway.hub.seats(), 0, "seats of the hub");
        assert_eq!(self.gateway.hub.topics_wanted(), 0);
        assert_eq!(self.gateway.connections.len(), 0);
        for Driven { shard, .. } in &self.shards {
            let audiences = &shard.audiences;
            assert!(audiences.seats.is_empty() && audiences.by_id.is_empty(), "seats");
            assert!(
                audiences.by_topic.is_empty() && audiences.audiences.is_empty(),
                "audiences"
            );
            assert!(audiences.due.is_empty() && audiences.unsettled.is_empty());
            assert!(audiences.held.is_empty(), "nobody waits for a throttle");
        }
    }

    /// Says who is in no cohort, and which there are.
    pub(super) fn show_strays(&mut self) {
        for Driven { shard, .. } in &mut self.shards {
            for (_, audience) in &shard.audiences.audiences {
                println!("{} is at {:?}", audience.topic, audience.newest);
                for (_, cohort) in &audience.cohorts {
                    println!("    {cohort:?}");
                }
                for number in &audience.strays {
                    let seat = shard.audiences.seats[*number as usize];
                    if let Some(connection) = shard.clients.served(seat.connection.slot) {
                        println!("    {seat:?} {:?}", connection.outbox());
                    }
                }
            }
        }
    }

    /// How many of a topic's subscribers are in step, on all shards.
    pub(super) fn members(&self, topic: &Topic) -> usize {
        let members = |driven: &Driven| {
            let audiences = &driven.shard.audiences;
            let Some(key) = audiences.by_topic.get(topic) else {
                return 0;
            };
            let cohorts = audiences.audiences[*key].cohorts.iter();
            cohorts.map(|(_, cohort)| cohort.members.len()).sum()
        };
        self.shards.iter().map(members).sum()
    }
}

impl Driven {
    fn start(gateway: &Gateway) -> Self {
        let poll = Poll::new().unwrap();
        let door = Arc::new(Door {
            mailbox: Arc::new(Mailbox::new(
                waker(&poll).unwrap(),
                Arc::clone(gateway.hub.crowd()),
            )),
            arrivals: Default::default(),
            load: Default::default(),
            is_closed: Default::default(),
        });
        Driven {
            shard: Shard::new(poll, door, Runtime::current()),
            events: Events::with_capacity(EVENTS),
        }
    }

    /// As after a panic.
    pub(super) fn begin_anew(&mut self) {
        self.shard.begin_anew();
    }

    pub(super) fn turn(&mut self) {
        self.turn_within(Duration::ZERO);
    }

    /// The same, if something happens within a millisecond.
    pub(super) fn wait(&mut self) {
        self.turn_within(Duration::from_millis(1));
    }

    fn turn_within(&mut self, wait: Duration) {
        let Driven { shard, events } = self;
        shard.poll.poll(events, Some(wait)).unwrap();
        shard.door.mailbox.woke_up();
        for event in &*events {
            shard.note_ready(event);
        }
        shard.turn(Instant::now());
    }

    /// Whether nothing waits for anybody, but for a throttle.
    pub(super) fn is_quiet(&mut self) -> bool {
        let shard = &mut self.shard;
        let is_empty = shard.door.mailbox.may_sleep();
        shard.door.mailbox.woke_up();
        let mut is_quiet = is_empty && !shard.clients.has_called();
        for slot in 0.. {
            let Some(place) = shard.clients.at(slot) else {
                break;
            };
            match &mut place.client {
                None => {}
                Some(Client::Served(connection)) => is_quiet &= connection.wire().waiting() == 0,
                Some(Client::Departing(_)) => is_quiet = false,
            }
        }
        is_quiet
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.shard.door.mailbox
    }
}

impl Caller {
    /// Asks, and says under which id.
    pub(super) fn ask(&mut self, is_packed: bool, kind: &str, payload: &Value) -> String {
        self.asked += 1;
        let id = format!("q{}", self.asked);
        let text = json!({"type": kind, "id": id, "payload": payload}).to_string();
        let (first, bytes) = match is_packed {
            true => (0x82, nexus_protocol::msgpack::pack(&text).unwrap()),
            false => (0x81, text.into_bytes()),
        };
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut frame = vec![first, 0x80 | 126];
        frame.extend_from_slice(&length);
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&bytes);
        let _ = self.stream.write_all(&frame);
        id
    }

    /// Everything that has come; none if the connection ended.
    pub(super) fn read(&mut self) -> Option<Vec<Value>> {
        let mut buffer = [0; 16 * 1024];
        let mut has_ended = false;
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => has_ended = true,
                Ok(read) => {
                    self.unread.extend_from_slice(&buffer[..read]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => has_ended = true,
            }
            break;
        }
        let mut messages = Vec::new();
        while let Some((first, payload)) = self.take_frame() {
            let bytes = match first & 0x40 {
                0 => payload,
                _ => {
                    let mut inflated = Vec::new();
                    self.inflate.message(&payload, 1 << 24, &mut inflated).unwrap();
                    inflated
                }
            };
            let text = match first & 0x0f {
                1 => String::from_utf8(bytes).unwrap(),
                2 => {
                    let bounds = Bounds {
                        bytes: 1 << 24,
                        depth: 64,
                    };
                    unpack(&bytes, bounds).unwrap()
                }
                8 => return None,
                _ => continue,
            };
            messages.push(serde_json::from_str(&text).unwrap());
        }
        (!has_ended).then_some(messages)
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte))
        };
        let (head, length) = match *self.unread.get(1)? {
            126 => (4, number(self.unread.get(2..4)?)),
            127 => (10, number(self.unread.get(2..10)?)),
            short => (2, usize::from(short)),
        };
        let payload = self.unread.get(head..head + length)?.to_vec();
        let first = self.unread[0];
        self.unread.drain(..head + length);
        Some((first, payload))
    }
}
