//! The orders of one account: every change of each once and in order, or a declared gap.
//!
//! `orderUpdates` names no user, so with several users on a link its frames belong to nobody. `userHistoricalOrders`
//! says the same and names its user; it is what is followed. It numbers nothing either, so the list of open orders that
//! comes beside it keeps watch: an order that stands in one and not in the other for some seconds shows that something
//! was left out, and the archive is asked.

mod join;
mod ledger;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Topic, UserId};

use self::join::{Joining, Overlap};
use self::ledger::{Known, frame, oldest_first};
use super::quiet::Quiet;
use super::{AccountFetch, Effect, Fetch};
use crate::content::Frame;
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::topics::fills::PAGE;
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

    fn topic(&self) -> Topic {
        Topic::UserOrders(self.user.clone())
    }
}
