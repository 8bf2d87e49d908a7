//! The states of all topics of accounts that are followed. Two users may have one address; each has topics of their
//! own, and they share its subscriptions.

use std::collections::HashMap;

use nexus_protocol::{Topic, UserId};

use super::fills::FillTape;
use super::funds::Funds;
use super::orders::OrderBook;
use super::{AccountFetch, Effect};
use crate::feeds::clock::Moment;
use crate::feeds::hyperliquid::address::Address;
use crate::feeds::hyperliquid::wire::account::{WireBalances, WireChange, WireFill, WireOrder, WirePerps};
use crate::feeds::hyperliquid::wire::{News, Source};

/// The states of all topics of accounts.
#[derive(Debug, Default)]
pub(crate) struct AccountStreams {
    fills: HashMap<UserId, FillTape>,
    orders: HashMap<UserId, OrderBook>,
    funds: HashMap<UserId, Funds>,
}

/// What came back over HTTP.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// A page of fills.
    Fills(Vec<WireFill>),
    /// A page of changes.
    Orders(Vec<WireChange>),
    /// All open orders.
    OpenOrders(Vec<WireOrder>),
    /// The positions.
    Perps(WirePerps),
    /// The balances.
    Balances(WireBalances),
}

impl AccountStreams {
    /// The sources that a topic of an account is made of; none if it is of something else.
    pub(crate) fn sources(topic: &Topic, address: &Address) -> Vec<Source> {
        let user = || address.clone();
        match topic {
            Topic::UserFills(_) => vec![Source::Fills { user: user() }],
            Topic::UserOrders(_) => vec![
                Source::Orders { user: user() },
                Source::OpenOrders { user: user() },
            ],
            Topic::AccountUpdates(_) => {
                vec![Source::Perps { user: user() }, Source::Balances { user: user() }]
            }
            _ => Vec::new(),
        }
    }

    /// A topic is followed from now on, or again. The past of another address is not continued.
    pub(crate) fn open(&mut self, topic: &Topic, address: &Address, now: Moment) -> Vec<Effect> {
        let known = match topic {
            Topic::UserFills(user) => self.fills.get(user).map(|tape| &tape.address),
            Topic::UserOrders(user) => self.orders.get(user).map(|book| &book.address),
            Topic::AccountUpdates(user) => self.funds.get(user).map(|funds| &funds.address),
            _ => return Vec::new(),
        };
        let mut effects = Vec::new();
        if known.is_some_and(|known| known != address) {
            self.forget(topic);
            effects.push(Effect::Forget(topic.clone()));
        }
        let address = address.clone();
        match topic {
            Topic::UserFills(user) => {
                let new = || FillTape::new(user.clone(), address, now);
                self.fills.entry(user.clone()).or_insert_with(new);
            }
            Topic::UserOrders(user) => {
                let new = || OrderBook::new(user.clone(), address, now);
                self.orders.entry(user.clone()).or_insert_with(new);
            }
            Topic::AccountUpdates(user) => {
                let new = || Funds::new(user.clone(), address);
                self.funds.entry(user.clone()).or_insert_with(new);
            }
            _ => {}
        }
        effects
    }

    /// A topic is not followed any more; its past is kept where it may be continued.
    pub(crate) fn close(&mut self, topic: &Topic) {
        match topic {
            Topic::UserFills(user) => {
                if let Some(tape) = self.fills.get_mut(user) {
                    tape.handle_lost();
                }
            }
            Topic::UserOrders(user) => {
                if let Some(book) = self.orders.get_mut(user) {
                    book.handle_lost();
                }
            }
            Topic::AccountUpdates(user) => drop(self.funds.remove(user)),
            _ => {}
        }
    }

    /// The past of a topic is not continued.
    pub(crate) fn forget(&mut self, topic: &Topic) {
        match topic {
            Topic::UserFills(user) => drop(self.fills.remove(user)),
            Topic::UserOrders(user) => drop(self.orders.remove(user)),
            Topic::AccountUpdates(user) => drop(self.funds.remove(user)),
            _ => {}
        }
    }

    /// Whether a topic shows its account as it is now, given that its sources flow.
    pub(crate) fn is_current(&self, topic: &Topic) -> bool {
        match topic {
            Topic::UserFills(user) => self.fills.get(user).is_some_and(FillTape::is_current),
            Topic::UserOrders(user) => self.orders.get(user).is_some_and(OrderBook::is_current),
            Topic::AccountUpdates(user) => self.funds.get(user).is_some_and(Funds::is_current),
            _ => false,
        }
    }

    /// A source is subscribed for everybody.
    pub(crate) fn handle_subscribed(&mut self, source: &Source, now: Moment) {
        self.fills_of(source)
            .for_each(|it| it.handle_subscribed(true, now));
        self.orders_of(source)
            .for_each(|it| it.handle_subscribed(true, now));
        let (is_perps, is_balances) = halves(source);
        for funds in self.funds_of(source) {
            if is_perps {
                funds.handle_perps_subscribed(now);
            }
            if is_balances {
                funds.handle_balances_subscribed(now);
            }
        }
    }

    /// A topic joins sources that were subscribed before.
    pub(crate) fn handle_already_subscribed(&mut self, topic: &Topic, now: Moment) {
        match topic {
            Topic::UserFills(user) => {
                if let Some(tape) = self.fills.get_mut(user) {
                    tape.handle_subscribed(false, now);
                }
            }
            Topic::UserOrders(user) => {
                if let Some(book) = self.orders.get_mut(user) {
                    book.handle_subscribed(false, now);
                }
            }
            Topic::AccountUpdates(user) => {
                if let Some(funds) = self.funds.get_mut(user) {
                    funds.handle_perps_subscribed(now);
                    funds.handle_balances_subscribed(now);
                }
            }
            _ => {}
        }
    }

    /// A source is not subscribed any more.
    pub(crate) fn handle_lost(&mut self, source: &Source) {
        self.fills_of(source).for_each(FillTape::handle_lost);
        self.orders_of(source).for_each(OrderBook::handle_lost);
        let (is_perps, is_balances) = halves(source);
        for funds in self.funds_of(source) {
            if is_perps {
                funds.handle_perps_lost();
            }
            if is_balances {
                funds.handle_balances_lost();
            }
        }
    }

    /// News of a source may be missing.
    pub(crate) fn handle_doubt(&mut self, source: &Source, now: Moment) {
        self.fills_of(source).for_each(|it| it.handle_doubt(now));
        self.orders_of(source).for_each(|it| it.handle_doubt(now));
        self.funds_of(source).for_each(|it| it.handle_doubt(now));
    }

    /// News of a source. `millis` is the exchange's time.
    pub(crate) fn handle_news(&mut self, news: News, millis: u64, now: Moment) -> Vec<Effect> {
        let Some(source) = news.source() else {
            return Vec::new();
        };
        match news {
            News::Fills {
                is_snapshot, fills, ..
            } => {
                let tapes = self.fills_of(&source);
                tapes
                    .flat_map(|it| it.handle_fills(is_snapshot, fills.clone(), millis, now))
                    .collect()
            }
            News::Orders {
                is_snapshot, changes, ..
            } => {
                let books = self.orders_of(&source);
                books
                    .flat_map(|it| it.handle_changes(is_snapshot, changes.clone(), millis, now))
                    .collect()
            }
            News::OpenOrders { orders, .. } => {
                let books = self.orders_of(&source);
                books
                    .flat_map(|it| it.handle_open(orders.clone(), millis, now))
                    .collect()
            }
            News::Perps { state, .. } => {
                let funds = self.funds_of(&source);
                funds.flat_map(|it| it.handle_perps(state.clone(), now)).collect()
            }
            News::Balances { state, .. } => {
                let funds = self.funds_of(&source);
                funds
                    .flat_map(|it| it.handle_balances(state.clone(), now))
                    .collect()
            }
            News::Mids { .. } | News::Book(_) | News::Trades(_) | News::Candle(_) => Vec::new(),
        }
    }

    /// The answer to a question of a user's topic, or none if there is none.
    pub(crate) fn handle_fetched(
        &mut self,
        user: &UserId,
        what: AccountFetch,
        round: u64,
        fetched: Option<Fetched>,
        millis: u64,
        now: Moment,
    ) -> Vec<Effect> {
        match what {
            AccountFetch::Fills { .. } => match (self.fills.get_mut(user), fetched) {
                (Some(tape), Some(Fetched::Fills(rows))) => tape.handle_fetched(round, rows, millis, now),
                (Some(tape), _) => {
                    tape.handle_not_fetched(round, now);
                    Vec::new()
                }
                (None, _) => Vec::new(),
            },
            AccountFetch::Orders | AccountFetch::OpenOrders => match (self.orders.get_mut(user), fetched) {
                (Some(book), Some(Fetched::Orders(rows))) => book.handle_past(round, rows, millis, now),
                (Some(book), Some(Fetched::OpenOrders(orders))) => {
                    book.handle_open_fetched(round, orders, millis, now)
                }
                (Some(book), _) => {
                    book.handle_not_fetched(round, what == AccountFetch::Orders, now);
                    Vec::new()
                }
                (None, _) => Vec::new(),
            },
            AccountFetch::Perps | AccountFetch::Balances => match (self.funds.get_mut(user), fetched) {
                (Some(funds), Some(Fetched::Perps(state))) => funds.handle_perps_fetched(state, now),
                (Some(funds), Some(Fetched::Balances(state))) => funds.handle_balances(state, now),
                (Some(funds), _) => {
                    funds.handle_not_fetched(what, now);
                    Vec::new()
                }
                (None, _) => Vec::new(),
            },
        }
    }

    /// What time alone brings about, and which topics it may have changed. `millis` is the exchange's time.
    pub(crate) fn poll(&mut self, millis: u64, now: Moment) -> (Vec<Effect>, Vec<Topic>) {
        let is_due = |wake: Option<Moment>| wake.is_some_and(|wake| wake <= now);
        let (mut effects, mut touched) = (Vec::new(), Vec::new());
        for (user, tape) in self.fills.iter_mut().filter(|(_, it)| is_due(it.next_wake())) {
            effects.extend(tape.poll(millis, now));
            touched.push(Topic::UserFills(user.clone()));
        }
        for (user, book) in self.orders.iter_mut().filter(|(_, it)| is_due(it.next_wake())) {
            effects.extend(book.poll(millis, now));
            touched.push(Topic::UserOrders(user.clone()));
        }
        for (user, funds) in self.funds.iter_mut().filter(|(_, it)| is_due(it.next_wake())) {
            effects.extend(funds.poll(now));
            touched.push(Topic::AccountUpdates(user.clone()));
        }
        (effects, touched)
    }

    /// When [`AccountStreams::poll`] has something to do.
    pub(crate) fn next_wake(&self) -> Option<Moment> {
        let fills = self.fills.values().filter_map(FillTape::next_wake);
        let orders = self.orders.values().filter_map(OrderBook::next_wake);
        let funds = self.funds.values().filter_map(Funds::next_wake);
        fills.chain(orders).chain(funds).min()
    }

    fn fills_of(&mut self, source: &Source) -> impl Iterator<Item = &mut FillTape> {
        let user = match source {
            Source::Fills { user } => Some(user.clone()),
            _ => None,
        };
        self.fills
            .values_mut()
            .filter(move |it| Some(&it.address) == user.as_ref())
    }

    fn orders_of(&mut self, source: &Source) -> impl Iterator<Item = &mut OrderBook> {
        let user = match source {
            Source::Orders { user } | Source::OpenOrders { user } => Some(user.clone()),
            _ => None,
        };
        self.orders
            .values_mut()
            .filter(move |it| Some(&it.address) == user.as_ref())
    }

    fn funds_of(&mut self, source: &Source) -> impl Iterator<Item = &mut Funds> {
        let user = match source {
            Source::Perps { user } | Source::Balances { user } => Some(user.clone()),
            _ => None,
        };
        self.funds
            .values_mut()
            .filter(move |it| Some(&it.address) == user.as_ref())
    }
}

/// Which half of an account's funds a source brings.
fn halves(source: &Source) -> (bool, bool) {
    (
        matches!(source, Source::Perps { .. }),
        matches!(source, Source::Balances { .. }),
    )
}
