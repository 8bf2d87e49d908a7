//! Who is connected: each connection's name and outbox, so that all can be told of a drain, and how many there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_protocol::ClientId;
use tokio::sync::Notify;

use crate::outbox::Outbox;

/// The connections of this node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Protects who is connected.
    by_id: Mutex<HashMap<ClientId, Arc<Outbox>>>,
    /// Wakes whoever waits for the last one to leave.
    left: Notify,
}

/// A place among the connections. Dropping it leaves.
#[derive(Debug)]
#[must_use = "dropping it leaves the list of connections"]
pub struct Connected {
    connections: Connections,
    id: ClientId,
}

impl Connections {
    /// Joins the list.
    pub fn enter(&self, id: ClientId, outbox: Arc<Outbox>) -> Connected {
        self.lock().insert(id.clone(), outbox);
        Connected {
            connections: self.clone(),
            id,
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
        self.lock().values().map(|outbox| outbox.waiting()).sum()
    }

    /// Wakes each connection's task, so that it looks at what concerns all.
    pub fn wake_all(&self) {
        let outboxes: Vec<_> = self.lock().values().cloned().collect();
        for outbox in outboxes {
            outbox.wake();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientId, Arc<Outbox>>> {
        self.shared.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
        self.connections.shared.left.notify_waiters();
    }
}
