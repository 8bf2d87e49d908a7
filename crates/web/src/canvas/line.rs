//! A line chart laid out: segments between gaps, ticks, and the value range, in device pixels. Nothing that paints.

use crate::canvas::layout::{Rect, Stage, TIME_AXIS};
use crate::canvas::readings::{Point, Readings};
use crate::canvas::scale::{PriceRange, Scale};
use crate::canvas::ticks::Ticks;
use crate::canvas::time_ticks::{TimeTick, time_ticks};
use crate::canvas::time_view::TimeView;
use crate::canvas::viewport::Window;

/// Free room above and below the line, CSS pixels: the legend lies above.
const PAD_ABOVE: f64 = 34.0;
const PAD_BELOW: f64 = 14.0;
/// Least distance of two value labels and of two time labels, CSS pixels.
const VALUE_LABELS: f64 = 40.0;
const TIME_LABELS: f64 = 84.0;

/// See the file's head.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFrame {
    /// Where the line stands.
    pub plot: Rect,
    /// The value axis.
    pub value_axis: Rect,
    /// The time axis.
    pub time_axis: Rect,
    /// Points that belong together, oldest first; between two of these is a gap.
    pub segments: Vec<Vec<(f64, f64)>>,
    /// Stretches without data between two points, as left and right edge.
    pub missing: Vec<(f64, f64)>,
    /// Values to y.
    pub value: Scale,
    /// Round values.
    pub ticks: Ticks,
    /// Marks of the time axis with their x.
    pub time_ticks: Vec<(f64, TimeTick)>,
    /// What is shown, and one point on either side.
    pub points: Vec<Point>,
    /// The newest point, wherever the view is.
    pub last: Option<Point>,
    /// From how many milliseconds on there is a gap.
    gap: i64,
}

impl LineFrame {
    /// Lays out what `view` shows of one name; `None` when there is nothing to show or no room.
    pub fn new(
        readings: &Readings,
        name: &str,
        view: &TimeView,
        stage: &Stage,
        zone: impl Fn(i64) -> i64,
    ) -> Option<Self> {
        let ratio = stage.ratio;
        let width = ((stage.width - stage.price_axis) * ratio).floor();
        let height = ((stage.height - TIME_AXIS) * ratio).floor();
        let last = readings.last(name)?;
        if width < 8.0 || height < 8.0 {
            return None;
        }
        let (from, to) = view.visible();
        let points = readings.points(name, from, to);
        let seen = points.iter().filter(|point| (from..=to).contains(&point.t));
        // A view between two points still shows the line between them.
        let range = PriceRange::of(seen.map(|point| (point.value, point.value)))
            .or_else(|| PriceRange::of(points.iter().map(|point| (point.value, point.value))))
            .unwrap_or(PriceRange {
                low: last.value,
                high: last.value,
            })
            .opened()
            .padded(PAD_BELOW * ratio / height, PAD_ABOVE * ratio / height)
            .stretched(stage.stretch);
        let value = Scale::new((range.low, range.high), (height, 0.0));
        let place = |point: &Point| (view.x(point.t) * ratio, value.pixel(point.value));
        let gap = readings.gap();
        let mut segments: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut missing = Vec::new();
        let mut before: Option<Point> = None;
        for point in &points {
            let (x, y) = place(point);
            match (before, segments.last_mut()) {
                (Some(before), Some(segment)) if point.t - before.t <= gap => segment.push((x, y)),
                (Some(before), _) => {
                    missing.push((view.x(before.t) * ratio, x));
                    segments.push(vec![(x, y)]);
                }
                (None, _) => segments.push(vec![(x, y)]),
            }
            before = Some(*point);
        }
        let axis = (stage.price_axis * ratio).ceil();
        let most = (height / (VALUE_LABELS * ratio)).floor().max(2.0) as usize;
        let spacing = (TIME_LABELS / view.width() * view.span()) as i64;
        let visible = |(left, right): (f64, f64)| {
            let (left, right) = (left.max(0.0), right.min(width));
            (right - left >= 1.0).then_some((left, right))
        };
        Some(Self {
            plot: Rect {
                x: 0.0,
                y: 0.0,
                w: width,
                h: height,
            },
            value_axis: Rect {
                x: width,
                y: 0.0,
                w: axis,
                h: height,
            },
            time_axis: Rect {
                x: 0.0,
                y: height,
                w: width + axis,
                h: TIME_AXIS * ratio,
            },
            segments,
            missing: missing.into_iter().filter_map(visible).collect(),
            ticks: Ticks::nice(range.low, range.high, most, 0.0),
            value,
            time_ticks: time_ticks(from, to, spacing, zone)
                .into_iter()
                .map(|tick| (view.x(tick.t) * ratio, tick))
                .collect(),
            points,
            last: Some(last),
            gap,
        })
    }

    /// The point that is nearest to a moment, unless the moment lies in a gap.
    pub fn nearest(&self, t: i64) -> Option<Point> {
        let behind = self.points.partition_point(|point| point.t < t);
        let before = behind.checked_sub(1).and_then(|at| self.points.get(at));
        let after = self.points.get(behind);
        let near = |point: &&Point| (point.t - t).abs() <= self.gap / 2;
        match (before, after) {
            (Some(before), Some(after)) if after.t - before.t <= self.gap => {
                Some(if t - before.t <= after.t - t {
                    *before
                } else {
                    *after
                })
            }
            (before, after) => after.filter(near).or(before.filter(near)).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: Stage = Stage {
        width: 860.0,
        height: 324.0,
        ratio: 1.0,
        price_axis: 60.0,
        stretch: 1.0,
        tick_size: 0.0,
    };

    /// A report each second of two minutes, but none between 40 and 70 s.
    fn readings() -> Readings {
        let mut readings = Readings::default();
        for t in (0..120).filter(|t| !(40..70).contains(t)) {
            readings.push(t * 1_000, [("a", (t % 10) as f64)]);
        }
        readings
    }

    fn frame(readings: &Readings, span: f64) -> LineFrame {
        let mut view = TimeView::default();
        view.resize(800.0);
        view.set_extent(readings.extent(), 119_000);
        view.set_span(span);
        LineFrame::new(readings, "a", &view, &STAGE, |_| 0).expect("data and room")
    }

    #[test]
    fn a_gap_is_drawn_as_a_gap() {
        let frame = frame(&readings(), 120_000.0);
        assert_eq!(frame.segments.len(), 2);
        assert_eq!(frame.missing.len(), 1);
        let (left, right) = frame.missing[0];
        assert!(
            (right - left - 31.0 / 120.0 * 800.0).abs() < 1.0,
            "{left}..{right}"
        );
        assert_eq!(frame.nearest(55_000), None, "nothing is known in a gap");
        assert_eq!(frame.nearest(80_400).map(|point| point.t), Some(80_000));
    }

    #[test]
    fn everything_that_is_seen_has_room() {
        let frame = frame(&readings(), 30_000.0);
        for (x, y) in frame.segments.iter().flatten() {
            assert!((0.0..=300.0).contains(y), "{x} {y}");
        }
        assert!(!frame.ticks.values.is_empty() && !frame.time_ticks.is_empty());
    }

    #[test]
    fn without_data_or_room_there_is_no_picture() {
        let view = TimeView::default();
        assert!(LineFrame::new(&Readings::default(), "a", &view, &STAGE, |_| 0).is_none());
        assert!(LineFrame::new(&readings(), "b", &view, &STAGE, |_| 0).is_none());
        let narrow = Stage { width: 50.0, ..STAGE };
        assert!(LineFrame::new(&readings(), "a", &view, &narrow, |_| 0).is_none());
    }
}
