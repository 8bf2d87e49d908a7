//! A bounded series of bars in time order, with what is known to be missing.
//!
//! Bars are addressed by *slot*: the number of interval steps since the Unix epoch (with the phase of the exchange's
//! week). A slot without a bar is a gap by construction, so a missing bar can never be drawn over by accident, and
//! loading older bars moves nothing.

use std::collections::VecDeque;

use crate::canvas::calendar;
use crate::canvas::live::Live;

/// The store a candle chart draws from: `SeriesHandle::new(Series::new(step))`, then [`Live::write`] with
/// [`Series::push`] for each tick, [`Series::merge`] for history, [`Series::declare_gap`] for what cannot be had.
pub type SeriesHandle = Live<Series>;

/// Most bars a series keeps unless told otherwise.
pub const CAPACITY: usize = 5_000;

/// One candle. Floats are for drawing only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// When it opened, Unix milliseconds.
    pub t: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price so far.
    pub close: f64,
    /// Traded size.
    pub volume: f64,
}

impl Bar {
    /// Whether it closed where it opened or above.
    pub fn is_up(&self) -> bool {
        self.close >= self.open
    }

    /// Whether every number can be drawn.
    pub fn is_finite(&self) -> bool {
        [self.open, self.high, self.low, self.close, self.volume]
            .iter()
            .all(|value| value.is_finite())
    }
}

/// How long a bar lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A fixed number of milliseconds, up to weeks.
    Millis(i64),
    /// A calendar month (UTC).
    Month,
}

impl Step {
    /// The step of an exchange's interval name (`1m`, `4h`, `3d`, `1w`, `1M`); `None` if it is no such name.
    pub fn parse(interval: &str) -> Option<Self> {
        if interval == "1M" {
            return Some(Self::Month);
        }
        let (count, unit) = interval.split_at_checked(interval.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        let count: i64 = count.parse().ok()?;
        (1..=1_000).contains(&count).then_some(Self::Millis(count * unit))
    }
}

/// A span of time whose bars are known to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First missing moment, Unix milliseconds.
    pub from: i64,
    /// First moment after it.
    pub to: i64,
}

/// See the file's head.
#[derive(Debug, Clone)]
pub struct Series {
    step: Step,
    capacity: usize,
    /// Offset of the exchange's bars against the epoch, learnt from the first bar (weeks do not start on Thursday).
    phase: i64,
    /// Strictly rising by `t`, at most `capacity`.
    bars: VecDeque<Bar>,
    gaps: VecDeque<Gap>,
    /// The upstream has nothing older than the first bar.
    oldest_reached: bool,
}

impl Series {
    /// An empty series of [`CAPACITY`] bars.
    pub fn new(step: Step) -> Self {
        Self::with_capacity(step, CAPACITY)
    }

    /// An empty series that keeps at most `capacity` bars (at least one).
    pub fn with_capacity(step: Step, capacity: usize) -> Self {
        Self {
            step,
            capacity: capacity.max(1),
            phase: 0,
            bars: VecDeque::new(),
            gaps: VecDeque::new(),
            oldest_reached: false,
        }
    }

    /// Takes a bar as it came: replaces the one of the same time, appends a newer one, inserts a late one. A full
    /// series drops its oldest. Bars that cannot be drawn (NaN, infinite) are left out: their slot shows as a gap.
    pub fn push(&mut self, bar: Bar) {
        if !bar.is_finite() {
            return;
        }
        self.learn_phase(bar.t);
        match self.bars.back() {
            Some(last) if last.t == bar.t => {
                let last = self.bars.len() - 1;
                self.bars[last] = bar;
            }
            Some(last) if last.t > bar.t => match self.bars.binary_search_by_key(&bar.t, |bar| bar.t) {
                Ok(at) => self.bars[at] = bar,
                Err(at) => self.bars.insert(at, bar),
            },
            _ => self.bars.push_back(bar),
        }
        self.trim();
    }

    /// Takes a stretch of history in any order. Where a bar is already known the incoming one wins.
    pub fn merge(&mut self, bars: impl IntoIterator<Item = Bar>) {
        let mut incoming: Vec<Bar> = bars.into_iter().filter(Bar::is_finite).collect();
        incoming.sort_by_key(|bar| bar.t);
        let Some(first) = incoming.first() else { return };
        self.learn_phase(first.t);
        let known = std::mem::take(&mut self.bars);
        let mut known = known.into_iter().peekable();
        for bar in incoming {
            while let Some(older) = known.next_if(|older| older.t < bar.t) {
                self.bars.push_back(older);
            }
            known.next_if(|same| same.t == bar.t);
            match self.bars.back_mut() {
                Some(last) if last.t == bar.t => *last = bar,
                _ => self.bars.push_back(bar),
            }
        }
        self.bars.extend(known);
        self.trim();
    }

    /// Forgets everything and starts anew, as after a new epoch.
    pub fn replace(&mut self, bars: impl IntoIterator<Item = Bar>) {
        *self = Self::with_capacity(self.step, self.capacity);
        self.merge(bars);
    }

    /// Notes that what happened in `from..to` is lost, even where bars claim to cover it. Bounded: 64 gaps, then the
    /// oldest is forgotten.
    pub fn declare_gap(&mut self, from: i64, to: i64) {
        if from >= to {
            return;
        }
        if self.gaps.len() == 64 {
            self.gaps.pop_front();
        }
        self.gaps.push_back(Gap { from, to });
    }

    /// Notes that nothing older exists, so that nobody asks again.
    pub fn mark_oldest_reached(&mut self) {
        self.oldest_reached = true;
    }

    /// How long a bar lasts.
    pub fn step(&self) -> Step {
        self.step
    }

    /// All bars, oldest first.
    pub fn bars(&self) -> &VecDeque<Bar> {
        &self.bars
    }

    /// Declared gaps in the order they were declared.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.gaps.iter().copied()
    }

    /// The newest bar.
    pub fn last(&self) -> Option<&Bar> {
        self.bars.back()
    }

    /// Whether older bars could be asked for and kept.
    pub fn wants_older(&self) -> bool {
        !self.oldest_reached && !self.bars.is_empty() && self.bars.len() < self.capacity
    }

    /// The slot of a moment.
    pub fn slot(&self, t: i64) -> i64 {
        match self.step {
            Step::Millis(millis) => (t - self.phase).div_euclid(millis),
            Step::Month => calendar::month_index(t),
        }
    }

    /// When a slot begins, Unix milliseconds.
    pub fn slot_start(&self, slot: i64) -> i64 {
        match self.step {
            Step::Millis(millis) => slot * millis + self.phase,
            Step::Month => calendar::month_start(slot),
        }
    }

    /// Slots of the first and the last bar.
    pub fn extent(&self) -> Option<(i64, i64)> {
        Some((self.slot(self.bars.front()?.t), self.slot(self.bars.back()?.t)))
    }

    /// Bars whose slots lie in `first..=last`, with their slots.
    pub fn in_slots(&self, first: i64, last: i64) -> impl Iterator<Item = (i64, &Bar)> {
        let from = self.bars.partition_point(|bar| self.slot(bar.t) < first);
        let to = self.bars.partition_point(|bar| self.slot(bar.t) <= last);
        self.bars
            .range(from..to.max(from))
            .map(|bar| (self.slot(bar.t), bar))
    }

    /// The bar of a slot, if there is one.
    pub fn at_slot(&self, slot: i64) -> Option<&Bar> {
        let at = self
            .bars
            .binary_search_by_key(&slot, |bar| self.slot(bar.t))
            .ok()?;
        self.bars.get(at)
    }

    /// Stretches within `first..=last` to be drawn as missing: slots without a bar between known bars, and slots
    /// touched by a declared gap. Ends are inclusive; the stretches rise and do not touch.
    pub fn missing(&self, first: i64, last: i64) -> Vec<(i64, i64)> {
        let mut spans = Vec::new();
        if let Some((oldest, newest)) = self.extent() {
            let mut expected = first.max(oldest);
            for (slot, _) in self.in_slots(first, last) {
                if slot > expected {
                    spans.push((expected, slot - 1));
                }
                expected = slot + 1;
            }
            if expected <= last.min(newest) {
                spans.push((expected, last.min(newest)));
            }
        }
        for gap in &self.gaps {
            let (from, to) = (self.slot(gap.from).max(first), self.slot(gap.to - 1).min(last));
            if from <= to {
                spans.push((from, to));
            }
        }
        join(spans)
    }

    fn learn_phase(&mut self, t: i64) {
        if let (true, Step::Millis(millis)) = (self.bars.is_empty(), self.step) {
            self.phase = t.rem_euclid(millis);
        }
    }

    fn trim(&mut self) {
        while self.bars.len() > self.capacity {
            self.bars.pop_front();
        }
    }
}

/// Sorts spans and joins those that touch.
fn join(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 + 1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn bar(minute: i64, close: f64) -> Bar {
        Bar {
            t: minute * MINUTE,
            open: 1.0,
            high: 2.0,
            low: 0.5,
            close,
            volume: 1.0,
        }
    }

    fn minutes(series: &Series) -> Vec<i64> {
        series.bars().iter().map(|bar| bar.t / MINUTE).collect()
    }

    #[test]
    fn a_tick_replaces_the_running_bar_and_a_new_minute_appends() {
        let mut series = Series::new(Step::Millis(MINUTE));
        for (minute, close) in [(1, 1.0), (1, 1.5), (2, 1.2), (1, 1.6)] {
            series.push(bar(minute, close));
        }
        assert_eq!(minutes(&series), [1, 2]);
        assert_eq!(series.bars()[0].close, 1.6);
    }

    #[test]
    fn a_full_series_drops_its_oldest() {
        let mut series = Series::with_capacity(Step::Millis(MINUTE), 3);
        series.merge((0..10).map(|minute| bar(minute, 1.0)));
        assert_eq!(minutes(&series), [7, 8, 9]);
        series.push(bar(10, 1.0));
        assert_eq!(minutes(&series), [8, 9, 10]);
        assert!(!series.wants_older());
    }

    #[test]
    fn missing_names_holes_and_declared_gaps_and_nothing_outside_the_data() {
        let mut series = Series::new(Step::Millis(MINUTE));
        series.merge([10, 11, 14, 15, 20].map(|minute| bar(minute, 1.0)));
        assert_eq!(series.missing(0, 100), [(12, 13), (16, 19)]);
        assert_eq!(series.missing(13, 17), [(13, 13), (16, 17)]);
        series.declare_gap(15 * MINUTE + 1, 16 * MINUTE);
        assert_eq!(series.missing(0, 100), [(12, 13), (15, 19)]);
    }

    #[test]
    fn weeks_keep_the_weekday_of_the_exchange() {
        let monday = 1_763_337_600_000; // 2025-11-17 00:00 UTC
        let mut series = Series::new(Step::parse("1w").expect("a week"));
        series.push(Bar {
            t: monday,
            ..bar(0, 1.0)
        });
        assert_eq!(series.slot_start(series.slot(monday + 5 * 86_400_000)), monday);
    }

    #[test]
    fn months_are_calendar_months() {
        let series = Series::new(Step::Month);
        let slot = series.slot(1_771_372_800_000); // 2026-02-18
        assert_eq!(series.slot_start(slot), 1_769_904_000_000); // 2026-02-01
        assert_eq!(series.slot_start(slot + 1), 1_772_323_200_000); // 2026-03-01
    }

    #[test]
    fn interval_names_parse() {
        for (name, step) in [
            ("1m", Some(Step::Millis(MINUTE))),
            ("15m", Some(Step::Millis(15 * MINUTE))),
            ("4h", Some(Step::Millis(240 * MINUTE))),
            ("3d", Some(Step::Millis(3 * 1_440 * MINUTE))),
            ("1M", Some(Step::Month)),
            ("", None),
            ("m", None),
            ("0m", None),
            ("-1m", None),
            ("1é", None),
        ] {
            assert_eq!(Step::parse(name), step, "{name}");
        }
    }

    #[test]
    fn a_bar_that_cannot_be_drawn_is_a_gap() {
        let mut series = Series::new(Step::Millis(MINUTE));
        series.merge([bar(1, 1.0), bar(2, f64::NAN), bar(3, 1.0)]);
        series.push(bar(4, f64::INFINITY));
        assert_eq!(minutes(&series), [1, 3]);
        assert_eq!(series.missing(0, 9), [(2, 2)]);
    }

    proptest! {
        /// Whatever arrives in whatever order and portions, the series holds the newest `capacity` distinct times,
        /// strictly rising, each with the value that came last.
        #[test]
        fn series_equals_a_sorted_map(batches in prop::collection::vec(
            prop::collection::vec((0i64..60, 1.0..9.0f64), 0..12), 0..12), capacity in 60usize..80)
        {
            let mut series = Series::with_capacity(Step::Millis(MINUTE), capacity);
            let mut model = std::collections::BTreeMap::new();
            for (round, batch) in batches.iter().enumerate() {
                for (minute, close) in batch {
                    model.insert(*minute, *close);
                }
                if round % 2 == 0 {
                    batch.iter().for_each(|(minute, close)| series.push(bar(*minute, *close)));
                } else {
                    series.merge(batch.iter().map(|(minute, close)| bar(*minute, *close)));
                }
            }
            let held: Vec<_> = series.bars().iter().map(|bar| (bar.t / MINUTE, bar.close)).collect();
            prop_assert_eq!(held, model.into_iter().collect::<Vec<_>>());
        }

        /// Between the first and the last bar every slot either has a bar or is named missing, never both.
        #[test]
        fn every_slot_is_a_bar_or_missing(minutes in prop::collection::btree_set(0i64..200, 1..60),
            first in 0i64..200, width in 0i64..200)
        {
            let mut series = Series::new(Step::Millis(MINUTE));
            series.merge(minutes.iter().map(|minute| bar(*minute, 1.0)));
            let missing = series.missing(first, first + width);
            let (oldest, newest) = series.extent().expect("bars");
            for slot in first..=first + width {
                let named = missing.iter().any(|(from, to)| (*from..=*to).contains(&slot));
                let within = (oldest..=newest).contains(&slot);
                prop_assert_eq!(named, within && series.at_slot(slot).is_none());
            }
        }
    }
}
