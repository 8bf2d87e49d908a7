//! Fixed-point numbers of the market and how the venue writes them.
//!
//! Prices are integers of 1e-9, sizes are integers of the coin's own smallest lot, so that nothing the market prints
//! ever went through binary floating point. Never an exponent, always at least one decimal (`"106296.0"`).

/// One whole unit of a price.
pub(crate) const PX_ONE: i64 = 1_000_000_000;
/// Decimals of a price.
const PX_DECIMALS: u32 = 9;

/// A price in units of 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Px(pub i64);

impl Px {
    /// The float view, for arithmetic that may be approximate.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / PX_ONE as f64
    }

    /// The middle of two prices.
    pub fn middle(self, other: Px) -> Px {
        Px((self.0 + other.0) / 2)
    }
}

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&scaled(i128::from(self.0), PX_DECIMALS))
    }
}

/// Writes `value / 10^decimals` the venue's way: no trailing zeros, but never without a decimal.
pub(crate) fn scaled(value: i128, decimals: u32) -> String {
    let one = 10_i128.pow(decimals);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.abs() / one, value.abs() % one);
    if rest == 0 {
        return format!("{sign}{whole}.0");
    }
    let rest = format!("{rest:0width$}", width = decimals as usize);
    format!("{sign}{whole}.{}", rest.trim_end_matches('0'))
}

/// The price grid of a coin: at most five significant figures, at most `max_decimals` decimals, integers always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Decimals a price may have at most: 6 − szDecimals for perps, 8 − szDecimals for spot.
    pub(crate) max_decimals: u32,
}

impl Grid {
    /// The step between neighbouring prices at `px`.
    pub(crate) fn tick(self, px: i64) -> i64 {
        let figures = 10_i64.pow(px.max(1).ilog10().saturating_sub(4));
        figures.max(self.smallest()).min(PX_ONE)
    }

    /// The smallest price there is.
    pub(crate) fn smallest(self) -> i64 {
        10_i64.pow(PX_DECIMALS - self.max_decimals.min(PX_DECIMALS))
    }

    /// The nearest allowed price.
    pub(crate) fn snap(self, value: f64) -> Px {
        self.snap_raw((value * PX_ONE as f64).round() as i64)
    }

    fn snap_raw(self, raw: i64) -> Px {
        let tick = self.tick(raw);
        Px((raw + tick / 2).div_euclid(tick).max(1) * tick)
    }

    /// The price `steps` above.
    pub(crate) fn up(self, px: Px, steps: i64) -> Px {
        self.snap_raw(px.0 + steps * self.tick(px.0))
    }

    /// The price `steps` below; never under the smallest.
    pub(crate) fn down(self, px: Px, steps: i64) -> Px {
        let lower = px.0 - steps * self.tick(px.0 - 1);
        self.snap_raw(lower.max(self.smallest()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_venue_writes_them() {
        let cases = [
            (106_296 * PX_ONE, "106296.0"),
            (1_495 * 10, "0.00001495"),
            (-1_518_600, "-0.0015186"),
            (94_877_500_000, "94.8775"),
            (0, "0.0"),
        ];
        for (raw, text) in cases {
            assert_eq!(Px(raw).to_string(), text);
        }
    }

    #[test]
    fn prices_have_five_significant_figures_or_are_integers() {
        let grid = Grid { max_decimals: 1 };
        assert_eq!(grid.snap(95_123.46).to_string(), "95123.0");
        assert_eq!(grid.snap(106_296.4).to_string(), "106296.0");
        let grid = Grid { max_decimals: 6 };
        assert_eq!(grid.snap(0.004_612_349).to_string(), "0.004612");
        assert_eq!(grid.snap(2.219_87).to_string(), "2.2199");
    }

    #[test]
    fn a_step_over_a_power_of_ten_stays_on_the_grid() {
        let grid = Grid { max_decimals: 6 };
        let ten = grid.snap(10.0);
        assert_eq!(grid.down(ten, 1).to_string(), "9.9999");
        assert_eq!(grid.up(grid.down(ten, 1), 1), ten);
        assert_eq!(grid.up(ten, 1).to_string(), "10.001");
    }
}
