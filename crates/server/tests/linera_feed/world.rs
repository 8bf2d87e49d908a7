//! A stand-in node, a broker and the feed between them, and viewers who see what subscribers would.

use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ChainId, ChainUpdate, ChannelStatus, FeedState, Offset, Topic};
use nexus_server::broker::{Begin, Broker, BrokerLimits, Embedded, PageOf};
use nexus_server::feeds::linera::{LineraConfig, start};
use nexus_server::feeds::{FeedReport, Feeds};
use nexus_server::hub::{Demand, Hub, Seat};
use nexus_server::outbox::{Outbox, Policy, Work};
use nexus_standin::chain::{Block, Chain, ChainHandle, Config, Observation};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Nothing in these tests takes so long on the wall's clock, unless it does not happen at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of the feed's seconds pass in one of the wall's.
const SPEED: f64 = 20.0;

/// A stand-in node, a broker and the feed between them.
pub(crate) struct World {
    pub(crate) node: ChainHandle,
    pub(crate) feeds: Feeds,
    hub: Hub,
    broker: Broker,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

/// Somebody who listens to a chain and notes everything.
pub(crate) struct Viewer {
    place: usize,
    pub(crate) updates: Vec<ChainUpdate>,
    pub(crate) statuses: Vec<ChannelStatus>,
    outbox: Arc<Outbox>,
    _seat: Seat,
}

impl World {
    /// With a node whose chains grow only when told to.
    pub(crate) async fn still() -> Self {
        Self::with(Config::still()).await
    }

    /// With a node of these settings.
    pub(crate) async fn with(config: Config) -> Self {
        Self::at_speed(SPEED, config).await
    }

    /// At the wall's pace: no look of the feed's own comes between a block and its notification.
    pub(crate) async fn at_ease(config: Config) -> Self {
        Self::at_speed(1.0, config).await
    }

    async fn at_speed(speed: f64, config: Config) -> Self {
        let node = Chain::start(config).await.unwrap();
        let hub = Hub::default();
        let broker = Broker::Embedded(Embedded::new(hub.clone(), BrokerLimits::default()));
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = LineraConfig {
            speed,
            simulated: true,
            seed: Some(11),
            ..LineraConfig::new(&node.url()).unwrap()
        };
        let handle = start(config, broker.clone(), &tracker, cancel.clone()).unwrap();
        let feeds = Feeds::none().with_linera(handle);
        let demand = feeds.clone();
        hub.on_demand(Box::new(move |what| match what {
            Demand::Wanted(topic) => demand.want(&topic),
            Demand::Unwanted(topic) => demand.unwant(&topic),
        }));
        World {
            node,
            feeds,
            hub,
            broker,
            cancel,
            tracker,
        }
    }

    /// The topic of a chain, counted from 0.
    pub(crate) fn topic(&self, place: usize) -> Topic {
        topic(&self.node.chains()[place].chain_id)
    }

    /// What the node's chain really is.
    pub(crate) fn truth(&self, place: usize) -> Vec<Block> {
        self.node.chains().swap_remove(place).blocks
    }

    /// Subscribes, as a command would: checked first, then seated.
    pub(crate) async fn watch(&self, place: usize) -> Viewer {
        let topic = self.topic(place);
        self.feeds.check(&topic).await.unwrap();
        let outbox = Arc::new(Outbox::new(usize::MAX >> 1));
        let lane = outbox.open(&topic, Policy::Every);
        let seat = self.hub.take_seat(&topic, &outbox, lane);
        let joined = self.broker.join(&topic, Begin::Live).await.unwrap();
        let offset = joined.position.offset;
        outbox.start(lane, joined.position, None, None);
        let statuses = joined.status.iter().map(|status| ChannelStatus::clone(status));
        let statuses: Vec<ChannelStatus> = statuses.collect();
        // What came before the offset that pushes go on from.
        let updates = self.past(place, offset).await;
        Viewer {
            place,
            updates,
            statuses,
            outbox,
            _seat: seat,
        }
    }

    /// Subscribes, and waits until it is live and the node has taken the subscription, which nothing tells the feed.
    pub(crate) async fn watch_live(&self, place: usize) -> Viewer {
        let mut viewer = self.watch(place).await;
        viewer.until_live().await;
        let chain = self.node.chains().swap_remove(place).chain_id;
        self.node_until("the subscription stands", |node| {
            let mut followed = node.connections.iter().flat_map(|it| it.subscriptions.values());
            followed.any(|id| *id == chain)
        })
        .await;
        viewer
    }

    /// How fresh a chain is said to be to whoever comes now.
    pub(crate) async fn standing(&self, place: usize) -> Option<FeedState> {
        let joined = self.broker.join(&self.topic(place), Begin::Live).await.unwrap();
        joined.status.map(|status| status.state)
    }

    /// What the history of a chain holds, oldest first.
    pub(crate) async fn history(&self, place: usize) -> Vec<ChainUpdate> {
        self.past(place, Offset(u64::MAX)).await
    }

    async fn past(&self, place: usize, up_to: Offset) -> Vec<ChainUpdate> {
        let of = PageOf {
            after: Offset::ZERO,
            until: None,
            before: None,
            limit: 1_000,
            reverse: false,
        };
        let page = self.broker.page(&self.topic(place), of).await;
        let publications = page.map(|page| page.publications).unwrap_or_default();
        let read = |payload: &str| serde_json::from_str(payload).unwrap();
        publications
            .iter()
            .filter(|publication| publication.offset <= up_to)
            .map(|publication| read(publication.payload()))
            .collect()
    }

    /// Waits until the feed's report satisfies a condition.
    pub(crate) async fn report_until(&self, what: &str, is_so: impl Fn(&FeedReport) -> bool) -> FeedReport {
        let end = Instant::now() + PATIENCE;
        loop {
            let report = self.feeds.report().remove(0);
            if is_so(&report) {
                return report;
            }
            assert!(Instant::now() < end, "{what} never came true: {report:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the node sees a condition come true.
    pub(crate) async fn node_until(
        &self,
        what: &str,
        is_so: impl FnMut(&Observation) -> bool,
    ) -> Observation {
        match tokio::time::timeout(PATIENCE, self.node.until(is_so)).await {
            Ok(observation) => observation,
            Err(_) => panic!("{what} never came true: {:#?}", self.node.observe()),
        }
    }

    /// Waits until a viewer has the node's last block and is live, and checks that nothing was left out in silence.
    pub(crate) async fn settle(&self, viewer: &mut Viewer) {
        let place = viewer.place;
        viewer
            .until("has the tip", |viewer| {
                let tip = self.truth(place).last().map(|block| block.hash.clone());
                viewer.state() == Some(FeedState::Live)
                    && viewer.blocks().last().map(|(_, hash)| hash.clone()) == tip
            })
            .await;
        self.assert_right(viewer);
    }

    /// Every block came once, in order and as it is, or was named as missing.
    pub(crate) fn assert_right(&self, viewer: &Viewer) {
        let truth = self.truth(viewer.place);
        let mut expected = None;
        let begin = viewer
            .updates
            .iter()
            .rposition(|update| matches!(update, ChainUpdate::Reset { .. }));
        for update in &viewer.updates[begin.unwrap_or(0)..] {
            match update {
                ChainUpdate::NewBlock { height, hash, .. } => {
                    assert_eq!(height.0, expected.unwrap_or(height.0), "once and in order");
                    expected = height.0.checked_add(1);
                    let real = truth.iter().find(|block| block.height == height.0);
                    assert_eq!(Some(hash), real.map(|block| &block.hash), "block {height}");
                }
                ChainUpdate::Gap { from, to } => {
                    assert_eq!(from.0, expected.unwrap_or(from.0));
                    expected = Some(to.0 + 1);
                }
                _ => {}
            }
        }
        let next = truth.last().map(|last| last.height + 1);
        assert_eq!(expected, next, "up to the tip");
    }

    /// Ends the feed, and waits until nothing of it is left.
    pub(crate) async fn end(self) {
        self.cancel.cancel();
        self.tracker.close();
        tokio::time::timeout(PATIENCE, self.tracker.wait())
            .await
            .expect("every task of the feed ends");
    }
}

impl Viewer {
    /// Notes what came, until a condition comes true.
    pub(crate) async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Viewer) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.note();
            if is_so(self) {
                return;
            }
            // What is waited for may also happen elsewhere than in the outbox.
            let look_again = Instant::now() + Duration::from_millis(50);
            let changed = self.outbox.changed();
            let _ = tokio::time::timeout_at(look_again, changed).await;
            if Instant::now() > end {
                let told = self.statuses.iter().map(|it| (it.state, it.reason.as_deref()));
                panic!(
                    "{what} never came true. {} updates, the last {:?}, told {:?}",
                    self.updates.len(),
                    self.updates.iter().rev().take(3).collect::<Vec<_>>(),
                    told.collect::<Vec<_>>()
                );
            }
        }
    }

    /// Notes what came until it is live.
    pub(crate) async fn until_live(&mut self) {
        self.until("live", |viewer| viewer.state() == Some(FeedState::Live))
            .await;
    }

    /// Notes what came until one of these states was told, after the first `told` statuses.
    pub(crate) async fn until_told_since(&mut self, told: usize, states: &[FeedState]) {
        self.until(&format!("told one of {states:?}"), |viewer| {
            viewer.statuses[told..]
                .iter()
                .any(|status| states.contains(&status.state))
        })
        .await;
    }

    /// Notes what came.
    pub(crate) fn note(&mut self) {
        while let Some(work) = self.outbox.next(Instant::now()) {
            match work {
                Work::Publication(publication) => {
                    self.updates
                        .push(serde_json::from_str(publication.payload()).unwrap());
                }
                Work::Status(_, status) => self.statuses.push(ChannelStatus::clone(&status)),
                other => panic!("a viewer without bounds misses nothing: {other:?}"),
            }
        }
    }

    /// The last state that was told.
    pub(crate) fn state(&self) -> Option<FeedState> {
        self.statuses
            .iter()
            .map(|status| status.state)
            .rfind(|state| *state != FeedState::Gap)
    }

    /// The reasons of all gaps that were told.
    pub(crate) fn gaps(&self) -> Vec<&str> {
        let gaps = self.statuses.iter().filter(|it| it.state == FeedState::Gap);
        gaps.map(|it| it.reason.as_deref().unwrap_or_default()).collect()
    }

    /// Whether some status gave a reason with these words.
    pub(crate) fn was_told(&self, words: &str) -> bool {
        let mut reasons = self.statuses.iter().filter_map(|it| it.reason.as_deref());
        reasons.any(|reason| reason.contains(words))
    }

    /// All blocks: height and hash.
    pub(crate) fn blocks(&self) -> Vec<(u64, String)> {
        let blocks = self.updates.iter().filter_map(|update| match update {
            ChainUpdate::NewBlock { height, hash, .. } => Some((height.0, hash.clone())),
            _ => None,
        });
        blocks.collect()
    }

    /// How many blocks were fetched and not told.
    pub(crate) fn fetched(&self) -> usize {
        let is_fetched =
            |update: &&ChainUpdate| matches!(update, ChainUpdate::NewBlock { fetched: true, .. });
        self.updates.iter().filter(is_fetched).count()
    }
}

/// The topic of a chain.
pub(crate) fn topic(chain_id: &str) -> Topic {
    Topic::Chain(ChainId::parse(chain_id).unwrap())
}
