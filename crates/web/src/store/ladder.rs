//! A book laid out: prices grouped into steps, sizes cumulated away from the spread.
//!
//! Grouping counts in whole ticks, so that no level falls into a wrong group because of binary floats.

use super::book::{Book, Level};
use crate::format;

/// How many ticks make a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group(pub(crate) u32);

/// A book laid out.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ladder {
    /// Sellers, best first.
    pub(crate) asks: Vec<Rung>,
    /// Buyers, best first.
    pub(crate) bids: Vec<Rung>,
    /// Between the best prices, where both sides have one.
    pub(crate) spread: Option<Spread>,
}

/// A step of the ladder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rung {
    /// The price: of a group, the bound that is worse for who trades against it.
    /// In plain digits.
    pub(crate) price: String,
    /// What stands here.
    pub(crate) size: f64,
    /// What stands from the best price to here.
    pub(crate) total: f64,
    /// What that is worth, level by level.
    pub(crate) value: f64,
    /// `total` as a share of the deepest total of both sides.
    pub(crate) share: f64,
    /// Whether it holds levels behind the first five.
    pub(crate) is_deep: bool,
}

/// The distance between the best prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// In the quote currency.
    pub(crate) absolute: f64,
    /// Of the middle, in percent.
    pub(crate) percent: f64,
    /// Half way.
    pub(crate) middle: f64,
}

/// Which way prices are rounded to their group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Bids,
    Asks,
}

/// The levels that the exchange sends at once with every change; the others may be older.
const PROMPT_LEVELS: usize = 5;

impl Group {
    /// What can be chosen.
    pub(crate) const ALL: [Group; 7] = [
        Group(1),
        Group(2),
        Group(5),
        Group(10),
        Group(50),
        Group(100),
        Group(1000),
    ];

    /// The width of a step as text, given the decimals of a tick.
    pub(crate) fn label(self, decimals: usize) -> String {
        format::fixed(&decimal_text(i64::from(self.0), decimals), 0)
    }
}

impl Ladder {
    /// Lays a book out.
    pub(crate) fn of(book: &Book, group: Group) -> Self {
        let mut asks = rungs(&book.asks, book.price_decimals, group, Side::Asks);
        let mut bids = rungs(&book.bids, book.price_decimals, group, Side::Bids);
        let total = |rungs: &[Rung]| rungs.last().map_or(0.0, |rung| rung.total);
        let deepest = total(&asks).max(total(&bids));
        if deepest > 0.0 {
            for rung in asks.iter_mut().chain(&mut bids) {
                rung.share = rung.total / deepest;
            }
        }
        Ladder {
            asks,
            bids,
            spread: Self::spread_of(book),
        }
    }

    /// The distance between the best prices, where both sides have one.
    pub(crate) fn spread_of(book: &Book) -> Option<Spread> {
        let (bid, ask) = book.best()?;
        let middle = (bid.value + ask.value) / 2.0;
        let absolute = ask.value - bid.value;
        (middle > 0.0).then(|| Spread {
            absolute,
            percent: absolute / middle * 100.0,
            middle,
        })
    }
}

impl Rung {
    /// The average price for everything from the best price to here.
    pub(crate) fn average(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.value / self.total)
    }
}

fn rungs(levels: &[Level], decimals: usize, group: Group, side: Side) -> Vec<Rung> {
    let step = i64::from(group.0.max(1));
    let mut rungs: Vec<(i64, Rung)> = Vec::with_capacity(levels.len());
    let (mut total, mut value) = (0.0, 0.0);
    for (place, level) in levels.iter().enumerate() {
        let Some(ticks) = ticks_of(&level.price, decimals) else {
            continue;
        };
        let bound = match side {
            Side::Bids => ticks.div_euclid(step) * step,
            Side::Asks => -(-ticks).div_euclid(step) * step,
        };
        total += level.size;
        value += level.size * level.value;
        let is_deep = place >= PROMPT_LEVELS;
        match rungs.last_mut() {
            Some((last, rung)) if *last == bound => {
                rung.size += level.size;
                (rung.total, rung.value) = (total, value);
                rung.is_deep |= is_deep;
            }
            _ => {
                rungs.push((
                    bound,
                    Rung {
                        price: decimal_text(bound, decimals),
                        size: level.size,
                        total,
                        value,
                        share: 0.0,
                        is_deep,
                    },
                ));
            }
        }
    }
    rungs.into_iter().map(|(_, rung)| rung).collect()
}

/// A decimal text in units of its last place: 67241.5 with one decimal is 672415.
fn ticks_of(text: &str, decimals: usize) -> Option<i64> {
    let (whole, tail) = text.split_once('.').unwrap_or((text, ""));
    let tail = tail.trim_end_matches('0');
    let missing = decimals.checked_sub(tail.len())?;
    let digits = format!("{whole}{tail}");
    digits
        .parse::<i64>()
        .ok()?
        .checked_mul(10_i64.checked_pow(u32::try_from(missing).ok()?)?)
}

/// The inverse of [`ticks_of`].
fn decimal_text(ticks: i64, decimals: usize) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", ticks.unsigned_abs(), width = decimals + 1);
    let (whole, tail) = digits.split_at(digits.len() - decimals);
    if tail.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{tail}")
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Book as WireBook, BookLevel, Decimal, Symbol};

    use super::*;

    fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> Book {
        let level = |(price, size): &(&str, &str)| BookLevel {
            price: Decimal::parse(price).unwrap(),
            size: Decimal::parse(size).unwrap(),
        };
        let mut book = Book::default();
        book.take(&WireBook {
            symbol: Symbol::parse("BTC").unwrap(),
            bids: bids.iter().map(level).collect(),
            asks: asks.iter().map(level).collect(),
            timestamp: 0,
            deep_timestamp: None,
        });
        book
    }

    fn sample() -> Book {
        book(
            &[("99.9", "1.0"), ("99.8", "2.0"), ("99.4", "3.0")],
            &[("100.1", "0.5"), ("100.2", "0.5"), ("101.0", "7.0")],
        )
    }

    fn prices(rungs: &[Rung]) -> Vec<(&str, f64, f64)> {
        rungs
            .iter()
            .map(|rung| (rung.price.as_str(), rung.size, rung.total))
            .collect()
    }

    #[test]
    fn ungrouped_every_level_is_a_rung() {
        let ladder = Ladder::of(&sample(), Group(1));
        assert_eq!(
            prices(&ladder.bids),
            [("99.9", 1.0, 1.0), ("99.8", 2.0, 3.0), ("99.4", 3.0, 6.0)]
        );
        assert_eq!(ladder.asks[2].share, 1.0);
        assert_eq!(ladder.bids[2].share, 0.75);
    }

    #[test]
    fn groups_round_away_from_the_spread() {
        let ladder = Ladder::of(&sample(), Group(5));
        assert_eq!(prices(&ladder.bids), [("99.5", 3.0, 3.0), ("99.0", 3.0, 6.0)]);
        assert_eq!(prices(&ladder.asks), [("100.5", 1.0, 1.0), ("101.0", 7.0, 8.0)]);
        let ladder = Ladder::of(&sample(), Group(10));
        assert_eq!(prices(&ladder.bids), [("99.0", 6.0, 6.0)]);
        assert_eq!(prices(&ladder.asks), [("101.0", 8.0, 8.0)]);
    }

    #[test]
    fn the_average_weighs_every_level_by_its_size() {
        let ladder = Ladder::of(&sample(), Group(10));
        let average = ladder.bids[0].average().unwrap();
        assert!((average - (99.9 + 2.0 * 99.8 + 3.0 * 99.4) / 6.0).abs() < 1e-9);
    }

    #[test]
    fn the_spread_stands_in_both_measures() {
        let spread = Ladder::of(&sample(), Group(1)).spread.unwrap();
        assert!((spread.absolute - 0.2).abs() < 1e-9 && (spread.percent - 0.2).abs() < 1e-9);
        assert_eq!(Ladder::of(&book(&[], &[("1", "1")]), Group(1)).spread, None);
    }

    #[test]
    fn ticks_are_exact_where_floats_are_not() {
        for (text, decimals, ticks) in [
            ("67241.5", 1, Some(672_415)),
            ("0.00001495", 8, Some(1_495)),
            ("100", 2, Some(10_000)),
            ("106296.0", 0, Some(106_296)),
            ("1.23", 1, None),
            ("1e5", 0, None),
        ] {
            assert_eq!(ticks_of(text, decimals), ticks, "{text}");
        }
        for (ticks, decimals, text) in [(672_415, 1, "67241.5"), (1_495, 8, "0.00001495"), (7, 0, "7")] {
            assert_eq!(decimal_text(ticks, decimals), text);
        }
    }

    #[test]
    fn a_step_is_named_by_its_width() {
        for (group, decimals, label) in [(1, 1, "0.1"), (10, 1, "1"), (1000, 0, "1,000"), (5, 5, "0.00005")] {
            assert_eq!(Group(group).label(decimals), label);
        }
    }
}
