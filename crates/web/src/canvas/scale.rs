//! A straight mapping from values to pixels and back, and the range of prices a pane shows.

/// Maps `from` (values) onto `to` (pixels). Ends may fall or rise; they must differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// A scale; a range without extent is widened a little rather than divided by.
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        let from = if from.1 - from.0 == 0.0 {
            (from.0 - 0.5, from.1 + 0.5)
        } else {
            from
        };
        Self { from, to }
    }

    /// Where a value stands.
    pub fn pixel(&self, value: f64) -> f64 {
        self.to.0 + (value - self.from.0) / (self.from.1 - self.from.0) * (self.to.1 - self.to.0)
    }

    /// What a pixel means.
    pub fn value(&self, pixel: f64) -> f64 {
        if self.to.1 == self.to.0 {
            return self.from.0;
        }
        self.from.0 + (pixel - self.to.0) / (self.to.1 - self.to.0) * (self.from.1 - self.from.0)
    }

    /// The values it was made for.
    pub fn domain(&self) -> (f64, f64) {
        self.from
    }
}

/// Lowest and highest price to be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceRange {
    /// Bottom.
    pub low: f64,
    /// Top.
    pub high: f64,
}

impl PriceRange {
    /// The range that holds all of `lows_and_highs`; `None` without any.
    pub fn of(lows_and_highs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        lows_and_highs
            .into_iter()
            .map(|(low, high)| Self { low, high })
            .reduce(|all, one| Self {
                low: all.low.min(one.low),
                high: all.high.max(one.high),
            })
    }

    /// The same range, or a thousandth of the price about it when it has no height.
    pub fn opened(self) -> Self {
        if self.high > self.low {
            return self;
        }
        let pad = (self.high.abs() * 0.001).max(1e-9);
        Self {
            low: self.low - pad,
            high: self.high + pad,
        }
    }

    /// Room added so that these shares of the whole new height are free below and above; never more than a third each.
    pub fn padded(self, below: f64, above: f64) -> Self {
        let (below, above) = (below.clamp(0.0, 0.33), above.clamp(0.0, 0.33));
        let height = (self.high - self.low) / (1.0 - below - above);
        Self {
            low: self.low - height * below,
            high: self.high + height * above,
        }
    }

    /// Stretched about its middle; above 1 shows more.
    pub fn stretched(self, factor: f64) -> Self {
        let (middle, half) = (
            (self.low + self.high) / 2.0,
            (self.high - self.low) / 2.0 * factor,
        );
        Self {
            low: middle - half,
            high: middle + half,
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flat_market_still_has_height() {
        let range = PriceRange::of([(100.0, 100.0)])
            .expect("one bar")
            .opened()
            .padded(0.1, 0.1);
        assert!(range.low < 100.0 && 100.0 < range.high);
        let scale = Scale::new((5.0, 5.0), (100.0, 0.0));
        assert!(scale.pixel(5.0).is_finite());
        assert_eq!(PriceRange::of([]), None);
    }

    #[test]
    fn padding_is_a_share_of_what_is_shown() {
        let range = PriceRange {
            low: 10.0,
            high: 17.0,
        }
        .padded(0.1, 0.2);
        assert!(
            (range.low - 9.0).abs() < 1e-9 && (range.high - 19.0).abs() < 1e-9,
            "{range:?}"
        );
    }

    proptest! {
        #[test]
        fn pixel_and_value_are_inverse(low in -1e6..1e6f64, height in 0.01..1e6f64, value in -1e6..1e6f64) {
            let scale = Scale::new((low, low + height), (480.0, 12.0));
            let back = scale.value(scale.pixel(value));
            prop_assert!((back - value).abs() <= 1e-6 * (1.0 + value.abs() + low.abs() + height));
        }

        #[test]
        fn higher_values_stand_higher(low in -1e3..1e3f64, height in 0.1..1e3f64, a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let scale = Scale::new((low, low + height), (480.0, 12.0));
            prop_assert_eq!(a < b, scale.pixel(low + a * height) > scale.pixel(low + b * height));
        }
    }
}
