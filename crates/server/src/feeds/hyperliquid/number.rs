//! The little arithmetic that is done with the exchange's numbers. Exact, on 28 digits; the texts themselves pass
//! through untouched.

use std::cmp::Ordering;

use nexus_protocol::{Decimal, Side};
use rust_decimal::RoundingStrategy;

/// Decimals of a change in percent.
const PERCENT_DECIMALS: u32 = 2;

/// Compares by value. Numbers of more than 28 digits, which no price has, are compared as floats.
pub(crate) fn compare(left: &Decimal, right: &Decimal) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    match (exact(left), exact(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.to_f64().total_cmp(&right.to_f64()),
    }
}

/// How much `price` is above `before`, in percent with two decimals; `None` if that cannot be said.
pub(crate) fn percent_change(price: &Decimal, before: &Decimal) -> Option<Decimal> {
    let (price, before) = (exact(price)?, exact(before)?);
    let percent = price
        .checked_sub(before)?
        .checked_div(before)?
        .checked_mul(rust_decimal::Decimal::ONE_HUNDRED)?
        .round_dp_with_strategy(PERCENT_DECIMALS, RoundingStrategy::MidpointAwayFromZero);
    // "-0.00" would be drawn as a loss.
    let percent = if percent.is_zero() { percent.abs() } else { percent };
    Decimal::parse(&format!("{percent:.2}")).ok()
}

/// The position after so much was bought or sold; `None` if that cannot be said exactly.
pub(crate) fn moved(position: &Decimal, size: &Decimal, side: Side) -> Option<Decimal> {
    let (position, size) = (exact(position)?, exact(size)?);
    let after = match side {
        Side::Buy => position.checked_add(size)?,
        Side::Sell => position.checked_sub(size)?,
    };
    Decimal::parse(&after.normalize().to_string()).ok()
}

fn exact(number: &Decimal) -> Option<rust_decimal::Decimal> {
    let text = number.as_str();
    rust_decimal::Decimal::from_str_exact(text)
        .or_else(|_| rust_decimal::Decimal::from_scientific(text))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (left, right, is) in [
            ("106296.0", "106296", Ordering::Equal),
            ("9.9", "10", Ordering::Less),
            ("0.00001495", "1.495e-5", Ordering::Equal),
            ("-1", "1", Ordering::Less),
            (
                "184467440737095.53125",
                "184467440737095.53124",
                Ordering::Greater,
            ),
            (&"9".repeat(40), &"9".repeat(41), Ordering::Less),
        ] {
            assert_eq!(compare(&decimal(left), &decimal(right)), is, "{left} {right}");
        }
    }

    #[test]
    fn a_position_moves_exactly() {
        for (position, size, side, after) in [
            ("-11.86858", "0.00014", Side::Sell, Some("-11.86872")),
            ("0.0", "0.1", Side::Buy, Some("0.1")),
            ("0.3", "0.3", Side::Sell, Some("0")),
            (&"9".repeat(60), "1", Side::Buy, None),
        ] {
            let found = moved(&decimal(position), &decimal(size), side);
            assert_eq!(found.as_ref().map(Decimal::as_str), after, "{position} {size}");
        }
    }

    #[test]
    fn change_is_exact_and_has_two_decimals() {
        for (price, before, change) in [
            ("110", "100", Some("10.00")),
            ("99.995", "100", Some("-0.01")),
            ("99.999", "100", Some("0.00")),
            ("77558.5", "76317.0", Some("1.63")),
            ("0.0071285", "0.007", Some("1.84")),
            ("1", "3", Some("-66.67")),
            ("1", "0.0", None),
            ("1", &"9".repeat(60), None),
        ] {
            let found = percent_change(&decimal(price), &decimal(before));
            assert_eq!(found.as_ref().map(Decimal::as_str), change, "{price} {before}");
        }
    }
}
