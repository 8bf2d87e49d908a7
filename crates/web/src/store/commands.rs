//! Commands to devices and what became of them: the newest, each with the times of its steps. Times are the server's.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use nexus_protocol::{CommandId, CommandStage, CommandUpdate, DeviceId};

use crate::state::feed::Moment;

/// Most commands that are kept; the oldest go first.
pub(crate) const COMMANDS: usize = 500;
/// Most names of commands that are suggested for one device.
const SUGGESTIONS: usize = 20;

/// The newest commands, oldest first.
#[derive(Default)]
pub(crate) struct CommandLog {
    order: VecDeque<CommandId>,
    known: HashMap<CommandId, Rc<CommandLife>>,
}

/// One command.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CommandLife {
    /// What was last said of it.
    pub(crate) update: CommandUpdate,
    /// Its steps as they were seen, in their order, with the time of each where it is known.
    pub(crate) steps: Vec<(CommandStage, Option<Moment>)>,
}

impl CommandLog {
    /// Takes a step, published at `at`: as it happens, as it stands, or out of the history.
    pub(crate) fn take(&mut self, update: CommandUpdate, at: Moment) {
        let id = update.command_id.clone();
        let Some(life) = self.known.get_mut(&id) else {
            let life = CommandLife::new(update, at);
            let place = self
                .order
                .iter()
                .rposition(|other| {
                    let ordered_at = self.known.get(other).map(|other| other.update.ordered_at);
                    ordered_at <= Some(life.update.ordered_at)
                })
                .map_or(0, |place| place + 1);
            self.order.insert(place, id.clone());
            self.known.insert(id, Rc::new(life));
            if self.order.len() > COMMANDS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            return;
        };
        // A page of the history tells again what is known, and may tell it late.
        let life = Rc::make_mut(life);
        let rank = rank(update.status);
        match life
            .steps
            .binary_search_by_key(&rank, |(stage, _)| self::rank(*stage))
        {
            Ok(place) => {
                life.steps[place].1.get_or_insert(at);
            }
            Err(place) => life.steps.insert(place, (update.status, Some(at))),
        }
        if rank >= self::rank(life.update.status) {
            life.update = update;
        }
    }

    /// One command.
    pub(crate) fn of(&self, id: &CommandId) -> Option<&Rc<CommandLife>> {
        self.known.get(id)
    }

    /// The commands to one device, newest first.
    pub(crate) fn to<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = &'a Rc<CommandLife>> + 'a {
        self.order
            .iter()
            .rev()
            .filter_map(|id| self.known.get(id))
            .filter(move |life| life.update.device_id == *device)
    }

    /// Names of commands that were sent before, those to this device first, then those to others; the newest first.
    pub(crate) fn names(&self, device: &DeviceId) -> Vec<Rc<str>> {
        let all = self.order.iter().rev().filter_map(|id| self.known.get(id));
        let (own, others): (Vec<_>, Vec<_>) = all.partition(|life| life.update.device_id == *device);
        let mut names: Vec<Rc<str>> = Vec::new();
        for life in own.into_iter().chain(others) {
            if names.len() < SUGGESTIONS && !names.iter().any(|name| **name == *life.update.name) {
                names.push(life.update.name.as_str().into());
            }
        }
        names
    }
}

impl CommandLife {
    fn new(update: CommandUpdate, at: Moment) -> Self {
        let queued_at = update.ordered_at.as_millis();
        let mut steps = vec![(CommandStage::Queued, Some(queued_at))];
        if update.status != CommandStage::Queued {
            steps.push((update.status, Some(at)));
        }
        CommandLife { update, steps }
    }

    /// Whether a step was told already.
    pub(crate) fn knows(&self, stage: CommandStage) -> bool {
        self.steps.iter().any(|(seen, _)| *seen == stage)
    }

    /// What is shown as the command's way: the steps that were seen, those that lie ahead, and those between them that
    /// must have been, whose time is not known.
    pub(crate) fn way(&self) -> Vec<Step> {
        let reached = rank(self.update.status);
        let end = if self.update.status.is_final() {
            self.update.status
        } else {
            CommandStage::Done
        };
        // It may fail or expire without ever having been delivered.
        let was_on_its_way = matches!(end, CommandStage::Done);
        [
            CommandStage::Queued,
            CommandStage::Sent,
            CommandStage::Delivered,
            end,
        ]
        .into_iter()
        .filter_map(|stage| {
            let seen = self.steps.iter().find(|(seen, _)| *seen == stage);
            let is_reached = rank(stage) <= reached;
            if seen.is_none() && is_reached && !was_on_its_way {
                return None;
            }
            Some(Step {
                stage,
                at: seen.and_then(|(_, at)| *at),
                is_reached,
                is_current: rank(stage) == reached,
            })
        })
        .collect()
    }
}

/// A step of a command's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// Which.
    pub(crate) stage: CommandStage,
    /// When, where it is known.
    pub(crate) at: Option<Moment>,
    /// Whether the command came so far.
    pub(crate) is_reached: bool,
    /// Whether it is the last that it came to.
    pub(crate) is_current: bool,
}

fn rank(stage: CommandStage) -> u8 {
    match stage {
        CommandStage::Queued => 0,
        CommandStage::Sent => 1,
        CommandStage::Delivered => 2,
        CommandStage::Done | CommandStage::Failed | CommandStage::Expired => 3,
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Timestamp, UserId};

    use super::*;
    use CommandStage::{Delivered, Done, Expired, Queued, Sent};

    fn update(id: &str, device: &str, name: &str, status: CommandStage) -> CommandUpdate {
        let number: u64 = id.trim_start_matches('c').parse().unwrap();
        CommandUpdate {
            command_id: CommandId::parse(id).unwrap(),
            device_id: DeviceId::parse(device).unwrap(),
            name: name.to_owned(),
            args: None,
            by: UserId::parse("ada").unwrap(),
            status,
            ordered_at: Timestamp::from_millis(number * 1_000),
            expires_at: Timestamp::from_millis(number * 1_000 + 30_000),
            result: None,
            error: None,
            idempotency_key: None,
        }
    }

    fn way(log: &CommandLog, id: &str) -> Vec<(CommandStage, Option<Moment>, bool)> {
        let life = log.of(&CommandId::parse(id).unwrap()).unwrap();
        life.way()
            .iter()
            .map(|step| (step.stage, step.at, step.is_reached))
            .collect()
    }

    #[test]
    fn a_command_goes_its_way_and_what_lies_ahead_is_shown() {
        let mut log = CommandLog::default();
        log.take(update("c1", "a", "reboot", Queued), 1_000);
        log.take(update("c1", "a", "reboot", Sent), 1_010);
        assert_eq!(
            way(&log, "c1"),
            [
                (Queued, Some(1_000), true),
                (Sent, Some(1_010), true),
                (Delivered, None, false),
                (Done, None, false)
            ]
        );
        log.take(update("c1", "a", "reboot", Done), 1_050);
        assert_eq!(
            way(&log, "c1")[2],
            (Delivered, None, true),
            "it must have been, nobody knows when"
        );
        log.take(update("c1", "a", "reboot", Delivered), 1_020);
        assert_eq!(way(&log, "c1")[2], (Delivered, Some(1_020), true));
        assert_eq!(
            way(&log, "c1")[3],
            (Done, Some(1_050), true),
            "told late, it does not go back"
        );
    }

    #[test]
    fn a_command_that_never_left_shows_no_way_that_it_did_not_go() {
        let mut log = CommandLog::default();
        log.take(update("c1", "a", "reboot", Expired), 31_000);
        assert_eq!(
            way(&log, "c1"),
            [(Queued, Some(1_000), true), (Expired, Some(31_000), true)]
        );
    }

    #[test]
    fn the_log_of_a_device_is_newest_first_whatever_came_when() {
        let mut log = CommandLog::default();
        for (id, device) in [("c5", "a"), ("c2", "a"), ("c3", "b"), ("c4", "a")] {
            log.take(update(id, device, &format!("do{id}"), Done), 9_000);
        }
        let device = DeviceId::parse("a").unwrap();
        let ids: Vec<&str> = log
            .to(&device)
            .map(|life| life.update.command_id.as_str())
            .collect();
        assert_eq!(ids, ["c5", "c4", "c2"]);
        let names: Vec<String> = log.names(&device).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["doc5", "doc4", "doc2", "doc3"]);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go() {
        let mut log = CommandLog::default();
        for n in 0..COMMANDS + 7 {
            log.take(update(&format!("c{n}"), "a", "x", Queued), 1);
        }
        assert_eq!((log.order.len(), log.known.len()), (COMMANDS, COMMANDS));
        assert!(log.of(&CommandId::parse("c6").unwrap()).is_none());
    }
}
