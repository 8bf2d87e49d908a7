//! The life of commands as a pure state machine: what happens goes in with the time, what is to be done comes out.
//!
//! **Tell the time by [`Machine::tick`] before each input, and drain [`Machine::outputs`] after it.** Each ticket is answered
//! exactly once. A command is handed to a device only when the log has it, and never when it is too late.

use std::collections::VecDeque;
use std::hash::Hash;

use nexus_protocol::{
    CommandId, CommandResult, CommandStage, CommandUpdate, DeviceId, ErrorCode, Outcome, Refusal, Timestamp,
};

use crate::command_desk::ending::{AWAY, Ending, GONE, SILENT, ack, standing};
use crate::command_desk::links::Links;
use crate::command_desk::port::{Event, Order, Output, Ticket};
use crate::command_desk::record::{Facts, Follower, Record, State};
use crate::command_desk::shelf::Shelf;

/// The most open commands of one device.
pub(super) const MOST_OPEN_OF_ONE: usize = 100;
/// The most open commands.
pub(super) const MOST_OPEN: usize = 10_000;
/// What all open commands may hold.
const MOST_OPEN_BYTES: usize = 64 << 20;

/// Why a command waits again. Whoever reads it from the log knows that the device may have got it before.
const LOST: &str = "the device's connection ended before it confirmed";
/// Why a command failed before it began.
const UNSTORED: &str = "the server could not store it";

/// All commands that are known, and what is to be done about them.
#[derive(Debug)]
pub(super) struct Machine<L> {
    shelf: Shelf<L>,
    links: Links<L>,
    outputs: VecDeque<Output<L>>,
}

impl<L: Clone + Eq + Hash> Machine<L> {
    /// A command is ordered.
    pub(super) fn order(&mut self, now: Timestamp, order: Order<L>) {
        let by_key = |key| self.shelf.ordered_under(&order.by, key);
        if let Some(id) = order.key.as_ref().and_then(by_key).cloned() {
            return self.repeat(&id, order);
        }
        if let Err(refusal) = self.has_room(now, &order) {
            return self.answer(order.ticket, Err(refusal));
        }
        let ttl = u64::try_from(order.ttl.as_millis()).unwrap_or(u64::MAX);
        self.shelf.insert(Record {
            number: 0,
            facts: Facts {
                id: order.id.clone(),
                device: order.device,
                name: order.name,
                args: order.args,
                by: order.by,
                key: order.key,
                ordered_at: now,
                expires_at: Timestamp::from_millis(now.as_millis().saturating_add(ttl)),
            },
            state: State::Storing {
                waiting: vec![order.ticket],
            },
            was_handed: false,
            now_only: order.now_only,
            followers: order.follower.into_iter().collect(),
        });
        self.store(&order.id, None);
    }

    /// A line was stored, or could not be.
    pub(super) fn stored(&mut self, update: &CommandUpdate, is_stored: bool) {
        let id = &update.command_id;
        let Some(record) = self.shelf.get_mut(id) else {
            return;
        };
        match &mut record.state {
            State::Storing { waiting } => {
                let waiting = std::mem::take(waiting);
                if is_stored {
                    self.begin(id, waiting);
                } else {
                    self.give_up(id, waiting);
                }
            }
            State::Over(ending) if update.status.is_final() => ending.is_unstored = !is_stored,
            // The next line says it anew.
            State::Queued | State::Sent | State::Delivered | State::Over(_) => {}
        }
    }

    /// A device says that it has a command.
    pub(super) fn received(&mut self, ticket: Ticket, id: &CommandId) {
        let answer = match self.shelf.get_mut(id) {
            Some(record) if record.may_be_known() => match &record.state {
                State::Queued | State::Sent => {
                    record.state = State::Delivered;
                    self.step(id, None);
                    self.confirm(id);
                    Ok(id.clone())
                }
                State::Delivered => {
                    self.confirm(id);
                    Ok(id.clone())
                }
                State::Over(ending) if ending.stage == CommandStage::Expired => Err(too_late(&record.facts)),
                State::Over(_) => Ok(id.clone()),
                State::Storing { .. } => Err(unknown()),
            },
            _ => Err(unknown()),
        };
        self.answer(ticket, answer);
    }

    /// A device says what became of a command.
    pub(super) fn result(&mut self, ticket: Ticket, result: &CommandResult) {
        let id = &result.command_id;
        let answer = match self.shelf.get_mut(id) {
            Some(record) if record.may_be_known() => match &mut record.state {
                State::Over(ending) if ending.stage == CommandStage::Expired => {
                    let is_news = ending.note_late();
                    let refusal = too_late(&record.facts);
                    if is_news {
                        let facts = record.facts.clone();
                        self.store(id, None);
                        self.outputs.push_back(Output::Happened(Event::Late, facts));
                    }
                    Err(refusal)
                }
                State::Over(ending) if ending.is_repeat(&result.outcome) => {
                    if ending.is_unstored {
                        self.store(id, None);
                    }
                    Ok(id.clone())
                }
                State::Over(_) => Err(wrong("this command has another result already")),
                State::Queued | State::Sent | State::Delivered => {
                    self.end(id, Ending::of(&result.outcome));
                    Ok(id.clone())
                }
                State::Storing { .. } => Err(unknown()),
            },
            _ => Err(unknown()),
        };
        self.answer(ticket, answer);
    }

    /// A device is reached over this connection from now on, and over no other. The clock is to be told first.
    pub(super) fn attach(&mut self, device: &DeviceId, line: L) {
        self.unlink(device);
        self.links.attach(device, line);
        for id in self.shelf.open_of(device) {
            self.send(&id);
        }
    }

    /// A device is reached no more.
    pub(super) fn detach(&mut self, device: &DeviceId) {
        self.unlink(device);
        for id in self.shelf.open_of(device) {
            let Some(record) = self.shelf.get_mut(&id) else {
                continue;
            };
            match record.state {
                State::Queued | State::Sent if record.now_only => self.end(&id, Ending::expired(GONE)),
                State::Sent => {
                    record.state = State::Queued;
                    self.step(&id, Some(LOST));
                }
                State::Storing { .. } | State::Queued | State::Delivered | State::Over(_) => {}
            }
        }
    }

    /// Ends what is too late.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some(id) = self.shelf.pop_due(now) {
            match self.shelf.get(&id).map(|record| &record.state) {
                // Its sender is to be answered first; then it is looked at again.
                Some(State::Storing { .. }) | None => {}
                Some(State::Queued) => self.end(&id, Ending::expired(AWAY)),
                Some(State::Sent | State::Delivered | State::Over(_)) => {
                    self.end(&id, Ending::expired(SILENT));
                }
            }
        }
    }

    /// When [`Machine::tick`] is due.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.shelf.next_deadline()
    }

    /// Takes over the commands of the log, as they stood before the server started.
    pub(super) fn restore(&mut self, now: Timestamp, standing: Vec<CommandUpdate>) {
        let mut ids = Vec::new();
        for update in standing {
            let id = update.command_id.clone();
            let was_sent = update.status == CommandStage::Sent;
            self.shelf.insert(Record::restored(update));
            if was_sent {
                self.step(&id, Some(LOST));
            }
            ids.push(id);
        }
        self.tick(now);
        for id in ids {
            self.send(&id);
        }
    }

    /// What is to be done, in order.
    pub(super) fn outputs(&mut self) -> VecDeque<Output<L>> {
        std::mem::take(&mut self.outputs)
    }

    /// How much is to be done.
    pub(super) fn waiting(&self) -> usize {
        self.outputs.len()
    }

    /// How many commands are open.
    pub(super) fn open(&self) -> usize {
        self.shelf.open()
    }

    /// Whose a command is, if it is known.
    pub(super) fn device_of(&self, id: &CommandId) -> Option<&DeviceId> {
        self.shelf.get(id).map(|record| &record.facts.device)
    }

    /// How many commands are on their way over a connection.
    #[cfg(test)]
    pub(super) fn unconfirmed(&self, line: L) -> usize {
        self.links.unconfirmed(&line)
    }

    /// Panics unless everything that is known fits together.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.shelf.check();
    }

    /// A command is ordered again under its key.
    fn repeat(&mut self, id: &CommandId, order: Order<L>) {
        let Some(record) = self.shelf.get_mut(id) else {
            return self.answer(order.ticket, Err(unknown()));
        };
        if !record.is_of(&order.device, &order.name, order.args.as_ref()) {
            let refusal = wrong("this `idempotency_key` was used for another command; take a new one");
            return self.answer(order.ticket, Err(refusal));
        }
        if let State::Storing { waiting } = &mut record.state {
            waiting.push(order.ticket);
            if let Some(follower) = order.follower {
                record.follow(follower);
            }
            return;
        }
        if let Some(follower) = order.follower {
            self.outputs.push_back(Output::Tell(follower.clone(), ack(id)));
            self.outputs
                .push_back(Output::Tell(follower.clone(), standing(record)));
            if record.is_open() {
                record.follow(follower);
            }
        }
        let facts = record.facts.clone();
        self.outputs.push_back(Output::Happened(Event::Repeated, facts));
        self.answer(order.ticket, Ok(id.clone()));
    }

    fn has_room(&self, now: Timestamp, order: &Order<L>) -> Result<(), Refusal> {
        let device = &order.device;
        if order.now_only && self.links.line(device).is_none() {
            return Err(Refusal::new(
                ErrorCode::DeviceOffline,
                format!("`{device}` is not connected; a command with a `ttl_ms` waits for it"),
            ));
        }
        let full = |what: String, until: Option<Timestamp>| {
            let wait = until.map_or(0, |until| until.since(now).as_millis());
            let wait = u64::try_from(wait).unwrap_or(u64::MAX);
            Refusal::new(ErrorCode::RateLimited, what).retry_after_ms(wait.clamp(1_000, 60_000))
        };
        let (crowd, first_over) = self.shelf.crowd(device);
        if crowd >= MOST_OPEN_OF_ONE {
            let what = format!("{MOST_OPEN_OF_ONE} commands wait for `{device}`; wait until some are over");
            return Err(full(what, first_over));
        }
        if self.shelf.open() >= MOST_OPEN || self.shelf.open_bytes() >= MOST_OPEN_BYTES {
            let what = "the server has as many open commands as it may; wait until some are over";
            return Err(full(what.to_owned(), self.next_deadline()));
        }
        Ok(())
    }

    /// A new command is stored: it is acknowledged, and on its way.
    fn begin(&mut self, id: &CommandId, waiting: Vec<Ticket>) {
        let Some(record) = self.shelf.get_mut(id) else {
            return;
        };
        record.state = State::Queued;
        let is_in_vain = record.now_only && self.links.line(&record.facts.device).is_none();
        let tell = |follower: &Follower<L>| Output::Tell(follower.clone(), ack(id));
        self.outputs.extend(record.followers.iter().map(tell));
        let happened = Output::Happened(Event::Ordered, record.facts.clone());
        for ticket in waiting {
            self.answer(ticket, Ok(id.clone()));
        }
        self.outputs.push_back(happened);
        // The clock may have taken it out meanwhile.
        self.shelf.watch(id);
        if is_in_vain {
            self.end(id, Ending::expired(GONE));
        } else {
            self.send(id);
        }
    }

    /// A new command could not be stored: it counts as not ordered, and the log is told so if it takes that.
    fn give_up(&mut self, id: &CommandId, waiting: Vec<Ticket>) {
        let refusal = Refusal::new(ErrorCode::Internal, format!("{UNSTORED}; try again later"));
        for ticket in waiting {
            self.answer(ticket, Err(refusal.clone().retry_after_ms(1_000)));
        }
        self.shelf.forget_key(id);
        if let Some(record) = self.shelf.get_mut(id) {
            record.followers.clear();
        }
        self.end(id, Ending::of(&Outcome::Failed(UNSTORED.to_owned())));
    }

    /// Sends a command if its device is there and has room.
    fn send(&mut self, id: &CommandId) {
        let Some(record) = self.shelf.get(id) else {
            return;
        };
        let is_ready = match record.state {
            State::Queued | State::Sent | State::Delivered => true,
            State::Storing { .. } | State::Over(_) => false,
        };
        if is_ready && let Some(line) = self.links.wait(&record.facts.device, record.number, id) {
            self.pump(&line);
        }
    }

    /// Hands over what a connection has room for.
    fn pump(&mut self, line: &L) {
        while let Some(id) = self.links.next(line) {
            let Some(record) = self.shelf.get_mut(&id) else {
                continue;
            };
            let redelivered = std::mem::replace(&mut record.was_handed, true);
            let order = record.order(redelivered);
            if matches!(record.state, State::Queued) {
                record.state = State::Sent;
                self.step(&id, None);
            }
            self.outputs.push_back(Output::Hand(line.clone(), order));
        }
    }

    /// A device confirmed a command, or needs to no more.
    fn confirm(&mut self, id: &CommandId) {
        if let Some(record) = self.shelf.get(id)
            && let Some(line) = self.links.confirm(&record.facts.device, record.number)
        {
            self.pump(&line);
        }
    }

    fn unlink(&mut self, device: &DeviceId) {
        let numbers = self.shelf.numbers_of(device);
        if let Some(line) = self.links.detach(device, numbers) {
            self.pump(&line);
        }
    }

    /// Ends a command.
    fn end(&mut self, id: &CommandId, ending: Ending) {
        let event = ending.event();
        self.confirm(id);
        self.shelf.close(id, ending);
        self.step(id, None);
        if let Some(record) = self.shelf.get_mut(id) {
            record.followers = Vec::new();
            let facts = record.facts.clone();
            self.outputs.push_back(Output::Happened(event, facts));
        }
    }

    /// Puts a step into the log and tells all who follow.
    fn step(&mut self, id: &CommandId, reason: Option<&str>) {
        self.store(id, reason);
        if let Some(record) = self.shelf.get(id) {
            let stands = standing(record);
            let tell = |follower: &Follower<L>| Output::Tell(follower.clone(), stands.clone());
            self.outputs.extend(record.followers.iter().map(tell));
        }
    }

    fn store(&mut self, id: &CommandId, reason: Option<&str>) {
        if let Some(record) = self.shelf.get(id) {
            self.outputs.push_back(Output::Store(record.update(reason)));
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<CommandId, Refusal>) {
        self.outputs.push_back(Output::Answer(ticket, answer));
    }
}

impl<L> Default for Machine<L> {
    fn default() -> Self {
        Machine {
            shelf: Shelf::default(),
            links: Links::default(),
            outputs: VecDeque::new(),
        }
    }
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidParams, message)
}

fn unknown() -> Refusal {
    wrong("there is no such command, or it was not sent to a device")
}

fn too_late(facts: &Facts) -> Refusal {
    wrong(format!(
        "the command expired at {}; do not do it, its result is not taken any more",
        facts.expires_at
    ))
}
