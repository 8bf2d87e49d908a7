//! What is known of each order, what of a change is news, and what is published of it.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nexus_protocol::{Decimal, Order, OrderChange, Side, TradeGap};

use super::{LOST_AFTER, OrderBook, PER_PUBLICATION, REMEMBERED, SNAPSHOT};
use crate::content::{Content, Frame, Part, PartKey, Parts};
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::number;
use crate::feeds::hyperliquid::topics::{Effect, json};
use crate::feeds::hyperliquid::wire::account::{WireChange, WireOrder};

/// What is said of an order that is open no more, and whose end nobody told.
const UNKNOWN: &str = "unknown";

/// What is known of an order.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) time: u64,
    status: String,
    size: Decimal,
    is_over: bool,
    order: WireOrder,
}

impl OrderBook {
    /// Notes about which orders the two sources do not agree.
    pub(super) fn compare(&mut self, open: &[WireOrder], now: Moment) {
        let listed: HashMap<u64, &WireOrder> = open.iter().map(|order| (order.oid, order)).collect();
        let mut disputed: HashSet<u64> = HashSet::new();
        for (oid, known) in &self.known {
            // Other dexes have lists of their own.
            let is_main = !known.order.coin.as_str().contains(':');
            if !known.is_over && is_main && !listed.contains_key(oid) {
                disputed.insert(*oid);
            }
        }
        for (oid, order) in listed {
            let agrees = match self.known.get(&oid) {
                Some(known) => !known.is_over && number::compare(&known.size, &order.sz) == Ordering::Equal,
                None => false,
            };
            if !agrees {
                disputed.insert(oid);
            }
        }
        self.disputed.retain(|oid, _| disputed.contains(oid));
        for oid in disputed {
            self.disputed.entry(oid).or_insert(now);
        }
    }

    /// Says of orders that are open no more, and whose end the archive does not have either, that they are gone.
    pub(super) fn give_lost_up(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        let lost: Vec<u64> = self
            .disputed
            .iter()
            .filter(|(_, since)| now.since(**since) >= LOST_AFTER)
            .map(|(oid, _)| *oid)
            .collect();
        let mut effects = Vec::new();
        for oid in lost {
            self.disputed.remove(&oid);
            let Some(known) = self.known.get(&oid).filter(|known| !known.is_over) else {
                continue;
            };
            let gap = TradeGap {
                from: known.time,
                to: millis.max(known.time),
            };
            let change = WireChange {
                order: known.order.clone(),
                status: UNKNOWN.to_owned(),
                status_timestamp: gap.to,
            };
            let part = self.tell(&change);
            effects.extend(self.announce(Some(gap), vec![part]));
        }
        effects
    }

    pub(super) fn is_news(&self, row: &WireChange) -> bool {
        let Some(known) = self.known.get(&row.order.oid) else {
            return row.status_timestamp > self.floor || self.last.is_none();
        };
        if known.is_over {
            // What was given up for lost turned up.
            return known.status == UNKNOWN && is_over(&row.status);
        }
        match row.status_timestamp.cmp(&known.time) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => {
                row.status != known.status || number::compare(&row.order.sz, &known.size) == Ordering::Less
            }
        }
    }

    /// Publishes what is news, in order of time, and declares what is missing before it.
    pub(super) fn publish(&mut self, mut rows: Vec<WireChange>, gap: Option<TradeGap>) -> Vec<Effect> {
        rows.sort_by_key(|row| row.status_timestamp);
        let mut parts = Vec::new();
        for row in rows {
            if self.is_news(&row) {
                parts.push(self.tell(&row));
            }
        }
        self.announce(gap, parts)
    }

    /// Publications of these parts. A gap stands in one of its own before them, so that the snapshot is without it.
    pub(super) fn announce(&self, gap: Option<TradeGap>, parts: Vec<Part>) -> Vec<Effect> {
        let topic = self.topic();
        let publish = |frame: &Arc<Frame>, parts: &[Part]| {
            let content = Content::Parts(Parts {
                frame: Arc::clone(frame),
                parts: parts.to_vec(),
            });
            Effect::Publish(topic.clone(), content)
        };
        let mut effects = Vec::new();
        if let Some(gap) = gap {
            let close = format!("],\"gap\":{}}}", json(&gap));
            effects.push(Effect::Gap(topic.clone(), gap));
            effects.push(publish(&frame(&close), &[]));
        }
        effects.extend(
            parts
                .chunks(PER_PUBLICATION)
                .map(|parts| publish(&self.frame, parts)),
        );
        effects
    }

    /// Remembers a change; gives what is published of it.
    pub(super) fn tell(&mut self, row: &WireChange) -> Part {
        let oid = row.order.oid;
        self.disputed.remove(&oid);
        let is_over = is_over(&row.status);
        let change = change(row, self.known.contains_key(&oid));
        let known = Known {
            time: row.status_timestamp,
            status: row.status.clone(),
            size: row.order.sz.clone(),
            is_over,
            order: row.order.clone(),
        };
        let was_over = self.known.insert(oid, known).is_some_and(|known| known.is_over);
        if is_over && !was_over {
            self.closed.push_back(oid);
        }
        self.last = Some(
            self.last
                .map_or(row.status_timestamp, |last| last.max(row.status_timestamp)),
        );
        while self.known.len() > REMEMBERED
            && let Some(oldest) = self.closed.pop_front()
        {
            if let Some(gone) = self.known.remove(&oldest) {
                self.floor = self.floor.max(gone.time);
            }
        }
        let order = Order {
            id: oid,
            client_id: row.order.cloid.clone(),
            symbol: row.order.coin.clone(),
            side: Side::from(row.order.side),
            price: row.order.limit_px.clone(),
            size: row.order.sz.clone(),
            original_size: row.order.orig_sz.clone(),
            change,
            status: row.status.clone(),
            timestamp: row.status_timestamp,
            placed_at: row.order.timestamp,
        };
        Part {
            key: PartKey::Number(oid),
            text: json(&order),
            is_final: is_over,
        }
    }
}

/// What stands around orders.
pub(super) fn frame(close: &str) -> Arc<Frame> {
    Arc::new(Frame {
        open: "{\"orders\":[".into(),
        close: close.into(),
        keep: SNAPSHOT,
    })
}

/// What happened to an order, from its status and its sizes.
fn change(row: &WireChange, is_known: bool) -> OrderChange {
    let status = row.status.as_str();
    if status == "filled" {
        OrderChange::Filled
    } else if status == "rejected" || status.ends_with("Rejected") {
        OrderChange::Rejected
    } else if is_over(status) {
        OrderChange::Cancelled
    } else if is_known || number::compare(&row.order.sz, &row.order.orig_sz) != Ordering::Equal {
        OrderChange::Updated
    } else {
        OrderChange::Created
    }
}

/// Whether nothing more happens to an order. A status that is not known does not end it: the list of open orders will.
pub(super) fn is_over(status: &str) -> bool {
    matches!(
        status,
        "filled" | "rejected" | "scheduledCancel" | "internalCancel" | UNKNOWN
    ) || status.ends_with("Rejected")
        || status.ends_with("anceled")
        || status.ends_with("ancelled")
}

/// Some lists come newest first; rows of the same time stay in the order in which they happened.
pub(super) fn oldest_first(rows: &mut [WireChange]) {
    if let (Some(first), Some(last)) = (rows.first(), rows.last())
        && first.status_timestamp > last.status_timestamp
    {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.status_timestamp);
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Topic, UserId};

    use super::*;
    use crate::feeds::hyperliquid::address::Address;
    use crate::feeds::hyperliquid::wire::{Inbound, News};

    fn row(oid: u64, status: &str, time: u64, size: &str) -> WireChange {
        let text = format!(
            r#"{{"order":{{"coin":"ETH","side":"B","limitPx":"2080.0","sz":"{size}","oid":{oid},"timestamp":1,"origSz":"0.5"}},"status":"{status}","statusTimestamp":{time}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn book() -> OrderBook {
        let address = Address::parse("0x00000000000000000000000000000000000000a1").unwrap();
        OrderBook::new(UserId::parse("ann").unwrap(), address, Moment::START)
    }

    /// The changes that were published, as text.
    fn told(effects: &[Effect]) -> Vec<String> {
        let text = |effect: &Effect| match effect {
            Effect::Publish(Topic::UserOrders(_), content) => Some(content.render()),
            _ => None,
        };
        let orders = effects.iter().filter_map(text).flat_map(|text| {
            let orders: nexus_protocol::Orders = serde_json::from_str(&text).unwrap();
            orders.orders
        });
        orders
            .map(|order| {
                format!(
                    "{} {:?} {} {}",
                    order.id, order.change, order.size, order.timestamp
                )
            })
            .collect()
    }

    #[test]
    fn what_happened_follows_from_status_and_sizes() {
        for (status, size, is_known, is) in [
            ("open", "0.5", false, OrderChange::Created),
            ("open", "0.50", false, OrderChange::Created),
            ("open", "0.2", false, OrderChange::Updated),
            ("open", "0.5", true, OrderChange::Updated),
            ("triggered", "0.5", true, OrderChange::Updated),
            ("filled", "0.0", true, OrderChange::Filled),
            ("canceled", "0.5", true, OrderChange::Cancelled),
            ("selfTradeCanceled", "0.5", true, OrderChange::Cancelled),
            ("scheduledCancel", "0.5", true, OrderChange::Cancelled),
            ("minTradeNtlRejected", "0.5", false, OrderChange::Rejected),
            ("rejected", "0.5", false, OrderChange::Rejected),
            ("somethingNew", "0.5", true, OrderChange::Updated),
        ] {
            assert_eq!(change(&row(1, status, 1, size), is_known), is, "{status} {size}");
        }
    }

    #[test]
    fn every_change_of_an_order_is_told_once_and_in_order() {
        let mut book = book();
        let open_and_filled = vec![row(1, "open", 5, "0.5"), row(1, "filled", 5, "0.0")];
        assert_eq!(
            told(&book.publish(open_and_filled.clone(), None)),
            ["1 Created 0.5 5", "1 Filled 0.0 5"]
        );
        assert_eq!(told(&book.publish(open_and_filled, None)), [""; 0], "repeats");
        let effects = book.publish(
            vec![
                row(2, "open", 9, "0.1"),
                row(2, "open", 6, "0.5"),
                row(2, "open", 8, "0.3"),
            ],
            None,
        );
        assert_eq!(
            told(&effects),
            ["2 Created 0.5 6", "2 Updated 0.3 8", "2 Updated 0.1 9"]
        );
        assert_eq!(
            told(&book.publish(vec![row(2, "open", 8, "0.3")], None)),
            [""; 0],
            "an older state"
        );
        assert_eq!(
            told(&book.publish(vec![row(2, "canceled", 9, "0.1")], None)),
            ["2 Cancelled 0.1 9"]
        );
    }

    #[test]
    fn an_order_that_vanished_is_given_up_with_a_gap_and_its_end_may_still_turn_up() {
        let mut book = book();
        book.publish(vec![row(1, "open", 5, "0.5")], None);
        book.compare(&[], Moment::START);
        assert!(book.give_lost_up(90, Moment::START).is_empty(), "not at once");
        let effects = book.give_lost_up(90, Moment::START + LOST_AFTER);
        assert!(matches!(
            &effects[0],
            Effect::Gap(_, TradeGap { from: 5, to: 90 })
        ));
        assert_eq!(told(&effects), ["1 Cancelled 0.5 90"]);
        assert_eq!(
            told(&book.publish(vec![row(1, "filled", 60, "0.0")], None)),
            ["1 Filled 0.0 60"]
        );
    }

    #[test]
    fn the_memory_has_a_bound_and_open_orders_stay() {
        let mut book = book();
        book.publish(vec![row(1, "open", 1, "0.5")], None);
        for oid in 2..REMEMBERED as u64 + 500 {
            book.publish(vec![row(oid, "filled", oid, "0.0")], None);
        }
        assert!(book.known.len() <= REMEMBERED && book.known.contains_key(&1));
        assert_eq!(
            told(&book.publish(vec![row(2, "filled", 2, "0.0")], None)),
            [""; 0],
            "forgotten, not new"
        );
    }

    #[test]
    fn frames_of_accounts_name_their_user_and_others_are_not_read() {
        let frame = r#"{"channel":"orderUpdates","data":[{"order":{"coin":"BTC"},"status":"open"}]}"#;
        assert_eq!(Inbound::read(frame), Inbound::Unknown);
        let frame = r#"{"channel":"openOrders","data":{"dex":"","user":"0x00000000000000000000000000000000000000A1","orders":[]}}"#;
        let Inbound::News(News::OpenOrders { user, orders }) = Inbound::read(frame) else {
            panic!("{frame} was not read")
        };
        assert_eq!(
            (user.as_str().ends_with("a1"), orders),
            (true, Vec::<WireOrder>::new())
        );
    }
}
