//! What every door, connection and command needs: the hub, the broker, the feeds, the rules. Made once, shared by all.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use nexus_protocol::{Offset, Topic};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::activity::Activity;
use crate::auth::{ChannelPattern, Permissions, Verifier};
use crate::broker::Broker;
use crate::command_desk::CommandDesk;
use crate::connections::Connections;
use crate::devices::Devices;
use crate::doors::addresses::{Addresses, Network};
use crate::doors::api::Callers;
use crate::doors::origin::Origins;
use crate::drain::Drain;
use crate::encoded::Compressor;
use crate::engine::Engine;
use crate::feeds::{FeedCounts, FeedReport, Feeds, LinkReport};
use crate::hub::Hub;
use crate::idempotency::Idempotency;
use crate::limits::ClientLimits;
use crate::metrics::{FeedStanding, Metrics, Standing};
use crate::namespaces::Namespaces;
use crate::presence::Presence;
use crate::revocations::Revocations;

/// What every door, connection and command needs.
#[derive(Debug)]
pub struct Gateway {
    /// What one client may do.
    pub limits: ClientLimits,
    /// Compresses frames for connections that take them so, if anything does.
    pub compressor: Option<Compressor>,
    /// Checks tokens.
    pub verifier: Verifier,
    /// What was revoked.
    pub revocations: Revocations,
    /// What each may do.
    pub permissions: Permissions,
    /// What the channels of namespaces keep, and who may do what on them.
    pub namespaces: Arc<Namespaces>,
    /// Which pages may connect.
    pub origins: Origins,
    /// Proxies whose word about their clients is believed.
    pub trusted_proxies: Vec<Network>,
    /// How often each address connects.
    pub addresses: Addresses,
    /// How often each caller of the HTTP API asks.
    pub callers: Callers,
    /// The dashboard's files, if they are served.
    pub web_dir: Option<PathBuf>,
    /// Who listens.
    pub hub: Hub,
    /// What was published.
    pub broker: Broker,
    /// Who is on which topic.
    pub presence: Presence,
    /// Which devices are connected.
    pub devices: Devices,
    /// Orders to them.
    pub desk: CommandDesk,
    /// Commands that want a confirmation.
    pub dangerous_commands: Vec<ChannelPattern>,
    /// What stands on `tasks` and `ai`.
    pub activity: Activity,
    /// Which publications are repeats.
    pub idempotency: Idempotency,
    /// Where the market comes from.
    pub feeds: Feeds,
    /// Who is connected.
    pub connections: Connections,
    /// Who serves them.
    pub engine: Engine,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the planned end has begun.
    pub drain: Drain,
    /// Every task of a connection, so that the end can wait for them.
    pub tasks: TaskTracker,
    /// When the server started.
    pub started: Instant,
}

/// A topic that somebody listens to or that has a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicStanding {
    /// The topic.
    pub topic: Topic,
    /// How many listen on this node.
    pub subscribers: usize,
    /// The offset of its last publication.
    pub offset: Offset,
}

impl Gateway {
    /// Every topic that somebody listens to or that has a history, by its canonical text.
    pub fn topics(&self) -> BTreeMap<String, TopicStanding> {
        let mut all: BTreeMap<String, TopicStanding> = BTreeMap::new();
        for (topic, offset) in self.broker.offsets() {
            let standing = TopicStanding {
                topic,
                subscribers: 0,
                offset,
            };
            all.insert(standing.topic.to_string(), standing);
        }
        for (topic, subscribers) in self.hub.audiences() {
            let standing = all.entry(topic.to_string()).or_insert(TopicStanding {
                topic,
                subscribers,
                offset: Offset::ZERO,
            });
            standing.subscribers = subscribers;
        }
        all
    }

    /// What stands now, for `/health` and `/metrics`.
    pub fn standing(&self) -> Standing {
        Standing {
            connections: self.connections.len() as u64,
            subscriptions: self.hub.seats(),
            devices: self.devices.connected() as u64,
            commands_open: self.desk.open() as u64,
            topics: self.broker.topics() as u64,
            topics_wanted: self.hub.topics_wanted() as u64,
            waiting_bytes: self.connections.waiting() as u64,
            history_bytes: self.broker.held() as u64,
            store: self.broker.store(),
            compressed: self.compressor.as_ref().map(Compressor::compressed),
            feeds: self.feeds.report().iter().map(standing).collect(),
        }
    }
}

fn standing(feed: &FeedReport) -> FeedStanding {
    let FeedCounts {
        frames,
        unknown_frames,
        garbled_frames,
        binary_frames,
        stray_frames,
        error_frames,
        unsound_books,
        connects,
        losses,
        requests,
        failed_requests,
        gaps,
        quarantined,
        unpublished,
    } = feed.counts;
    FeedStanding {
        name: feed.name,
        is_up: matches!(feed.state, LinkReport::Idle | LinkReport::Up),
        connections: feed.connections as u64,
        subscriptions: feed.subscriptions as u64,
        events: vec![
            ("frames", frames),
            ("unknown_frames", unknown_frames),
            ("garbled_frames", garbled_frames),
            ("binary_frames", binary_frames),
            ("stray_frames", stray_frames),
            ("error_frames", error_frames),
            ("unsound_books", unsound_books),
            ("connects", connects),
            ("losses", losses),
            ("requests", requests),
            ("failed_requests", failed_requests),
            ("gaps", gaps),
            ("quarantined", quarantined),
            ("unpublished", unpublished),
        ],
    }
}
