//! Who is connected: each connection's name, user and outbox, so that all can be told of a drain, and each can be told
//! to close, to end a subscription, or to look again whether its tokens still count.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_protocol::{ClientId, CloseCode, Timestamp, Topic, UserId};
use tokio::sync::Notify;

use crate::auth::{Identity, Role};
use crate::outbox::Outbox;

/// The most connections of one page of the list.
pub const MOST_LISTED: usize = 1_000;
/// The most orders that wait for one connection; one that does not get to them is closed, and comes back.
const MOST_ORDERS: usize = 256;

/// The connections of this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Protects who is connected. Names rise with time, so the order is that of coming.
    by_id: Mutex<BTreeMap<ClientId, Arc<Entry>>>,
    /// Wakes whoever waits for the last one to leave.
    left: Notify,
}

/// A place among the connections. Dropping it leaves.
#[derive(Debug)]
#[must_use = "dropping it leaves the list of connections"]
pub struct Connected {
    connections: Connections,
    id: ClientId,
    entry: Arc<Entry>,
}

#[derive(Debug)]
struct Entry {
    outbox: Arc<Outbox>,
    since: Timestamp,
    /// Protects who it is, and what it is to do.
    state: Mutex<State>,
    /// Whether orders wait: looked at far oftener than given.
    has_orders: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    user: Option<UserId>,
    role: Option<Role>,
    token_id: Option<Arc<str>>,
    /// Whether a subscription stands by a token of its own.
    has_grants: bool,
    orders: Vec<Order>,
}

/// What a connection is told to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Close.
    Close(CloseCode, &'static str),
    /// End a subscription.
    Unsubscribe(Topic),
    /// Look again whether the tokens still count.
    Recheck,
}

/// Which connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selector {
    /// This one.
    Client(ClientId),
    /// All of a user.
    User(UserId),
}

/// A connection, as the list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionInfo {
    /// Its name.
    pub client: ClientId,
    /// Who it is; none if they did not sign in.
    pub user: Option<UserId>,
    /// As what.
    pub role: Option<Role>,
    /// Since when.
    pub since: Timestamp,
    /// What waits for it, in bytes.
    pub waiting: usize,
}

/// A page of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionPage {
    /// In the order in which they came.
    pub connections: Vec<ConnectionInfo>,
    /// Whether more came later than the last of these.
    pub more: bool,
}

impl Connections {
    /// Joins the list.
    pub fn enter(&self, id: ClientId, outbox: Arc<Outbox>, now: Timestamp) -> Connected {
        let entry = Arc::new(Entry {
            outbox,
            since: now,
            state: Mutex::default(),
            has_orders: AtomicBool::new(false),
        });
        self.lock().insert(id.clone(), Arc::clone(&entry));
        Connected {
            connections: self.clone(),
            id,
            entry,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How many bytes wait for clients, in all.
    pub fn waiting(&self) -> usize {
        self.lock().values().map(|entry| entry.outbox.waiting()).sum()
    }

    /// At most so many connections, of one user or of all, that came after the one named.
    pub fn list(&self, user: Option<&UserId>, after: Option<&ClientId>, limit: usize) -> ConnectionPage {
        let limit = limit.clamp(1, MOST_LISTED);
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let mut connections = Vec::new();
        let all = self.lock();
        for (client, entry) in all.range((from, Bound::Unbounded)) {
            let state = entry.lock();
            if user.is_some() && state.user.as_ref() != user {
                continue;
            }
            if connections.len() == limit {
                return ConnectionPage {
                    connections,
                    more: true,
                };
            }
            connections.push(ConnectionInfo {
                client: client.clone(),
                user: state.user.clone(),
                role: state.role,
                since: entry.since,
                waiting: entry.outbox.waiting(),
            });
        }
        ConnectionPage {
            connections,
            more: false,
        }
    }

    /// Closes connections. Returns how many.
    pub fn disconnect(&self, whom: &Selector, code: CloseCode, reason: &'static str) -> usize {
        let order = Order::Close(code, reason);
        match whom {
            Selector::Client(client) => {
                let entry = self.lock().get(client).cloned();
                self.order(entry, &order)
            }
            Selector::User(user) => {
                let theirs = self.find(|state| state.user.as_ref() == Some(user));
                self.order(theirs, &order)
            }
        }
    }

    /// Ends a user's subscriptions to a topic. Returns to how many connections it was said.
    pub fn unsubscribe(&self, user: &UserId, topic: &Topic) -> usize {
        let theirs = self.find(|state| state.user.as_ref() == Some(user));
        self.order(theirs, &Order::Unsubscribe(topic.clone()))
    }

    /// Has each connection look again whether its tokens count that may have one of this user or of this name.
    pub fn recheck(&self, user: Option<&UserId>, token_id: Option<&str>) {
        let concerned = self.find(|state| {
            state.has_grants
                || (user.is_some() && state.user.as_ref() == user)
                || (token_id.is_some() && state.token_id.as_deref() == token_id)
        });
        self.order(concerned, &Order::Recheck);
    }

    /// Wakes each connection's task, so that it looks at what concerns all.
    pub fn wake_all(&self) {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        for entry in entries {
            entry.outbox.wake();
        }
    }

    /// Waits until there are none.
    pub async fn emptied(&self) {
        loop {
            let left = self.shared.left.notified();
            if self.is_empty() {
                return;
            }
            left.await;
        }
    }

    fn find(&self, is_meant: impl Fn(&State) -> bool) -> Vec<Arc<Entry>> {
        let all = self.lock();
        all.values()
            .filter(|entry| is_meant(&entry.lock()))
            .cloned()
            .collect()
    }

    fn order(&self, entries: impl IntoIterator<Item = Arc<Entry>>, order: &Order) -> usize {
        let mut count = 0;
        for entry in entries {
            entry.order(order.clone());
            count += 1;
        }
        count
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClientId, Arc<Entry>>> {
        self.shared.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    /// Notes who the client is.
    pub fn identify(&self, identity: &Identity) {
        let mut state = self.entry.lock();
        state.user = Some(identity.user.clone());
        state.role = Some(identity.role);
        state.token_id = identity.token_id.clone();
        drop(state);
        // It may have been revoked since it was checked, when nobody could tell this connection.
        self.entry.order(Order::Recheck);
    }

    /// Notes whether a subscription stands by a token of its own.
    pub fn note_grants(&self, has_grants: bool) {
        self.entry.lock().has_grants = has_grants;
        if has_grants {
            self.entry.order(Order::Recheck);
        }
    }

    /// What the connection is told to do, each once.
    pub fn take_orders(&self) -> Vec<Order> {
        if !self.entry.has_orders.load(Ordering::Acquire) {
            return Vec::new();
        }
        // Before the orders are taken: one that comes in between is seen the next time.
        self.entry.has_orders.store(false, Ordering::Release);
        std::mem::take(&mut self.entry.lock().orders)
    }
}

impl Entry {
    fn order(&self, order: Order) {
        {
            let mut state = self.lock();
            if state.orders.len() >= MOST_ORDERS {
                let overrun = Order::Close(CloseCode::Slow, "too much was asked of you at once; come back");
                state.orders = vec![overrun];
            } else if !state.orders.contains(&order) {
                state.orders.push(order);
            }
        }
        self.has_orders.store(true, Ordering::Release);
        self.outbox.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
        self.connections.shared.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ClientId {
        ClientId::parse(name).unwrap()
    }

    fn enter(connections: &Connections, name: &str, user: Option<&str>) -> Connected {
        let connected = connections.enter(id(name), Arc::new(Outbox::new(1_000)), Timestamp::EXAMPLE);
        if let Some(user) = user {
            connected.identify(&Identity::plain(user, Role::Viewer));
            assert_eq!(connected.take_orders(), [Order::Recheck]);
        }
        connected
    }

    #[test]
    fn the_list_is_read_page_by_page() {
        let connections = Connections::default();
        let _held: Vec<_> = [
            ("a", None),
            ("b", Some("ann")),
            ("c", Some("bob")),
            ("d", Some("ann")),
        ]
        .map(|(name, user)| enter(&connections, name, user))
        .into();
        let ann = UserId::parse("ann").unwrap();
        for (user, after, limit, expected, more) in [
            (None, None, 9, "abcd", false),
            (None, None, 2, "ab", true),
            (None, Some("b"), 2, "cd", false),
            (None, Some("d"), 2, "", false),
            (Some(&ann), None, 1, "b", true),
            (Some(&ann), Some("b"), 1, "d", false),
            (None, None, 0, "a", true),
        ] {
            let page = connections.list(user, after.map(id).as_ref(), limit);
            let names: String = page.connections.iter().map(|info| info.client.as_str()).collect();
            assert_eq!(
                (names.as_str(), page.more),
                (expected, more),
                "{user:?} {after:?} {limit}"
            );
        }
    }

    #[test]
    fn orders_reach_those_who_are_meant_once() {
        let connections = Connections::default();
        let nobody = enter(&connections, "a", None);
        let ann = enter(&connections, "b", Some("ann"));
        let user = UserId::parse("ann").unwrap();
        let close = Order::Close(CloseCode::Removed, "removed");
        let removed = |whom: Selector| connections.disconnect(&whom, CloseCode::Removed, "removed");
        assert_eq!(removed(Selector::User(user.clone())), 1);
        assert_eq!(removed(Selector::User(user.clone())), 1);
        assert_eq!(removed(Selector::Client(id("z"))), 0);
        assert_eq!(ann.take_orders(), std::slice::from_ref(&close));
        assert!(ann.take_orders().is_empty() && nobody.take_orders().is_empty());
        assert_eq!(removed(Selector::Client(id("a"))), 1);
        assert_eq!(nobody.take_orders(), [close]);
        assert_eq!(connections.unsubscribe(&user, &Topic::Telemetry), 1);
        assert_eq!(ann.take_orders(), [Order::Unsubscribe(Topic::Telemetry)]);
        connections.recheck(Some(&user), None);
        assert_eq!(ann.take_orders(), [Order::Recheck]);
        connections.recheck(None, Some("j"));
        assert!(ann.take_orders().is_empty());
        nobody.note_grants(true);
        assert_eq!(nobody.take_orders(), [Order::Recheck]);
        connections.recheck(None, Some("j"));
        assert_eq!(nobody.take_orders(), [Order::Recheck]);
    }

    #[test]
    fn a_connection_that_does_not_get_to_its_orders_is_closed() {
        let connections = Connections::default();
        let ann = enter(&connections, "a", Some("ann"));
        let user = UserId::parse("ann").unwrap();
        for number in 0..=MOST_ORDERS {
            let chain = nexus_protocol::ChainId::parse(&number.to_string()).unwrap();
            connections.unsubscribe(&user, &Topic::Chain(chain));
        }
        let orders = ann.take_orders();
        assert!(
            matches!(orders[..], [Order::Close(CloseCode::Slow, _)]),
            "{orders:?}"
        );
    }
}
