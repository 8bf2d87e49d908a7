//! What a depth chart shows: a range symmetric about the middle, steps of both sides, what lies under the pointer.

use crate::canvas::book_curve::{BookCurve, Point, Side};
use crate::canvas::scale::Scale;

/// A depth chart laid out, in device pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthFrame {
    /// Middle of the book.
    pub mid: f64,
    /// Prices to x.
    pub price: Scale,
    /// Cumulated size to y.
    pub total: Scale,
    /// Corner points of the bid side from the middle outwards.
    pub bids: Vec<(f64, f64)>,
    /// Corner points of the ask side from the middle outwards.
    pub asks: Vec<(f64, f64)>,
}

/// What the pointer is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthHover {
    /// Which side.
    pub side: Side,
    /// Price under the pointer.
    pub price: f64,
    /// What stands between the middle and that price.
    pub point: Point,
    /// Distance from the middle, as a share of it (0.01 is 1 %).
    pub distance: f64,
}

/// Narrowest and widest share of the full range that can be zoomed to.
const ZOOM: std::ops::RangeInclusive<f64> = 0.05..=1.0;

/// A zoom kept within bounds.
pub fn clamp_zoom(zoom: f64) -> f64 {
    if zoom.is_finite() {
        zoom.clamp(*ZOOM.start(), *ZOOM.end())
    } else {
        1.0
    }
}

/// Range shown against the range known.
const MARGIN: f64 = 1.015;

impl DepthFrame {
    /// Lays `book` out on `width` by `height`, with `zoom` (0..=1) of its range; `None` without a drawable book.
    /// The range reaches as far as the farther side: the nearer one ends where its last level is, since nothing is
    /// known beyond.
    pub fn new(book: &BookCurve, width: f64, height: f64, zoom: f64) -> Option<Self> {
        let mid = book.mid()?;
        let reach = |points: &[Point]| points.last().map_or(0.0, |point| (point.price - mid).abs());
        // A little further than the last level, so that its step is seen to end.
        let half = reach(book.bids()).max(reach(book.asks())) * clamp_zoom(zoom) * MARGIN;
        if !(half > 0.0 && width > 0.0 && height > 0.0) {
            return None;
        }
        let visible = |point: &&Point| (point.price - mid).abs() <= half * (1.0 + 1e-9);
        let highest = book
            .bids()
            .iter()
            .chain(book.asks())
            .filter(visible)
            .map(|point| point.total);
        let highest = highest.fold(0.0, f64::max);
        if highest <= 0.0 {
            return None;
        }
        let price = Scale::new((mid - half, mid + half), (0.0, width));
        let total = Scale::new((0.0, highest * 1.12), (height, 0.0));
        let corners = |points: &[Point], limit: f64| {
            let mut corners = Vec::with_capacity(points.len() * 2 + 1);
            let mut before = 0.0;
            for point in points {
                let outside = (point.price - mid).abs() > half * (1.0 + 1e-9);
                let x = if outside { limit } else { price.pixel(point.price) };
                corners.push((x, total.pixel(before)));
                if outside {
                    break;
                }
                before = point.total;
                corners.push((x, total.pixel(before)));
            }
            corners
        };
        let (bids, asks) = (corners(book.bids(), 0.0), corners(book.asks(), width));
        Some(Self {
            mid,
            price,
            total,
            bids,
            asks,
        })
    }

    /// What lies under `x`; `None` in the spread and where a side has ended.
    pub fn hover(&self, book: &BookCurve, x: f64) -> Option<DepthHover> {
        let price = self.price.value(x);
        let side = if price < self.mid { Side::Bid } else { Side::Ask };
        let points = match side {
            Side::Bid => book.bids(),
            Side::Ask => book.asks(),
        };
        let beyond = points
            .last()
            .is_none_or(|last| (price - self.mid).abs() > (last.price - self.mid).abs());
        if beyond {
            return None;
        }
        let point = book.at(side, price)?;
        Some(DepthHover {
            side,
            price,
            point,
            distance: (price - self.mid) / self.mid,
        })
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn book() -> BookCurve {
        let mut book = BookCurve::default();
        book.set(
            [(99.0, 1.0), (98.0, 2.0), (95.0, 4.0)],
            [(101.0, 0.5), (103.0, 1.5)],
        );
        book
    }

    #[test]
    fn range_is_symmetric_about_the_middle() {
        let frame = DepthFrame::new(&book(), 400.0, 100.0, 1.0).expect("a frame");
        let (low, high) = frame.price.domain();
        assert!(
            low < 95.0 && high > 105.0 && (low + high - 200.0).abs() < 1e-9,
            "{low} {high}"
        );
        assert!((frame.price.pixel(frame.mid) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn sides_are_steps_that_end_where_knowledge_ends() {
        let frame = DepthFrame::new(&book(), 400.0, 100.0, 1.0).expect("a frame");
        assert_eq!(
            frame.asks.last().map(|corner| corner.0),
            Some(frame.price.pixel(103.0))
        );
        assert_eq!(
            frame.bids.last().map(|corner| corner.0),
            Some(frame.price.pixel(95.0))
        );
        for pair in frame.bids.windows(2) {
            assert!(
                pair[0].0 == pair[1].0 || pair[0].1 == pair[1].1,
                "only horizontal and vertical edges"
            );
        }
    }

    #[test]
    fn hover_tells_price_total_and_distance() {
        let book = book();
        let frame = DepthFrame::new(&book, 400.0, 100.0, 1.0).expect("a frame");
        let hover = frame.hover(&book, frame.price.pixel(97.0)).expect("bids");
        assert_eq!((hover.side, hover.point.total), (Side::Bid, 3.0));
        assert!((hover.distance + 0.03).abs() < 1e-9);
        assert_eq!(frame.hover(&book, frame.price.pixel(100.5)), None, "the spread");
        assert_eq!(
            frame.hover(&book, frame.price.pixel(104.0)),
            None,
            "past the last ask"
        );
    }

    #[test]
    fn no_frame_without_a_book() {
        assert_eq!(DepthFrame::new(&BookCurve::default(), 400.0, 100.0, 1.0), None);
        assert_eq!(DepthFrame::new(&book(), 0.0, 100.0, 1.0), None);
        let mut flat = BookCurve::default();
        flat.set([(10.0, 0.0)], [(11.0, 0.0)]);
        assert_eq!(DepthFrame::new(&flat, 400.0, 100.0, 1.0), None);
    }

    proptest! {
        #[test]
        fn everything_stays_on_the_canvas(
            sizes in prop::collection::vec((0.0..10.0f64, 0.01..5.0f64), 1..40), zoom in 0.0..2.0f64)
        {
            let mut book = BookCurve::default();
            let ladder = |sign: f64| {
                let mut price = 100.0;
                sizes.iter().map(move |(size, gap)| { price += sign * gap / 10.0; (price, *size) }).collect::<Vec<_>>()
            };
            book.set(ladder(-1.0), ladder(1.0));
            if let Some(frame) = DepthFrame::new(&book, 400.0, 100.0, zoom) {
                for (x, y) in frame.bids.iter().chain(&frame.asks) {
                    prop_assert!((-0.01..=400.01).contains(x) && (-0.01..=100.01).contains(y), "{} {}", x, y);
                }
            }
        }
    }
}
