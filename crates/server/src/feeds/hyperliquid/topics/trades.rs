//! The tape of one market: every trade once, in order, or a declared gap.
//!
//! The exchange numbers nothing, replays unflagged trades at each subscription, and repeats some. What holds: a frame is
//! oldest first; the frames of one subscription hang together; the replay and `recentTrades` are each the latest trades
//! without a hole. So the tape hangs together with what follows a break exactly if one of the two has a trade in common
//! with it. Until that is known, what comes is held back; if it stays unknown, the gap is declared.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use nexus_protocol::{Symbol, Topic, Trade, TradeGap, Trades};

use super::tally::Tally;
use super::{Effect, Fetch, json};
use crate::content::Content;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::pauses::Pauses;
use crate::feeds::hyperliquid::wire::{Source, WireTrade};

/// How many trades are remembered to recognise repeats. Replays are some hundred at most.
const REMEMBERED: usize = 5_000;
/// The most trades that are held back while it is not known whether something is missing.
const MAX_HELD: usize = 5_000;
/// How long the exchange has to begin its replay before the trades are fetched.
const REPLAY_WITHIN: Duration = Duration::from_secs(1);
/// How long to wait between two attempts to fetch.
const FETCH_AGAIN: Duration = Duration::from_secs(2);
/// How long trades are held back before the gap is declared.
const HOLD_AT_MOST: Duration = Duration::from_secs(10);
/// A question whether the source is merely quiet is repeated after this, when its answer failed or did not come.
const QUESTION_AGAIN: Duration = Duration::from_secs(10);
const QUESTION_LOST: Duration = Duration::from_secs(120);
/// The most trades of one publication.
const PER_PUBLICATION: usize = 200;
/// How long the source may still deliver what was already found in the archive.
const DELIVER_WITHIN: Duration = Duration::from_secs(3);
/// The usual pause between trades, until it is known better.
const USUAL_PAUSE: Duration = Duration::from_secs(5);

/// The tape of one market.
#[derive(Debug)]
pub(crate) struct Tape {
    symbol: Symbol,
    seen: Seen,
    /// The time of the last trade that was published.
    last: Option<u64>,
    /// Trades behind this time may be missing, and that is not declared yet.
    undeclared: Option<u64>,
    /// The gap that was declared last.
    declared: Option<TradeGap>,
    tally: Tally,
    pauses: Pauses,
    phase: Phase,
    /// Counts the questions to the archive, so that an answer from before a break is not taken for one from behind it.
    round: u64,
}

#[derive(Debug)]
enum Phase {
    /// Not subscribed.
    Off,
    /// What comes is held back until it is known whether something is missing.
    Joining(Joining),
    /// What comes is published.
    Running {
        /// The archive was asked whether the source is merely quiet, and is not asked again before this.
        asked: Option<Moment>,
        /// The archive had trades that the source did not send until this moment.
        overdue: Option<Moment>,
        /// The source itself has sent nothing yet: its first frame must hang together with the archive.
        is_unheard: bool,
    },
}

#[derive(Debug)]
struct Joining {
    since: Moment,
    why: Why,
    held: Vec<Trade>,
    /// Frames of the source came since the join began.
    is_heard: bool,
    fetch: FetchState,
}

/// Why the tape has to be joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    /// A subscription began, and its first frame is a replay.
    Subscribed,
    /// A pause was unusually long, or a frame could not be read.
    Doubt,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FetchState {
    /// At this moment, unless the replay does.
    Due(Moment),
    /// Asked.
    Asked,
}

/// The trades that were published last.
#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<(u64, u64)>,
    order: VecDeque<(u64, u64)>,
}

impl Tape {
    /// An empty tape.
    pub(crate) fn new(symbol: Symbol, now: Moment) -> Self {
        Tape {
            symbol,
            seen: Seen::default(),
            last: None,
            undeclared: None,
            declared: None,
            tally: Tally::default(),
            pauses: Pauses::new(USUAL_PAUSE, now),
            phase: Phase::Off,
            round: 0,
        }
    }

    /// Whether everything up to now is published, as far as one can know.
    pub(crate) fn is_current(&self) -> bool {
        match &self.phase {
            Phase::Off => false,
            Phase::Running { .. } => true,
            Phase::Joining(joining) => joining.why == Why::Doubt,
        }
    }

    /// The source is subscribed: its next frame begins with a replay.
    pub(crate) fn handle_subscribed(&mut self, now: Moment) {
        self.join(Why::Subscribed, Vec::new(), now + REPLAY_WITHIN, now);
    }

    /// The source is not subscribed any more. What is held back is dropped: whether it hangs together with what comes
    /// later cannot be known, and the archive has it.
    pub(crate) fn handle_lost(&mut self) {
        self.phase = Phase::Off;
    }

    /// Trades may be missing: a frame could not be read, or the link was strangely silent.
    pub(crate) fn handle_doubt(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.join(Why::Doubt, Vec::new(), now, now);
        }
    }

    /// The bar of a minute has had so many trades.
    pub(crate) fn handle_bar(&mut self, minute: u64, trades: u64, now: Moment) {
        self.tally.hear(minute, trades, now);
        if let Some(last) = self.last {
            self.tally.compare(last, now);
        }
    }

    /// A frame of the source.
    pub(crate) fn handle_trades(&mut self, rows: Vec<WireTrade>, now: Moment) -> Vec<Effect> {
        let trades: Vec<Trade> = rows.into_iter().map(Trade::from).collect();
        let is_doubtful = self.pauses.is_doubtful(now);
        self.pauses.hear(now);
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Running {
                overdue, is_unheard, ..
            } => {
                let is_doubtful = is_doubtful || *is_unheard;
                if is_doubtful && !trades.iter().any(|trade| self.seen.contains(trade)) {
                    self.join(Why::Doubt, trades, now, now);
                    return Vec::new();
                }
                (*overdue, *is_unheard) = (None, false);
                self.check_tally(now);
                let effects = self.publish(trades);
                if let Some(last) = self.last {
                    self.tally.compare(last, now);
                }
                effects
            }
            Phase::Joining(joining) => {
                let is_replay = joining.why == Why::Subscribed && !joining.is_heard;
                joining.is_heard = true;
                let joins = is_replay && trades.iter().any(|trade| self.seen.contains(trade));
                joining.held.extend(trades);
                if joins {
                    return self.joined(now);
                }
                if is_replay {
                    // The replay does not reach back to what we have, or there is nothing yet to reach back to.
                    joining.fetch = joining.fetch.at_latest(now);
                }
                if joining.held.len() > MAX_HELD {
                    self.give_up(now)
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// What time alone brings about.
    pub(crate) fn poll(&mut self, now: Moment) -> Vec<Effect> {
        if matches!(self.phase, Phase::Running { .. }) {
            self.check_tally(now);
        }
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining(joining) => {
                if now.since(joining.since) >= HOLD_AT_MOST {
                    return self.give_up(now);
                }
                match joining.fetch {
                    FetchState::Due(at) if at <= now => {
                        joining.fetch = FetchState::Asked;
                        self.ask()
                    }
                    FetchState::Due(_) | FetchState::Asked => Vec::new(),
                }
            }
            Phase::Running {
                overdue: Some(until), ..
            } if *until <= now => {
                self.phase = Phase::Off;
                vec![Effect::Renew(self.source())]
            }
            Phase::Running { asked, .. } => {
                if self.pauses.question_due() > now || asked.is_some_and(|until| until > now) {
                    return Vec::new();
                }
                *asked = Some(now + QUESTION_LOST);
                self.ask()
            }
        }
    }

    /// When [`Tape::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Off => None,
            Phase::Joining(joining) => {
                let end = joining.since + HOLD_AT_MOST;
                match joining.fetch {
                    FetchState::Due(at) => Some(at.min(end)),
                    FetchState::Asked => Some(end),
                }
            }
            Phase::Running {
                overdue: Some(until), ..
            } => Some(*until),
            Phase::Running { asked, .. } => {
                let due = self.pauses.question_due();
                let question = asked.map_or(due, |until| due.max(until));
                Some(self.tally.next_wake().map_or(question, |wake| wake.min(question)))
            }
        }
    }

    /// The latest trades, oldest first: the answer to the question of a round.
    pub(crate) fn handle_fetched(&mut self, round: u64, rows: Vec<WireTrade>, now: Moment) -> Vec<Effect> {
        if round != self.round {
            return Vec::new();
        }
        let fetched: Vec<Trade> = rows.into_iter().map(Trade::from).collect();
        let joins = self.last.is_none() || fetched.iter().any(|trade| self.seen.contains(trade));
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining(joining) => {
                // What is newer than the source's last frame is left to the source: between that and the archive there
                // may be frames that are still on their way, and that may never arrive.
                let held = std::mem::take(&mut joining.held);
                let newest = held.iter().map(|trade| trade.timestamp).max().unwrap_or(u64::MAX);
                let older = fetched.into_iter().filter(|trade| trade.timestamp <= newest);
                // Of two copies the fetched one comes first, so that what is only in the archive stands in its place.
                joining.held = older.chain(held).collect();
                if joins {
                    self.joined(now)
                } else {
                    self.give_up(now)
                }
            }
            Phase::Running {
                asked,
                overdue,
                is_unheard,
            } => {
                if asked.take().is_none() {
                    return Vec::new();
                }
                if fetched.iter().all(|trade| self.seen.knows(trade)) {
                    self.pauses.assure(now);
                    return Vec::new();
                }
                // The source owes these. It may still send them, so they are published as soon as they are known to
                // hang together, and it is given a moment.
                *overdue = Some(now + DELIVER_WITHIN);
                *is_unheard = true;
                self.pauses.assure(now);
                if !joins {
                    self.undeclared = self.undeclared.or(self.last);
                }
                self.publish(fetched)
            }
        }
    }

    /// The latest trades could not be fetched.
    pub(crate) fn handle_not_fetched(&mut self, round: u64, now: Moment) {
        if round != self.round {
            return;
        }
        match &mut self.phase {
            Phase::Joining(joining) => joining.fetch = FetchState::Due(now + FETCH_AGAIN),
            Phase::Running { asked, .. } => *asked = Some(now + QUESTION_AGAIN),
            Phase::Off => {}
        }
    }

    fn source(&self) -> Source {
        Source::Trades {
            coin: self.symbol.clone(),
        }
    }

    /// Notes what the exchange's bars show to be missing. It is declared with the next trade.
    fn check_tally(&mut self, now: Moment) {
        if let Some(from) = self.tally.poll(now) {
            self.undeclared = Some(self.undeclared.unwrap_or(from).min(from));
        }
    }

    fn ask(&mut self) -> Vec<Effect> {
        self.round += 1;
        vec![Effect::Fetch(Fetch::Trades {
            coin: self.symbol.clone(),
            round: self.round,
        })]
    }

    fn join(&mut self, why: Why, held: Vec<Trade>, fetch_at: Moment, now: Moment) {
        self.pauses.mend(now);
        self.round += 1;
        self.phase = Phase::Joining(Joining {
            since: now,
            why,
            is_heard: !held.is_empty(),
            held,
            fetch: FetchState::Due(fetch_at),
        });
    }

    /// Nothing is missing.
    fn joined(&mut self, now: Moment) -> Vec<Effect> {
        let held = self.leave_joining(now);
        if self.last.is_none() {
            self.guess_pauses(&held);
        }
        self.publish(held)
    }

    /// Something may be missing, and cannot be had.
    fn give_up(&mut self, now: Moment) -> Vec<Effect> {
        self.undeclared = self.undeclared.or(self.last);
        let held = self.leave_joining(now);
        self.publish(held)
    }

    fn leave_joining(&mut self, now: Moment) -> Vec<Trade> {
        self.pauses.mend(now);
        let Phase::Joining(joining) = &mut self.phase else {
            return Vec::new();
        };
        let held = std::mem::take(&mut joining.held);
        let is_unheard = !joining.is_heard;
        self.phase = Phase::Running {
            asked: None,
            overdue: None,
            is_unheard,
        };
        held
    }

    fn guess_pauses(&mut self, trades: &[Trade]) {
        let times = || trades.iter().map(|trade| trade.timestamp);
        if let (Some(first), Some(last), 2..) = (times().min(), times().max(), trades.len()) {
            let pauses = u64::try_from(trades.len() - 1).unwrap_or(u64::MAX);
            self.pauses.guess(Duration::from_millis((last - first) / pauses));
        }
    }

    /// Publishes what was not published yet, in order of time, and declares what is missing before it.
    fn publish(&mut self, trades: Vec<Trade>) -> Vec<Effect> {
        let mut fresh: Vec<Trade> = trades
            .into_iter()
            .filter(|trade| !self.seen.knows(trade))
            .collect();
        fresh.sort_by_key(|trade| trade.timestamp);
        let mut effects = Vec::new();
        if let Some(last) = self.last {
            // Too late to be put in its place: the tape is not rewritten. Where that is not declared yet, it is now.
            let late = fresh.partition_point(|trade| trade.timestamp < last);
            for trade in fresh.drain(..late) {
                self.seen.insert(&trade);
                if !self
                    .declared
                    .is_some_and(|gap| (gap.from..=gap.to).contains(&trade.timestamp))
                {
                    self.undeclared = Some(self.undeclared.unwrap_or(last).min(trade.timestamp));
                }
            }
        }
        let topic = Topic::Trades(self.symbol.clone());
        let mut fresh = fresh
            .into_iter()
            .filter(|trade| self.seen.insert(trade))
            .peekable();
        while let Some(first) = fresh.peek() {
            let gap = self.undeclared.take().map(|from| TradeGap {
                from,
                to: first.timestamp,
            });
            if let Some(gap) = gap {
                self.declared = Some(gap);
                self.tally.break_until(gap.to);
                effects.push(Effect::Gap(topic.clone(), gap));
            }
            let trades: Vec<Trade> = fresh.by_ref().take(PER_PUBLICATION).collect();
            for trade in &trades {
                self.tally.count(trade.timestamp);
                self.last = Some(trade.timestamp);
            }
            let publication = Trades {
                symbol: self.symbol.clone(),
                trades,
                gap,
            };
            effects.push(Effect::Publish(topic.clone(), Content::Whole(json(&publication))));
        }
        effects
    }
}

impl FetchState {
    /// Due at `at` or before; what was asked stays asked.
    fn at_latest(self, at: Moment) -> Self {
        match self {
            FetchState::Due(due) => FetchState::Due(due.min(at)),
            FetchState::Asked => FetchState::Asked,
        }
    }
}

impl Seen {
    /// Whether the trade was published.
    fn contains(&self, trade: &Trade) -> bool {
        self.keys.contains(&(trade.timestamp, trade.id))
    }

    /// Whether the trade was published, or is as old as the oldest that is remembered (of the oldest millisecond the
    /// archive may have given a part only).
    fn knows(&self, trade: &Trade) -> bool {
        let is_before = match (self.order.front(), self.order.back()) {
            (Some((oldest, _)), Some((newest, _))) if oldest < newest => trade.timestamp <= *oldest,
            (Some((oldest, _)), _) => trade.timestamp < *oldest,
            (None, _) => false,
        };
        is_before || self.contains(trade)
    }

    /// Remembers a trade; false if it was there.
    fn insert(&mut self, trade: &Trade) -> bool {
        let key = (trade.timestamp, trade.id);
        if !self.keys.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }
}
