//! The watchlist's choices: what is searched, shown, sorted and starred.

use std::collections::BTreeSet;
use std::rc::Rc;

use nexus_protocol::Symbol;
use yew::Reducible;

use super::listing::Group;

/// The most favourites that are kept.
const MAX_FAVOURITES: usize = 200;

/// The watchlist's choices.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Watch {
    /// What stands in the search field.
    pub(crate) query: Rc<str>,
    /// Which markets are shown.
    pub(crate) group: Group,
    /// Whether only favourites are.
    pub(crate) only_favourites: bool,
    /// In which order.
    pub(crate) sort: Sort,
    /// The starred ones.
    pub(crate) favourites: Rc<BTreeSet<Symbol>>,
}

/// What the watchlist is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SortKey {
    /// The name.
    Symbol,
    /// What was traded in 24 hours.
    Volume,
    /// The last price.
    Price,
    /// The change in 24 hours.
    Change,
}

/// An order of the watchlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sort {
    /// By what.
    pub(crate) key: SortKey,
    /// The greatest first.
    pub(crate) descending: bool,
}

/// What a person does to the watchlist, but for what the URL holds.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum WatchAction {
    /// Shows all, or favourites only.
    OnlyFavourites(bool),
    /// Stars a market, or takes the star away.
    Star(Symbol),
}

impl SortKey {
    /// Every key, in the order of the columns.
    pub(crate) const ALL: [SortKey; 4] = [SortKey::Symbol, SortKey::Volume, SortKey::Price, SortKey::Change];

    /// The column's head.
    pub(crate) fn label(self) -> &'static str {
        match self {
            SortKey::Symbol => "Coin",
            SortKey::Volume => "Volume",
            SortKey::Price => "Price",
            SortKey::Change => "24 h",
        }
    }

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            SortKey::Symbol => "coin",
            SortKey::Volume => "volume",
            SortKey::Price => "price",
            SortKey::Change => "change",
        }
    }
}

impl Sort {
    /// After a click on a column: by it, or the other way round.
    #[must_use]
    pub(crate) fn clicked(self, key: SortKey) -> Self {
        let descending = if key == self.key {
            !self.descending
        } else {
            key != SortKey::Symbol
        };
        Sort { key, descending }
    }
}

impl Default for Sort {
    fn default() -> Self {
        Sort {
            key: SortKey::Volume,
            descending: true,
        }
    }
}

impl Reducible for Watch {
    type Action = WatchAction;

    fn reduce(self: Rc<Self>, action: WatchAction) -> Rc<Self> {
        let mut next = Watch::clone(&self);
        match action {
            WatchAction::OnlyFavourites(only) => next.only_favourites = only,
            WatchAction::Star(symbol) => {
                let mut favourites = BTreeSet::clone(&next.favourites);
                if !favourites.remove(&symbol) && favourites.len() < MAX_FAVOURITES {
                    favourites.insert(symbol);
                }
                next.favourites = Rc::new(favourites);
            }
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(actions: impl IntoIterator<Item = WatchAction>) -> Rc<Watch> {
        actions.into_iter().fold(Rc::default(), Reducible::reduce)
    }

    #[test]
    fn a_second_click_on_a_column_turns_the_order() {
        use SortKey::{Change, Symbol};
        for (clicks, key, descending) in [
            (vec![Change], Change, true),
            (vec![Change, Change], Change, false),
            (vec![Symbol], Symbol, false),
            (vec![Symbol, Change, Symbol], Symbol, false),
        ] {
            let sort = clicks.into_iter().fold(Sort::default(), Sort::clicked);
            assert_eq!(sort, Sort { key, descending });
        }
    }

    #[test]
    fn a_second_star_takes_the_first_away() {
        let btc = Symbol::parse("BTC").unwrap();
        let star = || WatchAction::Star(btc.clone());
        assert!(reduced([star()]).favourites.contains(&btc));
        assert!(reduced([star(), star()]).favourites.is_empty());
    }

    #[test]
    fn favourites_are_bounded() {
        let stars = (0..=MAX_FAVOURITES)
            .map(|number| WatchAction::Star(Symbol::parse(&format!("C{number}")).unwrap()));
        assert_eq!(reduced(stars).favourites.len(), MAX_FAVOURITES);
    }

    #[test]
    fn what_changes_nothing_returns_the_same_state() {
        let watch = reduced([]);
        assert!(Rc::ptr_eq(
            &watch,
            &watch.clone().reduce(WatchAction::OnlyFavourites(false))
        ));
    }
}
