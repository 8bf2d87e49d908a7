//! Accounting of trades: what a subscriber got, against what really happened.
//!
//! The promise under test is the first of the product: each trade exactly once and in order, or declared as missing. So
//! what was delivered and what was declared must together be all that happened, and nothing else.

use anyhow::{bail, ensure};
use nexus_protocol::{FromServer, Gap, Payload, Publication, Push, Trade, TradeGap};

/// Every trade that happened on an exchange since a moment, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The exchange's time when it was asked, Unix milliseconds.
    pub now: u64,
    /// The trades.
    pub trades: Vec<Trade>,
}

/// What a subscriber of one `trades` topic was told, in the order of its coming.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Trade(Trade),
    /// Between the trades around it some may be missing.
    Missing(Missing),
}

/// What was declared as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// News of the exchange never reached the server: trades with times from and to these.
    Source { from: u64, to: u64 },
    /// This subscriber did not get everything.
    Publications,
}

/// How a tape came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Trades that came.
    pub delivered: usize,
    /// Trades that happened, did not come, and were declared.
    pub declared: usize,
}

impl Tape {
    /// Takes in what came on the topic; anything else is passed over.
    pub fn take(&mut self, message: &FromServer) {
        match message {
            FromServer::Push(Push::Publication(publication)) => self.take_publication(publication),
            FromServer::Push(Push::Status(_, status)) => match status.gap {
                Some(Gap::Source { from, to }) => self.declare_source(from, to),
                Some(Gap::Publications { .. }) => self.declare_missing(),
                None => {}
            },
            FromServer::Push(
                Push::Connected(_) | Push::Presence(..) | Push::Command(_) | Push::Shutdown(_),
            )
            | FromServer::Reply(..) => {}
        }
    }

    /// Takes in a publication.
    pub fn take_publication(&mut self, publication: &Publication) {
        let Payload::Trades(trades) = &publication.payload else {
            return;
        };
        if let Some(TradeGap { from, to }) = trades.gap {
            self.declare_source(from, to);
        }
        self.entries
            .extend(trades.trades.iter().cloned().map(Entry::Trade));
    }

    /// Takes in what is not on the tape yet, as after an order that began anew and may overlap with what is known. Whether
    /// anything was new.
    pub fn take_unknown(&mut self, publication: &Publication) -> bool {
        let Payload::Trades(trades) = &publication.payload else {
            return false;
        };
        if let Some(TradeGap { from, to }) = trades.gap {
            self.declare_source(from, to);
        }
        let mut unknown = trades.trades.clone();
        // What is older than the newest known one belongs to the overlap, known or not.
        let newest = self.trades().next_back().map_or(0, |trade| trade.timestamp);
        unknown.retain(|trade| {
            trade.timestamp >= newest && self.trades().rev().all(|known| known.id != trade.id)
        });
        let is_new = !unknown.is_empty();
        self.entries.extend(unknown.into_iter().map(Entry::Trade));
        is_new
    }

    /// Takes in one trade.
    pub fn take_trade(&mut self, trade: Trade) {
        self.entries.push(Entry::Trade(trade));
    }

    /// The server said that news of the exchange is missing between these times.
    pub fn declare_source(&mut self, from: u64, to: u64) {
        self.entries.push(Entry::Missing(Missing::Source { from, to }));
    }

    /// The server said that this subscriber did not get everything.
    pub fn declare_missing(&mut self) {
        self.entries.push(Entry::Missing(Missing::Publications));
    }

    /// The trades that came.
    pub fn trades(&self) -> impl DoubleEndedIterator<Item = &Trade> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Trade(trade) => Some(trade),
            Entry::Missing(_) => None,
        })
    }

    /// The time of the first trade, from which on the truth must be asked.
    pub fn begins(&self) -> Option<u64> {
        self.trades().next().map(|trade| trade.timestamp)
    }

    /// How often something was declared as missing.
    pub fn declarations(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Missing(_)))
            .count()
    }

    /// Compares with what really happened, from the first trade on the tape to the last.
    ///
    /// # Errors
    /// If a trade is missing that nobody declared, came twice or out of order, is not as it happened, or never did.
    pub fn check(&self, truth: &Truth) -> anyhow::Result<Account> {
        let (Some(first), Some(last)) = (self.trades().next(), self.trades().next_back()) else {
            bail!("nothing came at all");
        };
        let position = |id: u64| truth.trades.iter().position(|trade| trade.id == id);
        let Some(begin) = position(first.id) else {
            bail!("{} never happened", shown(first))
        };
        let Some(end) = position(last.id) else {
            bail!("{} never happened", shown(last))
        };
        ensure!(
            begin <= end,
            "the last trade, {}, is older than the first, {}",
            shown(last),
            shown(first)
        );

        let mut account = Account {
            delivered: 0,
            declared: 0,
        };
        let mut happened = truth.trades[begin..=end].iter().peekable();
        let mut declared: Vec<Missing> = Vec::new();
        for entry in &self.entries {
            let trade = match entry {
                Entry::Missing(missing) => {
                    declared.push(*missing);
                    continue;
                }
                Entry::Trade(trade) => trade,
            };
            loop {
                let Some(next) = happened.next() else {
                    bail!("{} came twice or out of order", shown(trade));
                };
                if next.id == trade.id {
                    ensure!(
                        next == trade,
                        "{} happened, but {} came",
                        shown(next),
                        shown(trade)
                    );
                    account.delivered += 1;
                    break;
                }
                ensure!(
                    happened.clone().any(|later| later.id == trade.id),
                    "{} came twice or out of order: next was {}",
                    shown(trade),
                    shown(next)
                );
                ensure!(
                    declared.iter().any(|missing| missing.covers(next)),
                    "{} is missing before {}, and nobody said so; declared were {declared:?}",
                    shown(next),
                    shown(trade)
                );
                account.declared += 1;
            }
            declared.clear();
        }
        Ok(account)
    }
}

impl Missing {
    fn covers(self, trade: &Trade) -> bool {
        match self {
            Missing::Source { from, to } => (from..=to).contains(&trade.timestamp),
            Missing::Publications => true,
        }
    }
}

fn shown(trade: &Trade) -> String {
    format!(
        "trade {} at {} ({} x {})",
        trade.id, trade.timestamp, trade.price, trade.size
    )
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Decimal, Side};

    use super::*;

    fn trade(id: u64) -> Trade {
        let one = Decimal::parse("1").unwrap();
        Trade {
            id,
            price: one.clone(),
            size: one,
            side: Side::Buy,
            timestamp: id * 10,
        }
    }

    fn truth(ids: std::ops::RangeInclusive<u64>) -> Truth {
        Truth {
            now: 0,
            trades: ids.map(trade).collect(),
        }
    }

    /// Numbers are trades; 0 declares times 30 to 50 of the source as missing.
    fn tape(entries: &[u64]) -> Tape {
        let mut tape = Tape::default();
        for entry in entries {
            match entry {
                0 => tape.declare_source(30, 50),
                id => tape.take_trade(trade(*id)),
            }
        }
        tape
    }

    fn check(entries: &[u64], expected: Result<(usize, usize), &str>) {
        match (tape(entries).check(&truth(1..=9)), expected) {
            (Ok(account), Ok(expected)) => {
                assert_eq!((account.delivered, account.declared), expected, "{entries:?}");
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{entries:?}: {error}");
            }
            (got, expected) => panic!("{entries:?}: {got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn all_that_happened_is_right_and_so_is_what_was_declared() {
        check(&[2, 3, 4, 5], Ok((4, 0)));
        check(&[2, 0, 6, 7], Ok((3, 3)));
        check(&[2, 0, 3, 4], Ok((3, 0)));
    }

    #[test]
    fn what_is_missing_undeclared_or_beyond_the_declaration_is_found() {
        check(&[2, 4, 5], Err("trade 3 at 30 (1 x 1) is missing"));
        check(&[1, 0, 6], Err("trade 2"));
        check(&[2, 0, 7], Err("trade 6"));
        check(&[2, 0, 6, 8], Err("trade 7"));
    }

    #[test]
    fn what_came_twice_out_of_order_or_out_of_nothing_is_found() {
        check(&[2, 3, 3, 4], Err("twice or out of order"));
        check(&[2, 4, 3, 5], Err("missing"));
        check(&[3, 2, 4], Err("twice or out of order"));
        check(&[2, 3, 99], Err("never happened"));
        check(&[], Err("nothing came"));
    }

    #[test]
    fn a_trade_that_came_otherwise_than_it_happened_is_found() {
        let mut tape = tape(&[2]);
        let wrong = Trade {
            side: Side::Sell,
            ..trade(3)
        };
        tape.take_trade(wrong);
        assert!(
            tape.check(&truth(1..=9))
                .unwrap_err()
                .to_string()
                .contains("happened, but")
        );
    }
}
