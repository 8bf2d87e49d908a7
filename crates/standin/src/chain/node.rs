//! What all connections of a stand-in node share: the chains, the faults, and who is connected.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::json;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use crate::chain::config::{Config, Shape};
use crate::chain::faults::{Fault, Order, Standing};
use crate::chain::frames;
use crate::chain::ledger::{ChainView, Ledger, Notice};
use crate::line::{Grip, Lines};

/// Orders that may wait for a connection; more are refused, which only a stuck connection brings about.
const ORDERS: usize = 64;
/// Notifications that may wait for a connection; a slower one loses some, as the real node's listeners do.
const NOTICES: usize = 4_096;
/// Messages of a connection that are remembered for observation, the latest ones.
const REMEMBERED: usize = 200;
/// Characters of a message that are remembered.
const REMEMBERED_CHARS: usize = 400;

/// A stand-in node's shared state.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) lines: Lines,
    /// The faults that stay; connections wait on changes of it.
    pub(crate) standing: watch::Sender<Arc<Standing>>,
    pub(crate) notices: broadcast::Sender<Told>,
    /// The chains, who is connected, and which version is spoken.
    state: Mutex<State>,
    /// Counts changes of `state`, for those who wait for one.
    changes: watch::Sender<u64>,
}

/// A notification on its way to whoever follows the chain.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) chain_id: Arc<str>,
    pub(crate) payload: Arc<serde_json::Value>,
    /// Not before this.
    pub(crate) due: Instant,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    shape: Shape,
    connections: BTreeMap<u64, Entry>,
    opened: u64,
    requests: u64,
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
    /// Chains that are followed, by the id of the subscription.
    pub subscriptions: BTreeMap<String, String>,
    /// The latest messages received.
    pub messages: VecDeque<String>,
}

/// What is known of a stand-in from outside.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    /// Open WebSocket connections.
    pub connections: Vec<ConnectionView>,
    /// Connections opened so far.
    pub opened: u64,
    /// Questions over HTTP so far.
    pub requests: u64,
}

/// A connection's place among the open ones; dropping it leaves.
#[must_use]
pub(crate) struct Seat {
    pub(crate) id: u64,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) grip: Arc<Grip>,
    pub(crate) notices: broadcast::Receiver<Told>,
    node: Arc<Node>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.node.change(|state| state.connections.remove(&self.id));
    }
}

impl Seat {
    /// Records what changed about the connection.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ConnectionView)) {
        self.node.change(|state| {
            if let Some(entry) = state.connections.get_mut(&self.id) {
                change(&mut entry.view);
            }
        });
    }

    /// Remembers a message of the client.
    pub(crate) fn remember(&self, text: &str) {
        self.update(|view| {
            if view.messages.len() == REMEMBERED {
                view.messages.pop_front();
            }
            view.messages
                .push_back(text.chars().take(REMEMBERED_CHARS).collect());
        });
    }
}

impl Node {
    pub(crate) fn new(config: &Config) -> Self {
        let ledger = Ledger::new(
            config.seed,
            config.chains,
            config.blocks,
            config.first_height,
            micros(),
        );
        Self {
            lines: Lines::default(),
            standing: watch::Sender::new(Arc::new(Standing::default())),
            notices: broadcast::Sender::new(NOTICES),
            state: Mutex::new(State {
                ledger,
                shape: config.shape,
                connections: BTreeMap::new(),
                opened: 0,
                requests: 0,
            }),
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn take_seat(self: &Arc<Self>, grip: Arc<Grip>) -> Seat {
        self.change(|state| {
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
            Seat {
                id,
                orders,
                grip,
                notices: self.notices.subscribe(),
                node: self.clone(),
            }
        })
    }

    pub(crate) fn count_request(&self) {
        self.change(|state| state.requests += 1);
    }

    /// All chains as they are now.
    pub(crate) fn chains(&self) -> Vec<ChainView> {
        self.state().ledger.chains().to_vec()
    }

    /// Looks at the chains.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.state().ledger)
    }

    /// Lets a chain grow, and tells of it unless it is to be quiet.
    pub(crate) fn grow(&self, chain: usize, blocks: u64, quietly: bool) {
        let mut state = self.state();
        if chain >= state.ledger.chains().len() {
            return;
        }
        for _ in 0..blocks.min(100_000) {
            let told = state.ledger.grow(chain, micros());
            if !quietly {
                self.tell(&state, told);
            }
        }
    }

    /// A transfer; the hash of its block.
    pub(crate) fn transfer(&self, from: &str, to: &str) -> Option<String> {
        let mut state = self.state();
        let place = |state: &State, id: &str| {
            let mut chains = state.ledger.chains().iter();
            chains.position(|chain| chain.chain_id == id)
        };
        let from = place(&state, from)?;
        let to = place(&state, to);
        let (hash, told) = state.ledger.transfer(from, to, micros());
        self.tell(&state, told);
        Some(hash)
    }

    /// Under the lock of the state, so that all see one order.
    fn tell(&self, state: &State, told: Vec<(usize, Notice)>) {
        let standing = self.standing.borrow().clone();
        if standing.drop {
            return;
        }
        let due = Instant::now() + std::time::Duration::from_millis(standing.delay_ms);
        for (chain, notice) in told {
            let chain_id: Arc<str> = state.ledger.chains()[chain].chain_id.as_str().into();
            let payload = frames::notification(&chain_id, frames::reason(&notice, state.shape));
            let told = Told {
                chain_id,
                payload: Arc::new(payload),
                due,
            };
            for _ in 0..if standing.duplicate { 2 } else { 1 } {
                // Nobody listening is no error.
                let _ = self.notices.send(told.clone());
            }
        }
    }

    /// Makes something go wrong. How many connections it touched, 0 for a fault that stays.
    pub(crate) fn fault(&self, fault: Fault) -> usize {
        let stand = |change: &dyn Fn(&mut Standing)| {
            self.standing
                .send_modify(|standing| change(Arc::make_mut(standing)));
            0
        };
        let status = |on: bool, status: u16| on.then_some(status);
        match fault {
            Fault::Clear => stand(&|standing| *standing = Standing::default()),
            Fault::StallAll { on } => stand(&|standing| standing.stall_all = on),
            Fault::HangUpgrades { on } => stand(&|standing| standing.hang_upgrades = on),
            Fault::RefuseUpgrades { status: code, on } => {
                stand(&|standing| standing.refuse = status(on, code))
            }
            Fault::NoAck { on } => stand(&|standing| standing.no_ack = on),
            Fault::Drop { on } => stand(&|standing| standing.drop = on),
            Fault::Duplicate { on } => stand(&|standing| standing.duplicate = on),
            Fault::Delay { ms } => stand(&|standing| standing.delay_ms = ms.min(600_000)),
            Fault::Http { mode, times } => stand(&|standing| standing.http = Some((mode, times))),
            Fault::Blocks { mode, times } => stand(&|standing| standing.blocks = Some((mode, times))),
            Fault::Speak { shape } => {
                self.state().shape = shape;
                0
            }
            Fault::Grow {
                chain,
                blocks,
                quietly,
            } => {
                self.grow(chain, blocks, quietly);
                0
            }
            Fault::Reset { blocks } => {
                self.state().ledger.reset(blocks, micros());
                0
            }
            Fault::Cut { connection } => self.each(connection, |entry| {
                entry.grip.cut();
                true
            }),
            Fault::Close {
                code,
                reason,
                connection,
            } => self.order(connection, &Order::Close { code, reason }),
            Fault::UnknownVariant => self.order(
                None,
                &Order::Notify(json!({"SomethingNew": {"height": 44, "extra": [1, 2]}})),
            ),
            Fault::HugeHeight => {
                let hash = "ff".repeat(32);
                let block = json!({"NewBlock": {"height": u64::MAX, "hash": hash, "event_streams": []}});
                let bundle = json!({"NewIncomingBundle": {"origin": hash, "height": u64::MAX}});
                self.order(None, &Order::Notify(block));
                self.order(None, &Order::Notify(bundle))
            }
            Fault::Malformed => self.order(
                None,
                &Order::Text(r#"{"type":"next","id":"1","payload":{"data":{"notifica"#.to_owned()),
            ),
            Fault::UnknownType => self.order(None, &Order::Text(r#"{"type":"ka","id":7}"#.to_owned())),
            Fault::Ping => self.order(None, &Order::Text(r#"{"type":"ping","payload":{}}"#.to_owned())),
            Fault::Binary => self.order(None, &Order::Binary),
            Fault::BrokenFrame => self.order(None, &Order::BreakFrame),
            Fault::EndStreams { as_error, message } => self.order(None, &Order::End { as_error, message }),
        }
    }

    fn order(&self, which: Option<u64>, order: &Order) -> usize {
        self.each(which, |entry| entry.orders.try_send(order.clone()).is_ok())
    }

    fn each(&self, which: Option<u64>, act: impl Fn(&Entry) -> bool) -> usize {
        let state = self.state();
        let meant = state.connections.iter();
        meant
            .filter(|(id, entry)| which.is_none_or(|which| which == **id) && act(entry))
            .count()
    }

    pub(crate) fn observe(&self) -> Observation {
        let state = self.state();
        Observation {
            connections: state
                .connections
                .values()
                .map(|entry| entry.view.clone())
                .collect(),
            opened: state.opened,
            requests: state.requests,
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

/// The time now, in Unix microseconds.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
