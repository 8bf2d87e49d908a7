//! What a line chart says in words: the legend of the point under the crosshair, the summary of the picture, the table
//! of the last points. For eyes, screen readers and tests alike.

use yew::AttrValue;

use crate::canvas::draw::text;
use crate::canvas::readings::{Point, Readings};
use crate::format;

/// What is shown, and how it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LineLabels {
    /// The metric as it is published.
    pub(super) metric: AttrValue,
    /// Its name for people.
    pub(super) name: AttrValue,
    /// Its unit, if it has one.
    pub(super) unit: AttrValue,
    /// Decimals of a value.
    pub(super) decimals: u8,
    /// How far the browser's clock is ahead of the one that stamped the points, in milliseconds.
    pub(super) ahead: i64,
}

/// Points in the table for screen readers.
const ROWS: usize = 10;

impl LineLabels {
    /// A value with its unit.
    fn value(&self, value: f64) -> String {
        let number = text::number(value, self.decimals);
        if self.unit.is_empty() {
            number
        } else {
            format!("{number} {}", self.unit)
        }
    }

    /// The legend.
    pub(super) fn legend(&self, point: Option<&Point>) -> String {
        match point {
            Some(point) => format!("{}  {}", self.name, self.value(point.value)),
            None => format!("{}  no data at this time", self.name),
        }
    }

    /// One sentence or two about the whole picture.
    pub(super) fn summary(&self, readings: &Readings) -> String {
        let points = readings.points(&self.metric, i64::MIN, i64::MAX);
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return format!("{}: no data yet", self.name);
        };
        let low = points
            .iter()
            .map(|point| point.value)
            .fold(f64::INFINITY, f64::min);
        let high = points
            .iter()
            .map(|point| point.value)
            .fold(f64::NEG_INFINITY, f64::max);
        let gap = readings.gap();
        let gaps = points
            .windows(2)
            .filter(|pair| matches!(pair, [before, after] if after.t - before.t > gap))
            .count();
        let gaps = match gaps {
            0 => String::new(),
            1 => " One gap.".to_owned(),
            count => format!(" {count} gaps."),
        };
        format!(
            "{}, {} points since {}. Last {}, between {} and {}.{gaps}",
            self.name,
            points.len(),
            text::moment(first.t, true),
            self.value(last.value),
            self.value(low),
            self.value(high),
        )
    }

    /// Rows of the last points as markup, newest first. They hold formatted numbers only.
    pub(super) fn rows(&self, readings: &Readings) -> String {
        let points = readings.points(&self.metric, i64::MIN, i64::MAX);
        let rows = points.iter().rev().take(ROWS).map(|point| {
            let time = format::time_with_millis(u64::try_from(point.t).unwrap_or_default());
            let value = text::number(point.value, self.decimals);
            format!("<tr><th scope=\"row\">{time}</th><td>{value}</td></tr>")
        });
        rows.collect()
    }
}
