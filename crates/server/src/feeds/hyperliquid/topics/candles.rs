//! The bars of one market and interval. A bar is replaced by a later state of itself, never by an earlier one.
//!
//! The exchange repeats the forming bar and may send late states of the one before; it never says that a bar is
//! closed, and skips bars without trades. Whether one was missed while nobody listened is not asked: the archive is
//! read again from the last bar that was whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Candle, Interval, Symbol, Topic};

use super::{Effect, Fetch, json};
use crate::content::{Content, Frame, Part, PartKey, Parts};
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::pauses::Pauses;
use crate::feeds::hyperliquid::wire::{Source, WireCandle};

/// The bars that a fresh viewer gets.
pub(crate) const BARS: u64 = 500;
/// How long to wait between two attempts to read the archive.
const FETCH_AGAIN: Duration = Duration::from_secs(3);
/// The usual pause between states of the forming bar, until it is known better.
const USUAL_PAUSE: Duration = Duration::from_secs(5);

/// The bars of one market and interval.
#[derive(Debug)]
pub(crate) struct Bars {
    symbol: Symbol,
    interval: Interval,
    frame: Arc<Frame>,
    bars: BTreeMap<u64, Candle>,
    /// Bars from this time on may be incomplete. `None`: everything is.
    doubtful_from: Option<u64>,
    pauses: Pauses,
    phase: Phase,
    round: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not subscribed.
    Off,
    /// The archive is to be read at this moment.
    FetchDue(Moment),
    /// The archive was asked. Every question is answered, if only with that there is no answer.
    Fetching {
        /// For bars from this time on.
        from: u64,
        /// Merely to see whether the source is quiet.
        is_question: bool,
    },
    /// Everything is there.
    Running,
}

impl Bars {
    /// No bars yet.
    pub(crate) fn new(symbol: Symbol, interval: Interval, now: Moment) -> Self {
        let head = serde_json::json!({"symbol": symbol, "interval": interval}).to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        let frame = Frame {
            open: format!("{head},\"candles\":[").into(),
            close: "]}".into(),
            keep: BARS as usize,
        };
        Bars {
            symbol,
            interval,
            frame: Arc::new(frame),
            bars: BTreeMap::new(),
            doubtful_from: Some(0),
            pauses: Pauses::new(USUAL_PAUSE, now),
            phase: Phase::Off,
            round: 0,
        }
    }

    /// Whether everything up to now is published.
    pub(crate) fn is_current(&self) -> bool {
        match self.phase {
            Phase::Off | Phase::FetchDue(_) => false,
            Phase::Fetching { is_question, .. } => is_question,
            Phase::Running => true,
        }
    }

    /// The source is subscribed, or the archive is all there is.
    pub(crate) fn handle_subscribed(&mut self, now: Moment) {
        self.doubt(now);
    }

    /// The source is not subscribed any more.
    pub(crate) fn handle_lost(&mut self) {
        self.doubtful_from = Some(self.first_doubtful());
        self.phase = Phase::Off;
    }

    /// States of bars may be missing: a frame could not be read, or the link was strangely silent.
    pub(crate) fn handle_doubt(&mut self, now: Moment) {
        if self.phase == Phase::Running {
            self.doubt(now);
        }
    }

    /// A frame of the source.
    pub(crate) fn handle_candle(&mut self, row: WireCandle, now: Moment) -> Vec<Effect> {
        let is_next = self
            .bars
            .last_key_value()
            .is_some_and(|(last, _)| row.time > *last);
        let is_doubtful = self.pauses.is_doubtful(now);
        self.pauses.hear(now);
        // The last states of the bar before may have been missed in an unusual pause.
        if self.phase == Phase::Running && is_next && is_doubtful {
            self.doubt(now);
        }
        self.publish(vec![row.into()])
    }

    /// What time alone brings about. `exchange_millis` is the exchange's time.
    pub(crate) fn poll(&mut self, exchange_millis: u64, now: Moment) -> Vec<Effect> {
        match self.phase {
            Phase::FetchDue(at) if at <= now => self.ask(false, exchange_millis),
            Phase::Running if self.pauses.question_due() <= now => {
                self.doubtful_from = Some(self.first_doubtful());
                self.ask(true, exchange_millis)
            }
            Phase::Off | Phase::FetchDue(_) | Phase::Fetching { .. } | Phase::Running => Vec::new(),
        }
    }

    /// When [`Bars::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        match self.phase {
            Phase::Off | Phase::Fetching { .. } => None,
            Phase::FetchDue(at) => Some(at),
            Phase::Running => Some(self.pauses.question_due()),
        }
    }

    /// What the archive has, oldest first: the answer to the question of a round.
    pub(crate) fn handle_fetched(&mut self, round: u64, rows: Vec<WireCandle>, now: Moment) -> Vec<Effect> {
        let Phase::Fetching { from, is_question } = self.phase else {
            return Vec::new();
        };
        if round != self.round {
            return Vec::new();
        }
        let fetched: Vec<Candle> = rows.into_iter().map(Candle::from).collect();
        let mut effects = Vec::new();
        if !self.bars.is_empty() && self.doubtful_from.is_some_and(|doubtful| doubtful < from) {
            // The break was longer than what is kept: what was fetched does not reach back to what we have.
            self.bars.clear();
            effects.push(Effect::Forget(self.topic()));
        }
        self.guess_pauses(&fetched);
        self.doubtful_from = None;
        let published = self.publish(fetched);
        let is_behind = is_question && !published.is_empty();
        self.pauses.assure(now);
        self.phase = Phase::Running;
        effects.extend(published);
        if is_behind {
            // The source should have sent this long ago.
            effects.push(Effect::Renew(self.source()));
        }
        effects
    }

    /// The archive could not be read.
    pub(crate) fn handle_not_fetched(&mut self, round: u64, now: Moment) {
        if round == self.round && matches!(self.phase, Phase::Fetching { .. }) {
            self.phase = Phase::FetchDue(now + FETCH_AGAIN);
        }
    }

    /// When the last bar that is known opened.
    pub(crate) fn last_bar(&self) -> Option<u64> {
        self.bars.last_key_value().map(|(time, _)| *time)
    }

    fn source(&self) -> Source {
        Source::Candles {
            coin: self.symbol.clone(),
            interval: self.interval,
        }
    }

    fn topic(&self) -> Topic {
        Topic::Candles(self.symbol.clone(), self.interval)
    }

    /// The archive has to be read again.
    fn doubt(&mut self, now: Moment) {
        self.doubtful_from = Some(self.first_doubtful());
        self.round += 1;
        self.pauses.mend(now);
        self.phase = Phase::FetchDue(now);
    }

    /// From which bar on something may be missing: the one before the last, of which late states may have been missed.
    fn first_doubtful(&self) -> u64 {
        let before_last = self
            .bars
            .keys()
            .rev()
            .nth(1)
            .or_else(|| self.bars.keys().next_back());
        let from = before_last.copied().unwrap_or_default();
        self.doubtful_from.map_or(from, |doubtful| doubtful.min(from))
    }

    fn ask(&mut self, is_question: bool, exchange_millis: u64) -> Vec<Effect> {
        self.round += 1;
        let oldest = exchange_millis.saturating_sub(self.interval.millis().saturating_mul(BARS));
        let from = self.doubtful_from.unwrap_or_default().max(oldest);
        self.phase = Phase::Fetching { from, is_question };
        let (coin, interval, round) = (self.symbol.clone(), self.interval, self.round);
        vec![Effect::Fetch(Fetch::Candles {
            coin,
            interval,
            from,
            round,
        })]
    }

    fn guess_pauses(&mut self, fetched: &[Candle]) {
        let recent = fetched.iter().rev().skip(1).take(20);
        let (bars, trades) = recent.fold((0, 0), |(bars, trades), bar| (bars + 1, trades + bar.count));
        if bars > 0 && trades > 0 {
            self.pauses
                .guess(Duration::from_millis(bars * self.interval.millis() / trades));
        }
    }

    /// Publishes those bars that are news.
    fn publish(&mut self, bars: Vec<Candle>) -> Vec<Effect> {
        let mut parts = Vec::new();
        for bar in bars {
            let is_news = match self.bars.get(&bar.time) {
                // The number of trades of a bar only grows.
                Some(known) => bar.count >= known.count && bar != *known,
                None => {
                    self.bars.len() < BARS as usize
                        || self.bars.keys().next().is_some_and(|first| bar.time > *first)
                }
            };
            if !is_news {
                continue;
            }
            parts.push(Part {
                key: PartKey::Number(bar.time),
                text: json(&bar),
                is_final: false,
            });
            self.bars.insert(bar.time, bar);
            if self.bars.len() > BARS as usize {
                self.bars.pop_first();
            }
        }
        if parts.is_empty() {
            return Vec::new();
        }
        let content = Content::Parts(Parts {
            frame: Arc::clone(&self.frame),
            parts,
        });
        vec![Effect::Publish(self.topic(), content)]
    }
}
