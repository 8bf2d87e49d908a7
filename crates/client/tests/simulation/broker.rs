//! What the servers of a simulation store: topics with an epoch, offsets and a ring that forgets.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_protocol::{
    ChannelName, Epoch, Json, Offset, Params, Payload, Position, Publication, Timestamp, Topic,
};

/// Several servers may share one broker, as machines behind one Redis do.
pub(crate) struct Broker {
    logs: BTreeMap<String, Log>,
    ring: usize,
    epochs: u64,
}

/// One topic.
pub(crate) struct Log {
    pub(crate) position: Position,
    ring: VecDeque<(Offset, Timestamp)>,
}

impl Broker {
    /// `first_epoch` keeps the epochs of several brokers apart.
    pub(crate) fn new(ring: usize, first_epoch: u64) -> Self {
        Broker {
            logs: BTreeMap::new(),
            ring,
            epochs: first_epoch,
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
}

impl Log {
    fn new(number: u64) -> Self {
        Log {
            position: Position {
                epoch: Epoch::parse(&format!("e{number}")).unwrap(),
                offset: Offset::ZERO,
            },
            ring: VecDeque::new(),
        }
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
    Payload::Json(Json::parse(&format!(r#"{{"is":"{topic} {epoch} {offset}"}}"#)).unwrap())
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
    let name = ChannelName::parse(&format!("room:{number}")).unwrap();
    Topic::parse(&name, Params::default()).unwrap().topic
}
