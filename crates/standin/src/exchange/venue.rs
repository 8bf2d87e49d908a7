//! What all connections of a stand-in share: the market, the clock, the limits, the faults, and who is connected.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::exchange::account::{Accounts, Address, Event, wire};
use crate::exchange::clock::Clock;
use crate::exchange::config::Config;
use crate::exchange::faults::{Effect, Fault, Order, Standing};
use crate::exchange::limits::Usage;
use crate::exchange::market::{BLOCK_MS, Market};
use crate::line::{Grip, Lines};

/// Orders that may wait for a connection; more are refused, which only a stuck connection brings about.
const ORDERS: usize = 64;
/// Messages of a connection that are remembered for observation, the latest ones.
const REMEMBERED: usize = 1_000;
/// Characters of a message that are remembered.
const REMEMBERED_CHARS: usize = 400;

/// A stand-in exchange's shared state.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) market: Market,
    pub(crate) accounts: Accounts,
    pub(crate) lines: Lines,
    /// The faults that stay; connections wait on changes of it.
    pub(crate) standing: watch::Sender<Arc<Standing>>,
    /// Who is connected and what is used of the limits.
    state: Mutex<State>,
    /// Counts changes of `state`, for those who wait for one.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<u64, Entry>,
    opened: u64,
    refused: u64,
    usage: Usage,
}

#[derive(Debug)]
struct Entry {
    view: ConnectionView,
    orders: mpsc::Sender<Order>,
    grip: Arc<Grip>,
}

/// What is known of an open connection.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConnectionView {
    /// Counts up from 1; never used twice.
    pub id: u64,
    /// Subscriptions in the venue's normal form.
    pub subscriptions: BTreeSet<String>,
    /// Messages received.
    pub received: u64,
    /// Frames sent.
    pub sent: u64,
    /// The latest messages received.
    pub messages: VecDeque<String>,
}

/// What is known of a stand-in from outside.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    /// The venue's time, Unix ms.
    pub now: i64,
    /// Open WebSocket connections.
    pub connections: Vec<ConnectionView>,
    /// Connections opened so far.
    pub opened: u64,
    /// Upgrades refused so far.
    pub refused: u64,
    /// HTTP weight used in this minute.
    pub weight: u32,
}

/// A connection's place among the open ones; dropping it leaves.
#[must_use]
pub(crate) struct Seat {
    pub(crate) id: u64,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) grip: Arc<Grip>,
    venue: Arc<Venue>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.venue.change(|state| state.connections.remove(&self.id));
    }
}

impl Seat {
    /// Records what changed about the connection.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut ConnectionView) -> T) -> Option<T> {
        self.venue.change(|state| {
            state
                .connections
                .get_mut(&self.id)
                .map(|entry| change(&mut entry.view))
        })
    }

    /// Counts a sent frame; quiet, since nobody waits for those.
    pub(crate) fn count_sent(&self) {
        if let Some(entry) = self.venue.state().connections.get_mut(&self.id) {
            entry.view.sent += 1;
        }
    }

    /// Counts a message from the client; false if it is over the limit.
    pub(crate) fn count_message(&self, text: &str) -> bool {
        self.update(|view| {
            view.received += 1;
            if view.messages.len() == REMEMBERED {
                view.messages.pop_front();
            }
            view.messages
                .push_back(text.chars().take(REMEMBERED_CHARS).collect());
        });
        let venue = &self.venue;
        venue
            .state()
            .usage
            .message(&venue.config.limits, venue.clock.now())
    }

    /// Users in the subscriptions of all connections.
    pub(crate) fn all_users(&self) -> BTreeSet<String> {
        let state = self.venue.state();
        let subscriptions = state
            .connections
            .values()
            .flat_map(|entry| &entry.view.subscriptions);
        let user = |normal: &String| {
            let (_, rest) = normal.split_once(r#""user":""#)?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        subscriptions.filter_map(user).collect()
    }

    /// Subscriptions of all connections together.
    pub(crate) fn all_subscriptions(&self) -> usize {
        self.venue
            .state()
            .connections
            .values()
            .map(|entry| entry.view.subscriptions.len())
            .sum()
    }
}

impl Venue {
    pub(crate) fn new(config: Config) -> Self {
        let clock = Clock::new(config.start, config.speed);
        Self {
            market: Market::new(&config),
            accounts: Accounts::default(),
            clock,
            config,
            lines: Lines::default(),
            standing: watch::Sender::new(Arc::new(Standing::default())),
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// The last block that is complete.
    pub(crate) fn block(&self) -> i64 {
        self.clock.now().div_euclid(BLOCK_MS) - 1
    }

    /// Changes of orders and fills of an account in a stretch of time, in order; none for what is no address.
    pub(crate) fn account_rows(&self, address: &str, from: i64, to: i64) -> (Vec<Value>, Vec<Value>) {
        let Some(address) = Address::parse(address) else {
            return (Vec::new(), Vec::new());
        };
        let market = &self.market;
        let last = Market::block_at(to).min(self.block());
        let account = self.accounts.of(market, &address);
        let events = account.events(market, Market::block_at(from), last);
        let mut orders: Vec<_> = events.iter().filter_map(Event::order).collect();
        orders.retain(|order| (from..=to).contains(&order.time));
        let mut fills: Vec<_> = events.iter().filter_map(Event::fill).collect();
        fills.retain(|fill| (from..=to).contains(&fill.time));
        (
            wire::history(market, &orders)
                .iter()
                .map(|row| json!(row))
                .collect(),
            wire::fills(market, &fills).iter().map(|row| json!(row)).collect(),
        )
    }

    /// Takes a seat; `None` if the venue has no more connections to give.
    pub(crate) fn take_seat(self: &Arc<Self>, grip: Arc<Grip>) -> Option<Seat> {
        let limits = &self.config.limits;
        let now = self.clock.now();
        self.change(|state| {
            let allowed = state.usage.connect(limits, now) && state.connections.len() < limits.connections;
            if !allowed {
                state.refused += 1;
                return None;
            }
            state.opened += 1;
            let id = state.opened;
            let (tx, orders) = mpsc::channel(ORDERS);
            let view = ConnectionView {
                id,
                ..ConnectionView::default()
            };
            let entry = Entry {
                view,
                orders: tx,
                grip: grip.clone(),
            };
            state.connections.insert(id, entry);
            Some(Seat {
                id,
                orders,
                grip,
                venue: self.clone(),
            })
        })
    }

    /// Counts an upgrade that was refused.
    pub(crate) fn count_refused(&self) {
        self.change(|state| state.refused += 1);
    }

    /// Counts the weight of an HTTP request; false if it is too much.
    pub(crate) fn weigh(&self, weight: u32) -> bool {
        self.state()
            .usage
            .weigh(weight, &self.config.limits, self.clock.now())
    }

    /// Makes something go wrong. How many connections it touched, 0 for a fault that stays.
    pub(crate) fn fault(&self, fault: Fault) -> usize {
        let mut effect = Effect::Stands;
        self.standing
            .send_modify(|standing| effect = Arc::make_mut(standing).apply(fault));
        let state = self.state();
        let meant = |which: Option<u64>| {
            state
                .connections
                .iter()
                .filter(move |(id, _)| which.is_none_or(|which| which == **id))
                .map(|(_, entry)| entry)
        };
        let mut touched = 0;
        match effect {
            Effect::Stands => {}
            Effect::Cut(which) => {
                for entry in meant(which) {
                    entry.grip.cut();
                    touched += 1;
                }
            }
            Effect::Order(which, order) => {
                for entry in meant(which) {
                    touched += usize::from(entry.orders.try_send(order.clone()).is_ok());
                }
            }
        }
        touched
    }

    pub(crate) fn observe(&self) -> Observation {
        let state = self.state();
        Observation {
            now: self.clock.now(),
            connections: state
                .connections
                .values()
                .map(|entry| entry.view.clone())
                .collect(),
            opened: state.opened,
            refused: state.refused,
            weight: state.usage.weight(),
        }
    }

    /// Tells of changes in what `observe` answers.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
