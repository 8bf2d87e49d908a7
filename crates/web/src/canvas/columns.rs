//! How wide a candle is, and how several become one when there is less than a pixel for each.
//!
//! All lengths here are device pixels, so that edges fall on the screen's own grid.

use crate::canvas::series::Bar;

/// Widths of one candle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandleShape {
    /// Bars drawn as one: 1 unless the view is zoomed far out.
    pub merged: i64,
    /// Body, a whole number of device pixels.
    pub body: f64,
    /// Wick, a whole number of device pixels, of the body's parity so that it stands in its middle.
    pub wick: f64,
}

impl CandleShape {
    /// The shape for `spacing` device pixels a slot on a screen with `ratio` device pixels a CSS pixel.
    pub fn new(spacing: f64, ratio: f64) -> Self {
        let wick = ratio.floor().max(1.0);
        // Narrower than this, neighbours would melt: the extremes of several stand for them.
        let least = wick + 1.0;
        let merged = (least / spacing).ceil().max(1.0);
        let room = spacing * merged;
        let mut body = (room * 0.76).floor().max(wick);
        if (body - wick) % 2.0 != 0.0 {
            body -= 1.0;
        }
        Self {
            merged: merged as i64,
            body: body.max(wick),
            wick,
        }
    }

    /// Left edge of something `width` wide whose middle is near `center`, on the grid.
    pub fn left(center: f64, width: f64) -> f64 {
        (center - width / 2.0).round()
    }
}

/// Joins bars of the same group of `merged` slots: first open, last close, extremes, summed volume. Groups are aligned
/// to absolute slots, so that panning does not make the picture boil. Yields the group's first slot.
pub fn merge_slots<'a>(
    bars: impl Iterator<Item = (i64, &'a Bar)>,
    merged: i64,
) -> impl Iterator<Item = (i64, Bar)> {
    let mut bars = bars.peekable();
    std::iter::from_fn(move || {
        let (slot, first) = bars.next()?;
        let group = slot.div_euclid(merged);
        let mut joined = *first;
        while let Some((_, bar)) = bars.next_if(|(slot, _)| slot.div_euclid(merged) == group) {
            joined.high = joined.high.max(bar.high);
            joined.low = joined.low.min(bar.low);
            joined.close = bar.close;
            joined.volume += bar.volume;
        }
        Some((group * merged, joined))
    })
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes_at_common_zooms() {
        for (spacing, ratio, merged, body, wick) in [
            (8.0, 1.0, 1, 5.0, 1.0),
            (16.0, 2.0, 1, 12.0, 2.0),
            (3.0, 1.0, 1, 1.0, 1.0),
            (0.5, 1.0, 4, 1.0, 1.0),
            (60.0, 1.0, 1, 45.0, 1.0),
            (10.0, 1.25, 1, 7.0, 1.0),
        ] {
            let shape = CandleShape::new(spacing, ratio);
            assert_eq!(
                shape,
                CandleShape { merged, body, wick },
                "spacing {spacing} at {ratio}"
            );
        }
    }

    proptest! {
        #[test]
        fn bodies_never_touch_and_wicks_are_centred(spacing in 0.1..200.0f64, ratio in 0.75..4.0f64) {
            let shape = CandleShape::new(spacing, ratio);
            prop_assert!(shape.body < spacing * shape.merged as f64);
            prop_assert_eq!((shape.body - shape.wick) % 2.0, 0.0);
            prop_assert_eq!(shape.body.fract() + shape.wick.fract(), 0.0);
        }

        /// Merging loses no extreme and no volume, and keeps first open and last close.
        #[test]
        fn merging_keeps_extremes(closes in prop::collection::vec(1.0..100.0f64, 1..200), merged in 1i64..9, start in -50i64..50) {
            let bars: Vec<Bar> = closes.iter().enumerate().map(|(index, close)| Bar {
                t: index as i64, open: *close, high: close + 1.0, low: close - 1.0, close: *close, volume: 2.0,
            }).collect();
            let slots = bars.iter().enumerate().map(|(index, bar)| (start + index as i64, bar));
            let joined: Vec<_> = merge_slots(slots, merged).collect();
            let high = |bars: &mut dyn Iterator<Item = f64>| bars.fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(high(&mut joined.iter().map(|(_, bar)| bar.high)), high(&mut bars.iter().map(|bar| bar.high)));
            prop_assert_eq!(high(&mut joined.iter().map(|(_, bar)| -bar.low)), high(&mut bars.iter().map(|bar| -bar.low)));
            let volume: f64 = joined.iter().map(|(_, bar)| bar.volume).sum();
            prop_assert_eq!(volume, 2.0 * bars.len() as f64);
            prop_assert_eq!(joined[0].1.open, bars[0].open);
            prop_assert_eq!(joined[joined.len() - 1].1.close, bars[bars.len() - 1].close);
            prop_assert!(joined.iter().all(|(slot, _)| slot.rem_euclid(merged) == 0));
            prop_assert!(joined.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
