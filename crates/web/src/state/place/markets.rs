//! Where one is in the Markets view: `/markets/BTC?i=1h&tab=book&f=perp&s=change-&q=pepe`.
//!
//! A symbol stands in the path: what a path may hold as it is stays readable (`/markets/@107`, `/markets/xyz:NVDA`), the
//! rest is escaped (`PURR%2FUSDC`, `%2314720`). A proxy that unescapes `%2F` does no harm, since everything behind
//! `/markets/` is the symbol.

use std::rc::Rc;

use nexus_protocol::{Interval, Symbol};

use super::query::{UrlText, fields, word_of};
use crate::state::account::Below;
use crate::state::listing::Group;
use crate::state::watch::{Sort, SortKey};

/// Where one is in the Markets view.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Markets {
    /// The chosen coin; the view chooses if there is none.
    pub(crate) symbol: Option<Symbol>,
    /// The length of the chart's bars.
    pub(crate) interval: Interval,
    /// Which pane a phone shows.
    pub(crate) pane: Pane,
    /// What stands below the chart.
    pub(crate) below: Below,
    /// Which markets the watchlist shows.
    pub(crate) group: Group,
    /// In which order.
    pub(crate) sort: Sort,
    /// What is searched.
    pub(crate) query: Rc<str>,
}

/// A pane of the Markets view; on a phone there is one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pane {
    /// The watchlist.
    Watch,
    /// Candles and depth.
    Chart,
    /// The order book.
    Book,
    /// The trades.
    Tape,
    /// One's account.
    Account,
}

impl Pane {
    /// Every pane, in the order of the tab bar.
    pub(crate) const ALL: [Pane; 5] = [Pane::Watch, Pane::Chart, Pane::Book, Pane::Tape, Pane::Account];

    /// The word in the URL and in `data-pane`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Pane::Watch => "watch",
            Pane::Chart => "chart",
            Pane::Book => "book",
            Pane::Tape => "tape",
            Pane::Account => "account",
        }
    }
}

impl Default for Markets {
    fn default() -> Self {
        Markets {
            symbol: None,
            interval: Interval::Minutes5,
            pane: Pane::Chart,
            below: Below::Depth,
            group: Group::All,
            sort: Sort::default(),
            query: "".into(),
        }
    }
}

impl Markets {
    /// Reads what follows `/markets` and the query. What the query has wrong is left out.
    pub(super) fn parse(path: Option<&str>, query: &str) -> Option<Self> {
        let mut markets = Markets {
            symbol: path.map(Symbol::parse).transpose().ok()?,
            ..Markets::default()
        };
        for (name, value) in fields(query) {
            match name {
                "i" => markets.interval = value.parse().unwrap_or(markets.interval),
                "tab" => markets.pane = word_of(Pane::ALL, Pane::word, &value).unwrap_or(markets.pane),
                "below" => markets.below = word_of(Below::ALL, Below::word, &value).unwrap_or(markets.below),
                "f" => markets.group = word_of(Group::ALL, Group::word, &value).unwrap_or(markets.group),
                "s" => markets.sort = parsed_sort(&value).unwrap_or(markets.sort),
                "q" => markets.query = value.into(),
                _ => {}
            }
        }
        Some(markets)
    }

    /// What stands below the chart: the account's pane has no room for the depth.
    pub(crate) fn below(&self) -> Below {
        match (self.pane, self.below) {
            (Pane::Account, Below::Depth) => Below::Positions,
            (_, below) => below,
        }
    }

    /// The URL: path and query, defaults left out.
    pub(crate) fn url(&self) -> String {
        let default = Markets::default();
        let direction = if self.sort.descending { "-" } else { "" };
        let sort = format!("{}{direction}", self.sort.key.word());
        UrlText::new("/markets")
            .segment(self.symbol.as_ref().map(Symbol::as_str))
            .field("i", self.interval.as_str(), self.interval != default.interval)
            .field("tab", self.pane.word(), self.pane != default.pane)
            .field("below", self.below.word(), self.below != default.below)
            .field("f", self.group.word(), self.group != default.group)
            .field("s", &sort, self.sort != default.sort)
            .text("q", &self.query)
            .done()
    }
}

fn parsed_sort(text: &str) -> Option<Sort> {
    let (word, descending) = match text.strip_suffix('-') {
        Some(word) => (word, true),
        None => (text, false),
    };
    word_of(SortKey::ALL, SortKey::word, word).map(|key| Sort { key, descending })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::place::Place;

    fn parse(url: &str) -> Place {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        Place::parse(path, query)
    }

    fn at(symbol: &str) -> Markets {
        Markets {
            symbol: Some(Symbol::parse(symbol).unwrap()),
            ..Markets::default()
        }
    }

    #[test]
    fn every_form_of_symbol_has_a_url_that_leads_back() {
        for (symbol, url) in [
            ("BTC", "/markets/BTC"),
            ("@107", "/markets/@107"),
            ("xyz:NVDA", "/markets/xyz:NVDA"),
            ("PURR/USDC", "/markets/PURR%2FUSDC"),
            ("#14720", "/markets/%2314720"),
            ("+10", "/markets/%2B10"),
        ] {
            assert_eq!(at(symbol).url(), url);
            assert_eq!(parse(url), Place::Markets(at(symbol)));
        }
    }

    #[test]
    fn a_proxy_that_unescapes_does_no_harm() {
        assert_eq!(parse("/markets/PURR/USDC"), Place::Markets(at("PURR/USDC")));
    }

    #[test]
    fn everything_chosen_stands_in_the_url() {
        let markets = Markets {
            interval: Interval::Month1,
            pane: Pane::Book,
            group: Group::Spot,
            sort: Sort {
                key: SortKey::Change,
                descending: true,
            },
            query: "p & q".into(),
            ..at("BTC")
        };
        let url = markets.url();
        assert_eq!(url, "/markets/BTC?i=1M&tab=book&f=spot&s=change-&q=p%20%26%20q");
        assert_eq!(parse(&url), Place::Markets(markets));
    }

    #[test]
    fn nonsense_in_the_query_is_left_out_and_a_wrong_path_is_nowhere() {
        let plain = Place::Markets(Markets::default());
        for url in [
            "",
            "/",
            "/markets",
            "/markets/",
            "/?i=7m&tab=x&f=&s=&&=&x",
            "/?q=%zz",
        ] {
            assert_eq!(parse(url), plain, "{url}");
        }
        for url in [
            "/nowhere",
            "/markets/A%20B",
            "/markets/%",
            "/markets/%FF",
            "/marketsBTC",
        ] {
            assert_eq!(parse(url), Place::Nowhere, "{url}");
        }
    }
}
