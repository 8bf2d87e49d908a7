//! One user's account: orders, fills, positions. Bounded, and with every gap named.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;

use nexus_protocol::{Account, Fills, Order, Orders, Payload, Publication, Topic, TradeGap, UserId};

use super::Store;
use crate::canvas::live::Live;
use crate::state::account::{FillEntry, Sum, is_open};
use crate::state::feed::Moment;

/// The most fills that are kept.
pub(crate) const FILLS: usize = 500;
/// The most orders that are closed and kept.
const CLOSED: usize = 200;
/// The most orders that are kept at all.
const ORDERS: usize = 2_000;
/// The most gaps among orders.
const GAPS: usize = 5;

/// What is known of an account.
#[derive(Debug, Default)]
pub(crate) struct AccountBoard {
    orders: BTreeMap<u64, Rc<Order>>,
    /// Between which moments changes of orders are missing; newest last.
    order_gaps: Vec<(Moment, Moment)>,
    /// Newest last.
    fills: VecDeque<FillEntry>,
    /// Trade and order: two of one's own orders may meet in one trade.
    known_fills: HashSet<(u64, u64)>,
    /// Fills may be missing behind the newest, unless what comes overlaps.
    is_suspect: bool,
    account: Option<Rc<Account>>,
    /// Whether the server has told of orders and of fills at all.
    pub(crate) has_orders: bool,
    /// The same of fills.
    pub(crate) has_fills: bool,
}

impl Store {
    /// What is known of a user's account; nothing before anything came.
    pub(crate) fn account(&self, user: &UserId) -> Live<AccountBoard> {
        self.shared
            .accounts
            .borrow_mut()
            .entry(user.clone())
            .or_default()
            .clone()
    }

    pub(super) fn handle_account_publication(&self, user: &UserId, publication: &Publication) {
        let Payload::Json(payload) = &publication.payload else {
            return;
        };
        // What this page cannot read is as if it had not come.
        self.account(user).write(|board| match &publication.topic {
            Topic::UserOrders(_) => {
                if let Ok(orders) = payload.read() {
                    board.take_orders(orders, publication.snapshot);
                }
            }
            Topic::UserFills(_) => {
                if let Ok(fills) = payload.read() {
                    board.take_fills(fills);
                }
            }
            _ => {
                if let Ok(account) = payload.read() {
                    board.take_account(account);
                }
            }
        });
    }

    pub(super) fn forget_account(&self, user: &UserId) {
        let is_theirs = |topic: &Topic| matches!(topic, Topic::UserOrders(other) | Topic::UserFills(other) | Topic::AccountUpdates(other) if other == user);
        if !self.shared.wants.any(is_theirs) {
            self.shared.accounts.borrow_mut().remove(user);
        }
    }
}

impl AccountBoard {
    /// Takes orders that changed; a snapshot replaces all.
    pub(crate) fn take_orders(&mut self, news: Orders, is_snapshot: bool) {
        self.has_orders = true;
        if is_snapshot {
            self.orders.clear();
            self.order_gaps.clear();
        }
        if let Some(TradeGap { from, to }) = news.gap {
            if self.order_gaps.len() == GAPS {
                self.order_gaps.remove(0);
            }
            self.order_gaps.push((from, to));
        }
        for order in news.orders {
            let is_old = self
                .orders
                .get(&order.id)
                .is_some_and(|known| known.timestamp > order.timestamp);
            if !is_old {
                self.orders.insert(order.id, Rc::new(order));
            }
        }
        self.trim_orders();
    }

    /// Takes fills.
    pub(crate) fn take_fills(&mut self, news: Fills) {
        self.has_fills = true;
        if let Some(TradeGap { from, to }) = news.gap {
            self.declare_gap(from, to);
        }
        if self.is_suspect && !news.fills.is_empty() {
            let overlaps = news
                .fills
                .iter()
                .any(|fill| self.known_fills.contains(&(fill.id, fill.order_id)));
            let newest = self.newest_fill();
            let first = news
                .fills
                .iter()
                .map(|fill| fill.timestamp)
                .find(|at| Some(*at) > newest);
            if let (false, Some(from), Some(to)) = (overlaps, newest, first) {
                self.declare_gap(from, to);
            }
            self.is_suspect = false;
        }
        for fill in news.fills {
            if !self.known_fills.insert((fill.id, fill.order_id)) {
                continue;
            }
            let place = self
                .fills
                .iter()
                .rposition(|entry| entry.until() <= fill.timestamp);
            let entry = FillEntry::Fill(Rc::new(fill));
            self.fills.insert(place.map_or(0, |place| place + 1), entry);
            if self.fills.len() > FILLS
                && let Some(FillEntry::Fill(oldest)) = self.fills.pop_front()
            {
                self.known_fills.remove(&(oldest.id, oldest.order_id));
            }
        }
    }

    /// Takes the whole account.
    pub(crate) fn take_account(&mut self, account: Account) {
        self.account = Some(Rc::new(account));
    }

    /// Publications of the fills are missing: whether fills are, the next ones will show.
    pub(crate) fn suspect_fills(&mut self) {
        self.is_suspect = self.newest_fill().is_some();
    }

    /// Fills between two moments are missing for good.
    pub(crate) fn declare_gap(&mut self, from: Moment, to: Moment) {
        self.is_suspect = false;
        let gap = FillEntry::Gap { from, to };
        if !self.fills.contains(&gap) {
            let place = self.fills.iter().rposition(|entry| entry.until() <= from);
            self.fills.insert(place.map_or(0, |place| place + 1), gap);
        }
    }

    /// Open orders, newest first, then closed ones, the last that changed first.
    pub(crate) fn orders(&self) -> (Vec<Rc<Order>>, Vec<Rc<Order>>) {
        let (mut open, mut closed): (Vec<_>, Vec<_>) =
            self.orders.values().cloned().partition(|order| is_open(order));
        open.sort_by_key(|order| std::cmp::Reverse((order.placed_at, order.id)));
        closed.sort_by_key(|order| std::cmp::Reverse((order.timestamp, order.id)));
        (open, closed)
    }

    /// Between which moments changes of orders are missing, newest last.
    pub(crate) fn order_gaps(&self) -> &[(Moment, Moment)] {
        &self.order_gaps
    }

    /// Fills, newest first.
    pub(crate) fn fills(&self) -> impl ExactSizeIterator<Item = &FillEntry> {
        self.fills.iter().rev()
    }

    /// The sum of what was won or lost by the fills that are kept, and of their fees in each token.
    pub(crate) fn totals(&self) -> (Sum, BTreeMap<String, Sum>) {
        let (mut pnl, mut fees) = (Sum::default(), BTreeMap::<String, Sum>::new());
        for entry in &self.fills {
            if let FillEntry::Fill(fill) = entry {
                pnl.add(fill.closed_pnl.as_str());
                fees.entry(fill.fee_token.clone())
                    .or_default()
                    .add(fill.fee.as_str());
            }
        }
        (pnl, fees)
    }

    /// The account, once the server told.
    pub(crate) fn account(&self) -> Option<Rc<Account>> {
        self.account.clone()
    }

    fn newest_fill(&self) -> Option<Moment> {
        self.fills.back().map(FillEntry::until)
    }

    fn trim_orders(&mut self) {
        let (open, closed) = self.orders();
        let extra = closed.iter().skip(CLOSED);
        let too_many = open.iter().skip(ORDERS - CLOSED);
        let gone: Vec<u64> = extra.chain(too_many).map(|order| order.id).collect();
        for id in gone {
            self.orders.remove(&id);
        }
    }
}

impl FillEntry {
    /// Where it ends in time.
    fn until(&self) -> Moment {
        match self {
            FillEntry::Fill(fill) => fill.timestamp,
            FillEntry::Gap { to, .. } => *to,
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Decimal, Fill, OrderChange, Side, Symbol};

    use super::*;

    fn order(id: u64, change: OrderChange, timestamp: Moment) -> Order {
        Order {
            id,
            client_id: None,
            symbol: Symbol::parse("BTC").unwrap(),
            side: Side::Buy,
            price: Decimal::parse("67241.5").unwrap(),
            size: Decimal::parse("1").unwrap(),
            original_size: Decimal::parse("2").unwrap(),
            change,
            status: "open".to_owned(),
            timestamp,
            placed_at: id,
        }
    }

    fn fills(ids: impl IntoIterator<Item = u64>) -> Fills {
        let fill = |id: u64| Fill {
            id,
            order_id: id,
            symbol: Symbol::parse("BTC").unwrap(),
            side: Side::Sell,
            price: Decimal::parse("67241.5").unwrap(),
            size: Decimal::parse("0.1").unwrap(),
            direction: "Close Long".to_owned(),
            closed_pnl: Decimal::parse("1.10").unwrap(),
            fee: Decimal::parse("0.003").unwrap(),
            fee_token: "USDC".to_owned(),
            timestamp: id * 1_000,
        };
        Fills {
            fills: ids.into_iter().map(fill).collect(),
            gap: None,
        }
    }

    fn told(board: &AccountBoard) -> Vec<String> {
        let line = |entry: &FillEntry| match entry {
            FillEntry::Fill(fill) => fill.id.to_string(),
            FillEntry::Gap { from, to } => format!("{}-{}", from / 1_000, to / 1_000),
        };
        board.fills().map(line).collect()
    }

    fn orders(orders: Vec<Order>) -> Orders {
        Orders { orders, gap: None }
    }

    #[test]
    fn open_orders_stand_first_and_a_change_replaces_what_was() {
        let mut board = AccountBoard::default();
        let first = vec![
            order(1, OrderChange::Created, 1),
            order(2, OrderChange::Created, 2),
            order(3, OrderChange::Cancelled, 3),
        ];
        board.take_orders(orders(first), true);
        board.take_orders(orders(vec![order(1, OrderChange::Filled, 9)]), false);
        board.take_orders(orders(vec![order(1, OrderChange::Updated, 8)]), false);
        let (open, closed) = board.orders();
        let ids = |orders: &[Rc<Order>]| orders.iter().map(|order| order.id).collect::<Vec<_>>();
        assert_eq!(
            (ids(&open), ids(&closed)),
            (vec![2], vec![1, 3]),
            "what is older changes nothing"
        );
        board.take_orders(orders(vec![order(7, OrderChange::Created, 1)]), true);
        assert_eq!(ids(&board.orders().0), [7], "a snapshot replaces all");
        assert!(board.orders().1.is_empty());
    }

    #[test]
    fn fills_come_once_and_a_break_without_an_overlap_is_a_gap() {
        for (replayed, expected) in [
            (vec![2, 3, 4], &["4", "3", "2", "1"][..]),
            (vec![6], &["6", "3-6", "3", "2", "1"]),
        ] {
            let mut board = AccountBoard::default();
            board.take_fills(fills(1..=3));
            board.suspect_fills();
            board.take_fills(fills(replayed));
            assert_eq!(told(&board), expected);
        }
        let mut board = AccountBoard::default();
        board.take_fills(fills(1..=1));
        board.declare_gap(1_000, 4_000);
        board.declare_gap(1_000, 4_000);
        board.take_fills(fills(4..=4));
        assert_eq!(told(&board), ["4", "1-4", "1"]);
    }

    #[test]
    fn totals_are_exact() {
        let mut board = AccountBoard::default();
        board.take_fills(fills(1..=3));
        let (pnl, fees) = board.totals();
        assert_eq!(pnl.text().as_deref(), Some("3.3"));
        assert_eq!(fees["USDC"].text().as_deref(), Some("0.009"));
    }

    #[test]
    fn an_account_is_bounded() {
        let mut board = AccountBoard::default();
        board.take_fills(fills(0..3_000));
        assert_eq!((board.fills().len(), board.known_fills.len()), (FILLS, FILLS));
        let many = (0..3_000)
            .map(|id| order(id, OrderChange::Cancelled, id))
            .collect();
        board.take_orders(orders(many), false);
        assert_eq!(board.orders.len(), CLOSED);
        let many = (0..3_000)
            .map(|id| order(id, OrderChange::Created, id + 9_000))
            .collect();
        board.take_orders(orders(many), false);
        assert!(board.orders.len() <= ORDERS);
    }
}
