//! Orders to devices, from the sender to the device and back: queued, sent, delivered, and done, failed or expired.
//!
//! What becomes of a command is decided by a pure machine under a lock. What that puts out is done by one task in the
//! same order: lines go into the log (the topic `commands`, which is the queue and the audit trail at once), and only
//! what is stored is acknowledged, handed to a device or told. After a restart everything is rebuilt from the log.

mod ending;
mod links;
mod machine;
mod port;
mod record;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use nexus_protocol::{
    ClientId, CommandId, CommandReceived, CommandResult, CommandUpdate, DeviceId, ErrorCode, Push, Refusal,
    Topic,
};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::clock::wall_clock;
use crate::command_desk::machine::Machine;
use crate::content::{Content, Draft, Keyed};
use crate::metrics::Metrics;
use crate::outbox::{Note, Outbox};

pub use crate::command_desk::port::{Event, Order, Output, Ticket};
pub use crate::command_desk::record::{Facts, Follower};

/// How long one waits for the desk, and the desk for the broker.
const DEADLINE: Duration = Duration::from_secs(10);
/// While so much waits to be done, nothing more is ordered.
const MOST_WAITING: usize = 4_096;
/// How often deadlines are looked at anew, should the clock on the wall have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Orders to devices. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct CommandDesk {
    shared: Arc<Shared>,
}

/// A connection, as the desk reaches it: without keeping it.
#[derive(Clone, Debug)]
pub struct Line {
    client: ClientId,
    outbox: Weak<Outbox>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Protects the machine and who waits for its answers; held for a few steps.
    state: Mutex<State>,
    /// Wakes the task that does what the machine puts out.
    wake: Notify,
    /// Whether the log was read.
    is_ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    machine: Machine<Line>,
    waiting: HashMap<Ticket, oneshot::Sender<Answer>>,
    tickets: u64,
}

type Answer = Result<CommandId, Refusal>;

impl CommandDesk {
    /// Orders a command; the ticket and the name are the desk's to give. Comes back when the log has it. Its follower,
    /// if it has one, was sent the `ack` by then, and is sent what follows.
    ///
    /// # Errors
    /// If there is no room, the key was used for something else, or it cannot be stored.
    pub async fn order(&self, order: Order<Line>) -> Answer {
        self.ask(|machine, ticket| {
            if machine.waiting() >= MOST_WAITING {
                return Err(busy());
            }
            machine.order(wall_clock(), Order { ticket, ..order });
            Ok(())
        })
        .await
    }

    /// A device says that it has a command. Comes back when the log has it.
    ///
    /// # Errors
    /// If there is no such command, or it is too late.
    pub async fn received(&self, received: &CommandReceived) -> Answer {
        self.ask(|machine, ticket| {
            machine.received(ticket, &received.command_id);
            Ok(())
        })
        .await
    }

    /// A device says what became of a command. Comes back when the log has it.
    ///
    /// # Errors
    /// If there is no such command, it is too late, or another result is known.
    pub async fn result(&self, result: &CommandResult) -> Answer {
        self.ask(|machine, ticket| {
            machine.result(ticket, result);
            Ok(())
        })
        .await
    }

    /// Whose a command is, if it is known.
    pub async fn device_of(&self, id: &CommandId) -> Option<DeviceId> {
        self.ready().await.ok()?;
        self.lock().machine.device_of(id).cloned()
    }

    /// How many commands are open.
    pub fn open(&self) -> usize {
        self.lock().machine.open()
    }

    /// A device is reached over this connection from now on, and over no other.
    pub fn attach(&self, device: &DeviceId, line: Line) {
        self.lock_now().machine.attach(device, line);
        self.shared.wake.notify_one();
    }

    /// A device is reached no more.
    pub fn detach(&self, device: &DeviceId) {
        self.lock_now().machine.detach(device);
        self.shared.wake.notify_one();
    }

    /// Reads the log, then does what the machine puts out, until `stop`; what was put out before that is still done.
    pub async fn run(self, broker: Broker, metrics: Metrics, stop: CancellationToken) {
        let standing = broker.standing(&Topic::Commands).await;
        let read = standing.iter().filter_map(|(key, text)| {
            serde_json::from_str(text)
                .inspect_err(|error| {
                    tracing::warn!(command.id = %key, %error, "a command in the log cannot be read");
                })
                .ok()
        });
        let read: Vec<CommandUpdate> = read.collect();
        self.lock().machine.restore(wall_clock(), read);
        self.shared.is_ready.send_replace(true);
        loop {
            let (outputs, next) = {
                let mut state = self.lock_now();
                (state.machine.outputs(), state.machine.next_deadline())
            };
            if !outputs.is_empty() {
                self.carry_out(&broker, &metrics, outputs).await;
                continue;
            }
            if stop.is_cancelled() {
                return;
            }
            let wait = next.map_or(LOOK_AGAIN, |at| at.since(wall_clock()).min(LOOK_AGAIN));
            tokio::select! {
                () = self.shared.wake.notified() => {}
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Stores all lines first, in their order, so that what follows is true when it is said.
    async fn carry_out(
        &self,
        broker: &Broker,
        metrics: &Metrics,
        outputs: impl IntoIterator<Item = Output<Line>>,
    ) {
        let (lines, deeds): (Vec<_>, Vec<_>) = outputs
            .into_iter()
            .partition(|output| matches!(output, Output::Store(_)));
        let lines = lines.into_iter().filter_map(|output| match output {
            Output::Store(update) => Some(store(broker, update)),
            _ => None,
        });
        let mut failed = HashSet::new();
        for (update, is_stored) in join_all(lines).await {
            if !is_stored {
                failed.insert(update.command_id.clone());
            }
            self.lock().machine.stored(&update, is_stored);
        }
        for deed in deeds {
            match deed {
                Output::Store(_) => {}
                // Whoever takes nothing is closed, and its connection then detaches.
                Output::Hand(line, order) => line.post(Note::Push(Box::new(Push::Command(order)))),
                Output::Tell(follower, reply) => {
                    follower.line.post(Note::Answer(follower.request, reply));
                }
                Output::Answer(ticket, Ok(id)) if failed.contains(&id) => {
                    self.answer(ticket, Err(busy()));
                }
                Output::Answer(ticket, answer) => self.answer(ticket, answer),
                Output::Happened(event, facts) => note(metrics, event, &facts),
            }
        }
    }

    async fn ask(&self, act: impl FnOnce(&mut Machine<Line>, Ticket) -> Result<(), Refusal>) -> Answer {
        self.ready().await?;
        let answer = {
            let mut state = self.lock_now();
            state.tickets += 1;
            let ticket = Ticket(state.tickets);
            act(&mut state.machine, ticket)?;
            let (answer, answered) = oneshot::channel();
            state.waiting.insert(ticket, answer);
            answered
        };
        self.shared.wake.notify_one();
        match timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    fn answer(&self, ticket: Ticket, answer: Answer) {
        if let Some(waiting) = self.lock().waiting.remove(&ticket) {
            // Whoever asked may be gone.
            let _ = waiting.send(answer);
        }
    }

    async fn ready(&self) -> Result<(), Refusal> {
        let mut is_ready = self.shared.is_ready.subscribe();
        let ready = timeout(DEADLINE, is_ready.wait_for(|is_ready| *is_ready)).await;
        match ready {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// The state as it is at this moment, for an input.
    fn lock_now(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.machine.tick(wall_clock());
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// The connection of a client.
    pub fn new(client: ClientId, outbox: &Arc<Outbox>) -> Self {
        Line {
            client,
            outbox: Arc::downgrade(outbox),
        }
    }

    fn post(&self, note: Note) {
        if let Some(outbox) = self.outbox.upgrade() {
            // A client that takes nothing is closed as slow.
            let _ = outbox.post(note);
        }
    }
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.client == other.client
    }
}

impl Eq for Line {}

impl Hash for Line {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.client.hash(state);
    }
}

async fn store(broker: &Broker, update: CommandUpdate) -> (CommandUpdate, bool) {
    let text = serde_json::to_string(&update).expect("ids, texts and times are JSON");
    let keyed = Keyed {
        key: update.command_id.as_str().into(),
        text: text.into(),
        stands: None,
        is_final: update.status.is_final(),
    };
    let draft = Draft::from(Content::Keyed(keyed));
    let stored = timeout(
        DEADLINE,
        broker.publish_stored(&Topic::Commands, draft, wall_clock()),
    )
    .await;
    let why = match stored {
        Ok(Ok(_)) => return (update, true),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::debug!(command.id = %update.command_id, why, "a command cannot be stored");
    (update, false)
}

/// Counts what happened; the end of a command stands in the log of the process, without what it carried.
fn note(metrics: &Metrics, event: Event, facts: &Facts) {
    metrics.count_command(event.name());
    let Facts {
        id, device, name, by, ..
    } = facts;
    let took_ms = u64::try_from(wall_clock().since(facts.ordered_at).as_millis()).unwrap_or(u64::MAX);
    match event {
        Event::Done | Event::Failed | Event::Expired => {
            tracing::info!(
                command.id = %id,
                command.name = name,
                command.by = %by,
                device.id = %device,
                outcome = event.name(),
                took_ms,
                "command ended"
            );
        }
        Event::Ordered | Event::Repeated | Event::Late => {
            tracing::debug!(command.id = %id, device.id = %device, event = event.name(), "command");
        }
    }
}

fn busy() -> Refusal {
    Refusal::new(
        ErrorCode::Internal,
        "the server cannot store commands fast enough now; try again later",
    )
    .retry_after_ms(1_000)
}
