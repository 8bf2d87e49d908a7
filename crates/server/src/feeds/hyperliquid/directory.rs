//! Which markets the exchange has, by every spelling: `BTC`, `xyz:NVDA`, `@107`, `PURR/USDC`, `#14720`.
//!
//! It must be asked before anything is subscribed: the exchange drops the whole link for a market that it does not have.

use std::collections::{BTreeMap, HashSet};

use nexus_protocol::Symbol;

use super::wire::info::WireMarket;

/// How many names like the one asked for are told.
const MOST_HINTS: usize = 3;

/// Which markets the exchange has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    /// Perps by dex; the empty name is the main one.
    dexes: BTreeMap<String, Vec<WireMarket>>,
    spot: Vec<WireMarket>,
    outcomes: Vec<Symbol>,
    /// Everything above by name.
    listings: BTreeMap<Symbol, Listing>,
    has_spot: bool,
}

/// What a market is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Listing {
    /// Can be traded.
    Traded,
    /// Was taken off; its past can still be read.
    Delisted,
}

impl Directory {
    /// Whether enough is known to say that a market is not there.
    pub(crate) fn is_complete(&self) -> bool {
        self.dexes.contains_key("") && self.has_spot
    }

    /// What a market is; `None` if there is no such market.
    pub(crate) fn find(&self, symbol: &Symbol) -> Option<Listing> {
        self.listings.get(symbol).copied()
    }

    /// The perps of a dex, all of them.
    pub(crate) fn set_perps(&mut self, dex: &str, markets: Vec<WireMarket>) {
        self.dexes.insert(dex.to_owned(), markets);
        self.index();
    }

    /// The dexes beside the main one, all of them.
    pub(crate) fn keep_dexes(&mut self, dexes: &[String]) {
        self.dexes.retain(|dex, _| dex.is_empty() || dexes.contains(dex));
        self.index();
    }

    /// The spot markets, all of them.
    pub(crate) fn set_spot(&mut self, markets: Vec<WireMarket>) {
        self.spot = markets;
        self.has_spot = true;
        self.index();
    }

    /// The markets that have a price, all of them: outcome markets are listed nowhere else.
    pub(crate) fn set_priced(&mut self, symbols: Vec<Symbol>) {
        self.outcomes = symbols
            .into_iter()
            .filter(|symbol| symbol.as_str().starts_with('#'))
            .collect();
        self.index();
    }

    /// The markets of the whole board of prices.
    pub(crate) fn board(&self) -> HashSet<Symbol> {
        let perps = self.dexes.get("").into_iter().flatten();
        perps
            .chain(&self.spot)
            .filter(|market| !market.is_delisted)
            .map(|market| market.name.clone())
            .collect()
    }

    /// The dex whose prices name a market.
    pub(crate) fn dex_of(symbol: &Symbol) -> &str {
        symbol.as_str().split_once(':').map_or("", |(dex, _)| dex)
    }

    /// Markets that may have been meant, most likely first.
    pub(crate) fn hints(&self, meant: &Symbol) -> Vec<Symbol> {
        let meant = meant.as_str().to_ascii_lowercase();
        let alias = |market: &&WireMarket| {
            market
                .alias
                .as_ref()
                .is_some_and(|alias| alias.to_ascii_lowercase() == meant)
        };
        let mut hints: Vec<Symbol> = self
            .spot
            .iter()
            .filter(alias)
            .map(|market| market.name.clone())
            .collect();
        let mut others: Vec<(usize, &Symbol)> = self
            .listings
            .iter()
            .filter(|(_, listing)| **listing == Listing::Traded)
            .filter_map(|(symbol, _)| {
                Some((distance(&meant, &symbol.as_str().to_ascii_lowercase())?, symbol))
            })
            .collect();
        others.sort();
        hints.extend(others.into_iter().map(|(_, symbol)| symbol.clone()));
        hints.dedup();
        hints.truncate(MOST_HINTS);
        hints
    }

    fn index(&mut self) {
        let named = self.dexes.values().flatten().chain(&self.spot).map(|market| {
            let listing = if market.is_delisted {
                Listing::Delisted
            } else {
                Listing::Traded
            };
            (market.name.clone(), listing)
        });
        let outcomes = self
            .outcomes
            .iter()
            .map(|symbol| (symbol.clone(), Listing::Traded));
        self.listings = outcomes.chain(named).collect();
    }
}

/// How far a name is from what was meant; `None` if too far. Both in lower case.
fn distance(meant: &str, name: &str) -> Option<usize> {
    let bare = name.rsplit(':').next().unwrap_or(name);
    if meant == name {
        return Some(0);
    }
    if meant == bare
        || meant
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['-', '/', '_']))
    {
        return Some(1);
    }
    if meant.len() >= 3
        && (name == format!("k{meant}")
            || meant.strip_suffix("usdt").or(meant.strip_suffix("usd")) == Some(name))
    {
        return Some(1);
    }
    let edits = edits(meant.as_bytes(), name.as_bytes());
    (meant.len() >= 3 && edits == 1).then_some(2)
}

/// Least number of letters to change, add or remove.
fn edits(left: &[u8], right: &[u8]) -> usize {
    if left.len().abs_diff(right.len()) > 1 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(text: &str) -> Symbol {
        Symbol::parse(text).unwrap()
    }

    fn market(name: &str, is_delisted: bool, alias: Option<&str>) -> WireMarket {
        WireMarket {
            name: symbol(name),
            is_delisted,
            alias: alias.map(str::to_owned),
        }
    }

    fn directory() -> Directory {
        let mut directory = Directory::default();
        let perps = ["BTC", "ETH", "SOL", "kPEPE"].map(|name| market(name, false, None));
        let mut perps = perps.to_vec();
        perps.push(market("CANTO", true, None));
        directory.set_perps("", perps);
        directory.set_perps("xyz", vec![market("xyz:NVDA", false, None)]);
        directory.set_spot(vec![
            market("PURR/USDC", false, Some("PURR/USDC")),
            market("@107", false, Some("HYPE/USDC")),
        ]);
        directory.set_priced(vec![symbol("#14720"), symbol("BTC"), symbol("@999")]);
        directory
    }

    #[test]
    fn every_spelling_is_found_and_nothing_else() {
        let directory = directory();
        for name in ["BTC", "kPEPE", "xyz:NVDA", "PURR/USDC", "@107", "#14720"] {
            assert_eq!(directory.find(&symbol(name)), Some(Listing::Traded), "{name}");
        }
        assert_eq!(directory.find(&symbol("CANTO")), Some(Listing::Delisted));
        for name in ["btc", "NVDA", "@999", "#1", "HYPE/USDC", "XBT"] {
            assert_eq!(directory.find(&symbol(name)), None, "{name}");
        }
    }

    #[test]
    fn the_board_has_traded_perps_and_spot_markets() {
        let mut board: Vec<String> = directory().board().iter().map(Symbol::to_string).collect();
        board.sort();
        assert_eq!(board, ["@107", "BTC", "ETH", "PURR/USDC", "SOL", "kPEPE"]);
    }

    #[test]
    fn what_was_meant_is_hinted_at() {
        for (meant, hint) in [
            ("btc", Some("BTC")),
            ("BTC-PERP", Some("BTC")),
            ("BTCUSDT", Some("BTC")),
            ("PEPE", Some("kPEPE")),
            ("NVDA", Some("xyz:NVDA")),
            ("HYPE/USDC", Some("@107")),
            ("SOLL", Some("SOL")),
            ("ZZZZ", None),
            ("X", None),
        ] {
            let hints = directory().hints(&symbol(meant));
            assert_eq!(hints.first().map(Symbol::as_str), hint, "{meant}");
        }
    }

    #[test]
    fn a_dex_that_is_gone_takes_its_markets_along() {
        let mut directory = directory();
        directory.keep_dexes(&["abc".to_owned()]);
        assert_eq!(directory.find(&symbol("xyz:NVDA")), None);
        assert_eq!(directory.find(&symbol("BTC")), Some(Listing::Traded));
    }
}
