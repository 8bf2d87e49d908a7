//! The engine: who serves the WebSockets. Connections are spread over shards, each a thread that owns its own; a door hands
//! over the socket behind the handshake and has nothing more to do with it.
//!
//! Hub, broker and commands do not know of it: the hub posts to the mailboxes of outboxes, and commands are futures that a
//! shard polls for its connections.

mod audience;
mod batch;
mod clients;
mod cohort;
mod shard;
mod stepping;
mod telling;
mod wheel;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use bytes::Bytes;
use mio::Poll;
use nexus_protocol::CloseCode;
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::connection::Entrance;
use crate::engine::shard::Shard;
use crate::gateway::Gateway;
use crate::mailbox::{Crowd, Mailbox, waker};

/// Who serves the WebSockets. Dropping it ends them.
#[derive(Debug)]
pub struct Engine {
    shards: Vec<Arc<Door>>,
}

/// Somebody who has come through a door.
#[derive(Debug)]
pub struct Arrival {
    /// What the server has.
    pub gateway: Arc<Gateway>,
    /// The socket, behind the handshake.
    pub stream: std::net::TcpStream,
    /// What was read beyond the handshake.
    pub read: Bytes,
    /// How they come in, or why they are sent away.
    pub entrance: Result<Entrance, Away>,
}

/// Somebody is sent away with a code, because a browser shows a page nothing else.
#[derive(Debug)]
pub struct Away {
    /// The code.
    pub code: CloseCode,
    /// Why, in words.
    pub reason: &'static str,
    /// The end of the server waits until they are gone.
    pub tracked: TaskTrackerToken,
}

/// How a shard is reached.
#[derive(Debug)]
struct Door {
    mailbox: Arc<Mailbox>,
    /// Protects who has come and was not welcomed yet; each holds a socket, of which the system has a bounded number.
    arrivals: Mutex<Vec<Arrival>>,
    /// How many clients the shard has, those who have just come included.
    load: AtomicUsize,
    is_closed: AtomicBool,
}

impl Engine {
    /// Starts so many shards, whose mailboxes belong to `crowd`. Must be called inside a runtime.
    ///
    /// # Errors
    /// If the system has no descriptor or thread left.
    pub fn start(shards: usize, crowd: &Arc<Crowd>) -> io::Result<Self> {
        let mut engine = Engine { shards: Vec::new() };
        for number in 0..shards.max(1) {
            let poll = Poll::new()?;
            let door = Arc::new(Door {
                mailbox: Arc::new(Mailbox::new(waker(&poll)?, Arc::clone(crowd))),
                arrivals: Mutex::default(),
                load: AtomicUsize::new(0),
                is_closed: AtomicBool::new(false),
            });
            let shard = Shard::new(poll, Arc::clone(&door), Handle::current());
            // Nobody waits for the thread: it ends when the engine is stopped, and its connections are counted elsewhere.
            Builder::new()
                .name(format!("shard-{number}"))
                .spawn(move || shard.run())?;
            engine.shards.push(door);
        }
        Ok(engine)
    }

    /// Hands a client to the shard that has the fewest.
    pub fn adopt(&self, arrival: Arrival) {
        let fewest = self
            .shards
            .iter()
            .min_by_key(|door| door.load.load(Ordering::Relaxed));
        if let Some(door) = fewest {
            door.load.fetch_add(1, Ordering::Relaxed);
            door.arrivals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(arrival);
            door.mailbox.wake();
        }
    }

    /// Ends all shards, and with them every connection, at once.
    pub fn stop(&self) {
        for door in &self.shards {
            door.is_closed.store(true, Ordering::Release);
            door.mailbox.wake();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Door {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_left(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is nothing to do; whoever brings something from now on wakes the shard.
    fn may_sleep(&self) -> bool {
        self.mailbox.may_sleep()
            && !self.is_closed()
            && self
                .arrivals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_empty()
    }
}
