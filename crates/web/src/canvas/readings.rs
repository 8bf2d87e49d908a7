//! What one device measured over time: reports with several named numbers each, bounded, in the order of time.
//!
//! A gap is a gap: where reports are much farther apart than usual, nothing is drawn between them.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::canvas::live::Live;

/// The store a line chart draws from.
pub type ReadingsHandle = Live<Readings>;

/// Most reports that are kept; the oldest go first.
pub const REPORTS: usize = 4_000;
/// Most names that are told apart; values of further ones are left out.
pub const NAMES: usize = 64;

/// Reports that are farther apart than so many usual distances have a gap between them.
const GAP_FACTOR: i64 = 4;
/// No gap is shorter than this, in milliseconds.
const SHORTEST_GAP: i64 = 3_000;
/// How many of the newest distances say what is usual.
const USUAL_OF: usize = 64;

/// One number at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Unix milliseconds.
    pub t: i64,
    /// The number; always finite.
    pub value: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Report {
    t: i64,
    /// By the place of the name.
    values: Vec<(u16, f64)>,
}

/// See the file's head.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    names: Vec<Rc<str>>,
    reports: VecDeque<Report>,
    oldest_reached: bool,
    /// How many came live, the dropped ones included.
    taken: u64,
}

impl Readings {
    /// Takes a report that just came. One of the same time replaces what it names.
    pub fn push<'a>(&mut self, t: i64, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.taken += 1;
        self.insert(t, values);
        if self.reports.len() > REPORTS {
            self.reports.pop_front();
            // What was dropped could be asked for again, but there would be no room for it.
            self.oldest_reached = true;
        }
    }

    /// Takes a report of the past, if there is room.
    pub fn fill<'a>(&mut self, t: i64, values: impl IntoIterator<Item = (&'a str, f64)>) {
        if self.reports.len() < REPORTS {
            self.insert(t, values);
        } else {
            self.oldest_reached = true;
        }
    }

    /// There is nothing older than what is held, or no room for it.
    pub fn mark_oldest_reached(&mut self) {
        self.oldest_reached = true;
    }

    /// Whether older reports are worth asking for.
    pub fn wants_older(&self) -> bool {
        !self.oldest_reached && !self.reports.is_empty()
    }

    /// How many came live.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Times of the first and the last report.
    pub fn extent(&self) -> Option<(i64, i64)> {
        Some((self.reports.front()?.t, self.reports.back()?.t))
    }

    /// The points of one name from the last one before `from` to the first one behind `to`, oldest first.
    pub fn points(&self, name: &str, from: i64, to: i64) -> Vec<Point> {
        let Some(place) = self.place(name) else {
            return Vec::new();
        };
        let value = |report: &Report| {
            let found = report.values.iter().find(|(at, _)| *at == place)?;
            Some(Point {
                t: report.t,
                value: found.1,
            })
        };
        let begin = self.reports.partition_point(|report| report.t < from);
        let end = self.reports.partition_point(|report| report.t <= to);
        let before = self.reports.range(..begin).rev().find_map(value);
        let after = self.reports.range(end..).find_map(value);
        let within = self.reports.range(begin..end).filter_map(value);
        before.into_iter().chain(within).chain(after).collect()
    }

    /// The newest point of one name.
    pub fn last(&self, name: &str) -> Option<Point> {
        let place = self.place(name)?;
        self.reports.iter().rev().find_map(|report| {
            let found = report.values.iter().find(|(at, _)| *at == place)?;
            Some(Point {
                t: report.t,
                value: found.1,
            })
        })
    }

    /// From how many milliseconds on two neighbours have a gap between them.
    pub fn gap(&self) -> i64 {
        let times = self.reports.iter().rev().map(|report| report.t);
        let mut apart: Vec<i64> = times
            .clone()
            .zip(times.skip(1))
            .map(|(later, earlier)| later - earlier)
            .take(USUAL_OF)
            .collect();
        apart.sort_unstable();
        let usual = apart.get(apart.len() / 2).copied().unwrap_or_default();
        (usual * GAP_FACTOR).max(SHORTEST_GAP)
    }

    fn insert<'a>(&mut self, t: i64, values: impl IntoIterator<Item = (&'a str, f64)>) {
        let values: Vec<(u16, f64)> = values
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .filter_map(|(name, value)| Some((self.place_or_new(name)?, value)))
            .collect();
        let at = self.reports.partition_point(|report| report.t < t);
        match self.reports.get_mut(at) {
            Some(known) if known.t == t => {
                for (place, value) in values {
                    match known.values.iter_mut().find(|(at, _)| *at == place) {
                        Some(known) => known.1 = value,
                        None => known.values.push((place, value)),
                    }
                }
            }
            _ => self.reports.insert(at, Report { t, values }),
        }
    }

    fn place(&self, name: &str) -> Option<u16> {
        let at = self.names.iter().position(|known| &**known == name)?;
        u16::try_from(at).ok()
    }

    fn place_or_new(&mut self, name: &str) -> Option<u16> {
        if self.place(name).is_none() {
            if self.names.len() == NAMES {
                return None;
            }
            self.names.push(name.into());
        }
        self.place(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(readings: &Readings, name: &str) -> Vec<(i64, f64)> {
        let points = readings.points(name, i64::MIN, i64::MAX);
        points.iter().map(|point| (point.t, point.value)).collect()
    }

    #[test]
    fn past_and_present_come_together_in_order_and_once() {
        let mut readings = Readings::default();
        readings.push(3_000, [("a", 3.0)]);
        readings.push(4_000, [("a", 4.0), ("b", 40.0)]);
        for t in [1_000, 2_000, 3_000] {
            readings.fill(t, [("a", t as f64 / 1_000.0)]);
        }
        assert_eq!(
            values(&readings, "a"),
            [(1_000, 1.0), (2_000, 2.0), (3_000, 3.0), (4_000, 4.0)]
        );
        assert_eq!(values(&readings, "b"), [(4_000, 40.0)]);
        assert_eq!(values(&readings, "c"), []);
        assert_eq!((readings.taken(), readings.len()), (2, 4));
    }

    #[test]
    fn a_view_gets_its_points_and_one_on_either_side() {
        let mut readings = Readings::default();
        for t in 0..10 {
            readings.push(t * 1_000, [("a", t as f64)]);
        }
        let seen = readings.points("a", 3_500, 5_500);
        assert_eq!(
            seen.iter().map(|point| point.t).collect::<Vec<_>>(),
            [3_000, 4_000, 5_000, 6_000]
        );
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut readings = Readings::default();
        for t in 0..(REPORTS as i64 + 500) {
            readings.push(t, [("a", 1.0)]);
        }
        assert_eq!(readings.len(), REPORTS);
        assert_eq!(readings.extent(), Some((500, REPORTS as i64 + 499)));
        readings.fill(0, [("a", 1.0)]);
        assert_eq!((readings.len(), readings.wants_older()), (REPORTS, false));
        for name in 0..NAMES + 10 {
            readings.push(9_999, [(format!("n{name}").as_str(), 1.0)]);
        }
        assert_eq!(readings.names.len(), NAMES);
    }

    #[test]
    fn a_gap_is_judged_by_what_is_usual() {
        let mut readings = Readings::default();
        assert_eq!(readings.gap(), SHORTEST_GAP);
        for t in 0..50 {
            readings.push(t * 5_000, [("a", 1.0)]);
        }
        readings.push(900_000, [("a", 1.0)]);
        assert_eq!(readings.gap(), 20_000);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let mut readings = Readings::default();
        readings.push(1, [("a", f64::NAN), ("b", 2.0)]);
        assert_eq!(readings.last("a"), None);
        assert_eq!(readings.last("b"), Some(Point { t: 1, value: 2.0 }));
    }
}
