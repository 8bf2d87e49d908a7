//! Questions to the exchange over HTTP: `POST /info`, within the weight that the exchange gives, with deadlines, and
//! with a look at status, type and size of an answer before it is read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_protocol::{Interval, Symbol};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::address::Address;
use super::budget::Allowance;
use super::clock::{Clock, Moment};
use super::wire::account::{WireBalances, WireChange, WireFill, WireOrder, WirePerps};
use super::wire::info::{
    Ask, CandleSpan, Markets, Unreadable, read_book, read_candles, read_dexes, read_mids, read_perps,
    read_spot, read_trades,
};
use super::wire::{WireBook, WireCandle, WireTrade};

/// An answer must be complete within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A question waits so long for weight, then fails.
const WAIT_FOR_WEIGHT: Duration = Duration::from_secs(30);
/// How long nothing is asked after the exchange said that it was too much.
const PAUSE_AFTER_TOO_MANY: Duration = Duration::from_secs(10);
/// And at most, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// The largest answer that is read. The largest that the exchange gives (5000 bars) has about 1 MB.
const MAX_BYTES: usize = 16 << 20;

/// Asks the exchange. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    url: String,
    clock: Clock,
    /// Protects what was spent, and until when nothing may be.
    spending: Mutex<Spending>,
}

#[derive(Debug)]
struct Spending {
    weight: Allowance,
    paused_until: Moment,
    requests: u64,
    failures: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InfoError {
    /// Our own budget, or the pause that the exchange asked for.
    #[error("the exchange's request budget is used up")]
    Budget,
    /// It failed a moment ago, and is not tried again so soon.
    #[error("the exchange could not be asked a moment ago")]
    JustFailed,
    /// No connection, or it broke.
    #[error("the exchange cannot be reached over HTTP")]
    Unreachable(#[source] reqwest::Error),
    /// Nothing, or not everything, in time.
    #[error("the exchange did not answer in time")]
    TimedOut,
    /// Another status than 200.
    #[error("the exchange answered with status {0}")]
    Status(StatusCode),
    /// Not what was asked for: HTML while the exchange is being upgraded, for example.
    #[error("the exchange answered with something that is no JSON")]
    NotJson,
    /// Larger than anything that could be right.
    #[error("the exchange's answer is too large")]
    TooBig,
    /// JSON of another shape.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Info {
    /// Asks at `url`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built (no TLS roots).
    pub(crate) fn new(url: String, clock: Clock) -> Result<Self, reqwest::Error> {
        // No proxy: the WebSocket beside it cannot use one either.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(clock.deadline(ANSWER_WITHIN))
            .timeout(clock.deadline(ANSWER_WITHIN))
            .build()?;
        let spending = Spending {
            weight: Allowance::of_http_weight(),
            paused_until: Moment::START,
            requests: 0,
            failures: 0,
        };
        Ok(Info {
            shared: Arc::new(Shared {
                http,
                url,
                clock,
                spending: Mutex::new(spending),
            }),
        })
    }

    /// Perps of a dex with their contexts.
    pub(crate) async fn perps(&self, dex: &str) -> Result<Markets, InfoError> {
        let body = self.ask(&Ask::MetaAndAssetCtxs { dex: dex.to_owned() }).await?;
        Ok(read_perps(&body)?)
    }

    /// Spot markets with their contexts.
    pub(crate) async fn spot(&self) -> Result<Markets, InfoError> {
        let body = self.ask(&Ask::SpotMetaAndAssetCtxs).await?;
        Ok(read_spot(&body)?)
    }

    /// Names of the dexes beside the main one.
    pub(crate) async fn dexes(&self) -> Result<Vec<String>, InfoError> {
        let body = self.ask(&Ask::PerpDexs).await?;
        Ok(read_dexes(&body)?)
    }

    /// Every market that has a mid price, except those of other dexes.
    pub(crate) async fn priced(&self) -> Result<Vec<Symbol>, InfoError> {
        let body = self.ask(&Ask::AllMids).await?;
        Ok(read_mids(&body)?.into_keys().collect())
    }

    /// The latest trades, oldest first.
    pub(crate) async fn trades(&self, coin: Symbol) -> Result<Vec<WireTrade>, InfoError> {
        let body = self.ask(&Ask::RecentTrades { coin }).await?;
        let trades = read_trades(&body)?;
        self.spend_rows(trades.len(), 20);
        Ok(trades)
    }

    /// A book of twenty levels; `None` for a market that the exchange does not have.
    pub(crate) async fn book(&self, coin: Symbol) -> Result<Option<WireBook>, InfoError> {
        let body = self.ask(&Ask::L2Book { coin }).await?;
        Ok(read_book(&body)?)
    }

    /// Bars that opened in a stretch of time (Unix milliseconds, both ends inclusive), oldest first, at most the 5000
    /// latest.
    pub(crate) async fn candles(
        &self,
        coin: Symbol,
        interval: Interval,
        start_time: u64,
        end_time: u64,
    ) -> Result<Vec<WireCandle>, InfoError> {
        let req = CandleSpan {
            coin,
            interval,
            start_time,
            end_time,
        };
        let body = self.ask(&Ask::CandleSnapshot { req }).await?;
        let candles = read_candles(&body)?;
        self.spend_rows(candles.len(), 60);
        Ok(candles)
    }

    /// The latest fills of an account, or those from a time on (Unix milliseconds); a page of them, in any order.
    pub(crate) async fn fills(&self, user: Address, from: Option<u64>) -> Result<Vec<WireFill>, InfoError> {
        let ask = match from {
            None => Ask::UserFills { user },
            Some(start_time) => Ask::UserFillsByTime { user, start_time },
        };
        self.rows(&ask, Some(20)).await
    }

    /// The latest that happened to orders of an account; a page of it, in any order.
    pub(crate) async fn order_changes(&self, user: Address) -> Result<Vec<WireChange>, InfoError> {
        self.rows(&Ask::HistoricalOrders { user }, Some(20)).await
    }

    /// The open orders of an account on the main dex.
    pub(crate) async fn open_orders(&self, user: Address) -> Result<Vec<WireOrder>, InfoError> {
        self.rows(&Ask::FrontendOpenOrders { user }, None).await
    }

    /// The positions of an account on the main dex.
    pub(crate) async fn positions(&self, user: Address) -> Result<WirePerps, InfoError> {
        self.whole(&Ask::ClearinghouseState { user }).await
    }

    /// The spot balances of an account.
    pub(crate) async fn balances(&self, user: Address) -> Result<WireBalances, InfoError> {
        self.whole(&Ask::SpotClearinghouseState { user }).await
    }

    /// Rows. One that cannot be read fails the whole: of an account nothing may be missing in silence.
    async fn rows<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        per_weight: Option<usize>,
    ) -> Result<Vec<T>, InfoError> {
        let rows: Vec<T> = self.whole(ask).await?;
        if let Some(per_weight) = per_weight {
            self.spend_rows(rows.len(), per_weight);
        }
        Ok(rows)
    }

    async fn whole<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, InfoError> {
        let body = self.ask(ask).await?;
        Ok(serde_json::from_str(&body).map_err(|_| Unreadable)?)
    }

    /// Questions asked, and those that failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let spending = self.spending();
        (spending.requests, spending.failures)
    }

    async fn ask(&self, ask: &Ask) -> Result<String, InfoError> {
        self.wait_for(ask.weight()).await?;
        let answer = self.post(ask).await;
        if answer.is_err() {
            self.spending().failures += 1;
        }
        answer
    }

    /// Waits until the weight can be spent, and spends it.
    async fn wait_for(&self, weight: u32) -> Result<(), InfoError> {
        let clock = self.shared.clock;
        let end = clock.now() + WAIT_FOR_WEIGHT;
        loop {
            let now = clock.now();
            let at = {
                let mut spending = self.spending();
                let at = spending.paused_until.max(spending.weight.ready(weight, now));
                if at <= now {
                    spending.weight.spend(weight, now);
                    spending.requests += 1;
                    return Ok(());
                }
                at
            };
            if at > end {
                return Err(InfoError::Budget);
            }
            tokio::time::sleep_until(clock.instant(at)).await;
        }
    }

    async fn post(&self, ask: &Ask) -> Result<String, InfoError> {
        let mut response = self
            .shared
            .http
            .post(&self.shared.url)
            .json(ask)
            .send()
            .await
            .map_err(InfoError::of)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let said = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let secs = said.and_then(|secs| secs.parse().ok()).map(Duration::from_secs);
            let pause = secs.unwrap_or(PAUSE_AFTER_TOO_MANY).min(LONGEST_PAUSE);
            self.spending().paused_until = self.shared.clock.now() + pause;
        }
        if status != StatusCode::OK {
            return Err(InfoError::Status(status));
        }
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(InfoError::NotJson);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(InfoError::of)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(InfoError::TooBig);
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| InfoError::NotJson)
    }

    /// Answers of many rows cost more.
    fn spend_rows(&self, rows: usize, per_weight: usize) {
        let weight = u32::try_from(rows / per_weight).unwrap_or(u32::MAX);
        if weight > 0 {
            let now = self.shared.clock.now();
            self.spending().weight.spend(weight, now);
        }
    }

    fn spending(&self) -> std::sync::MutexGuard<'_, Spending> {
        self.shared
            .spending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl InfoError {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            InfoError::TimedOut
        } else {
            InfoError::Unreachable(error.without_url())
        }
    }
}
