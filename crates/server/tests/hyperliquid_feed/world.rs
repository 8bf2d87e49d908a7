//! A stand-in exchange, a broker and the feed between them, and viewers who see what subscribers would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{
    Book, Candle, Candles, ChannelName, ChannelStatus, FeedState, Params, Price, Prices, Symbol, Topic,
    Trade, TradeGap, Trades,
};
use nexus_server::broker::{Begin, Broker, BrokerLimits, Embedded, First};
use nexus_server::feeds::hyperliquid::{HyperliquidConfig, start};
use nexus_server::feeds::{FeedReport, Feeds};
use nexus_server::hub::{Demand, Hub, Seat};
use nexus_server::outbox::{Outbox, Policy, Work};
use nexus_standin::exchange::{Config, Exchange, ExchangeHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Nothing in these tests takes so long on the wall's clock, unless it does not happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much faster than the wall everybody lives.
pub(crate) const SPEED: f64 = 20.0;

/// A stand-in exchange, a broker and the feed between them.
pub(crate) struct World {
    pub(crate) exchange: ExchangeHandle,
    pub(crate) feeds: Feeds,
    hub: Hub,
    broker: Broker,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

/// Somebody who listens to a topic and notes everything.
pub(crate) struct Viewer {
    pub(crate) topic: Topic,
    pub(crate) payloads: Vec<String>,
    pub(crate) statuses: Vec<ChannelStatus>,
    outbox: Arc<Outbox>,
    _seat: Seat,
}

impl World {
    /// Starts everything at the given speed.
    pub(crate) async fn at_speed(speed: f64) -> Self {
        Self::with(Config {
            speed,
            ..Config::small()
        })
        .await
    }

    /// Starts everything at the usual speed.
    pub(crate) async fn new() -> Self {
        Self::at_speed(SPEED).await
    }

    /// Starts everything, with an exchange of these settings.
    pub(crate) async fn with(config: Config) -> Self {
        let speed = config.speed;
        let exchange = Exchange::start(config).await.unwrap();
        let hub = Hub::default();
        let broker = Broker::Embedded(Embedded::new(hub.clone(), BrokerLimits::default()));
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        let config = HyperliquidConfig {
            speed,
            start: Some(u64::try_from(exchange.clock().now()).unwrap()),
            simulated: true,
            seed: Some(11),
            ..HyperliquidConfig::new(&exchange.url()).unwrap()
        };
        let handle = start(config, broker.clone(), &tracker, cancel.clone()).unwrap();
        let feeds = Feeds::none().with_hyperliquid(handle);
        let demand = feeds.clone();
        hub.on_demand(Box::new(move |what| match what {
            Demand::Wanted(topic) => demand.want(&topic),
            Demand::Unwanted(topic) => demand.unwant(&topic),
        }));
        World {
            exchange,
            feeds,
            hub,
            broker,
            cancel,
            tracker,
        }
    }

    /// Subscribes, as a command would: checked first, then seated.
    pub(crate) async fn watch(&self, channel: &str, params: &str) -> Viewer {
        let topic = topic(channel, params);
        self.feeds.check(&topic).await.unwrap();
        self.watch_unchecked(topic).await
    }

    /// Takes a seat for whatever topic.
    pub(crate) async fn watch_unchecked(&self, topic: Topic) -> Viewer {
        let outbox = Arc::new(Outbox::new(usize::MAX >> 1));
        let lane = outbox.open(&topic, Policy::Every);
        let seat = self.hub.take_seat(&topic, &outbox, lane);
        let joined = self.broker.join(&topic, Begin::Live).await.unwrap();
        outbox.start(lane, joined.position, None, None);
        let statuses = joined
            .status
            .iter()
            .map(|status| ChannelStatus::clone(status))
            .collect();
        Viewer {
            topic,
            payloads: Vec::new(),
            statuses,
            outbox,
            _seat: seat,
        }
    }

    /// What a fresh subscriber of a topic is sent first.
    pub(crate) async fn first(&self, topic: &Topic) -> Option<First> {
        self.broker.join(topic, Begin::Fresh).await.unwrap().first
    }

    /// What a fresh subscriber gets as one push.
    pub(crate) async fn snapshot(&self, topic: &Topic) -> Option<String> {
        let joined = self.broker.join(topic, Begin::Live).await.unwrap();
        let of = nexus_server::broker::PageOf {
            after: nexus_protocol::Offset(0),
            until: None,
            before: None,
            limit: 1,
            reverse: true,
        };
        drop(joined);
        let page = self.broker.page(topic, of).await?;
        page.publications
            .first()
            .map(|publication| publication.payload().to_owned())
    }

    /// Waits until the feed's report satisfies a condition.
    pub(crate) async fn report_until(
        &self,
        what: &str,
        mut is_so: impl FnMut(&FeedReport) -> bool,
    ) -> FeedReport {
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

    /// Waits until the exchange sees a condition come true.
    pub(crate) async fn exchange_until(
        &self,
        what: &str,
        condition: impl FnMut(&nexus_standin::exchange::Observation) -> bool,
    ) -> nexus_standin::exchange::Observation {
        match tokio::time::timeout(PATIENCE, self.exchange.until(condition)).await {
            Ok(observation) => observation,
            Err(_) => panic!("{what} never came true: {:#?}", self.exchange.observe()),
        }
    }

    /// Lets a stretch of the exchange's time pass.
    pub(crate) async fn pass(&self, stretch: Duration) {
        tokio::time::sleep(self.exchange.clock().wall(stretch)).await;
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
            let changed = self.outbox.changed();
            if tokio::time::timeout_at(end, changed).await.is_err() {
                self.note();
                let last = self
                    .payloads
                    .last()
                    .map(|payload| &payload[..payload.len().min(300)]);
                let told = self.statuses.iter().map(|it| (it.state, it.reason.as_deref()));
                panic!(
                    "{}: {what} never came true. {} payloads, last {last:?}, told {:?}",
                    self.topic,
                    self.payloads.len(),
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

    /// Notes what came until it is in this state.
    pub(crate) async fn until_state(&mut self, state: FeedState) {
        self.until(&format!("{state:?}"), |viewer| viewer.state() == Some(state))
            .await;
    }

    /// Notes what came until one of these states was told, after the first `told` statuses.
    pub(crate) async fn until_told_since(&mut self, told: usize, states: &[FeedState]) {
        let what = format!("told one of {states:?}");
        self.until(&what, |viewer| {
            viewer.statuses[told..]
                .iter()
                .any(|status| states.contains(&status.state))
        })
        .await;
    }

    /// Notes what came until so many more payloads did.
    pub(crate) async fn until_more(&mut self, count: usize) {
        let enough = self.payloads.len() + count;
        self.until(&format!("{enough} payloads"), |viewer| {
            viewer.payloads.len() >= enough
        })
        .await;
    }

    /// Notes what came.
    pub(crate) fn note(&mut self) {
        while let Some(work) = self.outbox.next(Instant::now()) {
            match work {
                Work::Publication(publication) => self.payloads.push(publication.payload().to_owned()),
                Work::Status(_, status) => self.statuses.push(ChannelStatus::clone(&status)),
                Work::Merged(_) | Work::CatchUp(_) | Work::Presence(_) | Work::Note(_) | Work::Overrun => {
                    panic!("a viewer without bounds misses nothing: {work:?}")
                }
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

    /// The gaps that were announced.
    pub(crate) fn gaps(&self) -> Vec<&ChannelStatus> {
        self.statuses
            .iter()
            .filter(|status| status.state == FeedState::Gap)
            .collect()
    }

    /// All prices, as they are now.
    pub(crate) fn prices(&self) -> BTreeMap<Symbol, Price> {
        let mut all = Prices::new();
        for payload in &self.payloads {
            all.extend(serde_json::from_str::<Prices>(payload).unwrap());
        }
        all
    }

    /// All books.
    pub(crate) fn books(&self) -> Vec<Book> {
        self.payloads
            .iter()
            .map(|payload| serde_json::from_str(payload).unwrap())
            .collect()
    }

    /// All trades, with the gap before each where one was declared.
    pub(crate) fn trades(&self) -> Vec<(Option<TradeGap>, Trade)> {
        let mut all = Vec::new();
        for payload in &self.payloads {
            let Trades { trades, mut gap, .. } = serde_json::from_str(payload).unwrap();
            all.extend(trades.into_iter().map(|trade| (gap.take(), trade)));
        }
        all
    }

    /// All bars, as they are now.
    pub(crate) fn bars(&self) -> BTreeMap<u64, Candle> {
        let mut all = BTreeMap::new();
        for payload in &self.payloads {
            let page: Candles = serde_json::from_str(payload).unwrap();
            all.extend(page.candles.into_iter().map(|bar| (bar.time, bar)));
        }
        all
    }
}

/// A topic from its channel and params.
pub(crate) fn topic(channel: &str, params: &str) -> Topic {
    let name = ChannelName::parse(channel).unwrap();
    Topic::parse(&name, serde_json::from_str::<Params>(params).unwrap())
        .unwrap()
        .topic
}
