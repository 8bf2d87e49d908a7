//! What an account was told beside what truly happened to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nexus_protocol::{Fills, Order, Orders, TradeGap};
use serde_json::Value;

use crate::world::{Viewer, World};

/// In milliseconds.
const HOUR: i64 = 3_600_000;

/// One row of what was received or of what happened: number, order, market, time and size.
type Row = (u64, u64, String, u64, String);

/// What is declared to be missing.
fn is_declared(gaps: &[TradeGap], time: u64) -> bool {
    gaps.iter().any(|gap| (gap.from..=gap.to).contains(&time))
}

pub(super) fn fills(viewer: &Viewer) -> (Vec<Row>, Vec<TradeGap>) {
    let (mut rows, mut gaps) = (Vec::new(), Vec::new());
    for payload in &viewer.payloads {
        let publication: Fills = serde_json::from_str(payload).unwrap();
        gaps.extend(publication.gap);
        for fill in publication.fills {
            let size = fill.size.to_string();
            rows.push((
                fill.id,
                fill.order_id,
                fill.symbol.to_string(),
                fill.timestamp,
                size,
            ));
        }
    }
    (rows, gaps)
}

pub(super) fn orders(viewer: &Viewer) -> (Vec<Order>, Vec<TradeGap>) {
    let (mut rows, mut gaps) = (Vec::new(), Vec::new());
    for payload in &viewer.payloads {
        let publication: Orders = serde_json::from_str(payload).unwrap();
        gaps.extend(publication.gap);
        rows.extend(publication.orders);
    }
    (rows, gaps)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Every fill that happened from the first one received up to `until` is there once, or declared; those of one market
/// in order, and all of them in order if `is_ordered`.
pub(super) fn assert_every_fill(world: &World, viewer: &Viewer, user: &str, until: i64, is_ordered: bool) {
    let (rows, gaps) = fills(viewer);
    let first = rows.iter().map(|row| row.3).min().expect("some fills");
    let truth: Vec<Row> = world
        .exchange
        .fills(user, i64::try_from(first).unwrap(), until)
        .iter()
        .map(|fill| {
            (
                fill["tid"].as_u64().unwrap(),
                fill["oid"].as_u64().unwrap(),
                text(&fill["coin"]),
                fill["time"].as_u64().unwrap(),
                text(&fill["sz"]),
            )
        })
        .collect();
    let received: BTreeSet<&Row> = rows.iter().collect();
    assert_eq!(received.len(), rows.len(), "a fill came twice");
    for row in truth.iter().filter(|row| row.3 > first) {
        assert!(
            received.contains(row) || is_declared(&gaps, row.3),
            "{row:?} is missing, declared {gaps:?}"
        );
    }
    let happened: BTreeSet<&Row> = truth.iter().collect();
    let until = u64::try_from(until).unwrap();
    for row in rows.iter().filter(|row| row.3 <= until) {
        assert!(happened.contains(row), "{row:?} never happened");
    }
    let mut last: HashMap<&str, u64> = HashMap::new();
    for row in &rows {
        let market = if is_ordered { "" } else { row.2.as_str() };
        let last = last.entry(market).or_default();
        assert!(*last <= row.3, "{row:?} comes after one of {last}");
        *last = row.3;
    }
}

/// Every change of an order that happened from `from` to `until` is there once and in order, or declared.
pub(super) fn assert_every_change(world: &World, viewer: &Viewer, user: &str, from: i64, until: i64) {
    let (rows, gaps) = orders(viewer);
    let mut received: HashMap<u64, Vec<(u64, String, String)>> = HashMap::new();
    let mut seen = BTreeSet::new();
    for order in &rows {
        let state = (order.timestamp, order.status.clone(), order.size.to_string());
        assert!(seen.insert((order.id, state.clone())), "{order:?} came twice");
        received.entry(order.id).or_default().push(state);
    }
    let mut happened: BTreeMap<u64, Vec<(u64, String, String)>> = BTreeMap::new();
    for change in world.exchange.order_changes(user, from, until) {
        let order = &change["order"];
        let state = (
            change["statusTimestamp"].as_u64().unwrap(),
            text(&change["status"]),
            text(&order["sz"]),
        );
        happened
            .entry(order["oid"].as_u64().unwrap())
            .or_default()
            .push(state);
    }
    assert!(happened.len() > 20, "{} orders", happened.len());
    for (oid, states) in happened {
        let received = received.get(&oid).cloned().unwrap_or_default();
        let received: Vec<_> = received
            .into_iter()
            .filter(|(time, ..)| (from..=until).contains(&i64::try_from(*time).unwrap()))
            .collect();
        let owed: Vec<_> = states
            .iter()
            .filter(|state| received.contains(state) || !is_declared(&gaps, state.0))
            .cloned()
            .collect();
        assert_eq!(received, owed, "order {oid}, declared {gaps:?}");
    }
}

/// How many fills share the time of the last one before this: the past is cut between times, and not among fills of one.
pub(super) fn of_the_time_before(world: &World, user: &str, first: u64) -> usize {
    let first = i64::try_from(first).unwrap();
    let older = world.exchange.fills(user, first - HOUR, first - 1);
    let last = older.iter().map(|fill| fill["time"].as_u64()).max();
    older
        .iter()
        .filter(|fill| Some(fill["time"].as_u64()) == last)
        .count()
}
