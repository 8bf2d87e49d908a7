//! Round numbers for a price axis: steps of 1, 2, 2.5 or 5 times a power of ten.

/// The ticks of an axis and how many decimals they need.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Distance between two ticks.
    pub step: f64,
    /// Where they stand, rising.
    pub values: Vec<f64>,
    /// Decimals that tell two neighbours apart.
    pub decimals: u8,
}

impl Ticks {
    /// At most `most` round values within `low..=high`, no closer than `finest` (the tick size of the market; 0 if
    /// there is none).
    pub fn nice(low: f64, high: f64, most: usize, finest: f64) -> Self {
        let none = Self {
            step: 0.0,
            values: Vec::new(),
            decimals: 0,
        };
        let height = high - low;
        if !(height.is_finite() && height > 0.0) || most == 0 {
            return none;
        }
        let step = step_at_least((height / most as f64).max(finest));
        // Below this the float cannot count in such steps: better no ticks than an endless loop.
        if step <= 0.0 || !step.is_finite() || (low / step).abs() > 1e14 {
            return none;
        }
        let first = (low / step - 1e-9).ceil();
        let values = (0..=most)
            .map(|index| (first + index as f64) * step)
            .take_while(|value| *value <= high + step * 1e-9)
            .map(|value| if value == 0.0 { 0.0 } else { value })
            .collect();
        Self {
            step,
            values,
            decimals: decimals_of(step),
        }
    }
}

/// The smallest round step that is `least` or more.
fn step_at_least(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Decimals a step needs to be written exactly; at most 12.
fn decimals_of(step: f64) -> u8 {
    (0..12)
        .find(|decimals| {
            let scaled = step * 10f64.powi(i32::from(*decimals));
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(12)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn round_numbers_at_every_magnitude() {
        let cases: [(f64, f64, usize, &[f64], u8); 6] = [
            (0.0, 10.0, 5, &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0], 0),
            (
                67_190.0,
                67_265.0,
                4,
                &[67_200.0, 67_220.0, 67_240.0, 67_260.0],
                0,
            ),
            (0.0123, 0.0131, 4, &[0.0124, 0.0126, 0.0128, 0.013], 4),
            (-3.0, 3.0, 3, &[-2.0, 0.0, 2.0], 0),
            (1.0, 2.0, 4, &[1.0, 1.25, 1.5, 1.75, 2.0], 2),
            (5.0, 5.0, 4, &[], 0),
        ];
        for (low, high, most, expected, decimals) in cases {
            let ticks = Ticks::nice(low, high, most, 0.0);
            assert_eq!(ticks.values.len(), expected.len(), "{low}..{high}: {ticks:?}");
            for (tick, wanted) in ticks.values.iter().zip(expected) {
                assert!((tick - wanted).abs() < 1e-9, "{low}..{high}: {ticks:?}");
            }
            assert_eq!(ticks.decimals, decimals, "{low}..{high}");
        }
    }

    #[test]
    fn never_finer_than_the_tick_size() {
        let ticks = Ticks::nice(10.0, 10.2, 10, 0.1);
        assert!(ticks.step >= 0.1, "{ticks:?}");
    }

    proptest! {
        #[test]
        fn ticks_are_inside_rising_even_and_few(low in -1e6..1e6f64, exponent in -8.0..6.0f64, most in 1usize..20) {
            let high = low + 10f64.powf(exponent);
            prop_assume!(high > low);
            let ticks = Ticks::nice(low, high, most, 0.0);
            prop_assert!(ticks.values.len() <= most + 1);
            // A tick is no finer than the numbers that the ends are written in.
            let slack = ticks.step * 1e-6 + (low.abs() + high.abs()) * f64::EPSILON;
            prop_assert!(ticks.values.iter().all(|tick| (low - slack..=high + slack).contains(tick)));
            for pair in ticks.values.windows(2) {
                prop_assert!((pair[1] - pair[0] - ticks.step).abs() < ticks.step * 1e-3 + 1e-9);
            }
        }

        #[test]
        fn hostile_ranges_do_not_hang_or_panic(low in any::<f64>(), high in any::<f64>(), finest in any::<f64>()) {
            Ticks::nice(low, high, 10, finest);
        }
    }
}
