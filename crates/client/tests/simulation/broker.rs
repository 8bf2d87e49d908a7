//! What the servers of a simulation store: topics with an epoch, offsets, a ring that forgets, what stands for each key,
//! and who else is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_protocol::{
    ChannelName, Epoch, Json, Offset, Params, Payload, Position, Publication, Timestamp, Topic,
};

/// Publications of topics with keys are of this many keys, in turn.
pub(crate) const KEYS: u64 = 3;

/// Several servers may share one broker, as machines behind one Redis do.
pub(crate) struct Broker {
    logs: BTreeMap<String, Log>,
    ring: usize,
    epochs: u64,
    /// By room: who is in it, but for the client.
    pub(crate) others: BTreeMap<String, BTreeSet<String>>,
}

/// One topic.
pub(crate) struct Log {
    pub(crate) position: Position,
    /// The end of the order that this one continues.
    continues: Option<Position>,
    ring: VecDeque<(Offset, Timestamp)>,
}

impl Broker {
    /// `first_epoch` keeps the epochs of several brokers apart.
    pub(crate) fn new(ring: usize, first_epoch: u64) -> Self {
        Broker {
            logs: BTreeMap::new(),
            ring,
            epochs: first_epoch,
            others: BTreeMap::new(),
        }
    }

    pub(crate) fn log(&mut self, topic: &Topic) -> &mut Log {
        let epochs = &mut self.epochs;
        self.logs.entry(topic.to_string()).or_insert_with(|| {
            *epochs += 1;
            Log::new(*epochs)
        })
    }

    pub(crate) fn publish(&mut self, topic: &Topic, now: Duration) {
        let ring = self.ring;
        let log = self.log(topic);
        log.position.offset = log.position.offset.next();
        log.ring.push_back((log.position.offset, wall(now)));
        while log.ring.len() > ring {
            log.ring.pop_front();
        }
    }

    /// Everything is forgotten, as by a restart without durable storage.
    pub(crate) fn forget(&mut self) {
        self.logs.clear();
    }

    /// A crash of durable storage: so many of the last publications were not stored yet, and each order goes on under
    /// another epoch.
    pub(crate) fn crash(&mut self, lost: usize) {
        for log in self.logs.values_mut() {
            for _ in 0..lost.min(log.ring.len()) {
                log.ring.pop_back();
                log.position.offset.0 -= 1;
            }
            self.epochs += 1;
            let end = log.position.clone();
            let root = root(&end.epoch).to_owned();
            log.position.epoch = Epoch::parse(&format!("{root}x{}", self.epochs)).unwrap();
            log.continues = Some(end);
        }
    }
}

impl Log {
    fn new(number: u64) -> Self {
        Log {
            position: Position {
                epoch: Epoch::parse(&format!("e{number}")).unwrap(),
                offset: Offset::ZERO,
            },
            continues: None,
            ring: VecDeque::new(),
        }
    }

    /// Whether everything behind a position can be given.
    pub(crate) fn reaches(&self, from: &Position) -> bool {
        let end = match &self.continues {
            _ if from.epoch == self.position.epoch => self.position.offset,
            Some(end) if from.epoch == end.epoch => end.offset,
            _ => return false,
        };
        from.offset >= self.floor() && from.offset <= end
    }

    /// The newest publication of each key.
    pub(crate) fn standing(&self) -> BTreeMap<u64, Offset> {
        let end = self.position.offset.0;
        (end.saturating_sub(KEYS) + 1..=end)
            .map(|offset| (offset % KEYS, Offset(offset)))
            .collect()
    }

    /// The offset before the oldest publication that is still known.
    pub(crate) fn floor(&self) -> Offset {
        self.ring
            .front()
            .map_or(self.position.offset, |(offset, _)| Offset(offset.0 - 1))
    }

    /// What lies behind an offset.
    pub(crate) fn behind(&self, offset: Offset) -> impl Iterator<Item = (Offset, Timestamp)> {
        self.ring.iter().copied().filter(move |(at, _)| *at > offset)
    }
}

/// The one thing that can have been published there: so that whatever arrives can be compared with what was sent.
pub(crate) fn truth(topic: &Topic, epoch: &Epoch, offset: Offset) -> Payload {
    let root = root(epoch);
    Payload::Json(Json::parse(&format!(r#"{{"is":"{topic} {root} {offset}"}}"#)).unwrap())
}

/// What orders that continue each other have in common.
pub(crate) fn root(epoch: &Epoch) -> &str {
    epoch.as_str().split('x').next().expect("the first part")
}

pub(crate) fn publication(
    topic: &Topic,
    epoch: &Epoch,
    (offset, timestamp): (Offset, Timestamp),
) -> Publication {
    Publication {
        topic: topic.clone(),
        offset,
        snapshot: false,
        conflated: 0,
        timestamp,
        from: None,
        payload: truth(topic, epoch, offset),
    }
}

/// The servers' clock.
pub(crate) fn wall(now: Duration) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + now.as_millis() as u64)
}

pub(crate) fn topic(number: usize) -> Topic {
    match number {
        2 => return Topic::Telemetry,
        5 => return Topic::Tasks,
        _ => {}
    }
    let name = ChannelName::parse(&format!("room:{number}")).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}
