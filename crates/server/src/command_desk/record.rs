//! One command as the desk knows it.

use nexus_protocol::{
    CommandId, CommandOrder, CommandStage, CommandUpdate, DeviceId, IdempotencyKey, Json, MessageId,
    Timestamp, UserId,
};

use crate::command_desk::ending::Ending;
use crate::command_desk::port::Ticket;

/// What was ordered.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// Its name, for all who speak of it.
    pub id: CommandId,
    /// Who shall do it.
    pub device: DeviceId,
    /// What to do.
    pub name: String,
    /// With what.
    pub args: Option<Json>,
    /// Who ordered it.
    pub by: UserId,
    /// Under which key.
    pub key: Option<IdempotencyKey>,
    /// When.
    pub ordered_at: Timestamp,
    /// When it is too late.
    pub expires_at: Timestamp,
}

/// Someone who waits for what becomes of a command: a connection, and the request that its answers belong to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Follower<L> {
    /// Which connection.
    pub line: L,
    /// Under which id.
    pub request: Option<MessageId>,
}

/// How a command is.
#[derive(Debug)]
pub(super) enum State {
    /// It is being stored; nobody but who ordered it knows of it.
    Storing {
        /// Who waits for it to be stored: the first, and its repeats.
        waiting: Vec<Ticket>,
    },
    /// It waits for the device.
    Queued,
    /// It was handed to the device's connection.
    Sent,
    /// The device has it.
    Delivered,
    /// It is over.
    Over(Ending),
}

/// One command as the desk knows it.
#[derive(Debug)]
pub(super) struct Record<L> {
    /// Its place in the order of commands.
    pub(super) number: u64,
    pub(super) facts: Facts,
    pub(super) state: State,
    /// The device may have got it before.
    pub(super) was_handed: bool,
    /// Now or never: it does not wait for a device that is away.
    pub(super) now_only: bool,
    pub(super) followers: Vec<Follower<L>>,
}

/// The most who follow one command; the oldest is let go.
const MOST_FOLLOWERS: usize = 16;

impl<L> Record<L> {
    /// A command as the log has it.
    pub(super) fn restored(update: CommandUpdate) -> Self {
        let was_handed = update.status != CommandStage::Queued || update.error.is_some();
        let state = match (Ending::restored(&update), update.status) {
            (Some(ending), _) => State::Over(ending),
            (None, CommandStage::Delivered) => State::Delivered,
            // Nobody is connected yet.
            (None, _) => State::Queued,
        };
        Record {
            number: 0,
            facts: Facts {
                id: update.command_id,
                device: update.device_id,
                name: update.name,
                args: update.args,
                by: update.by,
                key: update.idempotency_key,
                ordered_at: update.ordered_at,
                expires_at: update.expires_at,
            },
            state,
            was_handed,
            now_only: false,
            followers: Vec::new(),
        }
    }

    pub(super) fn stage(&self) -> CommandStage {
        match &self.state {
            State::Storing { .. } | State::Queued => CommandStage::Queued,
            State::Sent => CommandStage::Sent,
            State::Delivered => CommandStage::Delivered,
            State::Over(ending) => ending.stage,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.stage().is_final()
    }

    /// Whether the device can know of it.
    pub(super) fn may_be_known(&self) -> bool {
        self.was_handed || !self.is_open()
    }

    pub(super) fn follow(&mut self, follower: Follower<L>) {
        if self.followers.len() >= MOST_FOLLOWERS {
            self.followers.remove(0);
        }
        self.followers.push(follower);
    }

    /// Whether the same was ordered.
    pub(super) fn is_of(&self, device: &DeviceId, name: &str, args: Option<&Json>) -> bool {
        self.facts.device == *device && self.facts.name == name && self.facts.args.as_ref() == args
    }

    /// About what it holds.
    pub(super) fn bytes(&self) -> usize {
        let of = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.as_str().len());
        let result = match &self.state {
            State::Over(ending) => of(&ending.result) + ending.error.as_ref().map_or(0, String::len),
            State::Storing { .. } | State::Queued | State::Sent | State::Delivered => 0,
        };
        size_of::<Self>() + self.facts.name.len() + of(&self.facts.args) + result
    }

    /// What its device is told.
    pub(super) fn order(&self, redelivered: bool) -> CommandOrder {
        CommandOrder {
            command_id: self.facts.id.clone(),
            device_id: self.facts.device.clone(),
            name: self.facts.name.clone(),
            args: self.facts.args.clone(),
            expires_at: self.facts.expires_at,
            redelivered,
        }
    }

    /// Its line in the log. `reason` says why it waits again.
    pub(super) fn update(&self, reason: Option<&str>) -> CommandUpdate {
        let facts = &self.facts;
        let (result, error) = match &self.state {
            State::Over(ending) => (ending.result.clone(), ending.error.clone()),
            State::Storing { .. } | State::Queued | State::Sent | State::Delivered => {
                (None, reason.map(str::to_owned))
            }
        };
        CommandUpdate {
            command_id: facts.id.clone(),
            device_id: facts.device.clone(),
            name: facts.name.clone(),
            args: facts.args.clone(),
            by: facts.by.clone(),
            status: self.stage(),
            ordered_at: facts.ordered_at,
            expires_at: facts.expires_at,
            result,
            error,
            idempotency_key: facts.key.clone(),
        }
    }
}
