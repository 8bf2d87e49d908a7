//! The task that owns the feed: it follows the topics that are wanted, hands what arrives to their states, does what
//! these ask for, and says how fresh each topic is.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use nexus_protocol::{ChannelStatus, FeedState, Gap, Symbol, Timestamp, Topic};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::clock::Moment;
use super::freshness::{Flow, Freshness, SourceState, judge};
use super::info::InfoError;
use super::link::Event;
use super::links::{LineState, Links, News};
use super::session::Told;
use super::topics::{Effect, Fetch, Streams};
use super::wire::info::Context;
use super::wire::{Source, WireBook, WireCandle, WireTrade};
use super::{HyperliquidConfig, Shared, Verdict};
use crate::broker::Broker;
use crate::content::Content;
use crate::feeds::LinkReport;
use crate::feeds::demand::Word;

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

/// What came back over HTTP.
enum Answer {
    Trades {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        trades: Result<Vec<WireTrade>, InfoError>,
    },
    Book {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        book: Result<Option<WireBook>, InfoError>,
    },
    Candles {
        fetch: Fetch,
        coin: Symbol,
        round: u64,
        candles: Result<Vec<WireCandle>, InfoError>,
    },
    Catalog(Result<(), InfoError>),
    Contexts(Vec<BTreeMap<Symbol, Context>>),
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

    fn handle_demand(&mut self) {
        let now = self.now();
        for (topic, word) in self.shared.demand.take() {
            match word {
                Word::Wanted => self.follow(topic, now),
                Word::Unwanted => {
                    if let Some(followed) = self.followed.get_mut(&topic) {
                        followed.until = Some(now + LINGER);
                    }
                }
            }
        }
    }

    fn follow(&mut self, topic: Topic, now: Moment) {
        if let Some(followed) = self.followed.get_mut(&topic) {
            followed.until = None;
            return;
        }
        self.dormant.remove(&topic);
        let effects = self.streams.open(&topic, now);
        let followed = Followed {
            sources: Vec::new(),
            gate: Gate::Waiting,
            until: None,
            told: None,
        };
        self.followed.insert(topic.clone(), followed);
        self.effects.extend(effects);
        if matches!(topic, Topic::Prices(_)) {
            self.contexts = self.contexts.at_latest(now);
        }
        self.pass_gate(&topic, now);
        self.touched.insert(topic);
    }

    /// Lets a topic through to the exchange if the exchange has what it names.
    fn pass_gate(&mut self, topic: &Topic, now: Moment) {
        let verdict = self.shared.catalog.verdict(topic);
        let is_complete = self.shared.catalog.directory().is_complete();
        let is_whole_board = matches!(topic, Topic::Prices(None));
        if is_whole_board {
            self.streams.list(&self.shared.catalog.directory());
        }
        let Some(followed) = self.followed.get_mut(topic) else {
            return;
        };
        followed.gate = match verdict {
            // Which markets stand on it is not known yet.
            Verdict::Fine if is_whole_board && !is_complete => Gate::Waiting,
            Verdict::Fine => Gate::Open,
            Verdict::Refused(refusal) => Gate::Shut(refusal.message),
            Verdict::Unknown(refusal) if is_complete => Gate::Shut(refusal.message),
            Verdict::Unknown(_) => Gate::Waiting,
        };
        if followed.gate != Gate::Open {
            return;
        }
        if let Topic::Candles(symbol, interval) = topic
            && self.shared.catalog.is_delisted(symbol)
        {
            followed.gate = Gate::Delisted(symbol.clone());
            // The archive is all there is.
            let source = Source::Candles {
                coin: symbol.clone(),
                interval: *interval,
            };
            self.streams.handle_subscribed(&source, now);
            return;
        }
        followed.sources = Streams::sources(topic);
        for source in followed.sources.clone() {
            self.sources
                .entry(source.clone())
                .or_default()
                .topics
                .insert(topic.clone());
            self.links.want(source, now);
        }
    }

    /// Ceases to follow topics that nobody came back to, and forgets the past of those that slept too long.
    async fn close_deserted(&mut self, now: Moment) {
        let is_over = |followed: &Followed| followed.until.is_some_and(|until| until <= now);
        let over: Vec<Topic> = self
            .followed
            .iter()
            .filter(|(_, it)| is_over(it))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in over {
            let Some(followed) = self.followed.remove(&topic) else {
                continue;
            };
            let news = followed
                .sources
                .iter()
                .filter_map(|source| self.sources.get(source)?.news)
                .min();
            for source in followed.sources {
                let Some(its) = self.sources.get_mut(&source) else {
                    continue;
                };
                its.topics.remove(&topic);
                if its.topics.is_empty() {
                    self.sources.remove(&source);
                    self.links.unwant(&source, now);
                    self.streams.handle_lost(&source);
                }
            }
            self.streams.close(&topic);
            self.touched.remove(&topic);
            let asleep = Freshness {
                state: FeedState::Stale,
                reason: Some("nobody listened for a while".to_owned()),
                news,
            };
            let status = self.status(asleep);
            self.broker.set_status(&topic, status).await;
            match topic {
                Topic::Trades(_) | Topic::Candles(..) => {
                    self.dormant.insert(topic, now + DORMANT);
                }
                // An old price or book must not greet who comes next.
                _ => self.broker.forget(&topic).await,
            }
        }
        let forgotten: Vec<Topic> = self
            .dormant
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in forgotten {
            self.dormant.remove(&topic);
            self.streams.forget(&topic);
            self.broker.forget(&topic).await;
        }
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
                    (Source::Trades { .. } | Source::Candles { .. }, _) => Flow::Flowing,
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
                let effects = self.streams.handle_news(news, wall.as_millis(), now);
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

    fn handle_answer(&mut self, answer: Answer) {
        let now = self.now();
        let effects = match answer {
            Answer::Trades {
                fetch,
                coin,
                round,
                trades,
            } => {
                self.asking.remove(&fetch);
                self.touch_all(&[Source::Trades { coin: coin.clone() }]);
                self.streams.handle_trades(&coin, round, noted(trades), now)
            }
            Answer::Book {
                fetch,
                coin,
                round,
                book,
            } => {
                self.asking.remove(&fetch);
                self.touch_all(&[Source::Book {
                    coin: coin.clone(),
                    pace: super::wire::BookPace::Full,
                }]);
                self.streams.handle_book(&coin, round, noted(book), now)
            }
            Answer::Candles {
                fetch,
                coin,
                round,
                candles,
            } => {
                let Fetch::Candles { interval, .. } = fetch else {
                    return;
                };
                self.asking.remove(&fetch);
                self.touched.insert(Topic::Candles(coin.clone(), interval));
                self.streams
                    .handle_candles(&coin, interval, round, noted(candles), now)
            }
            Answer::Catalog(read) => {
                self.handle_catalog(read, now);
                Vec::new()
            }
            Answer::Contexts(contexts) => {
                for contexts in contexts {
                    self.streams.handle_contexts(contexts, now);
                }
                self.streams.list(&self.shared.catalog.directory());
                self.contexts = Reading::Due(now + CONTEXTS_EVERY);
                Vec::new()
            }
        };
        self.effects.extend(effects);
        self.streams_due = Some(now);
    }

    fn handle_catalog(&mut self, read: Result<(), InfoError>, now: Moment) {
        let wait = match noted(read) {
            Some(()) => {
                self.catalog_backoff.reset();
                CATALOG_EVERY
            }
            None => Duration::from_secs(1) + self.catalog_backoff.next(&mut self.rng),
        };
        self.catalog = Reading::Due(now + wait);
        self.streams.list(&self.shared.catalog.directory());
        let waiting = |gate: &Gate| matches!(gate, Gate::Waiting | Gate::Shut(_));
        let waiting: Vec<Topic> = self
            .followed
            .iter()
            .filter(|(_, it)| waiting(&it.gate))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in waiting {
            self.pass_gate(&topic, now);
            self.touched.insert(topic);
        }
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

    fn fetch(&mut self, fetch: Fetch) {
        if !self.asking.insert(fetch.clone()) {
            return;
        }
        let info = self.shared.info.clone();
        // Generous at the end: our clock may be behind the exchange's.
        let end = self.shared.clock.exchange_millis().saturating_add(24 * 3_600_000);
        self.ask(async move {
            match fetch.clone() {
                Fetch::Trades { coin, round } => Answer::Trades {
                    fetch,
                    coin: coin.clone(),
                    round,
                    trades: info.trades(coin).await,
                },
                Fetch::Book { coin, round } => Answer::Book {
                    fetch,
                    coin: coin.clone(),
                    round,
                    book: info.book(coin).await,
                },
                Fetch::Candles {
                    coin,
                    interval,
                    from,
                    round,
                } => {
                    let candles = info.candles(coin.clone(), interval, from, end).await;
                    Answer::Candles {
                        fetch,
                        coin,
                        round,
                        candles,
                    }
                }
            }
        });
    }

    /// Asks in a task of its own, a few at a time; the answer comes back to this one.
    fn ask(&self, question: impl Future<Output = Answer> + Send + 'static) {
        let (questions, answers) = (Arc::clone(&self.questions), self.answers_tx.clone());
        self.tracker.spawn(async move {
            let Ok(_permit) = questions.acquire().await else {
                return;
            };
            let answer = tokio::select! {
                answer = question => answer,
                () = answers.closed() => return,
            };
            // Fails when the engine has ended: then nobody wants to know.
            let _ = answers.send(answer).await;
        });
    }

    /// Says how fresh those topics are whose freshness changed.
    async fn tell_freshness(&mut self) {
        for topic in std::mem::take(&mut self.touched) {
            let Some(followed) = self.followed.get(&topic) else {
                continue;
            };
            let freshness = self.freshness(&topic, followed);
            if followed
                .told
                .as_ref()
                .is_some_and(|told| told.state == freshness.state && told.reason == freshness.reason)
            {
                continue;
            }
            let status = self.status(freshness);
            self.broker.set_status(&topic, status.clone()).await;
            if let Some(followed) = self.followed.get_mut(&topic) {
                followed.told = Some(status);
            }
        }
    }

    fn freshness(&self, topic: &Topic, followed: &Followed) -> Freshness {
        match &followed.gate {
            Gate::Waiting => {
                let is_down = self.catalog_backoff.failures() > 0;
                Freshness {
                    state: if is_down {
                        FeedState::Down
                    } else {
                        FeedState::Resyncing
                    },
                    reason: is_down.then(|| "the exchange cannot be asked which markets it has".to_owned()),
                    news: None,
                }
            }
            Gate::Shut(reason) => Freshness {
                state: FeedState::Down,
                reason: Some(reason.clone()),
                news: None,
            },
            Gate::Delisted(symbol) => {
                let last = match topic {
                    Topic::Candles(symbol, interval) => self.streams.last_bar(symbol, *interval),
                    _ => None,
                };
                Freshness {
                    state: FeedState::Stale,
                    reason: Some(format!(
                        "{symbol} was taken off the exchange; these are its last bars"
                    )),
                    news: last.map(Timestamp::from_millis),
                }
            }
            Gate::Open => {
                let state = |source: &Source| {
                    let (flow, news) = self
                        .sources
                        .get(source)
                        .map_or((Flow::Off, None), |its| (its.flow, its.news));
                    SourceState {
                        line: self.links.state(source),
                        flow,
                        news,
                    }
                };
                let sources: Vec<SourceState> = followed.sources.iter().map(state).collect();
                judge(&sources, self.streams.is_current(topic))
            }
        }
    }

    fn status(&self, freshness: Freshness) -> ChannelStatus {
        let mut status = ChannelStatus::new(freshness.state, freshness.news.unwrap_or_else(wall));
        status.reason = freshness.reason;
        status.simulated = self.config.simulated;
        status
    }

    fn report(&mut self, now: Moment) {
        if now.since(self.reported) < REPORT_EVERY && self.reported > Moment::START {
            return;
        }
        self.reported = now;
        let counts = self.links.counts();
        let (requests, failed_requests) = self.shared.info.counts();
        let mut state = LinkReport::Idle;
        let mut reason = None;
        for line in self.links.states() {
            let (its, why) = match line {
                LineState::Up => (LinkReport::Up, None),
                LineState::New => (LinkReport::Connecting, None),
                LineState::Lost(why) => (LinkReport::Connecting, Some(why.clone())),
                LineState::Silent => (
                    LinkReport::Down,
                    Some("nothing comes from the exchange".to_owned()),
                ),
                LineState::Down(why) => (LinkReport::Down, Some(why.clone())),
                LineState::Apart(_) => continue,
            };
            let rank = |state: LinkReport| match state {
                LinkReport::Idle => 0,
                LinkReport::Up => 1,
                LinkReport::Connecting => 2,
                LinkReport::Down => 3,
            };
            if rank(its) >= rank(state) {
                (state, reason) = (its, why);
            }
        }
        let mut report = self.shared.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.state = state;
        report.reason = reason;
        report.connections = self.links.connections();
        report.subscriptions = self.links.subscriptions();
        report.topics = self.followed.len();
        report.last_message = self.last_message;
        report.counts = crate::feeds::FeedCounts {
            frames: counts.frames,
            unknown_frames: counts.unknown,
            garbled_frames: counts.garbled,
            binary_frames: counts.binary,
            stray_frames: counts.stray,
            error_frames: counts.complaints,
            unsound_books: self.streams.unsound_books(),
            connects: counts.opened,
            losses: counts.lost,
            requests,
            failed_requests,
            gaps: self.gaps,
            quarantined: self.links.quarantined(),
            unpublished: self.unpublished,
        };
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

/// What came, or a note in the log about why not.
fn noted<T>(answer: Result<T, InfoError>) -> Option<T> {
    answer
        .inspect_err(|error| tracing::debug!(%error, "a question to the exchange was not answered"))
        .ok()
}
