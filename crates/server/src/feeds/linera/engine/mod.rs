//! The task that owns the feed: it follows the chains that are wanted, hands what arrives to their series, asks the node
//! where they are, publishes, and says how fresh each topic is.

mod demand;
mod look;
mod publish;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{ChainId, ChainUpdate, ChannelStatus, Timestamp};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::look::{Answer, Looking};
use super::link::{self, Event, Link, What};
use super::series::{Series, Step};
use super::session::{LinkState, Output, Session, Told};
use super::wire::answers::Block;
use super::{LineraConfig, Shared};
use crate::broker::Broker;
use crate::clock::wall_clock;
use crate::feeds::backoff::Backoff;
use crate::feeds::clock::Moment;

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
