//! What kind of market a symbol names, and how it is written for people.

use nexus_protocol::Symbol;

/// The kind of a market, which the exchange tells by the form of its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A perpetual: `BTC`, or of another builder, `xyz:NVDA`.
    Perp,
    /// A spot pair: `PURR/USDC`, or by its number, `@107`.
    Spot,
    /// A yes or no question: `#14720`.
    Outcome,
}

/// Which markets the watchlist shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Group {
    /// All of them.
    #[default]
    All,
    /// Perpetuals.
    Perp,
    /// Spot pairs, and the few outcome markets with them.
    Spot,
}

impl Kind {
    /// The kind that the name tells.
    pub(crate) fn of(symbol: &Symbol) -> Self {
        let name = symbol.as_str();
        if name.starts_with('#') {
            Kind::Outcome
        } else if name.starts_with('@') || name.contains('/') {
            Kind::Spot
        } else {
            Kind::Perp
        }
    }

    /// The word on the tag beside the name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Perp => "perp",
            Kind::Spot => "spot",
            Kind::Outcome => "outcome",
        }
    }
}

impl Group {
    /// Every group, in the order of the buttons.
    pub(crate) const ALL: [Group; 3] = [Group::All, Group::Perp, Group::Spot];

    /// The word on the button.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Group::All => "All",
            Group::Perp => "Perps",
            Group::Spot => "Spot",
        }
    }

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Group::All => "all",
            Group::Perp => "perp",
            Group::Spot => "spot",
        }
    }

    /// Whether it shows a market.
    pub(crate) fn shows(self, symbol: &Symbol) -> bool {
        match (self, Kind::of(symbol)) {
            (Group::All, _) | (Group::Perp, Kind::Perp) | (Group::Spot, Kind::Spot | Kind::Outcome) => true,
            (Group::Perp, Kind::Spot | Kind::Outcome) | (Group::Spot, Kind::Perp) => false,
        }
    }
}

/// What is bought and sold: the unit of sizes. Empty where the name does not tell.
pub(crate) fn base(symbol: &Symbol) -> &str {
    let name = symbol.as_str();
    match name.split_once('/') {
        Some((base, _)) => base,
        None if name.starts_with(['@', '#']) => "",
        None => name.split_once(':').map_or(name, |(_, coin)| coin),
    }
}

/// What it is paid in: the unit of prices.
pub(crate) fn quote(symbol: &Symbol) -> &str {
    match (symbol.as_str().split_once('/'), Kind::of(symbol)) {
        (Some((_, quote)), _) => quote,
        (None, Kind::Perp) => "USD",
        (None, Kind::Spot | Kind::Outcome) => "USDC",
    }
}

/// The column head of a price or a size: `Price (USD)`, or without a unit where the name does not tell.
pub(crate) fn with_unit(what: &str, unit: &str) -> String {
    if unit.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({unit})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_kind_and_units() {
        for (name, kind, base_is, quote_is) in [
            ("BTC", Kind::Perp, "BTC", "USD"),
            ("kPEPE", Kind::Perp, "kPEPE", "USD"),
            ("xyz:NVDA", Kind::Perp, "NVDA", "USD"),
            ("PURR/USDC", Kind::Spot, "PURR", "USDC"),
            ("@107", Kind::Spot, "", "USDC"),
            ("#14720", Kind::Outcome, "", "USDC"),
        ] {
            let symbol = Symbol::parse(name).unwrap();
            assert_eq!(
                (Kind::of(&symbol), base(&symbol), quote(&symbol)),
                (kind, base_is, quote_is),
                "{name}"
            );
        }
    }

    #[test]
    fn every_market_is_in_all_and_in_one_more_group() {
        for name in ["BTC", "xyz:NVDA", "PURR/USDC", "@107", "#14720"] {
            let symbol = Symbol::parse(name).unwrap();
            let groups = Group::ALL
                .into_iter()
                .filter(|group| group.shows(&symbol))
                .count();
            assert_eq!(groups, 2, "{name}");
        }
    }
}
