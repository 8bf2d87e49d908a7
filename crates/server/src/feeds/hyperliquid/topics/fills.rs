//! The fills of one account: each once, on each market in order, or a declared gap.
//!
//! The exchange numbers nothing, but each fill says what the position was before it: on one market the fills hang
//! together like the links of a chain, and one that does not fit shows that something was left out. After a break the
//! archive is asked from the last fill on; only what its page does not reach is a gap.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use nexus_protocol::{Decimal, Fill, Fills, Side, Symbol, Topic, TradeGap, UserId};

use super::quiet::Quiet;
use super::{AccountFetch, Effect, Fetch, json};
use crate::content::Content;
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::number;
use crate::feeds::hyperliquid::wire::Source;
use crate::feeds::hyperliquid::wire::account::WireFill;

/// How many of the past a first viewer gets.
const FIRST: usize = 200;
/// How many fills are remembered to recognise repeats; two pages of the archive.
const REMEMBERED: usize = 4_000;
/// The most fills that are held back.
const MAX_HELD: usize = 4_000;
/// Rows of a full page of the archive, behind which there may be more.
pub(super) const PAGE: usize = 2_000;
/// Pages that are read after one break.
const MOST_PAGES: u32 = 5;
/// How long the exchange has to begin with a snapshot before the archive is asked.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait between two attempts to ask.
const FETCH_AGAIN: Duration = Duration::from_secs(3);
/// How long fills are held back before a gap is declared.
const HOLD_AT_MOST: Duration = Duration::from_secs(30);
/// A chain that is broken for other reasons (a transfer) makes for one question in so long.
const DOUBT_AGAIN: Duration = Duration::from_secs(60);
/// What the archive has, the source should have sent after so many milliseconds.
const OWED_AFTER: u64 = 3_000;
/// A source that said nothing where it should have is asked about again after this.
const DISTRUSTED_FOR: Duration = Duration::from_secs(10);
/// How far back of the last fill it is looked for what was left out, in milliseconds.
const LOOK_BACK: u64 = 600_000;
/// How far our clock may be ahead of the exchange's, in milliseconds.
const CLOCK_MARGIN: u64 = 60_000;
/// Markets whose position is remembered.
const MOST_MARKETS: usize = 1_000;
/// The most fills of one publication.
const PER_PUBLICATION: usize = 200;

/// The fills of one account.
#[derive(Debug)]
pub(crate) struct FillTape {
    user: UserId,
    pub(super) address: Address,
    seen: HashSet<Key>,
    order: VecDeque<Key>,
    /// Fills of this time or before that are not remembered are no news.
    floor: u64,
    /// The time of the last fill that was published, or when the account was first looked at.
    last: Option<u64>,
    /// Up to here nothing is missing that is not declared. What a subscription left out since then is found by asking
    /// from here on.
    sure_until: u64,
    /// The position on each market after its last fill, and when that was.
    positions: HashMap<Symbol, (u64, Option<Decimal>)>,
    next_doubt: Moment,
    /// The source did not send what it should, and has sent nothing since.
    is_distrusted: bool,
    /// A subscription began, which the source answers by a snapshot.
    awaits_snapshot: bool,
    quiet: Quiet,
    phase: Phase,
    round: u64,
}

/// What makes a fill itself: when, the trade's number, the order's (both sides of a trade may be the same user's), and,
/// where the trade has no number of its own, what it was.
type Key = (u64, u64, u64, u64);

#[derive(Debug)]
enum Phase {
    /// Not subscribed.
    Off,
    /// What comes is held back until it is known whether something is missing.
    Joining {
        since: Moment,
        held: Vec<WireFill>,
        /// When to ask the archive; it was asked if absent.
        fetch: Option<Moment>,
        pages: u32,
    },
    /// What comes is published.
    Running {
        /// The archive is being asked whether the account is merely quiet.
        is_asked: bool,
    },
}

impl FillTape {
    /// Nothing is known.
    pub(crate) fn new(user: UserId, address: Address, now: Moment) -> Self {
        FillTape {
            user,
            address,
            seen: HashSet::new(),
            order: VecDeque::new(),
            floor: 0,
            last: None,
            sure_until: 0,
            positions: HashMap::new(),
            next_doubt: now,
            is_distrusted: false,
            awaits_snapshot: false,
            quiet: Quiet::new(now),
            phase: Phase::Off,
            round: 0,
        }
    }

    /// Whether everything up to now is published, as far as one can know.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self.phase, Phase::Running { .. }) && !self.is_distrusted
    }

    /// The source is subscribed. If that is not new, no snapshot follows.
    pub(crate) fn handle_subscribed(&mut self, is_new: bool, now: Moment) {
        self.awaits_snapshot = is_new;
        self.join(Vec::new(), now + SNAPSHOT_WITHIN, now);
    }

    /// It is not any more. What is held back is dropped: the archive has it.
    pub(crate) fn handle_lost(&mut self) {
        self.phase = Phase::Off;
    }

    /// Fills may be missing.
    pub(crate) fn handle_doubt(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.join(Vec::new(), now, now);
        }
    }

    /// A frame of the source. `millis` is the exchange's time.
    pub(crate) fn handle_fills(
        &mut self,
        is_snapshot: bool,
        mut rows: Vec<WireFill>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        oldest_first(&mut rows);
        self.quiet.hear(now);
        (self.is_distrusted, self.awaits_snapshot) = (false, false);
        let is_first = self.last.is_none();
        let overlaps = rows.iter().any(|row| self.seen.contains(&key(row)));
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining { held, fetch, .. } => {
                held.extend(rows);
                if is_snapshot && (is_first || overlaps) {
                    return self.joined(millis, None, now);
                }
                if is_snapshot {
                    // It does not reach back to what we have.
                    *fetch = fetch.map(|at| at.min(now));
                }
                if held.len() > MAX_HELD {
                    return self.give_up(millis, now);
                }
                Vec::new()
            }
            Phase::Running { .. } => {
                if let Some(broken) = self.broken_chain(&rows) {
                    self.sure_until = self.sure_until.min(broken);
                    if now >= self.next_doubt {
                        self.next_doubt = now + DOUBT_AGAIN;
                        self.join(rows, now, now);
                        return Vec::new();
                    }
                    self.quiet.ask_by(self.next_doubt);
                }
                self.publish(rows, None)
            }
        }
    }

    /// What the archive has: the answer to the question of a round.
    pub(crate) fn handle_fetched(
        &mut self,
        round: u64,
        mut rows: Vec<WireFill>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        if round != self.round {
            return Vec::new();
        }
        oldest_first(&mut rows);
        let is_full = rows.len() >= PAGE;
        let overlaps = rows.iter().any(|row| self.seen.contains(&key(row)));
        let newest = rows.last().map(|row| row.time);
        let is_first = self.last.is_none();
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining {
                held, fetch, pages, ..
            } => {
                // Of a page that is full and ends before now, there is more: some servers give the oldest first.
                let has_more = is_full
                    && !is_first
                    && *pages < MOST_PAGES
                    && newest.is_some_and(|newest| newest + OWED_AFTER < millis);
                let oldest = rows.first().map(|row| row.time);
                let fetched = std::mem::take(held);
                *held = rows;
                held.extend(fetched);
                if has_more && overlaps {
                    *pages += 1;
                    *fetch = Some(now);
                    let held = std::mem::take(held);
                    return self.publish(held, None);
                }
                // An account without fills: all that there are came since, unless the page is full.
                let is_whole = is_first || overlaps || (self.seen.is_empty() && !is_full);
                let gap = match (is_whole, self.last, oldest) {
                    (false, Some(from), oldest) => Some(TradeGap {
                        from,
                        to: oldest.unwrap_or(millis).max(from),
                    }),
                    _ => None,
                };
                self.joined(millis, gap, now)
            }
            Phase::Running { is_asked } => {
                if !std::mem::take(is_asked) {
                    return Vec::new();
                }
                let owed = rows
                    .iter()
                    .any(|row| self.is_news(row) && row.time + OWED_AFTER < millis);
                self.quiet.assure(now);
                let mut effects = Vec::new();
                if owed {
                    self.is_distrusted = true;
                    self.quiet.hear(now);
                    effects.push(Effect::Renew(self.source()));
                }
                effects.extend(self.publish(rows, None));
                self.sure_until = self.last.unwrap_or_default();
                effects
            }
        }
    }

    /// The archive could not be asked.
    pub(crate) fn handle_not_fetched(&mut self, round: u64, now: Moment) {
        if round != self.round {
            return;
        }
        match &mut self.phase {
            Phase::Joining { fetch, .. } => *fetch = Some(now + FETCH_AGAIN),
            Phase::Running { is_asked } => {
                *is_asked = false;
                self.quiet.ask_by(now + FETCH_AGAIN * 3);
            }
            Phase::Off => {}
        }
    }

    /// What time alone brings about.
    pub(crate) fn poll(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Off => Vec::new(),
            // Of an account that nothing is known of, there is nothing to be missed: it waits for the archive.
            Phase::Joining { since, .. } if self.last.is_some() && now.since(*since) >= HOLD_AT_MOST => {
                self.give_up(millis, now)
            }
            Phase::Joining { fetch, .. } => {
                if fetch.is_none_or(|at| at > now) {
                    return Vec::new();
                }
                *fetch = None;
                self.ask()
            }
            Phase::Running { is_asked } => {
                if *is_asked || self.quiet.due() > now {
                    return Vec::new();
                }
                *is_asked = true;
                self.ask()
            }
        }
    }

    /// When [`FillTape::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Off | Phase::Running { is_asked: true } => None,
            Phase::Running { is_asked: false } => Some(self.quiet.due()),
            Phase::Joining { since, fetch, .. } => {
                let end = self.last.map(|_| *since + HOLD_AT_MOST);
                [end, *fetch].into_iter().flatten().min()
            }
        }
    }

    fn source(&self) -> Source {
        Source::Fills {
            user: self.address.clone(),
        }
    }

    fn ask(&mut self) -> Vec<Effect> {
        self.round += 1;
        let from = self
            .last
            .map(|last| self.sure_until.max(last.saturating_sub(LOOK_BACK)).min(last));
        vec![Effect::Fetch(Fetch::Account {
            user: self.user.clone(),
            address: self.address.clone(),
            what: AccountFetch::Fills { from },
            round: self.round,
        })]
    }

    fn join(&mut self, held: Vec<WireFill>, fetch_at: Moment, now: Moment) {
        self.round += 1;
        self.phase = Phase::Joining {
            since: now,
            held,
            fetch: Some(fetch_at),
            pages: 0,
        };
    }

    /// Something may be missing, and cannot be had. The gap ends at the first fill that was not seen before.
    fn give_up(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        let Phase::Joining { held, .. } = &self.phase else {
            return Vec::new();
        };
        let first = held
            .iter()
            .filter(|row| self.is_news(row))
            .map(|row| row.time)
            .min();
        let gap = self.last.map(|from| TradeGap {
            from,
            to: first.unwrap_or(millis).max(from),
        });
        self.joined(millis, gap, now)
    }

    /// Publishes what is held back.
    fn joined(&mut self, millis: u64, gap: Option<TradeGap>, now: Moment) -> Vec<Effect> {
        let running = Phase::Running { is_asked: false };
        let Phase::Joining { held, .. } = std::mem::replace(&mut self.phase, running) else {
            return Vec::new();
        };
        self.quiet.assure(now);
        if std::mem::take(&mut self.awaits_snapshot) {
            self.is_distrusted = true;
        }
        if self.is_distrusted {
            self.quiet.ask_by(now + DISTRUSTED_FOR);
        }
        let mut held = held;
        held.sort_by_key(|row| row.time);
        if self.last.is_none() {
            let mut known = HashSet::new();
            held.retain(|row| known.insert(key(row)));
            self.floor = held.first().map_or(0, |first| first.time.saturating_sub(1));
            let older = held.len().saturating_sub(FIRST);
            if let Some(last) = held.drain(..older).next_back() {
                self.floor = last.time;
            }
        }
        let effects = self.publish(held, gap);
        self.sure_until = self.last.unwrap_or_default();
        // Our clock may be ahead of the exchange's.
        self.last = self.last.or(Some(millis.saturating_sub(CLOCK_MARGIN)));
        effects
    }

    /// The time of the fill behind which one is missing: each begins with the position that the one before ended with.
    fn broken_chain(&self, rows: &[WireFill]) -> Option<u64> {
        let mut positions: HashMap<&Symbol, (u64, Option<Decimal>)> = HashMap::new();
        rows.iter().filter(|row| self.is_news(row)).find_map(|row| {
            let before = positions.get(&row.coin).or_else(|| self.positions.get(&row.coin));
            let broken = match (before, &row.start_position) {
                (Some((time, Some(before))), Some(start))
                    if number::compare(before, start) != Ordering::Equal =>
                {
                    Some(*time)
                }
                _ => None,
            };
            positions.insert(&row.coin, (row.time, after(row)));
            broken
        })
    }

    fn is_news(&self, row: &WireFill) -> bool {
        row.time > self.floor && !self.seen.contains(&key(row))
    }

    /// Publishes what was not published yet, in order of time, and declares what is missing before it.
    fn publish(&mut self, mut rows: Vec<WireFill>, gap: Option<TradeGap>) -> Vec<Effect> {
        rows.sort_by_key(|row| row.time);
        let topic = Topic::UserFills(self.user.clone());
        let mut effects: Vec<Effect> = gap
            .map(|gap| Effect::Gap(topic.clone(), gap))
            .into_iter()
            .collect();
        let mut gap = gap;
        let mut fresh = Vec::new();
        for row in rows {
            if !self.is_news(&row) {
                continue;
            }
            self.remember(&row);
            fresh.push(Fill::from(row));
        }
        let mut fresh = fresh.into_iter().peekable();
        while fresh.peek().is_some() || gap.is_some() {
            let publication = Fills {
                fills: fresh.by_ref().take(PER_PUBLICATION).collect(),
                gap: gap.take(),
            };
            effects.push(Effect::Publish(topic.clone(), Content::Whole(json(&publication))));
        }
        effects
    }

    fn remember(&mut self, row: &WireFill) {
        self.last = Some(self.last.map_or(row.time, |last| last.max(row.time)));
        let known = self.positions.get(&row.coin).map_or(0, |(time, _)| *time);
        if row.time >= known && (self.positions.len() < MOST_MARKETS || known > 0) {
            self.positions.insert(row.coin.clone(), (row.time, after(row)));
        }
        self.seen.insert(key(row));
        self.order.push_back(key(row));
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.floor = self.floor.max(oldest.0);
            self.seen.remove(&oldest);
        }
    }
}

fn key(row: &WireFill) -> Key {
    let what = match row.tid {
        0 => {
            let mut what = DefaultHasher::new();
            (&row.coin, &row.px, &row.sz, &row.start_position).hash(&mut what);
            what.finish()
        }
        _ => 0,
    };
    (row.time, row.tid, row.oid, what)
}

/// The position after a fill.
fn after(row: &WireFill) -> Option<Decimal> {
    number::moved(row.start_position.as_ref()?, &row.sz, Side::from(row.side))
}

/// Some lists come newest first; rows of the same time stay in the order in which they happened.
fn oldest_first(rows: &mut [WireFill]) {
    if let (Some(first), Some(last)) = (rows.first(), rows.last())
        && first.time > last.time
    {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.time);
}
