//! The last few values of one number, for a sparkline.

use std::collections::VecDeque;
use std::fmt::Write;

use crate::canvas::live::Live;

/// The store a sparkline draws from: [`Live::write`] with [`Trail::push`].
pub type TrailHandle = Live<Trail>;

/// Most points a trail keeps.
pub const POINTS: usize = 64;

/// A trail of fewer points does not fill its width.
const YOUNG: usize = 16;

/// A ring of the last [`POINTS`] values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trail {
    values: VecDeque<f64>,
}

impl Trail {
    /// Adds a value; the oldest goes when it is full. What cannot be drawn is skipped.
    pub fn push(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.values.len() == POINTS {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Replaces the newest value: the running sample of a period that has not ended.
    pub fn amend(&mut self, value: f64) {
        if value.is_finite() {
            self.values.pop_back();
            self.values.push_back(value);
        }
    }

    /// Values, oldest first.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> {
        self.values.iter().copied()
    }

    /// Whether it ends at or above its beginning.
    pub fn is_up(&self) -> bool {
        self.values.back() >= self.values.front()
    }

    /// An SVG path of the values in a box of `width` by `height`, half a unit of room above and below; empty for fewer
    /// than two values. A young trail grows in from the right, and a quiet one stays flat: the height stands for at
    /// least a thousandth of the value, so that noise does not look like news.
    pub fn path(&self, width: f64, height: f64) -> String {
        if self.values.len() < 2 {
            return String::new();
        }
        let low = self.values().fold(f64::INFINITY, f64::min);
        let high = self.values().fold(f64::NEG_INFINITY, f64::max);
        let middle = (low + high) / 2.0;
        let span = (high - low).max(middle.abs() * 0.001).max(f64::MIN_POSITIVE);
        let step = width / (self.values.len().max(YOUNG) - 1) as f64;
        let left = width - step * (self.values.len() - 1) as f64;
        let mut path = String::with_capacity(self.values.len() * 10);
        for (index, value) in self.values().enumerate() {
            let y = height / 2.0 - (value - middle) / span * (height - 1.0);
            let letter = if index == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{letter}{:.1} {y:.1}", left + index as f64 * step);
        }
        path
    }
}

impl FromIterator<f64> for Trail {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut trail = Self::default();
        values.into_iter().for_each(|value| trail.push(value));
        trail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_skips_what_cannot_be_drawn() {
        let trail: Trail = (0..100).map(f64::from).chain([f64::NAN]).collect();
        assert_eq!(trail.values().len(), POINTS);
        assert_eq!(trail.values().next(), Some(36.0));
        assert!(trail.is_up());
    }

    #[test]
    fn path_spans_the_box() {
        let trail: Trail = (0..31).map(|n| f64::from(n % 2) + 1.0).collect();
        let path = trail.path(60.0, 20.0);
        assert!(path.starts_with("M0.0 19.5L2.0 0.5L4.0 19.5L"), "{path}");
        assert!(path.ends_with("L60.0 19.5"), "{path}");
    }

    #[test]
    fn a_young_trail_grows_in_from_the_right_and_a_quiet_one_is_flat() {
        let young: Trail = [1.0, 3.0, 2.0].into_iter().collect();
        assert_eq!(young.path(60.0, 20.0), "M52.0 19.5L56.0 0.5L60.0 10.0");
        let flat: Trail = [5.0, 5.0].into_iter().collect();
        assert_eq!(flat.path(60.0, 20.0), "M56.0 10.0L60.0 10.0");
        let quiet: Trail = [1_000.0, 1_000.1].into_iter().collect();
        assert_eq!(quiet.path(60.0, 20.0), "M56.0 10.9L60.0 9.1");
        assert_eq!(Trail::default().path(60.0, 20.0), "");
    }

    #[test]
    fn amend_replaces_the_newest() {
        let mut trail: Trail = [1.0, 2.0].into_iter().collect();
        trail.amend(9.0);
        assert_eq!(trail.values().collect::<Vec<_>>(), [1.0, 9.0]);
    }
}
