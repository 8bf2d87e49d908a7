//! A candle chart laid out: panes, columns, ticks, gaps. Everything that decides what is painted where, in device
//! pixels, and nothing that paints.

use crate::canvas::columns::{CandleShape, merge_slots};
use crate::canvas::scale::{PriceRange, Scale};
use crate::canvas::series::{Bar, Series};
use crate::canvas::ticks::Ticks;
use crate::canvas::time_ticks::{TimeTick, time_ticks};
use crate::canvas::viewport::Viewport;

/// Height of the time axis, CSS pixels.
pub const TIME_AXIS: f64 = 24.0;
/// Share of the plot's height that the volume pane takes.
const VOLUME_SHARE: f64 = 0.17;
/// Below this height (CSS pixels) the plot has no room for a volume pane.
const VOLUME_FROM: f64 = 150.0;
/// Free room above the bars, where the legend lies, and below them, CSS pixels.
const PAD_ABOVE: f64 = 34.0;
/// A narrow chart's legend takes two lines.
const PAD_ABOVE_NARROW: f64 = 50.0;
const NARROW: f64 = 480.0;
const PAD_BELOW: f64 = 14.0;
/// Least distance of two price labels and of two time labels, CSS pixels.
const PRICE_LABELS: f64 = 44.0;
const TIME_LABELS: f64 = 84.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// First pixel below.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// First pixel to the right.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }
}

/// What surrounds the data: sizes in CSS pixels and the pixel ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Canvas width in CSS pixels.
    pub width: f64,
    /// Canvas height in CSS pixels.
    pub height: f64,
    /// Device pixels per CSS pixel.
    pub ratio: f64,
    /// Width of the price axis in CSS pixels.
    pub price_axis: f64,
    /// Stretch of the price range against the automatic one; 1 is automatic.
    pub stretch: f64,
    /// Smallest price difference, or 0.
    pub tick_size: f64,
}

/// One drawn column: a candle or several merged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Middle of the column.
    pub x: f64,
    /// What it shows.
    pub bar: Bar,
}

/// See the file's head.
#[derive(Debug, Clone, PartialEq)]
pub struct CandleFrame {
    /// Where candles stand.
    pub plot: Rect,
    /// Where volume stands; no height when there is no room.
    pub volume: Rect,
    /// The price axis, over both panes.
    pub price_axis: Rect,
    /// The time axis.
    pub time_axis: Rect,
    /// Widths of a candle.
    pub shape: CandleShape,
    /// Columns from left to right.
    pub columns: Vec<Column>,
    /// Stretches without data, as left and right edge.
    pub missing: Vec<(f64, f64)>,
    /// Prices to y.
    pub price: Scale,
    /// Volume to y.
    pub volumes: Scale,
    /// Round prices.
    pub price_ticks: Ticks,
    /// Marks of the time axis with their x.
    pub time_ticks: Vec<(f64, TimeTick)>,
    /// The newest bar, wherever the view is.
    pub last: Option<Bar>,
}

impl CandleFrame {
    /// Lays out what `view` shows of `series`; `None` when there is nothing to show or no room.
    pub fn new(series: &Series, view: &Viewport, stage: &Stage, zone: impl Fn(i64) -> i64) -> Option<Self> {
        let ratio = stage.ratio;
        let width = ((stage.width - stage.price_axis) * ratio).floor();
        let height = ((stage.height - TIME_AXIS) * ratio).floor();
        if width < 8.0 || height < 8.0 {
            return None;
        }
        let with_volume = stage.height - TIME_AXIS >= VOLUME_FROM;
        let volume_height = if with_volume {
            (height * VOLUME_SHARE).round()
        } else {
            0.0
        };
        let plot = Rect {
            x: 0.0,
            y: 0.0,
            w: width,
            h: height - volume_height,
        };
        let volume = Rect {
            x: 0.0,
            y: plot.h,
            w: width,
            h: volume_height,
        };
        let price_axis = Rect {
            x: width,
            y: 0.0,
            w: (stage.width * ratio).round() - width,
            h: height,
        };
        let time_axis = Rect {
            x: 0.0,
            y: height,
            w: (stage.width * ratio).round(),
            h: (stage.height * ratio).round() - height,
        };

        let shape = CandleShape::new(view.spacing() * ratio, ratio);
        let (first, last) = view.visible();
        let columns: Vec<Column> = merge_slots(series.in_slots(first, last), shape.merged)
            .map(|(slot, bar)| {
                let middle = (view.x(slot) + view.x(slot + shape.merged)) / 2.0;
                Column {
                    x: middle * ratio,
                    bar,
                }
            })
            .collect();
        let above = if stage.width < NARROW {
            PAD_ABOVE_NARROW
        } else {
            PAD_ABOVE
        };
        // A view without any bar (inside a long gap) keeps the last price's surroundings.
        let range = PriceRange::of(columns.iter().map(|column| (column.bar.low, column.bar.high)))
            .or_else(|| PriceRange::of(series.last().map(|bar| (bar.low, bar.high))))?
            .opened()
            .padded(PAD_BELOW * ratio / plot.h, above * ratio / plot.h)
            .stretched(stage.stretch);
        let price = Scale::new((range.low, range.high), (plot.bottom(), plot.y));
        let most = (plot.h / (PRICE_LABELS * ratio)).floor() as usize;
        let price_ticks = Ticks::nice(range.low, range.high, most.max(1), stage.tick_size);
        let tallest = columns.iter().map(|column| column.bar.volume).fold(0.0, f64::max);
        let volumes = Scale::new(
            (0.0, tallest.max(f64::MIN_POSITIVE) * 1.15),
            (volume.bottom(), volume.y),
        );

        let missing = series
            .missing(first, last)
            .into_iter()
            .map(|(from, to)| {
                (
                    (view.x(from) * ratio).round().max(0.0),
                    (view.x(to + 1) * ratio).round().min(width),
                )
            })
            .filter(|(left, right)| right > left)
            .collect();
        let slot_millis = series.slot_start(last + 1) - series.slot_start(last);
        let spacing = (TIME_LABELS / view.spacing() * slot_millis as f64) as i64;
        let time_ticks = time_ticks(
            series.slot_start(first),
            series.slot_start(last + 1),
            spacing,
            zone,
        )
        .into_iter()
        .map(|tick| (view.center(series.slot(tick.t)) * ratio, tick))
        .filter(|(x, _)| (0.0..width).contains(x))
        .collect();
        Some(Self {
            plot,
            volume,
            price_axis,
            time_axis,
            shape,
            columns,
            missing,
            price,
            volumes,
            price_ticks,
            time_ticks,
            last: series.last().copied(),
        })
    }

    /// Top and height of a candle's body, at least one wick thick.
    pub fn body(&self, bar: &Bar) -> (f64, f64) {
        let top = self.price.pixel(bar.open.max(bar.close)).round();
        let bottom = self.price.pixel(bar.open.min(bar.close)).round();
        (top, (bottom - top).max(self.shape.wick))
    }

    /// Top and height of a candle's wick.
    pub fn wick(&self, bar: &Bar) -> (f64, f64) {
        let top = self.price.pixel(bar.high).round();
        (top, (self.price.pixel(bar.low).round() - top).max(1.0))
    }

    /// Top and height of a volume column; something traded shows at least one pixel.
    pub fn volume_column(&self, bar: &Bar) -> (f64, f64) {
        let least = if bar.volume > 0.0 { 1.0 } else { 0.0 };
        let height = (self.volume.bottom() - self.volumes.pixel(bar.volume))
            .round()
            .max(least);
        (self.volume.bottom() - height, height)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canvas::series::Step;
    use crate::canvas::viewport::Window;

    const MINUTE: i64 = 60_000;
    const STAGE: Stage = Stage {
        width: 800.0,
        height: 400.0,
        ratio: 2.0,
        price_axis: 64.0,
        stretch: 1.0,
        tick_size: 0.1,
    };

    fn series(minutes: impl IntoIterator<Item = i64>) -> Series {
        let mut series = Series::new(Step::Millis(MINUTE));
        series.merge(minutes.into_iter().map(|minute| {
            let open = 100.0 + (minute as f64 * 0.7).sin() * 4.0;
            let close = 100.0 + (minute as f64 * 0.7 + 0.7).sin() * 4.0;
            let (low, high) = (open.min(close) - 0.5, open.max(close) + 0.5);
            Bar {
                t: minute * MINUTE,
                open,
                high,
                low,
                close,
                volume: (minute % 7) as f64,
            }
        }));
        series
    }

    fn frame(series: &Series, stage: &Stage) -> Option<CandleFrame> {
        CandleFrame::new(series, &view(series, stage), stage, |_| 0)
    }

    fn view(series: &Series, stage: &Stage) -> Viewport {
        let mut view = Viewport::default();
        view.resize(stage.width - stage.price_axis);
        view.set_extent(series.extent());
        view
    }

    #[test]
    fn panes_tile_the_canvas() {
        let frame = frame(&series(0..300), &STAGE).expect("a frame");
        assert_eq!(frame.plot.bottom(), frame.volume.y);
        assert_eq!(frame.volume.bottom(), frame.time_axis.y);
        assert_eq!(frame.time_axis.bottom(), 800.0);
        assert_eq!(frame.price_axis.right(), 1_600.0);
        assert!(frame.volume.h > 0.0);
    }

    #[test]
    fn a_low_chart_gives_up_its_volume_pane() {
        let frame = frame(
            &series(0..300),
            &Stage {
                height: 120.0,
                ..STAGE
            },
        )
        .expect("a frame");
        assert_eq!(frame.volume.h, 0.0);
    }

    #[test]
    fn every_visible_bar_lies_in_the_plot() {
        let frame = frame(&series(0..300), &STAGE).expect("a frame");
        for column in &frame.columns {
            let (top, height) = frame.wick(&column.bar);
            assert!(top >= 0.0 && top + height <= frame.plot.bottom(), "{column:?}");
            let (top, height) = frame.volume_column(&column.bar);
            assert!(top >= frame.volume.y && top + height == frame.volume.bottom());
        }
    }

    #[test]
    fn missing_bars_are_bands_between_their_neighbours() {
        let held = series((0..250).chain(260..300));
        let frame = frame(&held, &STAGE).expect("a frame");
        let [(left, right)] = frame.missing[..] else {
            panic!("one band, not {:?}", frame.missing)
        };
        assert!((right - left - 10.0 * 8.0 * 2.0).abs() <= 1.0);
        assert!(
            frame
                .columns
                .iter()
                .all(|column| column.x < left || column.x > right)
        );
    }

    #[test]
    fn price_labels_are_on_the_tick_grid_and_apart() {
        let frame = frame(&series(0..300), &STAGE).expect("a frame");
        assert!(frame.price_ticks.values.len() >= 3);
        assert!(frame.price_ticks.step >= STAGE.tick_size);
        for pair in frame.price_ticks.values.windows(2) {
            let apart = frame.price.pixel(pair[0]) - frame.price.pixel(pair[1]);
            assert!(apart >= PRICE_LABELS * STAGE.ratio * 0.99, "{apart}");
        }
    }

    #[test]
    fn nothing_to_show_is_no_frame() {
        assert_eq!(frame(&series([]), &STAGE), None);
        assert_eq!(frame(&series(0..9), &Stage { width: 60.0, ..STAGE }), None);
        assert_eq!(
            frame(
                &series(0..9),
                &Stage {
                    height: 10.0,
                    ..STAGE
                }
            ),
            None
        );
    }

    proptest! {
        /// However the reader zooms and scrolls, columns rise to the right and at most one stands per pixel pair.
        #[test]
        fn columns_are_ordered_and_never_crowded(zoom in 0.02..20.0f64, pan in -500.0..20_000.0f64, ratio in 0.75..4.0f64) {
            let held = series(0..4_000);
            let stage = Stage { ratio, ..STAGE };
            let mut view = view(&held, &stage);
            view.zoom(zoom, 300.0);
            view.pan(pan);
            let frame = CandleFrame::new(&held, &view, &stage, |_| 0).expect("a frame");
            for pair in frame.columns.windows(2) {
                prop_assert!(pair[1].x - pair[0].x > frame.shape.body);
            }
            prop_assert!(frame.columns.len() as f64 <= frame.plot.w / 2.0 + 2.0);
        }
    }
}
