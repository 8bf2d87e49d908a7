//! The order of the watchlist's rows: filtered, sorted, and held still while someone points at it.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

use nexus_protocol::Symbol;

use super::feed::Moment;
use super::watch::{SortKey, Watch};

/// The order is made anew at most so often, in milliseconds.
const PACE: Moment = 1_000;

/// The order of the rows, and what it was made from.
#[derive(Default)]
pub(crate) struct Order {
    symbols: Rc<Vec<Symbol>>,
    watch: Rc<Watch>,
    known: usize,
    made_at: Moment,
    is_held: bool,
}

/// What a row is sorted by.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Row {
    /// Whose row it is.
    pub(crate) symbol: Symbol,
    /// The last price.
    pub(crate) price: f64,
    /// The change in 24 hours, in percent.
    pub(crate) change: Option<f64>,
    /// What was traded in 24 hours.
    pub(crate) volume: Option<f64>,
}

impl Order {
    /// Makes the order anew where the choices are others, or where it is time and nobody points at it. `rows` are all
    /// `known` coins.
    pub(crate) fn renew(
        &mut self,
        rows: impl Iterator<Item = Row>,
        known: usize,
        watch: &Rc<Watch>,
        is_touched: bool,
        now: Moment,
    ) {
        let is_another_choice = self.watch != *watch;
        if !is_another_choice && known == self.known && now.saturating_sub(self.made_at) < PACE {
            return;
        }
        let fresh = arranged(rows, watch);
        let kept = is_touched && !is_another_choice;
        let symbols = if kept {
            held(&self.symbols, &fresh)
        } else {
            fresh.clone()
        };
        self.is_held = kept && symbols != fresh;
        if symbols != *self.symbols {
            self.symbols = Rc::new(symbols);
        }
        (self.watch, self.known, self.made_at) = (watch.clone(), known, now);
    }

    /// The rows in their order.
    pub(crate) fn symbols(&self) -> Rc<Vec<Symbol>> {
        self.symbols.clone()
    }

    /// Whether the rows would stand otherwise if nobody pointed at them.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }
}

/// The rows that the choices show, in the order that they ask for. What is not known stands last either way round.
fn arranged(rows: impl Iterator<Item = Row>, watch: &Watch) -> Vec<Symbol> {
    let query = watch.query.trim().to_lowercase();
    let mut shown: Vec<(u8, Row)> = rows
        .filter(|row| watch.group.shows(&row.symbol))
        .filter(|row| !watch.only_favourites || watch.favourites.contains(&row.symbol))
        .filter_map(|row| Some((closeness(row.symbol.as_str(), &query)?, row)))
        .collect();
    shown.sort_by(|(left_closeness, left), (right_closeness, right)| {
        let by_key = match watch.sort.key {
            SortKey::Symbol => by_name(left, right, watch.sort.descending),
            SortKey::Volume => by_number(left.volume, right.volume, watch.sort.descending),
            SortKey::Price => by_number(Some(left.price), Some(right.price), watch.sort.descending),
            SortKey::Change => by_number(left.change, right.change, watch.sort.descending),
        };
        left_closeness
            .cmp(right_closeness)
            .then(by_key)
            .then_with(|| left.symbol.cmp(&right.symbol))
    });
    shown.into_iter().map(|(_, row)| row.symbol).collect()
}

/// The rows as they were, without those that are gone, and new ones behind. For while someone points at them.
pub(super) fn held<T: Clone + Eq + Hash>(shown: &[T], fresh: &[T]) -> Vec<T> {
    let still: HashSet<&T> = fresh.iter().collect();
    let kept = shown.iter().filter(|row| still.contains(row));
    let known: HashSet<&T> = shown.iter().collect();
    let new = fresh.iter().filter(|row| !known.contains(row));
    kept.chain(new).cloned().collect()
}

/// How well a name answers the search: 0 is it, 1 begins so, 2 contains it.
pub(super) fn closeness(name: &str, query: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if name == query {
        Some(0)
    } else if name.starts_with(query) {
        Some(1)
    } else {
        name.contains(query).then_some(2)
    }
}

fn by_name(left: &Row, right: &Row, descending: bool) -> Ordering {
    let order = left
        .symbol
        .as_str()
        .to_lowercase()
        .cmp(&right.symbol.as_str().to_lowercase());
    if descending { order.reverse() } else { order }
}

fn by_number(left: Option<f64>, right: Option<f64>, descending: bool) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if descending => right.total_cmp(&left),
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::listing::Group;
    use crate::state::watch::Sort;

    fn rows() -> Vec<Row> {
        [
            ("BTC", 67_000.0, Some(1.2), Some(9e9)),
            ("ETH", 3_500.0, Some(-0.8), Some(5e9)),
            ("kPEPE", 0.01, Some(11.9), Some(1e9)),
            ("METH", 3_600.0, None, None),
            ("PURR/USDC", 0.19, Some(2.0), Some(1e6)),
            ("@107", 82.8, Some(-5.0), Some(1e8)),
        ]
        .map(|(name, price, change, volume)| Row {
            symbol: symbol(name),
            price,
            change,
            volume,
        })
        .to_vec()
    }

    fn symbol(name: &str) -> Symbol {
        Symbol::parse(name).unwrap()
    }

    fn check(watch: Watch, expected: &[&str]) {
        let shown = arranged(rows().into_iter(), &watch);
        assert_eq!(
            shown.iter().map(Symbol::as_str).collect::<Vec<_>>(),
            expected,
            "{watch:?}"
        );
    }

    fn sorted(key: SortKey, descending: bool) -> Watch {
        Watch {
            sort: Sort { key, descending },
            ..Watch::default()
        }
    }

    #[test]
    fn each_column_sorts_both_ways_and_the_unknown_is_last() {
        check(
            sorted(SortKey::Volume, true),
            &["BTC", "ETH", "kPEPE", "@107", "PURR/USDC", "METH"],
        );
        check(
            sorted(SortKey::Volume, false),
            &["PURR/USDC", "@107", "kPEPE", "ETH", "BTC", "METH"],
        );
        check(
            sorted(SortKey::Change, true),
            &["kPEPE", "PURR/USDC", "BTC", "ETH", "@107", "METH"],
        );
        check(
            sorted(SortKey::Price, false),
            &["kPEPE", "PURR/USDC", "@107", "ETH", "METH", "BTC"],
        );
        check(
            sorted(SortKey::Symbol, false),
            &["@107", "BTC", "ETH", "kPEPE", "METH", "PURR/USDC"],
        );
        check(
            sorted(SortKey::Symbol, true),
            &["PURR/USDC", "METH", "kPEPE", "ETH", "BTC", "@107"],
        );
    }

    #[test]
    fn a_search_puts_the_closest_name_first() {
        let searched = |query: &str| Watch {
            query: query.into(),
            ..sorted(SortKey::Price, true)
        };
        check(searched("eth"), &["ETH", "METH"]);
        check(searched(" pe "), &["kPEPE"]);
        check(searched("usdc"), &["PURR/USDC"]);
        check(searched("nothing"), &[]);
    }

    #[test]
    fn groups_and_favourites_filter() {
        check(
            Watch {
                group: Group::Spot,
                ..Watch::default()
            },
            &["@107", "PURR/USDC"],
        );
        let favourites = Rc::new([symbol("ETH"), symbol("@107")].into());
        check(
            Watch {
                only_favourites: true,
                favourites,
                ..Watch::default()
            },
            &["ETH", "@107"],
        );
    }

    #[test]
    fn a_held_order_does_not_move_and_still_gains_and_loses_rows() {
        let shown = ["A", "B", "C"].map(symbol);
        let fresh = ["D", "C", "A"].map(symbol);
        assert_eq!(held(&shown, &fresh), ["A", "C", "D"].map(symbol));
    }

    /// The order after a coin has overtaken all others, with or without someone who points at the rows.
    fn after_a_change(is_touched: bool, elapsed: Moment, watch: Watch) -> (Vec<String>, bool) {
        let mut order = Order::default();
        let first = Rc::new(sorted(SortKey::Price, true));
        order.renew(rows().into_iter(), 6, &first, is_touched, 10_000);
        let mut moved = rows();
        moved[2].price = 1e9;
        let watch = if watch == Watch::default() {
            first
        } else {
            Rc::new(watch)
        };
        order.renew(moved.into_iter(), 6, &watch, is_touched, 10_000 + elapsed);
        let names = order
            .symbols()
            .iter()
            .take(2)
            .map(|symbol| symbol.to_string())
            .collect();
        (names, order.is_held())
    }

    #[test]
    fn rows_do_not_jump_while_someone_points_at_them_and_it_is_said() {
        let names = |of: [&str; 2]| of.map(str::to_owned).to_vec();
        let same = Watch::default;
        assert_eq!(
            after_a_change(false, PACE, same()),
            (names(["kPEPE", "BTC"]), false)
        );
        assert_eq!(after_a_change(true, PACE, same()), (names(["BTC", "METH"]), true));
        assert_eq!(
            after_a_change(false, PACE - 1, same()),
            (names(["BTC", "METH"]), false),
            "not yet"
        );
        let other = sorted(SortKey::Price, false);
        let chosen = after_a_change(true, 1, other);
        assert_eq!(
            chosen,
            (names(["PURR/USDC", "@107"]), false),
            "a choice is obeyed at once"
        );
    }
}
