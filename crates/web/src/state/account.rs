//! An account at the exchange as people see it: exact sums, shares, and words for what happened.

use std::rc::Rc;

use nexus_protocol::{Fill, Order, OrderChange, Side};

use super::feed::Moment;

/// A tab below the chart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Below {
    /// The depth chart.
    Depth,
    /// Open positions and balances.
    Positions,
    /// Orders, open ones first.
    Orders,
    /// Fills.
    Fills,
}

/// A sum of decimals, exact as long as it has at most some thirty digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sum {
    /// The sum without its point.
    digits: i128,
    /// How many of the digits stand behind the point.
    decimals: u32,
    /// A text was no plain decimal, or the sum is too long.
    is_broken: bool,
}

/// A line among the fills. Cheap to clone.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum FillEntry {
    /// A fill.
    Fill(Rc<Fill>),
    /// Fills between two moments are missing.
    Gap {
        /// The last fill before.
        from: Moment,
        /// The first fill behind.
        to: Moment,
    },
}

impl Below {
    /// Every tab, in order.
    pub(crate) const ALL: [Below; 4] = [Below::Depth, Below::Positions, Below::Orders, Below::Fills];

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Below::Depth => "depth",
            Below::Positions => "positions",
            Below::Orders => "orders",
            Below::Fills => "fills",
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Below::Depth => "Depth",
            Below::Positions => "Positions",
            Below::Orders => "Orders",
            Below::Fills => "Fills",
        }
    }
}

impl Sum {
    /// Adds a decimal.
    pub(crate) fn add(&mut self, text: &str) {
        match self.with(text) {
            Some(sum) => *self = sum,
            None => self.is_broken = true,
        }
    }

    /// The sum as a decimal text; nothing if it is not known exactly.
    pub(crate) fn text(self) -> Option<String> {
        if self.is_broken {
            return None;
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let width = self.decimals as usize + 1;
        let digits = format!("{:0width$}", self.digits.unsigned_abs());
        let (whole, tail) = digits.split_at(digits.len() - self.decimals as usize);
        let tail = tail.trim_end_matches('0');
        let point = if tail.is_empty() { "" } else { "." };
        Some(format!("{sign}{whole}{point}{tail}"))
    }

    fn with(self, text: &str) -> Option<Sum> {
        let (whole, tail) = text.split_once('.').unwrap_or((text, ""));
        let decimals = u32::try_from(tail.len()).ok()?;
        let added: i128 = format!("{whole}{tail}").parse().ok()?;
        let common = self.decimals.max(decimals);
        let scaled =
            |digits: i128, decimals: u32| digits.checked_mul(10_i128.checked_pow(common - decimals)?);
        Some(Sum {
            digits: scaled(self.digits, self.decimals)?.checked_add(scaled(added, decimals)?)?,
            decimals: common,
            is_broken: self.is_broken,
        })
    }
}

/// How much of an order is filled, from 0 to 1.
pub(crate) fn filled_share(order: &Order) -> f64 {
    if order.change == OrderChange::Filled {
        return 1.0;
    }
    let (left, all) = (order.size.to_f64(), order.original_size.to_f64());
    if all > 0.0 {
        (1.0 - left / all).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Whether an order still stands at the exchange.
pub(crate) fn is_open(order: &Order) -> bool {
    match order.change {
        OrderChange::Created | OrderChange::Updated => true,
        OrderChange::Cancelled | OrderChange::Filled | OrderChange::Rejected => false,
    }
}

/// What happened to an order: a sign and a word.
pub(crate) fn change_words(change: OrderChange) -> (&'static str, &'static str) {
    match change {
        OrderChange::Created => ("○", "Open"),
        OrderChange::Updated => ("◐", "Updated"),
        OrderChange::Cancelled => ("×", "Cancelled"),
        OrderChange::Filled => ("●", "Filled"),
        OrderChange::Rejected => ("!", "Rejected"),
    }
}

/// The colour of a side, and its word.
pub(crate) fn side_words(side: Side) -> (&'static str, &'static str) {
    match side {
        Side::Buy => ("up", "Buy"),
        Side::Sell => ("down", "Sell"),
    }
}

/// The colour of an amount that was won or lost; none for nothing.
pub(crate) fn tone(text: &str) -> &'static str {
    let is_zero = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    match text.starts_with('-') {
        _ if is_zero => "",
        true => "down",
        false => "up",
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Decimal, Symbol};

    use super::*;

    #[test]
    fn sums_are_exact() {
        for (texts, sum) in [
            (&["0.1", "0.2"][..], Some("0.3")),
            (&["-0.05", "0.025"], Some("-0.025")),
            (&["1", "-1.00"], Some("0")),
            (&["0.00001495", "106296.0"], Some("106296.00001495")),
            (&[], Some("0")),
            (&["1e-7"], None),
            (&["99999999999999999999999999999999999999", "0.1"], None),
        ] {
            let mut total = Sum::default();
            texts.iter().for_each(|text| total.add(text));
            assert_eq!(total.text().as_deref(), sum, "{texts:?}");
        }
    }

    #[test]
    fn an_amount_has_a_colour_unless_it_is_nothing() {
        for (text, colour) in [("12.5", "up"), ("-0.01", "down"), ("0.0", ""), ("-0.0", "")] {
            assert_eq!(tone(text), colour, "{text}");
        }
    }

    #[test]
    fn the_filled_share_is_between_nothing_and_all() {
        let order = |size: &str, original: &str, change| Order {
            id: 1,
            client_id: None,
            symbol: Symbol::parse("BTC").unwrap(),
            side: Side::Buy,
            price: Decimal::parse("1").unwrap(),
            size: Decimal::parse(size).unwrap(),
            original_size: Decimal::parse(original).unwrap(),
            change,
            status: "open".to_owned(),
            timestamp: 0,
            placed_at: 0,
        };
        for (size, original, change, share) in [
            ("4", "4", OrderChange::Created, 0.0),
            ("1", "4", OrderChange::Updated, 0.75),
            ("4", "4", OrderChange::Filled, 1.0),
            ("1", "0", OrderChange::Cancelled, 0.0),
        ] {
            assert_eq!(filled_share(&order(size, original, change)), share);
        }
    }
}
