//! The trades of one market, newest last, with every gap named.
//!
//! After a break (the server began its order anew, or could not replay everything) the tape does not guess: if what comes
//! next overlaps with what is known, by the identity of trades, the tape is whole; if not, it says from when to when
//! trades are missing.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use nexus_protocol::{Side, Trade, TradeGap, Trades};

use crate::format;
use crate::state::feed::Moment;

/// The most entries that are kept.
pub(crate) const CAPACITY: usize = 500;

/// The trades of one market.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    entries: VecDeque<Entry>,
    /// Identities of the trades among the entries.
    known: HashSet<(u64, u64)>,
    newest: Option<Moment>,
    /// Something is missing behind `newest`, unless what comes overlaps.
    is_suspect: bool,
    /// How many trades were ever taken.
    taken: u64,
    next_key: u64,
    /// The most decimals that a price and a size needed so far.
    decimals: (usize, usize),
}

/// A line of the tape. Cheap to clone; equal lines have equal keys.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// A trade.
    Trade(Rc<TapeTrade>),
    /// Trades between two moments are missing.
    Gap {
        /// The line's name among the others.
        key: u64,
        /// The last trade before.
        from: Moment,
        /// The first trade behind.
        to: Moment,
    },
}

/// A trade, ready to be shown.
#[derive(Debug)]
pub(crate) struct TapeTrade {
    /// The line's name among the others.
    pub(crate) key: u64,
    /// The exchange's id.
    pub(crate) id: u64,
    /// The price in the exchange's own digits.
    pub(crate) price: Box<str>,
    /// How much, in the exchange's own digits.
    pub(crate) size: Box<str>,
    /// Who crossed the spread.
    pub(crate) side: Side,
    /// The exchange's time.
    pub(crate) at: Moment,
    /// How much, for drawing.
    pub(crate) amount: f64,
}

impl Tape {
    /// Takes trades, oldest first.
    pub(crate) fn take(&mut self, trades: &Trades) {
        if let Some(TradeGap { from, to }) = trades.gap {
            self.declare_gap(from, to);
        }
        for trade in &trades.trades {
            self.take_one(trade);
        }
    }

    /// Publications are missing: whether trades are, the next ones will show.
    pub(crate) fn suspect(&mut self) {
        self.is_suspect = self.newest.is_some();
    }

    /// Trades between two moments are missing for good. Said once, however often it is told.
    pub(crate) fn declare_gap(&mut self, from: Moment, to: Moment) {
        self.is_suspect = false;
        let is_told = self.entries.iter().rev().take(8).any(
            |entry| matches!(entry, Entry::Gap { from: known_from, to: known_to, .. } if (*known_from, *known_to) == (from, to)),
        );
        if !is_told && self.newest.is_some() {
            let key = self.key();
            self.push(Entry::Gap { key, from, to });
        }
    }

    /// Lines, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// Whether no trade is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many trades were ever taken; the difference of two moments is what came between.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Digits behind the point of a price and of a size.
    pub(crate) fn decimals(&self) -> (usize, usize) {
        self.decimals
    }

    fn take_one(&mut self, trade: &Trade) {
        let identity = (trade.id, trade.timestamp);
        if self.known.contains(&identity) {
            self.is_suspect = false;
            return;
        }
        let horizon = if self.is_suspect {
            self.newest
        } else {
            self.oldest()
        };
        if horizon.is_some_and(|horizon| trade.timestamp < horizon) {
            // A replay that reaches further back than this tape.
            return;
        }
        if self.is_suspect
            && let Some(newest) = self.newest
        {
            self.declare_gap(newest, trade.timestamp);
        }
        let needed = |text: &str, most: usize| format::decimals_needed(text).max(most);
        self.decimals = (
            needed(trade.price.as_str(), self.decimals.0),
            needed(trade.size.as_str(), self.decimals.1),
        );
        let size = trade.size.to_f64();
        let key = self.key();
        self.known.insert(identity);
        self.newest = self.newest.max(Some(trade.timestamp));
        self.taken += 1;
        self.push(Entry::Trade(Rc::new(TapeTrade {
            key,
            id: trade.id,
            price: trade.price.as_str().into(),
            size: trade.size.as_str().into(),
            side: trade.side,
            at: trade.timestamp,
            amount: size,
        })));
    }

    fn oldest(&self) -> Option<Moment> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Trade(trade) => Some(trade.at),
            Entry::Gap { .. } => None,
        })
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == CAPACITY
            && let Some(Entry::Trade(oldest)) = self.entries.pop_front()
        {
            self.known.remove(&(oldest.id, oldest.at));
        }
        // Nearly always the end; what the server fetched later stands where it belongs.
        let until = entry.until();
        let place = self.entries.iter().rposition(|earlier| earlier.until() <= until);
        self.entries.insert(place.map_or(0, |place| place + 1), entry);
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

impl Entry {
    /// Where it ends in time.
    fn until(&self) -> Moment {
        match self {
            Entry::Trade(trade) => trade.at,
            Entry::Gap { to, .. } => *to,
        }
    }

    /// How much was traded; nothing in a gap, as far as anybody knows.
    pub(crate) fn amount(&self) -> f64 {
        match self {
            Entry::Trade(trade) => trade.amount,
            Entry::Gap { .. } => 0.0,
        }
    }

    /// The line's name among the others.
    pub(crate) fn key(&self) -> u64 {
        match self {
            Entry::Trade(trade) => trade.key,
            Entry::Gap { key, .. } => *key,
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl PartialEq for TapeTrade {
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.id, self.at) == (other.key, other.id, other.at)
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Decimal, Symbol};

    use super::*;

    fn trades(ids: impl IntoIterator<Item = u64>) -> Trades {
        let trade = |id| Trade {
            id,
            price: Decimal::parse("67241.5").unwrap(),
            size: Decimal::parse("0.03").unwrap(),
            side: Side::Buy,
            timestamp: id * 1_000,
        };
        Trades {
            symbol: Symbol::parse("BTC").unwrap(),
            trades: ids.into_iter().map(trade).collect(),
            gap: None,
        }
    }

    /// Newest first: trades by id, gaps as `from-to` in seconds.
    fn told(tape: &Tape) -> Vec<String> {
        let line = |entry: &Entry| match entry {
            Entry::Trade(trade) => trade.id.to_string(),
            Entry::Gap { from, to, .. } => format!("{}-{}", from / 1_000, to / 1_000),
        };
        tape.newest_first().map(line).collect()
    }

    /// A tape that knows 1 to 3, breaks, and then hears these.
    fn after_a_break(replayed: impl IntoIterator<Item = u64>) -> Vec<String> {
        let mut tape = Tape::default();
        tape.take(&trades(1..=3));
        tape.suspect();
        tape.take(&trades(replayed));
        told(&tape)
    }

    #[test]
    fn a_replay_that_overlaps_completes_the_tape() {
        assert_eq!(after_a_break(2..=5), ["5", "4", "3", "2", "1"]);
        assert_eq!(after_a_break(3..=3), ["3", "2", "1"]);
    }

    #[test]
    fn a_replay_that_does_not_overlap_leaves_a_named_gap() {
        assert_eq!(after_a_break(5..=6), ["6", "5", "3-5", "3", "2", "1"]);
    }

    #[test]
    fn without_a_replay_the_next_trade_ends_the_gap() {
        let mut tape = Tape::default();
        tape.take(&trades(1..=3));
        tape.suspect();
        tape.take(&trades([]));
        assert_eq!(told(&tape), ["3", "2", "1"]);
        tape.take(&trades([9]));
        assert_eq!(told(&tape), ["9", "3-9", "3", "2", "1"]);
        tape.take(&trades([10]));
        assert_eq!(told(&tape)[0], "10", "and only once");
    }

    #[test]
    fn a_replay_that_reaches_behind_the_ring_proves_nothing_by_its_age() {
        let mut tape = Tape::default();
        tape.take(&trades(10..=12));
        tape.suspect();
        tape.take(&trades([7, 8, 15]));
        assert_eq!(told(&tape), ["15", "12-15", "12", "11", "10"]);
    }

    #[test]
    fn a_break_before_the_first_trade_is_none() {
        let mut tape = Tape::default();
        tape.suspect();
        tape.take(&trades([4]));
        assert_eq!(told(&tape), ["4"]);
    }

    #[test]
    fn a_trade_that_comes_late_stands_where_it_belongs() {
        let mut tape = Tape::default();
        tape.take(&trades([1, 2, 4, 3]));
        assert_eq!(told(&tape), ["4", "3", "2", "1"]);
    }

    #[test]
    fn a_gap_of_the_source_is_told_once() {
        let mut tape = Tape::default();
        tape.take(&trades(1..=2));
        tape.declare_gap(2_000, 6_000);
        tape.take(&Trades {
            gap: Some(TradeGap {
                from: 2_000,
                to: 6_000,
            }),
            ..trades([6])
        });
        assert_eq!(told(&tape), ["6", "2-6", "2", "1"]);
    }

    #[test]
    fn repeats_are_dropped_and_the_ring_is_bounded() {
        let mut tape = Tape::default();
        for _ in 0..2 {
            tape.take(&trades(0..CAPACITY as u64 + 50));
        }
        assert_eq!(tape.entries.len(), CAPACITY);
        assert_eq!(tape.known.len(), CAPACITY);
    }

    #[test]
    fn what_came_while_paused_can_be_counted_beyond_the_ring() {
        let mut tape = Tape::default();
        tape.take(&trades(0..10));
        let at_pause = tape.taken();
        tape.take(&trades(10..2_000));
        assert_eq!(tape.taken() - at_pause, 1_990);
    }
}
