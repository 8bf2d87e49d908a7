//! The states of topics, fed with rows and fetched bodies, with time as a number.

mod books;
mod candles;
mod prices;
mod trades;

use std::time::Duration;

use nexus_protocol::{Decimal, Symbol};

use super::{Effect, Fetch};
use crate::feeds::hyperliquid::clock::Moment;

fn at(millis: u64) -> Moment {
    Moment::START + Duration::from_millis(millis)
}

fn symbol(name: &str) -> Symbol {
    Symbol::parse(name).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn round(effects: &[Effect]) -> u64 {
    let round = effects.iter().find_map(|effect| match effect {
        Effect::Fetch(
            Fetch::Trades { round, .. } | Fetch::Candles { round, .. } | Fetch::Book { round, .. },
        ) => Some(*round),
        _ => None,
    });
    round.unwrap_or_else(|| panic!("nothing is fetched: {effects:?}"))
}
