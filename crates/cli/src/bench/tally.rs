//! Every delivery is counted: lost, repeated, out of order, and how late it came.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::Context;
use hdrhistogram::Histogram;

use super::payload::Stamp;

/// A subscriber that heard nothing yet.
pub(super) const UNHEARD: u64 = u64::MAX;
/// Holes that are remembered of one subscriber. What comes late for a hole beyond these counts as lost and as repeated;
/// the run has failed long before.
const MOST_HOLES: usize = 10_000;
/// Latencies are kept up to ten minutes, to three digits.
const MOST_NANOS: u64 = 600_000_000_000;

/// What was wrong.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Faults {
    /// Deliveries that never came.
    pub(super) lost: u64,
    /// Deliveries that came again.
    pub(super) repeated: u64,
    /// Deliveries that came behind later ones of their topic.
    pub(super) reordered: u64,
}

impl Faults {
    /// All of them.
    pub(super) fn sum(self) -> u64 {
        self.lost + self.repeated + self.reordered
    }
}

/// The count of all deliveries.
pub(super) struct Tally {
    /// Since [`measure`](Tally::measure).
    pub(super) deliveries: u64,
    pub(super) faults: Faults,
    /// From when a message was due to its arrival, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// What each subscriber that has missed something has missed.
    holes: HashMap<usize, Vec<Range<u64>>>,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Tally {
            deliveries: 0,
            faults: Faults::default(),
            latency: Histogram::new_with_bounds(1, MOST_NANOS, 3).context("no histogram")?,
            holes: HashMap::new(),
        })
    }

    /// Counts deliveries and latencies from here; faults are those of the whole run.
    pub(super) fn measure(&mut self) {
        self.deliveries = 0;
        self.latency.reset();
    }

    /// A subscriber, whose next message is due to be `next`, got one. The first one that it hears may be any.
    #[inline]
    pub(super) fn delivered(&mut self, subscriber: usize, next: &mut u64, stamp: Stamp, now: u64) {
        self.deliveries += 1;
        self.latency
            .saturating_record(now.saturating_sub(stamp.due).max(1));
        if stamp.number == *next || *next == UNHEARD {
            *next = stamp.number + 1;
        } else {
            self.out_of_line(subscriber, next, stamp.number);
        }
    }

    #[cold]
    fn out_of_line(&mut self, subscriber: usize, next: &mut u64, number: u64) {
        let holes = self.holes.entry(subscriber).or_default();
        if number > *next {
            self.faults.lost += number - *next;
            if holes.len() < MOST_HOLES {
                holes.push(*next..number);
            }
            *next = number + 1;
            return;
        }
        let Some(at) = holes.iter().position(|hole| hole.contains(&number)) else {
            self.faults.repeated += 1;
            return;
        };
        self.faults.lost -= 1;
        self.faults.reordered += 1;
        let hole = holes.swap_remove(at);
        let halves = [hole.start..number, number + 1..hole.end];
        holes.extend(halves.into_iter().filter(|half| !half.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arrivals: &[u64], next: u64, faults: (u64, u64, u64)) {
        let mut tally = Tally::new().unwrap();
        let mut reached = UNHEARD;
        for &number in arrivals {
            tally.delivered(3, &mut reached, Stamp { number, due: 100 }, 150);
        }
        let Faults {
            lost,
            repeated,
            reordered,
        } = tally.faults;
        assert_eq!((lost, repeated, reordered), faults, "{arrivals:?}");
        assert_eq!(reached, next, "{arrivals:?}");
        assert_eq!(tally.deliveries, arrivals.len() as u64);
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        check(&[], UNHEARD, (0, 0, 0));
        check(&[5, 6, 7], 8, (0, 0, 0));
        check(&[5, 7], 8, (1, 0, 0));
        check(&[5, 9], 10, (3, 0, 0));
        check(&[5, 5, 6], 7, (0, 1, 0));
        check(&[5, 6, 4], 7, (0, 1, 0));
        check(&[5, 7, 6], 8, (0, 0, 1));
        check(&[5, 9, 7, 8, 6, 7], 10, (0, 1, 3));
        check(&[5, 9, 7, 12, 6], 13, (3, 0, 2));
    }

    #[test]
    fn latency_counts_from_when_a_message_was_due() {
        let mut tally = Tally::new().unwrap();
        let mut next = UNHEARD;
        for number in 0..100 {
            let stamp = Stamp {
                number,
                due: 1_000_000 * number,
            };
            tally.delivered(0, &mut next, stamp, 1_000_000 * number + 10_000 * (number + 1));
        }
        assert_eq!(tally.latency.value_at_quantile(0.5) / 1_000, 500);
        assert_eq!(tally.latency.value_at_quantile(0.99) / 10_000, 99);
        assert_eq!(tally.latency.max() / 100_000, 10);
        tally.measure();
        assert_eq!((tally.deliveries, tally.latency.len()), (0, 0));
    }
}
