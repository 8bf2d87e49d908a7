//! The board of last prices: mid prices, joined with what the day brought.
//!
//! Which markets stand on the whole board: the perps of the main dex that are traded, and the spot markets. Markets of
//! other dexes and outcome markets (`#14720`: hundreds, each for a day or two) are given to those who name them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Decimal, Price, Symbol, Symbols, Topic};

use super::{Effect, json};
use crate::content::{Content, Frame, Part, PartKey, Parts};
use crate::feeds::hyperliquid::clock::Moment;
use crate::feeds::hyperliquid::number::percent_change;
use crate::feeds::hyperliquid::wire::info::Context;

/// The most markets that a snapshot keeps.
const MOST: usize = 10_000;
/// A market that the exchange has not named for so long is taken off.
const GONE_AFTER: Duration = Duration::from_secs(60);
/// What the day brought is left out when it was not heard for so long.
const CONTEXTS_OLD_AFTER: Duration = Duration::from_secs(300);

/// The board of last prices.
#[derive(Debug)]
pub(crate) struct Board {
    frame: Arc<Frame>,
    rows: BTreeMap<Symbol, Row>,
    contexts: BTreeMap<Symbol, (Moment, Context)>,
    /// Those that stand on the whole board.
    listed: HashSet<Symbol>,
}

#[derive(Debug)]
struct Row {
    /// The dex whose mids name it.
    dex: String,
    price: Price,
    named: Moment,
    part: Arc<str>,
}

impl Board {
    /// An empty board.
    pub(crate) fn new() -> Self {
        let frame = Frame {
            open: "{".into(),
            close: "}".into(),
            keep: MOST,
        };
        Board {
            frame: Arc::new(frame),
            rows: BTreeMap::new(),
            contexts: BTreeMap::new(),
            listed: HashSet::new(),
        }
    }

    /// Nobody looks any more: prices of now are no prices of later.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Which markets stand on the whole board.
    pub(crate) fn list(&mut self, listed: HashSet<Symbol>) {
        self.listed = listed;
    }

    /// What the day brought to some markets. It shows with the next mid prices.
    pub(crate) fn handle_contexts(&mut self, contexts: BTreeMap<Symbol, Context>, now: Moment) {
        self.contexts.extend(
            contexts
                .into_iter()
                .map(|(symbol, context)| (symbol, (now, context))),
        );
    }

    /// All mid prices of a dex. `millis` is our wall clock, as the exchange sends no time with them.
    /// Gives the markets that changed, and those that are gone.
    pub(crate) fn handle_mids(
        &mut self,
        dex: &str,
        mids: BTreeMap<Symbol, Decimal>,
        millis: u64,
        now: Moment,
    ) -> (Vec<Symbol>, Vec<Symbol>) {
        let mut changed = Vec::new();
        for (symbol, mid) in mids {
            let context = self
                .contexts
                .get(&symbol)
                .filter(|(heard, _)| now.since(*heard) < CONTEXTS_OLD_AFTER);
            let before = context.map(|(_, context)| &context.previous_day_price);
            let volume = context.map(|(_, context)| &context.day_volume);
            if let Some(row) = self.rows.get_mut(&symbol) {
                row.named = now;
                let change = || before.and_then(|before| percent_change(&mid, before));
                let price = &row.price;
                if price.price == mid && price.volume24h.as_ref() == volume && price.change24h == change() {
                    continue;
                }
            }
            let price = Price {
                change24h: before.and_then(|before| percent_change(&mid, before)),
                volume24h: volume.cloned(),
                price: mid,
                timestamp: millis,
            };
            let part = format!("{}:{}", json(&symbol), json(&price)).into();
            self.rows.insert(
                symbol.clone(),
                Row {
                    dex: dex.to_owned(),
                    price,
                    named: now,
                    part,
                },
            );
            changed.push(symbol);
        }
        let gone: Vec<Symbol> = self
            .rows
            .iter()
            .filter(|(_, row)| row.dex == dex && now.since(row.named) >= GONE_AFTER)
            .map(|(symbol, _)| symbol.clone())
            .collect();
        for symbol in &gone {
            self.rows.remove(symbol);
        }
        (changed, gone)
    }

    /// What to publish on a topic for markets that changed and others that are gone.
    pub(crate) fn publish(
        &self,
        symbols: Option<&Symbols>,
        changed: &[Symbol],
        gone: &[Symbol],
    ) -> Vec<Effect> {
        let topic = || Topic::Prices(symbols.cloned());
        let mut effects = Vec::new();
        let parts = if gone.iter().any(|symbol| self.shows(symbols, symbol)) {
            // A snapshot keeps parts for ever, so it has to begin anew without those that are gone.
            effects.push(Effect::Forget(topic()));
            self.parts(self.rows.keys().filter(|symbol| self.shows(symbols, symbol)))
        } else {
            self.parts(changed.iter().filter(|symbol| self.shows(symbols, symbol)))
        };
        if !parts.is_empty() {
            effects.push(Effect::Publish(topic(), self.content(parts)));
        }
        effects
    }

    /// The whole board of a topic; `None` while it is empty.
    pub(crate) fn whole(&self, symbols: Option<&Symbols>, now: Moment) -> Option<Effect> {
        let rows = self
            .rows
            .iter()
            .filter(|(_, row)| now.since(row.named) < GONE_AFTER);
        let parts = self.parts(
            rows.map(|(symbol, _)| symbol)
                .filter(|symbol| self.shows(symbols, symbol)),
        );
        (!parts.is_empty()).then(|| Effect::Publish(Topic::Prices(symbols.cloned()), self.content(parts)))
    }

    fn shows(&self, symbols: Option<&Symbols>, symbol: &Symbol) -> bool {
        match symbols {
            Some(symbols) => symbols.contains(symbol),
            None => self.listed.contains(symbol),
        }
    }

    fn parts<'a>(&self, symbols: impl Iterator<Item = &'a Symbol>) -> Vec<Part> {
        symbols
            .filter_map(|symbol| {
                let row = self.rows.get(symbol)?;
                Some(Part {
                    key: PartKey::Name(symbol.as_str().into()),
                    text: Arc::clone(&row.part),
                    is_final: false,
                })
            })
            .collect()
    }

    fn content(&self, parts: Vec<Part>) -> Content {
        Content::Parts(Parts {
            frame: Arc::clone(&self.frame),
            parts,
        })
    }
}
