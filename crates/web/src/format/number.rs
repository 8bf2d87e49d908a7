//! Numbers: grouped, with fixed decimals, signed, compact.
//!
//! A price is formatted from its own text and never goes through a float. The locale's separators come from `Intl` once;
//! the digits are laid out here, because that is exact, can be tested natively, and crosses into JavaScript for no cell.

use std::cell::Cell;

/// What separates digits in the reader's locale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Separators {
    /// Between groups of three digits.
    group: char,
    /// Before the decimals.
    point: char,
}

const ENGLISH: Separators = Separators {
    group: ',',
    point: '.',
};

/// A minus as wide as the digits and the plus.
const MINUS: char = '\u{2212}';

thread_local! {
    static SEPARATORS: Cell<Separators> = const { Cell::new(ENGLISH) };
}

/// Asks the browser for the separators of the reader's locale. Called once, before the first number is shown.
pub(crate) fn learn_separators() {
    let format = js_sys::Intl::NumberFormat::default();
    let Some(sample) = format
        .format()
        .call1(&format, &(-12_345.5).into())
        .ok()
        .and_then(|text| text.as_string())
    else {
        return;
    };
    SEPARATORS.set(separators_of(&sample));
}

/// Reads the separators off the way 12345.5 is written. A locale of other digits keeps the English ones.
fn separators_of(sample: &str) -> Separators {
    let between = |left: char, right: char| -> Option<char> {
        let mut rest = sample.chars().skip_while(|letter| *letter != left).skip(1);
        let found = rest.next().filter(|letter| !letter.is_ascii_digit())?;
        (rest.next() == Some(right)).then_some(found)
    };
    Separators {
        group: between('2', '3').unwrap_or(ENGLISH.group),
        point: between('5', '5').unwrap_or(ENGLISH.point),
    }
}

/// How many digits behind the point a decimal text needs: zeros at the end do not count.
pub(crate) fn decimals_needed(text: &str) -> usize {
    text.split_once('.')
        .map_or(0, |(_, tail)| tail.trim_end_matches('0').len())
}

/// A decimal text with exactly so many digits behind the point. Digits are added, and only zeros are ever cut.
pub(crate) fn fixed(text: &str, decimals: usize) -> String {
    // Exponents do not occur in prices; should one, its text stands as it is.
    if text.contains(['e', 'E']) {
        return text.to_owned();
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, tail) = digits.split_once('.').unwrap_or((digits, ""));
    let needed = tail.trim_end_matches('0');
    let decimals = decimals.max(needed.len());
    let Separators { group, point } = SEPARATORS.get();
    let mut out = String::with_capacity(text.len() + decimals + 6);
    if negative {
        out.push(MINUS);
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(group);
        }
        out.push(digit);
    }
    if decimals > 0 {
        out.push(point);
        out.push_str(needed);
        out.extend(std::iter::repeat_n('0', decimals - needed.len()));
    }
    out
}

/// A computed number, rounded to so many decimals.
pub(crate) fn fixed_float(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.decimals$}");
    // `-0.0` has a sign that nobody wants to see.
    let zero = text.starts_with('-') && text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    let text = if zero { &text[1..] } else { &text };
    fixed(text, decimals)
}

/// A whole number with separators.
pub(crate) fn count(value: u64) -> String {
    fixed(&value.to_string(), 0)
}

/// A computed number with its sign always shown, except of zero.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = fixed_float(value, decimals);
    let is_zero = !text.contains(|letter: char| ('1'..='9').contains(&letter));
    if value > 0.0 && !is_zero {
        format!("+{text}")
    } else {
        text
    }
}

/// A change in percent, signed, with two decimals: `+1.24%`.
pub(crate) fn percent(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    format!("{}%", signed(value, 2))
}

/// An amount in three figures and a letter for the thousands: `1.24 B`.
pub(crate) fn compact(value: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")];
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    // 999 950 rounds to 1.00 M, not to 1000 K.
    let step = STEPS.into_iter().find(|(step, _)| size >= step * 0.9995);
    let (scaled, unit) = step.map_or((value, ""), |(step, unit)| (value / step, unit));
    let decimals = match scaled.abs() {
        scaled if scaled >= 99.95 => 0,
        scaled if scaled >= 9.995 => 1,
        _ => 2,
    };
    let text = fixed_float(scaled, decimals);
    if unit.is_empty() {
        text
    } else {
        format!("{text}\u{a0}{unit}")
    }
}

/// A compact amount of a currency. Dollars have a sign that everybody knows; others are named.
pub(crate) fn money(value: f64, currency: &str) -> String {
    match currency {
        "USD" | "USDC" => format!("${}", compact(value)),
        other => format!("{} {other}", compact(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_keeps_every_digit_and_gets_the_decimals_of_its_tick() {
        for (text, decimals, shown) in [
            ("67241.5", 1, "67,241.5"),
            ("67241", 1, "67,241.0"),
            ("67241.0", 0, "67,241"),
            ("0.00001495", 8, "0.00001495"),
            ("0.00001495", 4, "0.00001495"),
            ("106296.0", 2, "106,296.00"),
            ("999", 0, "999"),
            ("1000", 0, "1,000"),
            ("-1234.5", 1, "\u{2212}1,234.5"),
            ("184467440737095.53125", 5, "184,467,440,737,095.53125"),
            ("1e-7", 2, "1e-7"),
        ] {
            assert_eq!(fixed(text, decimals), shown, "{text} with {decimals}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_no_decimals() {
        for (text, needed) in [("106296.0", 0), ("2.10", 1), ("0.00001495", 8), ("12", 0)] {
            assert_eq!(decimals_needed(text), needed, "{text}");
        }
    }

    #[test]
    fn an_amount_has_three_figures_and_a_unit() {
        for (value, shown) in [
            (0.0, "0.00"),
            (12.345, "12.3"),
            (999.0, "999"),
            (999.7, "1.00\u{a0}K"),
            (1_240_000_000.0, "1.24\u{a0}B"),
            (999_949.0, "1.00\u{a0}M"),
            (999_400.0, "999\u{a0}K"),
            (56_700_000.0, "56.7\u{a0}M"),
            (-2_500.0, "\u{2212}2.50\u{a0}K"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(compact(value), shown, "{value}");
        }
    }

    #[test]
    fn a_change_has_its_sign_and_zero_has_none() {
        for (value, shown) in [
            (1.239, "+1.24%"),
            (-0.834, "\u{2212}0.83%"),
            (0.001, "0.00%"),
            (-0.001, "0.00%"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(percent(value), shown, "{value}");
        }
    }

    #[test]
    fn the_separators_are_read_off_a_sample() {
        for (sample, group, point) in [
            ("-12,345.5", ',', '.'),
            ("-12.345,5", '.', ','),
            ("\u{2212}12\u{202f}345,5", '\u{202f}', ','),
            ("-12’345.5", '’', '.'),
            ("-12345,5", ',', ','),
            ("؜-١٢٬٣٤٥٫٥", ',', '.'),
        ] {
            assert_eq!(separators_of(sample), Separators { group, point }, "{sample}");
        }
    }
}
