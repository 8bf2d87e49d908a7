//! What goes into the machine, and what comes out of it.

use std::time::Duration;

use nexus_protocol::{
    CommandId, CommandOrder, CommandUpdate, DeviceId, IdempotencyKey, Json, Refusal, Reply, UserId,
};

use crate::command_desk::record::{Facts, Follower};

/// Names who waits for the answer to an input.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket(pub u64);

/// An order for a device.
#[derive(Clone, Debug)]
pub struct Order<L> {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// The name that the command gets if it is new.
    pub id: CommandId,
    /// Who shall do it.
    pub device: DeviceId,
    /// What to do.
    pub name: String,
    /// With what.
    pub args: Option<Json>,
    /// Who orders it.
    pub by: UserId,
    /// How long it may wait.
    pub ttl: Duration,
    /// Now or never: it does not wait for a device that is away.
    pub now_only: bool,
    /// Under which key.
    pub key: Option<IdempotencyKey>,
    /// Who wants to know what becomes of it.
    pub follower: Option<Follower<L>>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Output<L> {
    /// Put a line into the log, and say by `Machine::stored` whether that worked. What follows in the same drain waits
    /// for it.
    Store(CommandUpdate),
    /// Hand an order to a device's connection.
    Hand(L, CommandOrder),
    /// Tell a follower.
    Tell(Follower<L>, Reply),
    /// Answer who waits: with the command's name, or why not.
    Answer(Ticket, Result<CommandId, Refusal>),
    /// Count it; and where a command ended, log it.
    Happened(Event, Facts),
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A command was ordered and stored.
    Ordered,
    /// A command was ordered again under its key.
    Repeated,
    /// A device did it.
    Done,
    /// A device could not do it.
    Failed,
    /// Nobody did it in time.
    Expired,
    /// A device answered after it had expired.
    Late,
}

impl Event {
    /// Its name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Event::Ordered => "ordered",
            Event::Repeated => "repeated",
            Event::Done => "done",
            Event::Failed => "failed",
            Event::Expired => "expired",
            Event::Late => "late",
        }
    }
}
