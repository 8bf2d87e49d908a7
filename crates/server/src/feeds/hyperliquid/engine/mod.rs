//! The task that owns the feed: it follows the topics that are wanted, hands what arrives to their states, does what
//! these ask for, and says how fresh each topic is.

mod demand;
mod questions;
mod report;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nexus_protocol::{ChannelStatus, FeedState, Gap, Symbol, Timestamp, Topic};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::questions::{Answer, noted};
use crate::broker::Broker;
use crate::content::Content;
use crate::feeds::hyperliquid::backoff::Backoff;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::freshness::{Flow, Freshness};
use crate::feeds::hyperliquid::link::Event;
use crate::feeds::hyperliquid::links::{Links, News};
use crate::feeds::hyperliquid::session::Told;
use crate::feeds::hyperliquid::topics::{Effect, Fetch, Streams};
use crate::feeds::hyperliquid::wire::Source;
use crate::feeds::hyperliquid::{HyperliquidConfig, Shared};

/// A topic is followed for so long after its last subscriber left, so that flapping does no harm.
const LINGER: Duration = Duration::from_secs(10);
/// The past of trades and candles is kept for so long after that, to be continued.
const DORMANT: Duration = Duration::from_secs(60);
/// How often the day's change and volume are read while somebody looks at prices. The subscriptions that carry them are
/// not documented well enough; two questions every 20 s are a tenth of the weight that the exchange gives.
const CONTEXTS_EVERY: Duration = Duration::from_secs(20);
/// How often the directory of markets is read.
const CATALOG_EVERY: Duration = Duration::from_secs(600);
/// Between two attempts to read it.
const CATALOG_BACKOFF: Backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(60));
/// The broker must take a publication within this (on the machine's clock).
const PUBLISH_WITHIN: Duration = Duration::from_secs(5);
/// How often the report is renewed.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Events of links that wait. Full means: links are not read.
const EVENTS: usize = 256;
/// Answers that wait. Full means: those who asked wait.
const ANSWERS: usize = 64;
/// Questions that are on their way at a time.
const QUESTIONS: usize = 8;

/// The task that owns the feed.
pub(super) struct Engine {
    config: HyperliquidConfig,
    broker: Broker,
    shared: Arc<Shared>,
    tracker: TaskTracker,
    links: Links,
    events: mpsc::Receiver<Event>,
    answers: mpsc::Receiver<Answer>,
    answers_tx: mpsc::Sender<Answer>,
    questions: Arc<Semaphore>,
    streams: Streams,
    followed: HashMap<Topic, Followed>,
    /// Topics that are not followed any more, but whose past may still be continued.
    dormant: HashMap<Topic, Moment>,
    sources: HashMap<Source, SourceUse>,
    /// Topics whose freshness may have changed.
    touched: HashSet<Topic>,
    /// What the states asked for and was not done yet.
    effects: VecDeque<Effect>,
    asking: HashSet<Fetch>,
    /// When the states want to be polled.
    streams_due: Option<Moment>,
    catalog: Reading,
    catalog_backoff: Backoff,
    contexts: Reading,
    reported: Moment,
    last_message: Option<Timestamp>,
    gaps: u64,
    unpublished: u64,
    rng: fastrand::Rng,
}

/// Something that is read again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// At this moment.
    Due(Moment),
    /// Being read.
    Asked,
}

/// One topic that is followed.
#[derive(Debug)]
struct Followed {
    /// Empty until the directory is known, and where the exchange sends nothing any more.
    sources: Vec<Source>,
    gate: Gate,
    /// When it ceases to be followed, if nobody comes back.
    until: Option<Moment>,
    /// What subscribers were told last.
    told: Option<ChannelStatus>,
}

/// Whether a topic is let through to the exchange.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Gate {
    /// Not before the directory is known.
    Waiting,
    /// It is.
    Open,
    /// The market was taken off: there is a past, and no news.
    Delisted(Symbol),
    /// The exchange does not have it.
    Shut(String),
}

#[derive(Debug, Default)]
struct SourceUse {
    topics: HashSet<Topic>,
    flow: Flow,
    news: Option<Timestamp>,
}

impl Engine {
    /// Nothing is followed yet.
    pub(super) fn new(
        config: HyperliquidConfig,
        broker: Broker,
        shared: Arc<Shared>,
        tracker: TaskTracker,
    ) -> Self {
        let (events_tx, events) = mpsc::channel(EVENTS);
        let (answers_tx, answers) = mpsc::channel(ANSWERS);
        let seed = config.seed.unwrap_or_else(|| fastrand::u64(..));
        let ws = config.endpoints.ws.clone();
        Engine {
            links: Links::new(ws, seed, shared.clock, events_tx, tracker.clone()),
            config,
            broker,
            shared,
            tracker,
            events,
            answers,
            answers_tx,
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            streams: Streams::new(),
            followed: HashMap::new(),
            dormant: HashMap::new(),
            sources: HashMap::new(),
            touched: HashSet::new(),
            effects: VecDeque::new(),
            asking: HashSet::new(),
            streams_due: None,
            catalog: Reading::Due(Moment::START),
            catalog_backoff: CATALOG_BACKOFF,
            contexts: Reading::Due(Moment::START),
            reported: Moment::START,
            last_message: None,
            gaps: 0,
            unpublished: 0,
            rng: fastrand::Rng::with_seed(!seed),
        }
    }

    /// Follows what is wanted until told to end.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let shared = Arc::clone(&self.shared);
        loop {
            let wake = self.settle().await.map(|moment| shared.clock.instant(moment));
            let sleep = async {
                match wake {
                    Some(wake) => sleep_until(wake).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = shared.demand.changed() => self.handle_demand(),
                Some(answer) = self.answers.recv() => self.handle_answer(answer),
                Some(event) = self.events.recv() => self.links.handle(event, self.now()),
                () = sleep => {}
            }
        }
        tracing::info!("the feed of the exchange ended");
    }

    /// Does everything that can be done now; gives when there will be something again.
    async fn settle(&mut self) -> Option<Moment> {
        let links_wake = loop {
            match self.links.poll(self.now()) {
                News::Source(told) => self.handle_told(told),
                News::Line(sources) => self.touch_all(&sources),
                News::Lost(sources) => self.handle_lost(&sources),
                News::Doubtful(sources) => self.handle_doubt(&sources),
                News::Wait(wake) => break wake,
            }
            // In order: what was published must not wait behind what comes after it.
            self.perform().await;
        };
        let now = self.now();
        self.keep_house(now);
        self.close_deserted(now).await;
        if self.streams_due.is_some_and(|due| due <= now) {
            let (effects, touched) = self.streams.poll(self.shared.clock.exchange_millis(), now);
            self.effects.extend(effects);
            self.touched.extend(touched);
        }
        self.perform().await;
        self.tell_freshness().await;
        self.report(now);
        self.streams_due = self.streams.next_wake();
        let until = self.followed.values().filter_map(|followed| followed.until);
        let dormant = self.dormant.values().copied();
        let catalog = self.catalog.due();
        let contexts = self.contexts.due().filter(|_| self.looks_at_prices());
        let others = [links_wake, self.streams_due, catalog, contexts]
            .into_iter()
            .flatten();
        until.chain(dormant).chain(others).min()
    }

    fn handle_told(&mut self, told: Told) {
        let now = self.now();
        match told {
            Told::Subscribed(source) => {
                let Some(its) = self.sources.get_mut(&source) else {
                    return;
                };
                its.flow = match (&source, its.flow) {
                    // They speak only when something happens, so silence is no sign.
                    (
                        Source::Trades { .. }
                        | Source::Candles { .. }
                        | Source::Fills { .. }
                        | Source::Orders { .. }
                        | Source::OpenOrders { .. }
                        | Source::Perps { .. }
                        | Source::Balances { .. },
                        _,
                    ) => Flow::Flowing,
                    (Source::Mids { .. } | Source::Book { .. }, Flow::Off) => Flow::Subscribed,
                    (Source::Mids { .. } | Source::Book { .. }, flow) => flow,
                };
                if its.flow == Flow::Flowing {
                    its.news.get_or_insert_with(wall);
                }
                self.streams.handle_subscribed(&source, now);
                self.touch_all(&[source]);
            }
            Told::News(source, news) => {
                let wall = wall();
                let Some(its) = self.sources.get_mut(&source) else {
                    return;
                };
                its.news = Some(wall);
                self.last_message = Some(wall);
                its.flow = Flow::Flowing;
                let effects = if source.user().is_some() {
                    let millis = self.shared.clock.exchange_millis();
                    self.streams.handle_account_news(news, millis, now)
                } else {
                    self.streams.handle_news(news, wall.as_millis(), now)
                };
                self.effects.extend(effects);
                self.touch_all(&[source]);
            }
            Told::Quiet(source) => {
                tracing::warn!(source.name = ?source, "the exchange stopped sending a source; it is subscribed anew");
                if let Some(its) = self.sources.get_mut(&source) {
                    its.flow = Flow::Quiet;
                }
                self.touch_all(&[source]);
            }
            // The links keep the others to themselves.
            Told::Up
            | Told::Lost(_)
            | Told::Unreachable(_)
            | Told::NoTrades
            | Told::Silent
            | Told::Heard
            | Told::Doubtful
            | Told::Proven(_)
            | Told::Accused(_)
            | Told::Refused(..) => {}
        }
        self.streams_due = Some(now);
    }

    fn handle_lost(&mut self, sources: &[Source]) {
        for source in sources {
            self.streams.handle_lost(source);
            if let Some(its) = self.sources.get_mut(source) {
                its.flow = Flow::Off;
            }
        }
        self.touch_all(sources);
        self.streams_due = Some(self.now());
    }

    fn handle_doubt(&mut self, sources: &[Source]) {
        let now = self.now();
        for source in sources {
            self.streams.handle_doubt(source, now);
        }
        self.touch_all(sources);
        self.streams_due = Some(now);
    }

    /// Reads what is to be read from time to time.
    fn keep_house(&mut self, now: Moment) {
        if self.catalog.is_due(now) {
            self.catalog = Reading::Asked;
            let catalog = self.shared.catalog.clone();
            self.ask(async move { Answer::Catalog(catalog.read(CATALOG_EVERY / 2).await) });
        }
        if self.contexts.is_due(now) && self.looks_at_prices() {
            self.contexts = Reading::Asked;
            let catalog = self.shared.catalog.clone();
            let dexes = self.streams.dexes();
            self.ask(async move {
                let mut contexts = Vec::new();
                for dex in dexes {
                    contexts.extend(noted(catalog.read_contexts(&dex).await));
                    if dex.is_empty() {
                        contexts.extend(noted(catalog.read_spot_contexts().await));
                    }
                }
                Answer::Contexts(contexts)
            });
        }
    }

    /// Does what the states asked for, in order.
    async fn perform(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Publish(topic, content) => self.publish(&topic, content).await,
                Effect::Forget(topic) => self.broker.forget(&topic).await,
                Effect::Renew(source) => {
                    tracing::warn!(source.name = ?source, "the exchange did not send everything; subscribing anew");
                    self.links.renew(&source);
                }
                Effect::Gap(topic, gap) => {
                    self.gaps += 1;
                    let mut status = self.status(Freshness {
                        state: FeedState::Gap,
                        reason: None,
                        news: None,
                    });
                    status.gap = Some(Gap::Source {
                        from: gap.from,
                        to: gap.to,
                    });
                    self.broker.set_status(&topic, status).await;
                }
                Effect::Fetch(fetch) => self.fetch(fetch),
            }
        }
    }

    async fn publish(&mut self, topic: &Topic, content: Content) {
        if !self.followed.contains_key(topic) {
            return;
        }
        match timeout(PUBLISH_WITHIN, self.broker.publish(topic, content, wall())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                self.unpublished += 1;
                tracing::warn!(channel.name = topic.channel(), %error, "a publication was not taken");
            }
            Err(_) => {
                self.unpublished += 1;
                tracing::error!(channel.name = topic.channel(), "the broker takes no publications");
            }
        }
    }

    fn touch_all(&mut self, sources: &[Source]) {
        for source in sources {
            if let Some(its) = self.sources.get(source) {
                self.touched.extend(its.topics.iter().cloned());
            }
        }
    }

    fn looks_at_prices(&self) -> bool {
        self.followed
            .keys()
            .any(|topic| matches!(topic, Topic::Prices(_)))
    }

    fn now(&self) -> Moment {
        self.shared.clock.now()
    }
}

impl Reading {
    fn due(self) -> Option<Moment> {
        match self {
            Reading::Due(at) => Some(at),
            Reading::Asked => None,
        }
    }

    fn is_due(self, now: Moment) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    fn at_latest(self, at: Moment) -> Self {
        match self {
            Reading::Due(due) => Reading::Due(due.min(at)),
            Reading::Asked => Reading::Asked,
        }
    }
}

/// The wall clock.
fn wall() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
