//! The orders of one account: every change of each once and in order, or a declared gap.
//!
//! `orderUpdates` names no user, so with several users on a link its frames belong to nobody. `userHistoricalOrders`
//! says the same and names its user; it is what is followed. It numbers nothing either, so the list of open orders that
//! comes beside it keeps watch: an order that stands in one and not in the other for some seconds shows that something
//! was left out, and the archive is asked.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Decimal, Order, OrderChange, Side, Topic, TradeGap, UserId};

use super::quiet::Quiet;
use super::{AccountFetch, Effect, Fetch, json};
use crate::content::{Content, Frame, Part, PartKey, Parts};
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::number;
use crate::feeds::hyperliquid::topics::fills::PAGE;
use crate::feeds::hyperliquid::wire::Source;
use crate::feeds::hyperliquid::wire::account::{WireChange, WireOrder};

/// The most orders of a snapshot; the oldest closed ones go first.
const SNAPSHOT: usize = 500;
/// The most changes of one publication.
const PER_PUBLICATION: usize = 200;
/// How many orders of the past are told of when an account begins to be followed.
const FIRST: usize = 200;
/// Orders that are remembered to recognise repeats; the oldest closed ones go first.
const REMEMBERED: usize = 6_000;
/// The most changes that are held back.
const MAX_HELD: usize = 4_000;
/// How long the exchange has to begin with a snapshot before the archive is asked.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait between two attempts to ask.
const FETCH_AGAIN: Duration = Duration::from_secs(3);
/// How long changes are held back before a gap is declared.
const HOLD_AT_MOST: Duration = Duration::from_secs(30);
/// An order about which the two sources do not agree for so long is asked about.
const DISAGREE_FOR: Duration = Duration::from_secs(5);
/// And is given up for lost after this.
const LOST_AFTER: Duration = Duration::from_secs(45);
/// So often at most.
const DOUBT_AGAIN: Duration = Duration::from_secs(20);
/// A source that said nothing where it should have is asked about again after this.
const DISTRUSTED_FOR: Duration = Duration::from_secs(10);
/// What the archive has, the source should have sent after so many milliseconds.
const OWED_AFTER: u64 = 3_000;
/// What is said of an order that is open no more, and whose end nobody told.
const UNKNOWN: &str = "unknown";

/// The orders of one account.
#[derive(Debug)]
pub(crate) struct OrderBook {
    user: UserId,
    pub(super) address: Address,
    frame: Arc<Frame>,
    known: HashMap<u64, Known>,
    /// Closed orders, the one that was closed first at the front.
    closed: VecDeque<u64>,
    /// Changes of this time or before, of orders that are not remembered, are no news.
    floor: u64,
    /// The time of the last change that was published, or when the account was first looked at.
    last: Option<u64>,
    /// Orders that stand in one of the two sources only, and since when.
    disputed: BTreeMap<u64, Moment>,
    /// The archive is not asked about those before this.
    next_doubt: Moment,
    /// The source did not send what it should, and has sent nothing since.
    is_distrusted: bool,
    /// A subscription began, which the source answers by a snapshot.
    awaits_snapshot: bool,
    quiet: Quiet,
    phase: Phase,
    round: u64,
}

/// What is known of an order.
#[derive(Clone, Debug)]
struct Known {
    time: u64,
    status: String,
    size: Decimal,
    is_over: bool,
    order: WireOrder,
}

#[derive(Debug)]
enum Phase {
    /// Not subscribed.
    Off,
    /// What comes is held back until both lists are there.
    Joining(Joining),
    /// What comes is published.
    Running {
        /// The list of open orders is being asked for, to see whether the account is merely quiet.
        is_asked: bool,
    },
}

#[derive(Debug)]
struct Joining {
    since: Moment,
    /// The two sources do not agree.
    is_dispute: bool,
    held: Vec<WireChange>,
    /// The past is there, and whether it hangs together with what is known.
    past: Option<Overlap>,
    open: Option<Vec<WireOrder>>,
    /// When to ask the archive for what is not there; it was asked if absent.
    fetch_past: Option<Moment>,
    fetch_open: Option<Moment>,
}

/// Whether a page of the past reaches back to what is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overlap {
    Whole,
    /// It begins at this time only.
    From(u64),
}

impl OrderBook {
    /// Nothing is known.
    pub(crate) fn new(user: UserId, address: Address, now: Moment) -> Self {
        OrderBook {
            user,
            address,
            frame: frame("]}"),
            known: HashMap::new(),
            closed: VecDeque::new(),
            floor: 0,
            last: None,
            disputed: BTreeMap::new(),
            next_doubt: now,
            is_distrusted: false,
            awaits_snapshot: false,
            quiet: Quiet::new(now),
            phase: Phase::Off,
            round: 0,
        }
    }

    /// Whether everything up to now is published, as far as one can know.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self.phase, Phase::Running { .. }) && !self.is_distrusted
    }

    /// One of the two sources is subscribed. If that is not new, no snapshot follows.
    pub(crate) fn handle_subscribed(&mut self, is_new: bool, now: Moment) {
        self.awaits_snapshot = is_new;
        match &mut self.phase {
            Phase::Joining(joining) => {
                joining.fetch_past = joining.fetch_past.map(|at| at.max(now + SNAPSHOT_WITHIN));
                joining.fetch_open = joining.fetch_open.map(|at| at.max(now + SNAPSHOT_WITHIN));
            }
            Phase::Off | Phase::Running { .. } => self.join(now + SNAPSHOT_WITHIN, false, now),
        }
    }

    /// One of them is not any more. What is held back is dropped: the archive has it.
    pub(crate) fn handle_lost(&mut self) {
        self.phase = Phase::Off;
        self.disputed.clear();
    }

    /// Changes may be missing.
    pub(crate) fn handle_doubt(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.join(now, false, now);
        }
    }

    /// A frame of changes. `millis` is the exchange's time.
    pub(crate) fn handle_changes(
        &mut self,
        is_snapshot: bool,
        mut rows: Vec<WireChange>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        self.quiet.hear(now);
        (self.is_distrusted, self.awaits_snapshot) = (false, false);
        oldest_first(&mut rows);
        if !matches!(self.phase, Phase::Joining(_)) {
            return match self.phase {
                Phase::Off => Vec::new(),
                _ => self.publish(rows, None),
            };
        }
        let overlap = self.overlap(&rows, false);
        let Phase::Joining(joining) = &mut self.phase else {
            return Vec::new();
        };
        joining.held.extend(rows);
        if is_snapshot {
            match overlap {
                Overlap::Whole => (joining.past, joining.fetch_past) = (Some(Overlap::Whole), None),
                // It does not reach back to what we have; a page of the archive is longer.
                Overlap::From(_) => joining.fetch_past = joining.fetch_past.map(|at| at.min(now)),
            }
        }
        if joining.held.len() > MAX_HELD {
            return self.give_up(millis, now);
        }
        self.join_if_complete(millis, now)
    }

    /// All open orders, from the source or from the archive.
    pub(crate) fn handle_open(&mut self, orders: Vec<WireOrder>, millis: u64, now: Moment) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining(joining) => {
                (joining.open, joining.fetch_open) = (Some(orders), None);
                self.join_if_complete(millis, now)
            }
            Phase::Running { .. } => {
                self.compare(&orders, now);
                Vec::new()
            }
        }
    }

    /// A page of the past: the answer to the question of a round.
    pub(crate) fn handle_past(
        &mut self,
        round: u64,
        mut rows: Vec<WireChange>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        if round != self.round {
            return Vec::new();
        }
        oldest_first(&mut rows);
        let overlap = self.overlap(&rows, rows.len() >= PAGE);
        let Phase::Joining(joining) = &mut self.phase else {
            return Vec::new();
        };
        let held = std::mem::replace(&mut joining.held, rows);
        joining.held.extend(held);
        joining.past = Some(overlap);
        self.join_if_complete(millis, now)
    }

    /// The open orders: the answer to the question of a round.
    pub(crate) fn handle_open_fetched(
        &mut self,
        round: u64,
        orders: Vec<WireOrder>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        if round != self.round {
            return Vec::new();
        }
        if let Phase::Running { is_asked } = &mut self.phase {
            *is_asked = false;
            self.quiet.assure(now);
        }
        self.handle_open(orders, millis, now)
    }

    /// The archive could not be asked.
    pub(crate) fn handle_not_fetched(&mut self, round: u64, is_past: bool, now: Moment) {
        if round != self.round {
            return;
        }
        match &mut self.phase {
            Phase::Joining(joining) if is_past => joining.fetch_past = Some(now + FETCH_AGAIN),
            Phase::Joining(joining) => joining.fetch_open = Some(now + FETCH_AGAIN),
            Phase::Running { is_asked } => {
                *is_asked = false;
                self.quiet.ask_by(now + FETCH_AGAIN * 3);
            }
            Phase::Off => {}
        }
    }

    /// What time alone brings about.
    pub(crate) fn poll(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
        let is_due = |at: &Option<Moment>| at.is_some_and(|at| at <= now);
        match &mut self.phase {
            Phase::Off => Vec::new(),
            Phase::Joining(joining) if self.last.is_some() && now.since(joining.since) >= HOLD_AT_MOST => {
                self.give_up(millis, now)
            }
            Phase::Joining(joining) => {
                let mut wanted = Vec::new();
                if joining.past.is_none() && is_due(&joining.fetch_past) {
                    joining.fetch_past = None;
                    wanted.push(AccountFetch::Orders);
                }
                if joining.open.is_none() && is_due(&joining.fetch_open) {
                    joining.fetch_open = None;
                    wanted.push(AccountFetch::OpenOrders);
                }
                wanted.into_iter().map(|what| self.ask(what)).collect()
            }
            Phase::Running { is_asked } => {
                let is_disputed = self
                    .disputed
                    .values()
                    .any(|since| now.since(*since) >= DISAGREE_FOR);
                if is_disputed && now >= self.next_doubt {
                    self.next_doubt = now + DOUBT_AGAIN;
                    self.join(now, true, now);
                    return self.poll(millis, now);
                }
                if *is_asked || self.quiet.due() > now {
                    return Vec::new();
                }
                *is_asked = true;
                self.round += 1;
                vec![self.ask(AccountFetch::OpenOrders)]
            }
        }
    }

    /// When [`OrderBook::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Off => None,
            Phase::Joining(joining) => {
                let end = self.last.map(|_| joining.since + HOLD_AT_MOST);
                let past = joining.fetch_past.filter(|_| joining.past.is_none());
                let open = joining.fetch_open.filter(|_| joining.open.is_none());
                [end, past, open].into_iter().flatten().min()
            }
            Phase::Running { is_asked } => {
                let disputed = self.disputed.values().min();
                let disputed = disputed.map(|since| (*since + DISAGREE_FOR).max(self.next_doubt));
                let quiet = (!is_asked).then(|| self.quiet.due());
                [disputed, quiet].into_iter().flatten().min()
            }
        }
    }

    fn ask(&self, what: AccountFetch) -> Effect {
        Effect::Fetch(Fetch::Account {
            user: self.user.clone(),
            address: self.address.clone(),
            what,
            round: self.round,
        })
    }

    fn join(&mut self, fetch_at: Moment, is_dispute: bool, now: Moment) {
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
    fn overlap(&self, rows: &[WireChange], is_full: bool) -> Overlap {
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

    fn join_if_complete(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
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
    fn give_up(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
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

    /// Notes about which orders the two sources do not agree.
    fn compare(&mut self, open: &[WireOrder], now: Moment) {
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
    fn give_lost_up(&mut self, millis: u64, now: Moment) -> Vec<Effect> {
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

    fn topic(&self) -> Topic {
        Topic::UserOrders(self.user.clone())
    }

    fn is_news(&self, row: &WireChange) -> bool {
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
    fn publish(&mut self, mut rows: Vec<WireChange>, gap: Option<TradeGap>) -> Vec<Effect> {
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
    fn announce(&self, gap: Option<TradeGap>, parts: Vec<Part>) -> Vec<Effect> {
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
    fn tell(&mut self, row: &WireChange) -> Part {
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
fn frame(close: &str) -> Arc<Frame> {
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
fn is_over(status: &str) -> bool {
    matches!(
        status,
        "filled" | "rejected" | "scheduledCancel" | "internalCancel" | UNKNOWN
    ) || status.ends_with("Rejected")
        || status.ends_with("anceled")
        || status.ends_with("ancelled")
}

/// Some lists come newest first; rows of the same time stay in the order in which they happened.
fn oldest_first(rows: &mut [WireChange]) {
    if let (Some(first), Some(last)) = (rows.first(), rows.last())
        && first.status_timestamp > last.status_timestamp
    {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.status_timestamp);
}
