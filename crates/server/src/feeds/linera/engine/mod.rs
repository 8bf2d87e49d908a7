//! The task that owns the feed: it follows the chains that are wanted, hands what arrives to their series, asks the node
//! where they are, publishes, and says how fresh each topic is.

mod publish;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ChainId, ChainUpdate, ChannelStatus, FeedState, Timestamp, Topic};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::report::Freshness;
use super::link::{self, Event, Link, What};
use super::series::{Series, Step, Survey};
use super::session::{LinkState, Output, Session, Told};
use super::wire::answers::Block;
use super::{LineraConfig, Shared};
use crate::broker::Broker;
use crate::clock::wall_clock;
use crate::feeds::backoff::Backoff;
use crate::feeds::clock::Moment;
use crate::feeds::demand::Word;

/// A chain is followed for so long after its last subscriber left, so that flapping does no harm.
const LINGER: Duration = Duration::from_secs(10);
/// Its past is kept for so long after that, to be continued.
const DORMANT: Duration = Duration::from_secs(60);
/// Each chain is looked at so often, whether anything was told or not.
const SURVEY_EVERY: Duration = Duration::from_secs(30);
/// And once more so long after it was subscribed: nothing says when a subscription stands.
const SURVEY_AGAIN: Duration = Duration::from_secs(2);
/// Between two looks at one chain, at least.
const SURVEY_PAUSE: Duration = Duration::from_millis(200);
/// Between looks that did not help.
const SURVEY_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// A look must be over within this.
const SURVEY_WITHIN: Duration = Duration::from_secs(60);
/// Looks that are on their way at a time.
const SURVEYS: usize = 8;
/// The broker must take a publication within this (on the machine's clock).
const PUBLISH_WITHIN: Duration = Duration::from_secs(5);
/// Events of the link that wait. Full means: the link is not read.
const EVENTS: usize = 256;
/// Answers that wait. Full means: those who asked wait.
const ANSWERS: usize = 64;

/// The task that owns the feed.
pub(super) struct Engine {
    config: LineraConfig,
    broker: Broker,
    shared: Arc<Shared>,
    tracker: TaskTracker,
    session: Session,
    link: Option<Link>,
    /// Which opening of the link is the present one.
    opening: u64,
    events_tx: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    answers_tx: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    surveys: Arc<Semaphore>,
    followed: BTreeMap<ChainId, Followed>,
    /// Chains that are not followed any more, but whose past may still be continued.
    dormant: HashMap<ChainId, (Series, Moment)>,
    last_message: Option<Timestamp>,
    gaps: u64,
    untrue: u64,
    unpublished: u64,
    rng: fastrand::Rng,
}

/// One chain that is followed.
#[derive(Debug)]
struct Followed {
    series: Series,
    /// When it ceases to be followed, if nobody comes back.
    until: Option<Moment>,
    survey: Looking,
    retry: Backoff,
    /// Why the last looks failed.
    trouble: Option<String>,
    /// Why the node ended the subscription, since it was sent last.
    refused: Option<(String, u32)>,
    /// When the running subscription was sent.
    subscribed: Option<Moment>,
    /// Whether the chain was looked at since then, and nothing was missing.
    is_surveyed: bool,
    /// When the last proof came that nothing is missing, or the last news.
    news: Option<Timestamp>,
    /// What subscribers were told last.
    told: Option<ChannelStatus>,
}

/// When a chain is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Looking {
    /// Not before the link is up.
    Never,
    /// At this moment.
    Due(Moment),
    /// Being asked since then; once more at that moment, if there is one.
    Asked(Option<Moment>),
}

/// What came of a look at a chain.
struct Answer {
    chain: ChainId,
    found: Result<Survey, String>,
}

impl Engine {
    /// Nothing is followed yet.
    pub(super) fn new(
        config: LineraConfig,
        broker: Broker,
        shared: Arc<Shared>,
        tracker: TaskTracker,
    ) -> Self {
        let (events_tx, events) = mpsc::channel(EVENTS);
        let (answers_tx, answers) = mpsc::channel(ANSWERS);
        let seed = config.seed.unwrap_or_else(|| fastrand::u64(..));
        Engine {
            config,
            broker,
            shared,
            tracker,
            session: Session::new(seed),
            link: None,
            opening: 0,
            events_tx,
            events,
            answers_tx,
            answers,
            surveys: Arc::new(Semaphore::new(SURVEYS)),
            followed: BTreeMap::new(),
            dormant: HashMap::new(),
            last_message: None,
            gaps: 0,
            untrue: 0,
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
                () = shared.demand.changed() => self.handle_demand().await,
                Some(answer) = self.answers.recv() => self.handle_answer(answer).await,
                Some(event) = self.events.recv() => self.handle_event(event),
                () = sleep => {}
            }
        }
        tracing::info!("the feed of the chain node ended");
    }

    /// Does everything that can be done now; gives when there will be something again.
    async fn settle(&mut self) -> Option<Moment> {
        let link_wake = loop {
            match self.session.poll(self.now()) {
                Output::Open => {
                    self.opening += 1;
                    let (clock, tx) = (self.shared.clock, self.events_tx.clone());
                    let url = &self.config.endpoints.ws;
                    self.link = Some(link::open(self.opening, url, clock, tx, &self.tracker));
                }
                Output::Send(text) => {
                    let sent = self.link.as_ref().is_none_or(|link| link.send(text));
                    if !sent {
                        self.link = None;
                        let now = self.now();
                        self.session
                            .handle_ended("the node takes nothing".to_owned(), now);
                    }
                }
                Output::HangUp => self.link = None,
                Output::Told(told) => self.handle_told(told).await,
                Output::Wait(wake) => break wake,
            }
        };
        let now = self.now();
        self.close_deserted(now).await;
        let is_up = self.session.link() == LinkState::Up;
        for chain in self.followed.keys().cloned().collect::<Vec<_>>() {
            if is_up {
                let steps = self.with_series(&chain, |series| series.poll(now));
                self.perform(&chain, steps).await;
            }
            self.look_after(&chain, now);
            self.tell_freshness(&chain).await;
        }
        self.report();
        self.next_wake(is_up, link_wake)
    }

    fn next_wake(&self, is_up: bool, link_wake: Option<Moment>) -> Option<Moment> {
        let chains = self.followed.values().flat_map(|followed| {
            let due = match followed.survey {
                Looking::Due(at) => Some(at),
                Looking::Never | Looking::Asked(_) => None,
            };
            let series = followed.series.next_wake().filter(|_| is_up);
            [followed.until, due.filter(|_| is_up), series]
        });
        let dormant = self.dormant.values().map(|(_, until)| Some(*until));
        chains.chain(dormant).chain([link_wake]).flatten().min()
    }

    fn handle_event(&mut self, event: Event) {
        // What an earlier opening has to say is of no interest.
        if event.opening != self.opening || self.link.is_none() {
            return;
        }
        let now = self.now();
        match event.what {
            What::Opened => self.session.handle_opened(now),
            What::Text(text) => self.session.handle_text(&text, now),
            What::Binary => self.session.handle_binary(now),
            What::Ended(reason) => {
                tracing::info!(reason, "the link to the chain node ended");
                self.link = None;
                self.session.handle_ended(reason, now);
            }
        }
    }

    async fn handle_told(&mut self, told: Told) {
        let now = self.now();
        match told {
            Told::Up => tracing::info!("the chain node took us in"),
            Told::Lost => {
                for followed in self.followed.values_mut() {
                    followed.series.pause();
                    followed.subscribed = None;
                    followed.is_surveyed = false;
                    followed.refused = None;
                    followed.survey = match followed.survey {
                        // Its answer may be of before; what counts is a look after the link is back.
                        Looking::Asked(_) => Looking::Asked(None),
                        Looking::Never | Looking::Due(_) => Looking::Never,
                    };
                }
            }
            Told::Subscribed(chain) => {
                if let Some(followed) = self.followed.get_mut(&chain) {
                    followed.retry.reset();
                    followed.survey.ask(now);
                    followed.subscribed = Some(now);
                    followed.is_surveyed = false;
                }
            }
            Told::Notice(chain, update) => {
                let wall = wall_clock();
                self.last_message = Some(wall);
                if let Some(followed) = self.followed.get_mut(&chain) {
                    followed.news = Some(wall);
                    followed.refused = None;
                    self.handle_notice(&chain, *update, now).await;
                }
            }
            Told::Ended(chain, reason) => {
                tracing::warn!(reason, "a chain's subscription ended; it is tried again");
                if let Some(followed) = self.followed.get_mut(&chain) {
                    let times = followed.refused.as_ref().map_or(0, |(_, times)| *times);
                    followed.refused = Some((reason, times.saturating_add(1)));
                    followed.subscribed = None;
                    followed.is_surveyed = false;
                }
            }
            Told::Doubtful(chain) => {
                if let Some(followed) = self.followed.get_mut(&chain) {
                    followed.survey.ask(now);
                }
            }
            // How the link is shows in the freshness of every chain.
            Told::Doubt => {}
        }
    }

    async fn handle_notice(&mut self, chain: &ChainId, update: ChainUpdate, now: Moment) {
        match update {
            ChainUpdate::NewBlock {
                height,
                hash,
                timestamp_us,
                previous_hash,
                event_streams,
                fetched: _,
            } => {
                let block = Block {
                    height: height.0,
                    hash,
                    previous: previous_hash,
                    timestamp_us,
                    event_streams,
                };
                let steps = self.with_series(chain, |series| series.handle_block(block, now));
                self.perform(chain, steps).await;
            }
            other => self.publish(chain, &other).await,
        }
    }

    async fn handle_answer(&mut self, answer: Answer) {
        let now = self.now();
        let Some(followed) = self.followed.get_mut(&answer.chain) else {
            return;
        };
        let again = match followed.survey {
            Looking::Asked(again) => again,
            // It ceased to be followed meanwhile, and is again.
            Looking::Never | Looking::Due(_) => return,
        };
        let mut next = now + SURVEY_EVERY;
        let mut steps = Vec::new();
        match answer.found {
            Ok(survey) => {
                followed.trouble = survey.flaw.clone();
                let asked = survey.question.asked;
                steps = followed.series.handle_survey(survey, now);
                let wishes = followed.series.take_wish();
                if followed.series.is_whole() {
                    followed.retry.reset();
                    followed.trouble = None;
                    followed.is_surveyed = followed.subscribed.is_some_and(|since| asked >= since);
                    // A refusal would have come by now.
                    if followed
                        .subscribed
                        .is_some_and(|since| asked.since(since) >= SURVEY_AGAIN)
                    {
                        followed.refused = None;
                    }
                    followed.news = Some(wall_clock());
                    if wishes {
                        next = now + SURVEY_AGAIN;
                    }
                } else {
                    next = now + followed.retry.next(&mut self.rng);
                }
            }
            Err(reason) => {
                tracing::debug!(reason, "a look at a chain failed");
                followed.trouble = Some(reason);
                next = now + followed.retry.next(&mut self.rng);
            }
        }
        let next = again
            .map_or(next, |again| next.min(again))
            .max(now + SURVEY_PAUSE);
        let is_up = self.session.link() == LinkState::Up;
        followed.survey = if is_up { Looking::Due(next) } else { Looking::Never };
        self.perform(&answer.chain, steps).await;
    }

    /// Starts the look at a chain that is due.
    fn look_after(&mut self, chain: &ChainId, now: Moment) {
        let is_up = self.session.link() == LinkState::Up;
        let Some(followed) = self.followed.get_mut(chain) else {
            return;
        };
        if followed.series.take_wish() && followed.retry.failures() == 0 {
            followed.survey.ask(now);
        }
        let is_due = matches!(followed.survey, Looking::Due(at) if at <= now);
        if !is_due || !is_up {
            return;
        }
        followed.survey = Looking::Asked(None);
        // Once more, for what fell between the subscription and what it first told.
        if !followed.is_surveyed {
            followed.survey = Looking::Asked(Some(now + SURVEY_AGAIN));
        }
        let question = followed.series.question(now);
        let (node, clock) = (self.shared.node.clone(), self.shared.clock);
        let (surveys, answers) = (Arc::clone(&self.surveys), self.answers_tx.clone());
        let chain = chain.clone();
        self.tracker.spawn(async move {
            let _permit = surveys.acquire().await;
            let survey = node.survey(chain.as_str(), question);
            let found = match timeout(clock.deadline(SURVEY_WITHIN), survey).await {
                Ok(Ok(survey)) => Ok(survey),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the node did not answer in time".to_owned()),
            };
            // Nobody is there any more when the feed has ended.
            let _ = answers.send(Answer { chain, found }).await;
        });
    }

    async fn handle_demand(&mut self) {
        let now = self.now();
        for (topic, word) in self.shared.demand.take() {
            let Topic::Chain(chain) = topic else {
                continue;
            };
            match word {
                Word::Wanted => self.follow(chain, now),
                Word::Unwanted => {
                    if let Some(followed) = self.followed.get_mut(&chain) {
                        followed.until = Some(now + LINGER);
                    }
                }
            }
        }
    }

    fn follow(&mut self, chain: ChainId, now: Moment) {
        if let Some(followed) = self.followed.get_mut(&chain) {
            followed.until = None;
            return;
        }
        let series = self.dormant.remove(&chain).map(|(series, _)| series);
        let followed = Followed {
            series: series.unwrap_or_default(),
            until: None,
            survey: Looking::Never,
            retry: SURVEY_BACKOFF,
            trouble: None,
            refused: None,
            subscribed: None,
            is_surveyed: false,
            news: None,
            told: None,
        };
        self.followed.insert(chain.clone(), followed);
        self.session.want(chain, now);
    }

    /// Ceases to follow chains that nobody came back to, and forgets the past of those that slept too long.
    async fn close_deserted(&mut self, now: Moment) {
        let is_over = |followed: &Followed| followed.until.is_some_and(|until| until <= now);
        let over: Vec<ChainId> = self
            .followed
            .iter()
            .filter(|(_, followed)| is_over(followed))
            .map(|(chain, _)| chain.clone())
            .collect();
        for chain in over {
            let Some(mut followed) = self.followed.remove(&chain) else {
                continue;
            };
            self.session.unwant(&chain);
            followed.series.pause();
            let asleep = Freshness {
                state: FeedState::Stale,
                reason: Some("nobody listened for a while".to_owned()),
                news: followed.news,
            };
            let status = self.status(asleep);
            self.broker.set_status(&Topic::Chain(chain.clone()), status).await;
            self.dormant.insert(chain, (followed.series, now + DORMANT));
        }
        let slept: Vec<ChainId> = self
            .dormant
            .iter()
            .filter(|(_, (_, until))| *until <= now)
            .map(|(chain, _)| chain.clone())
            .collect();
        for chain in slept {
            if let Some((series, _)) = self.dormant.remove(&chain) {
                self.untrue += series.untrue();
            }
            self.broker.forget(&Topic::Chain(chain)).await;
        }
    }

    fn with_series(&mut self, chain: &ChainId, act: impl FnOnce(&mut Series) -> Vec<Step>) -> Vec<Step> {
        match self.followed.get_mut(chain) {
            Some(followed) => act(&mut followed.series),
            None => Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        self.shared.clock.now()
    }
}

impl Looking {
    /// At this moment, or once more if it is being asked.
    fn ask(&mut self, at: Moment) {
        *self = match *self {
            Looking::Never => Looking::Due(at),
            Looking::Due(before) => Looking::Due(before.min(at)),
            Looking::Asked(again) => Looking::Asked(Some(again.map_or(at, |again| again.min(at)))),
        };
    }
}
