//! The feed of a Linera node: the notifications of its chains.
//!
//! Promises: one subscription a chain for all viewers; every block once and in the order of heights, or named as missing;
//! never live while old. Notifications are hints only: after every (re)connect, at every jump and every half minute the
//! chain itself is asked where it is. Nothing that arrives may panic it.
//!
//! Reading order: `wire` (what messages say), `session` (the link as a state machine), `series` (one chain's blocks in
//! order), `link` and `node` (their drivers: WebSocket and HTTP), `directory` (which chains there are), `engine` (the task
//! that owns it all).

mod directory;
mod engine;
mod link;
mod node;
mod series;
mod session;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_protocol::{ChainId, ErrorCode, Refusal, Topic};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::directory::{Directory, Verdict};
use self::engine::Engine;
use self::node::Node;
use crate::broker::Broker;
use crate::feeds::clock::Clock;
use crate::feeds::demand::{DemandBoard, Word};
use crate::feeds::endpoints::{Endpoints, EndpointsError};
use crate::feeds::{FeedCounts, FeedReport, LinkReport};

/// Which chains there are is found out within this, or not at all.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// What the feed is started with.
#[derive(Clone, Debug)]
pub struct LineraConfig {
    /// Where the node is.
    pub endpoints: Endpoints,
    /// Whether it is a stand-in; said in every status.
    pub simulated: bool,
    /// How many of the feed's seconds pass in one of the machine's: 1, but for tests.
    pub speed: f64,
    /// Jitter follows from it; drawn if absent.
    pub seed: Option<u64>,
}

/// A running feed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What the feed's task and its handles share.
#[derive(Debug)]
struct Shared {
    demand: DemandBoard,
    directory: Directory,
    node: Node,
    clock: Clock,
    /// Protects the last report.
    report: Mutex<FeedReport>,
}

/// The feed could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for the chain node could not be built")]
pub struct StartError(#[from] reqwest::Error);

impl LineraConfig {
    /// The settings for a node at a base address.
    ///
    /// # Errors
    /// If it is no such address.
    pub fn new(base: &str) -> Result<Self, EndpointsError> {
        Ok(LineraConfig {
            endpoints: Endpoints::from_base(base, "/", "http://127.0.0.1:8081")?,
            simulated: false,
            speed: 1.0,
            seed: None,
        })
    }
}

/// Starts the feed in tasks of `tracker`. It connects when something is wanted, and ends when `cancel` says so.
///
/// # Errors
/// If the HTTP client cannot be built.
pub fn start(
    config: LineraConfig,
    broker: Broker,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> Result<Handle, StartError> {
    // Harmless where the process has chosen already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let clock = Clock::new(None, config.speed);
    let node = Node::new(config.endpoints.http.clone(), clock)?;
    let report = FeedReport {
        name: "linera",
        simulated: config.simulated,
        state: LinkReport::Idle,
        reason: None,
        connections: 0,
        subscriptions: 0,
        topics: 0,
        last_message: None,
        counts: FeedCounts::default(),
    };
    let shared = Arc::new(Shared {
        demand: DemandBoard::default(),
        directory: Directory::new(node.clone(), clock),
        node,
        clock,
        report: Mutex::new(report),
    });
    let engine = Engine::new(config, broker, Arc::clone(&shared), tracker.clone());
    tracker.spawn(engine.run(cancel));
    Ok(Handle { shared })
}

impl Handle {
    /// Somebody listens to a topic.
    pub(super) fn want(&self, topic: &Topic) {
        self.shared.demand.say(topic, Word::Wanted);
    }

    /// Nobody does any more.
    pub(super) fn unwant(&self, topic: &Topic) {
        self.shared.demand.say(topic, Word::Unwanted);
    }

    /// How the feed is.
    pub(super) fn report(&self) -> FeedReport {
        self.shared
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the node follows a chain.
    pub(super) async fn check(&self, chain: &ChainId) -> Result<(), Refusal> {
        if !wire::is_chain_id(chain.as_str()) {
            let message = "`chain_id` has 64 hexadecimal digits, in lower case";
            return Err(Refusal::new(ErrorCode::InvalidParams, message));
        }
        let finding = self.shared.directory.find(chain);
        let verdict = tokio::time::timeout(self.shared.clock.deadline(CHECK_WITHIN), finding).await;
        match verdict.unwrap_or_else(|_| Verdict::Unanswered("the node did not answer in time".to_owned())) {
            Verdict::Followed => Ok(()),
            Verdict::Unknown => Err(Refusal::new(
                ErrorCode::InvalidParams,
                "this node does not follow that chain",
            )),
            Verdict::Unanswered(reason) => Err(unanswered(&reason)),
        }
    }

    /// The chains that the node follows, and which of them is its default.
    pub(super) async fn chains(&self) -> Result<Vec<(ChainId, bool)>, Refusal> {
        let reading = self.shared.directory.all();
        let read = tokio::time::timeout(self.shared.clock.deadline(CHECK_WITHIN), reading).await;
        read.unwrap_or_else(|_| Err("the node did not answer in time".to_owned()))
            .map_err(|reason| unanswered(&reason))
    }
}

fn unanswered(reason: &str) -> Refusal {
    let message = format!("the chain node cannot be asked which chains it follows: {reason}");
    Refusal::new(ErrorCode::UpstreamDown, message).retry_after_ms(5_000)
}
