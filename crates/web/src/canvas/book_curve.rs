//! The two cumulated sides of an order book, as a depth chart shows them.

use crate::canvas::live::Live;

/// The store a depth chart draws from: write it with [`BookCurve::set`] on every book.
pub type BookCurveHandle = Live<BookCurve>;

/// One point of a side: a price and all that stands between the middle and it, itself included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Price of the level.
    pub price: f64,
    /// Cumulated size.
    pub total: f64,
    /// Cumulated price × size.
    pub value: f64,
}

/// Which side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

/// See the file's head. Both sides run from the best level outwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BookCurve {
    bids: Vec<Point>,
    asks: Vec<Point>,
}

/// Levels kept a side; exchanges send 20 to 100.
const LEVELS: usize = 1_000;

impl BookCurve {
    /// Takes both sides as `(price, size)`, best level first. Levels that cannot be drawn are skipped.
    pub fn set(
        &mut self,
        bids: impl IntoIterator<Item = (f64, f64)>,
        asks: impl IntoIterator<Item = (f64, f64)>,
    ) {
        cumulate(&mut self.bids, bids);
        cumulate(&mut self.asks, asks);
    }

    /// Buyers, best first.
    pub fn bids(&self) -> &[Point] {
        &self.bids
    }

    /// Sellers, best first.
    pub fn asks(&self) -> &[Point] {
        &self.asks
    }

    /// Halfway between the best prices; the one best price when a side is empty.
    pub fn mid(&self) -> Option<f64> {
        match (self.bids.first(), self.asks.first()) {
            (Some(bid), Some(ask)) => Some((bid.price + ask.price) / 2.0),
            (Some(one), None) | (None, Some(one)) => Some(one.price),
            (None, None) => None,
        }
    }

    /// What stands between the middle and `price`.
    pub fn at(&self, side: Side, price: f64) -> Option<Point> {
        let inside = match side {
            Side::Bid => self.bids.partition_point(|point| point.price >= price),
            Side::Ask => self.asks.partition_point(|point| point.price <= price),
        };
        let points = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        points.get(inside.checked_sub(1)?).copied()
    }
}

fn cumulate(points: &mut Vec<Point>, levels: impl IntoIterator<Item = (f64, f64)>) {
    points.clear();
    let (mut total, mut value) = (0.0, 0.0);
    let drawable =
        |(price, size): &(f64, f64)| price.is_finite() && size.is_finite() && *price > 0.0 && *size >= 0.0;
    for (price, size) in levels.into_iter().filter(drawable).take(LEVELS) {
        total += size;
        value += price * size;
        points.push(Point { price, total, value });
    }
}

#[cfg(test)]
mod tests {
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
    fn sides_cumulate_outwards() {
        let totals = |points: &[Point]| points.iter().map(|point| point.total).collect::<Vec<_>>();
        assert_eq!(totals(book().bids()), [1.0, 3.0, 7.0]);
        assert_eq!(totals(book().asks()), [0.5, 2.0]);
        assert_eq!(book().mid(), Some(100.0));
    }

    #[test]
    fn at_counts_all_levels_up_to_the_price() {
        let total = |side, price| book().at(side, price).map(|point| point.total);
        for (side, price, expected) in [
            (Side::Bid, 99.5, None),
            (Side::Bid, 99.0, Some(1.0)),
            (Side::Bid, 97.0, Some(3.0)),
            (Side::Bid, 1.0, Some(7.0)),
            (Side::Ask, 100.5, None),
            (Side::Ask, 101.0, Some(0.5)),
            (Side::Ask, 200.0, Some(2.0)),
        ] {
            assert_eq!(total(side, price), expected, "{side:?} {price}");
        }
    }

    #[test]
    fn one_sided_empty_and_hostile_books() {
        let mut book = BookCurve::default();
        assert_eq!(book.mid(), None);
        book.set([], [(5.0, 1.0)]);
        assert_eq!(book.mid(), Some(5.0));
        book.set(
            [(f64::NAN, 1.0), (4.0, f64::INFINITY), (-1.0, 1.0), (3.0, 2.0)],
            [],
        );
        assert_eq!(book.bids().len(), 1);
    }
}
