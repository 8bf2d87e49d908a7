//! How the orders are joined to what is known after a break: what comes is held back until both lists are there.

use std::collections::HashSet;

use nexus_protocol::TradeGap;

use super::ledger::is_over;
use super::{DISTRUSTED_FOR, FIRST, OWED_AFTER, OrderBook, Phase};
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::topics::Effect;
use crate::feeds::hyperliquid::wire::Source;
use crate::feeds::hyperliquid::wire::account::{WireChange, WireOrder};

#[derive(Debug)]
pub(super) struct Joining {
    pub(super) since: Moment,
    /// The two sources do not agree.
    pub(super) is_dispute: bool,
    pub(super) held: Vec<WireChange>,
    /// The past is there, and whether it hangs together with what is known.
    pub(super) past: Option<Overlap>,
    pub(super) open: Option<Vec<WireOrder>>,
    /// When to ask the archive for what is not there; it was asked if absent.
    pub(super) fetch_past: Option<Moment>,
    pub(super) fetch_open: Option<Moment>,
}

/// Whether a page of the past reaches back to what is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overlap {
    Whole,
    /// It begins at this time only.
    From(u64),
}

impl OrderBook {
    pub(super) fn join(&mut self, fetch_at: Moment, is_dispute: bool, now: Moment) {
        self.round += 1;
        self.phase = Phase::Joining(Joining {
            since: now,
            is_dispute,
            held: Vec::new(),
            past: None,
            open: None,
            fetch_past: Some(fetch_at),
            fetch_open: Some(fetch_at),
        });
    }

    /// Whether a page reaches back to what is known. Of an account without orders, everything there is came since,
    /// unless the page is full.
    pub(super) fn overlap(&self, rows: &[WireChange], is_full: bool) -> Overlap {
        let is_known = |row: &WireChange| {
            let known = self.known.get(&row.order.oid);
            known.is_some_and(|known| known.time >= row.status_timestamp)
        };
        let is_whole =
            self.last.is_none() || rows.iter().any(is_known) || (self.known.is_empty() && !is_full);
        match rows.first() {
            Some(first) if !is_whole => Overlap::From(first.status_timestamp),
            None if !is_whole => Overlap::From(u64::MAX),
            _ => Overlap::Whole,
        }
    }

    pub(super) fn join_if_complete(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        let Phase::Joining(joining) = &self.phase else {
            return Vec::new();
        };
        let (Some(past), Some(_)) = (joining.past, &joining.open) else {
            return Vec::new();
        };
        let gap = match (past, self.last) {
            (Overlap::From(to), Some(from)) => Some(TradeGap {
                from,
                to: to.min(millis).max(from),
            }),
            _ => None,
        };
        self.joined(gap, millis, now)
    }

    /// Something may be missing, and cannot be had.
    pub(super) fn give_up(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        let Phase::Joining(joining) = &self.phase else {
            return Vec::new();
        };
        let gap = match (joining.past, self.last) {
            (Some(Overlap::Whole), _) | (_, None) => None,
            (_, Some(from)) => {
                let first = joining.held.iter().filter(|row| self.is_news(row));
                let first = first.map(|row| row.status_timestamp).min();
                Some(TradeGap {
                    from,
                    to: first.unwrap_or(millis).max(from),
                })
            }
        };
        self.joined(gap, millis, now)
    }

    /// Publishes what was held back, and what stands in the list of open orders alone.
    fn joined(&mut self, gap: Option<TradeGap>, millis: u64, now: Moment) -> Vec<Effect> {
        let running = Phase::Running { is_asked: false };
        let Phase::Joining(joining) = std::mem::replace(&mut self.phase, running) else {
            return Vec::new();
        };
        self.quiet.assure(now);
        let mut rows = joining.held;
        rows.sort_by_key(|row| row.status_timestamp);
        let is_first = self.last.is_none();
        let owed = rows
            .iter()
            .any(|row| self.is_news(row) && row.status_timestamp + OWED_AFTER < millis);
        let mut effects = Vec::new();
        if is_first {
            self.keep_last_states(&mut rows);
            let parts = rows.iter().map(|row| self.tell(row)).collect();
            effects.extend(self.announce(None, parts));
        } else {
            if joining.is_dispute && owed {
                self.is_distrusted = true;
                effects.push(Effect::Renew(Source::Orders {
                    user: self.address.clone(),
                }));
            }
            effects.extend(self.publish(rows, gap));
        }
        if std::mem::take(&mut self.awaits_snapshot) {
            self.is_distrusted = true;
        }
        if self.is_distrusted {
            self.quiet.ask_by(now + DISTRUSTED_FOR);
        }
        let open = joining.open.unwrap_or_default();
        // Older than the past reaches: nothing but that it is open is known.
        let is_broken = is_first || gap.is_some();
        let older = open.iter().filter(|order| !self.known.contains_key(&order.oid));
        let older: Vec<WireChange> = older
            .map(|order| WireChange {
                order: order.clone(),
                status: "open".to_owned(),
                status_timestamp: order.timestamp,
            })
            .filter(|change| is_broken || change.status_timestamp <= self.floor)
            .collect();
        let parts = older.iter().map(|change| self.tell(change)).collect();
        effects.extend(self.announce(None, parts));
        // Our clock may be ahead of the exchange's.
        self.last = self.last.or(Some(millis.saturating_sub(60_000)));
        self.compare(&open, now);
        effects.extend(self.give_lost_up(millis, now));
        effects
    }

    /// Of the past before anybody looked, only how each order ended, or stands now; and not more than the last ones.
    fn keep_last_states(&mut self, rows: &mut Vec<WireChange>) {
        let first = rows.first().map(|row| row.status_timestamp);
        let mut known = HashSet::new();
        let mut last: Vec<WireChange> = Vec::new();
        while let Some(row) = rows.pop() {
            if known.insert(row.order.oid) {
                last.push(row);
            }
        }
        last.reverse();
        let surplus = last.len().saturating_sub(FIRST);
        let mut cut = surplus;
        let mut floor = self.floor;
        last.retain(|row| {
            let goes = cut > 0 && is_over(&row.status);
            if goes {
                cut -= 1;
                floor = floor.max(row.status_timestamp);
            }
            !goes
        });
        // What lies before the page's first row, or was left out, is no news when a longer page has it.
        self.floor = floor.max(first.unwrap_or_default());
        *rows = last;
    }
}
