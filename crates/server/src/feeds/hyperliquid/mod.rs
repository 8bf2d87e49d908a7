//! The feed of the Hyperliquid exchange: prices, order books, trades and candles; orders, fills and worth of accounts.
//!
//! Promises: one subscription at the exchange for all viewers; nothing lost, repeated or out of order without being
//! declared; never live while old; never more than the exchange allows one address. Must never pass a number of the
//! exchange through a float, and nothing that arrives may panic it.
//!
//! Reading order: `wire` (what frames say), `session` (one link as a state machine), `link` (its driver), `links` (all of
//! them), `topics` (what becomes of the news), `catalog` (which markets there are), `engine` (the task that owns it all).

mod accounts;
mod address;
mod budget;
mod catalog;
mod directory;
mod engine;
mod freshness;
mod info;
mod link;
mod links;
mod number;
mod pauses;
mod session;
mod topics;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_protocol::{
    Candle, Candles, ErrorCode, HistoryItem, Interval, Json, Refusal, Symbol, Timestamp, Topic, UserId,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::accounts::{Accounts, user_of};
use self::budget::MAX_SUBSCRIPTIONS;
use self::catalog::{Catalog, UNKNOWN_AT_MOST_EVERY};
use self::directory::Listing;
use self::engine::Engine;
use self::info::Info;
use crate::broker::Broker;
use crate::feeds::clock::Clock;
use crate::feeds::demand::{DemandBoard, Word};
use crate::feeds::endpoints::{Endpoints, EndpointsError};
use crate::feeds::{FeedCounts, FeedReport, LinkReport, backoff, clock};

/// Whether a market exists is found out within this, or not at all.
const CHECK_WITHIN: Duration = Duration::from_secs(5);
/// The most bars of one page of the archive. The exchange keeps 5000.
const MOST_BARS: u32 = 1_000;
/// A page of a market that is rarely traded reaches back further, in so many steps.
const PAGE_STEPS: u32 = 3;

/// What the feed is started with.
#[derive(Clone, Debug)]
pub struct HyperliquidConfig {
    /// Where the exchange is.
    pub endpoints: Endpoints,
    /// Whether it is a stand-in; said in every status.
    pub simulated: bool,
    /// How many of the feed's seconds pass in one of the machine's: 1, but for tests.
    pub speed: f64,
    /// The exchange's time at the start, in Unix milliseconds, where it is not the machine's: for tests.
    pub start: Option<u64>,
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
    accounts: Accounts,
    catalog: Catalog,
    info: Info,
    clock: Clock,
    /// Protects the last report.
    report: Mutex<FeedReport>,
}

/// The feed could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for the exchange could not be built")]
pub struct StartError(#[from] reqwest::Error);

impl HyperliquidConfig {
    /// The settings for an exchange at a base address.
    ///
    /// # Errors
    /// If it is no such address.
    pub fn new(base: &str) -> Result<Self, EndpointsError> {
        Ok(HyperliquidConfig {
            endpoints: Endpoints::from_base(base, "/info", "https://api.hyperliquid.xyz")?,
            simulated: false,
            speed: 1.0,
            start: None,
            seed: None,
        })
    }
}

/// Starts the feed in tasks of `tracker`. It connects when something is wanted, and ends when `cancel` says so.
///
/// # Errors
/// If the HTTP client cannot be built.
pub fn start(
    config: HyperliquidConfig,
    broker: Broker,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> Result<Handle, StartError> {
    // Harmless where the process has chosen already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let clock = Clock::new(config.start, config.speed);
    let info = Info::new(config.endpoints.http.clone(), clock)?;
    let report = FeedReport {
        name: "hyperliquid",
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
        accounts: Accounts::default(),
        catalog: Catalog::new(info.clone(), clock),
        info,
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
        self.shared.accounts.hold(topic);
        self.shared.demand.say(topic, Word::Wanted);
    }

    /// Nobody does any more.
    pub(super) fn unwant(&self, topic: &Topic) {
        self.shared.demand.say(topic, Word::Unwanted);
    }

    /// Binds a user to the address that their token names.
    pub(super) fn bind(&self, user: &UserId, address: &str) -> Result<(), Refusal> {
        self.shared.accounts.bind(user, address)
    }

    /// How the feed is.
    pub(super) fn report(&self) -> FeedReport {
        self.shared
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the exchange has every market that a topic names.
    pub(super) async fn check(&self, topic: &Topic) -> Result<(), Refusal> {
        if self.report().subscriptions >= MAX_SUBSCRIPTIONS {
            let message = "this server follows as many markets as the exchange allows; try again later";
            return Err(Refusal::new(ErrorCode::UpstreamDown, message).retry_after_ms(60_000));
        }
        if let Some(user) = user_of(topic) {
            return self.shared.accounts.check(user);
        }
        match self.shared.catalog.verdict(topic) {
            Verdict::Fine => return Ok(()),
            Verdict::Refused(refusal) => return Err(refusal),
            Verdict::Unknown(_) => {}
        }
        // It may be new, or nothing was read yet. Why reading failed shows in the verdict.
        let reading = self.shared.catalog.read(UNKNOWN_AT_MOST_EVERY);
        let _ = tokio::time::timeout(self.shared.clock.deadline(CHECK_WITHIN), reading).await;
        match self.shared.catalog.verdict(topic) {
            Verdict::Fine => Ok(()),
            Verdict::Refused(refusal) | Verdict::Unknown(refusal) => Err(refusal),
        }
    }

    /// Bars before a time.
    pub(super) async fn older(
        &self,
        topic: &Topic,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryItem>, Refusal> {
        let Topic::Candles(symbol, interval) = topic else {
            let message = format!("the exchange keeps no archive of `{}`", topic.channel());
            return Err(Refusal::new(ErrorCode::InvalidParams, message));
        };
        self.check(topic).await?;
        let bars = self
            .bars_before(symbol, *interval, before, limit.min(MOST_BARS))
            .await?;
        let item = |bar: Candle| {
            let timestamp = Timestamp::from_millis(bar.time);
            let page = Candles {
                symbol: symbol.clone(),
                interval: *interval,
                candles: vec![bar],
            };
            Some(HistoryItem {
                offset: None,
                timestamp,
                from: None,
                payload: Json::of(&page)?,
            })
        };
        Ok(bars.into_iter().filter_map(item).collect())
    }

    async fn bars_before(
        &self,
        symbol: &Symbol,
        interval: Interval,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Candle>, Refusal> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut span = interval.millis().saturating_mul(u64::from(limit));
        let mut bars = Vec::new();
        if limit == 0 {
            return Ok(bars);
        }
        let Some(end) = before.as_millis().checked_sub(1) else {
            return Ok(bars);
        };
        for _ in 0..PAGE_STEPS {
            let start = end.saturating_sub(span);
            let found = self
                .shared
                .info
                .candles(symbol.clone(), interval, start, end)
                .await
                .map_err(|error| {
                    Refusal::new(ErrorCode::UpstreamDown, error.to_string()).retry_after_ms(5_000)
                })?;
            bars = found
                .into_iter()
                .map(Candle::from)
                .filter(|bar| bar.time <= end)
                .collect();
            if bars.len() >= wanted || start == 0 {
                break;
            }
            // Bars in which nobody traded are left out.
            span = span.saturating_mul(8);
        }
        let surplus = bars.len().saturating_sub(wanted);
        bars.drain(..surplus);
        Ok(bars)
    }
}

/// Whether a topic can be followed.
#[derive(Clone, PartialEq, Debug)]
enum Verdict {
    /// It can.
    Fine,
    /// It names a market that is not known (yet): what to say if it stays so.
    Unknown(Refusal),
    /// It names a market that was taken off.
    Refused(Refusal),
}

impl Catalog {
    fn verdict(&self, topic: &Topic) -> Verdict {
        let symbols: Vec<&Symbol> = match topic {
            Topic::Prices(Some(symbols)) => symbols.iter().collect(),
            Topic::OrderBook(symbol, _) | Topic::Trades(symbol) | Topic::Candles(symbol, _) => vec![symbol],
            _ => Vec::new(),
        };
        let directory = self.directory();
        for symbol in symbols {
            match directory.find(symbol) {
                Some(Listing::Traded) => {}
                Some(Listing::Delisted) if matches!(topic, Topic::Candles(..)) => {}
                Some(Listing::Delisted) => {
                    let message =
                        format!("`{symbol}` was taken off the exchange; only its candles are served");
                    return Verdict::Refused(Refusal::new(ErrorCode::InvalidParams, message));
                }
                None if directory.is_complete() => {
                    let hints = directory.hints(symbol);
                    let mut message = format!("the exchange has no market `{symbol}`");
                    for (place, hint) in hints.iter().enumerate() {
                        let before = if place == 0 { "; did you mean" } else { " or" };
                        message.push_str(&format!("{before} `{hint}`"));
                    }
                    if !hints.is_empty() {
                        message.push('?');
                    }
                    return Verdict::Unknown(Refusal::new(ErrorCode::InvalidParams, message));
                }
                None => {
                    let message = "the exchange cannot be asked which markets it has; try again soon";
                    return Verdict::Unknown(
                        Refusal::new(ErrorCode::UpstreamDown, message).retry_after_ms(5_000),
                    );
                }
            }
        }
        Verdict::Fine
    }

    /// Whether a market was taken off.
    fn is_delisted(&self, symbol: &Symbol) -> bool {
        self.directory().find(symbol) == Some(Listing::Delisted)
    }
}
