//! The book of one market. Its two variants are joined: five levels twice a second, and what lies behind them every
//! five seconds.
//!
//! Books are replaced whole. A frame older than the last is dropped, and so is one that is crossed or out of order.
//! Behind fast levels only those levels of a full book are shown that lie strictly beyond them, with their own time.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_protocol::{Book, BookLevel, Depth, Symbol, Topic};

use super::{Effect, Fetch, json};
use crate::content::Content;
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::number::compare;
use crate::feeds::hyperliquid::wire::{BookPace, Source, WireBook, WireLevel};

/// Levels a side of the fast variant. A side with fewer is all there is.
const FAST_LEVELS: usize = 5;
/// A book that did not change is published again after this, so that its time is seen to move.
const REPEAT_AFTER: Duration = Duration::from_secs(5);
/// How long to wait between two attempts to fetch.
const FETCH_AGAIN: Duration = Duration::from_secs(3);

/// The book of one market.
#[derive(Debug)]
pub(crate) struct Books {
    symbol: Symbol,
    fast: Variant,
    full: Variant,
    /// What was last published, by depth.
    published: BTreeMap<Depth, Published>,
    /// When to fetch a full book, so that nobody waits for the next of its slow frames.
    fetch_due: Option<Moment>,
    round: u64,
    /// Frames that were not sound.
    pub(crate) unsound: u64,
}

#[derive(Debug, Default)]
struct Variant {
    /// Since the subscription began. `None` also while it is off.
    last: Option<WireBook>,
    /// Frames since the subscription began may be shown.
    is_on: bool,
}

#[derive(Debug)]
struct Published {
    /// The newest time that was shown.
    time: u64,
    at: Moment,
    levels: [Vec<WireLevel>; 2],
}

impl Books {
    /// No book yet.
    pub(crate) fn new(symbol: Symbol) -> Self {
        Books {
            symbol,
            fast: Variant::default(),
            full: Variant::default(),
            published: BTreeMap::new(),
            fetch_due: None,
            round: 0,
            unsound: 0,
        }
    }

    /// The sources of a depth.
    pub(crate) fn sources(symbol: &Symbol, depth: Depth) -> Vec<Source> {
        let source = |pace| Source::Book {
            coin: symbol.clone(),
            pace,
        };
        if usize::from(depth.levels()) <= FAST_LEVELS {
            vec![source(BookPace::Fast)]
        } else {
            vec![source(BookPace::Fast), source(BookPace::Full)]
        }
    }

    /// A depth is wanted: what is known is published at once.
    pub(crate) fn add(&mut self, depth: Depth, now: Moment) -> Vec<Effect> {
        self.published.remove(&depth);
        self.publish(depth, now).into_iter().collect()
    }

    /// A depth is not wanted any more.
    pub(crate) fn remove(&mut self, depth: Depth) {
        self.published.remove(&depth);
    }

    /// Whether a depth shows the book as it is now.
    pub(crate) fn is_current(&self, depth: Depth) -> bool {
        let needs_full = usize::from(depth.levels()) > FAST_LEVELS;
        self.fast.last.is_some() && (!needs_full || self.full.last.is_some())
    }

    /// A variant is subscribed.
    pub(crate) fn handle_subscribed(&mut self, pace: BookPace, now: Moment) {
        *self.variant(pace) = Variant {
            last: None,
            is_on: true,
        };
        if pace == BookPace::Full {
            self.fetch_due = Some(now);
        }
    }

    /// A variant is not subscribed any more.
    pub(crate) fn handle_lost(&mut self, pace: BookPace) {
        *self.variant(pace) = Variant::default();
        if pace == BookPace::Full {
            self.fetch_due = None;
        }
    }

    /// A frame, or a book that was fetched.
    pub(crate) fn handle_book(
        &mut self,
        book: WireBook,
        depths: &BTreeSet<Depth>,
        now: Moment,
    ) -> Vec<Effect> {
        if !book.is_sound() {
            self.unsound += 1;
            return Vec::new();
        }
        let is_full = book.pace() == BookPace::Full;
        let variant = self.variant(book.pace());
        let is_old = variant.last.as_ref().is_some_and(|last| book.time < last.time);
        if is_old || !variant.is_on {
            return Vec::new();
        }
        variant.last = Some(book);
        if is_full {
            self.fetch_due = None;
        }
        let concerned = depths
            .iter()
            .filter(|depth| !is_full || usize::from(depth.levels()) > FAST_LEVELS);
        concerned.filter_map(|depth| self.publish(*depth, now)).collect()
    }

    /// A full book that was fetched; `None` if there is no such market.
    pub(crate) fn handle_fetched(
        &mut self,
        round: u64,
        book: Option<WireBook>,
        depths: &BTreeSet<Depth>,
        now: Moment,
    ) -> Vec<Effect> {
        match book {
            Some(book) if round == self.round && !book.fast => self.handle_book(book, depths, now),
            Some(_) | None => Vec::new(),
        }
    }

    /// A full book could not be fetched.
    pub(crate) fn handle_not_fetched(&mut self, round: u64, now: Moment) {
        if round == self.round && self.full.is_on && self.full.last.is_none() {
            self.fetch_due = Some(now + FETCH_AGAIN);
        }
    }

    /// What time alone brings about.
    pub(crate) fn poll(&mut self, now: Moment) -> Vec<Effect> {
        if self.fetch_due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.fetch_due = None;
        self.round += 1;
        vec![Effect::Fetch(Fetch::Book {
            coin: self.symbol.clone(),
            round: self.round,
        })]
    }

    /// When [`Books::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        self.fetch_due
    }

    fn variant(&mut self, pace: BookPace) -> &mut Variant {
        match pace {
            BookPace::Fast => &mut self.fast,
            BookPace::Full => &mut self.full,
        }
    }

    /// Publishes a depth, if there is something new to see.
    fn publish(&mut self, depth: Depth, now: Moment) -> Option<Effect> {
        let book = self.joined(usize::from(depth.levels()))?;
        if let Some(published) = self.published.get(&depth) {
            let is_same = published.levels == book.levels;
            if book.time < published.time || is_same && now.since(published.at) < REPEAT_AFTER {
                return None;
            }
        }
        let [bids, asks] = book
            .levels
            .clone()
            .map(|side| side.into_iter().map(BookLevel::from).collect());
        let symbol = self.symbol.clone();
        let publication = Book {
            symbol,
            bids,
            asks,
            timestamp: book.time,
            deep_timestamp: book.deep_time,
        };
        let published = Published {
            time: book.time,
            at: now,
            levels: book.levels,
        };
        self.published.insert(depth, published);
        let topic = Topic::OrderBook(self.symbol.clone(), depth);
        Some(Effect::Publish(topic, Content::Whole(json(&publication))))
    }

    /// The newest book of so many levels that can be put together; `None` while that would not be honest.
    fn joined(&self, levels: usize) -> Option<Joined> {
        let fast = self.fast.last.as_ref();
        if levels <= FAST_LEVELS {
            let fast = fast?;
            return Some(Joined {
                levels: fast.levels.clone().map(|side| top(side, levels)),
                time: fast.time,
                deep_time: None,
            });
        }
        let full = self.full.last.as_ref();
        match (fast, full) {
            (_, Some(full)) if fast.is_none_or(|fast| fast.time <= full.time) => {
                let levels = full.levels.clone().map(|side| top(side, levels));
                Some(Joined {
                    levels,
                    time: full.time,
                    deep_time: None,
                })
            }
            (Some(fast), Some(full)) => {
                let [fast_bids, fast_asks] = &fast.levels;
                let [full_bids, full_asks] = &full.levels;
                let bids = extended(fast_bids, full_bids, Ordering::Less, levels);
                let asks = extended(fast_asks, full_asks, Ordering::Greater, levels);
                let is_extended = bids.len() > fast_bids.len() || asks.len() > fast_asks.len();
                Some(Joined {
                    levels: [bids, asks],
                    time: fast.time,
                    deep_time: is_extended.then_some(full.time),
                })
            }
            // Better five levels now than none; the topic is not called live before the rest is there.
            (Some(fast), None) => Some(Joined {
                levels: fast.levels.clone(),
                time: fast.time,
                deep_time: None,
            }),
            (None, _) => None,
        }
    }
}

#[derive(Debug)]
struct Joined {
    levels: [Vec<WireLevel>; 2],
    time: u64,
    deep_time: Option<u64>,
}

fn top(mut side: Vec<WireLevel>, levels: usize) -> Vec<WireLevel> {
    side.truncate(levels);
    side
}

/// A fast side, continued by those levels of a full side that lie `beyond` its last.
fn extended(fast: &[WireLevel], full: &[WireLevel], beyond: Ordering, levels: usize) -> Vec<WireLevel> {
    let mut side = fast.to_vec();
    if let Some(last) = fast.last()
        && fast.len() >= FAST_LEVELS
    {
        side.extend(
            full.iter()
                .filter(|level| compare(&level.px, &last.px) == beyond)
                .cloned(),
        );
    }
    top(side, levels)
}
