//! Devices in the store: who asks the server for what, and where its answers go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use nexus_client::{Ask, AskError};
use nexus_protocol::{
    Command, CommandId, CommandStage, CommandUpdate, Condition, DeviceId, ErrorCode, Filters, History,
    Outcome, Payload, PresenceUpdate, Publication, Refusal, Reply, Target, TelemetryUpdate, Timestamp, Topic,
    UserId,
};

use super::commands::CommandLog;
use super::fleet::Fleet;
use super::{Complaint, News, Store};
use crate::browser;
use crate::canvas::live::Live;
use crate::canvas::readings::ReadingsHandle;
use crate::state::feed::Stage;

/// Reports of a device that are asked for at a time.
const REPORTS: u32 = 500;
/// Steps of commands to a device that are asked for.
const STEPS: u32 = 200;
/// How long an answer out of the history may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How long a device may take for a command beyond the time that the command may wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is kept of devices.
#[derive(Default)]
pub(super) struct Workshop {
    fleet: Live<Fleet>,
    commands: Live<CommandLog>,
    /// The course of what devices measure, of those that someone looks at.
    readings: RefCell<HashMap<DeviceId, ReadingsHandle>>,
}

/// What became of sending a command.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Sent {
    /// It is on its way; the log tells the rest.
    Accepted(CommandId),
    /// A person must say that it shall really be done.
    NeedsConfirmation,
    /// It was not taken.
    Refused(Refusal),
    /// Nobody knows, or nobody was asked.
    Lost(String),
}

impl Store {
    /// Every device that is known.
    pub(crate) fn fleet(&self) -> &Live<Fleet> {
        &self.shared.workshop.fleet
    }

    /// The newest commands.
    pub(crate) fn commands(&self) -> &Live<CommandLog> {
        &self.shared.workshop.commands
    }

    /// The course of what a device measures, if someone looks at it.
    pub(crate) fn readings(&self, id: &DeviceId) -> ReadingsHandle {
        let mut readings = self.shared.workshop.readings.borrow_mut();
        readings.entry(id.clone()).or_default().clone()
    }

    /// Someone looks at a device from now on: what it measured before is asked for, and what was ordered.
    pub(crate) fn open_device(&self, id: &DeviceId) {
        self.readings(id);
        // Where the topic is not followed yet, it is asked for the moment that it is.
        if self.is_followed(&Topic::Telemetry) {
            self.ask_readings(id, None);
        }
        if self.is_followed(&Topic::Commands) {
            self.ask_commands(id);
        }
    }

    fn is_followed(&self, topic: &Topic) -> bool {
        let feed = self.feeds().read(|feeds| feeds.of(topic));
        feed.is_some_and(|feed| feed.stage == Stage::Followed)
    }

    /// Nobody looks at a device any longer.
    pub(crate) fn close_device(&self, id: &DeviceId) {
        self.shared.workshop.readings.borrow_mut().remove(id);
    }

    /// Asks for what a device reported before a moment, or for the newest.
    pub(crate) fn ask_readings(&self, id: &DeviceId, before: Option<i64>) {
        let history = History {
            before: before.map(|at| Timestamp::from_millis(u64::try_from(at).unwrap_or_default())),
            filters: of_device(id),
            ..History::newest(Topic::Telemetry, REPORTS)
        };
        let (store, id) = (self.weak(), id.clone());
        self.ask_or_complain(Ask::History(history), WITHIN, move |news| {
            let store = store.upgrade()?;
            // Gone together with who looked at it.
            let readings = store.shared.workshop.readings.borrow().get(&id).cloned()?;
            let page = match news {
                News::Answer(Ok(Reply::History(page))) => page,
                News::Answer(Ok(_)) | News::Progress(_) => return None,
                News::Answer(Err(AskError::Stopped | AskError::LinkLost)) => return None,
                News::Answer(Err(error)) => {
                    readings.write(|readings| readings.mark_oldest_reached());
                    return Some(Complaint {
                        title: "Older values could not be loaded",
                        text: error.to_string(),
                    });
                }
            };
            readings.write(|readings| {
                for item in &page.items {
                    if let Ok(update) = item.payload.read::<TelemetryUpdate>()
                        && update.device_id == id
                    {
                        readings.fill(millis(item.timestamp), values(&update));
                    }
                }
                if page.items.is_empty() || !page.more {
                    readings.mark_oldest_reached();
                }
            });
            if before.is_none() {
                readings.read(|readings| store.fleet().write(|fleet| fleet.backfill(&id, readings)));
            }
            None
        });
    }

    /// Sends a command and tells what becomes of sending it. What the device does shows in the log, whether or not the
    /// log itself may be followed.
    pub(crate) fn send_command(&self, command: Command, by: UserId, on_sent: impl Fn(Sent) + 'static) {
        let within = Duration::from_millis(command.ttl_ms.unwrap_or(60_000)) + PATIENCE;
        let accepted: RefCell<Option<CommandUpdate>> = RefCell::default();
        let store = self.weak();
        self.ask(Ask::Command(command.clone()), within, move |news| {
            let Some(store) = store.upgrade() else { return };
            let now = store.server_time(browser::now());
            let reply = match news {
                News::Progress(reply) | News::Answer(Ok(reply)) => reply,
                News::Answer(Err(AskError::Refused(refusal))) => {
                    return store.handle_command_refused(&accepted, refusal, now, &on_sent);
                }
                // The log says what becomes of a command that was accepted.
                News::Answer(Err(_)) if accepted.borrow().is_some() => return,
                News::Answer(Err(error)) => return on_sent(Sent::Lost(error.to_string())),
            };
            match reply {
                Reply::Ack(ack) => {
                    let Some(id) = ack.command_id else { return };
                    let update = ordered(&command, &id, &by, now);
                    accepted.replace(Some(update.clone()));
                    store.commands().write(|log| {
                        if log.of(&id).is_none() {
                            log.take(update, now);
                        }
                    });
                    on_sent(Sent::Accepted(id));
                }
                Reply::CommandStatus(status) => {
                    store.note(&accepted, now, |update| update.status = status.status)
                }
                Reply::CommandResult(result) => store.note(&accepted, now, |update| match result.outcome {
                    Outcome::Done(value) => {
                        update.status = CommandStage::Done;
                        update.result = value;
                    }
                    Outcome::Failed(why) => {
                        update.status = CommandStage::Failed;
                        update.error = Some(why);
                    }
                }),
                // No answer to a command.
                _ => {}
            }
        });
    }

    fn handle_command_refused(
        &self,
        accepted: &RefCell<Option<CommandUpdate>>,
        refusal: Refusal,
        now: u64,
        on_sent: &dyn Fn(Sent),
    ) {
        if accepted.borrow().is_some() {
            return self.note(accepted, now, |update| {
                update.status = match refusal.code {
                    ErrorCode::DeviceOffline => CommandStage::Expired,
                    _ => CommandStage::Failed,
                };
                update.error = Some(refusal.message);
            });
        }
        let wants_confirmation = refusal
            .details
            .as_ref()
            .and_then(|details| details.get("confirm"))
            .is_some_and(|confirm| confirm == "required");
        on_sent(if wants_confirmation {
            Sent::NeedsConfirmation
        } else {
            Sent::Refused(refusal)
        });
    }

    /// Notes what the sender alone was told; where the log is followed as well it is told twice, and shown once.
    fn note(
        &self,
        accepted: &RefCell<Option<CommandUpdate>>,
        now: u64,
        change: impl FnOnce(&mut CommandUpdate),
    ) {
        let mut accepted = accepted.borrow_mut();
        let Some(update) = accepted.as_mut() else { return };
        change(update);
        let update = update.clone();
        self.commands().write(|log| {
            let is_told = log
                .of(&update.command_id)
                .is_some_and(|life| life.knows(update.status));
            if !is_told {
                log.take(update, now);
            }
        });
    }

    pub(super) fn handle_telemetry(&self, publication: &Publication) {
        let Payload::Json(payload) = &publication.payload else {
            return;
        };
        let Ok(update) = payload.read::<TelemetryUpdate>() else {
            return;
        };
        let at = publication.timestamp;
        self.fleet()
            .write(|fleet| fleet.take(&update, at.as_millis(), publication.snapshot));
        let readings = self
            .shared
            .workshop
            .readings
            .borrow()
            .get(&update.device_id)
            .cloned();
        if let Some(readings) = readings {
            readings.write(|readings| match publication.snapshot {
                true => readings.fill(millis(at), values(&update)),
                false => readings.push(millis(at), values(&update)),
            });
        }
    }

    pub(super) fn handle_command_publication(&self, publication: &Publication) {
        if let Payload::Json(payload) = &publication.payload
            && let Ok(update) = payload.read::<CommandUpdate>()
        {
            let at = publication.timestamp.as_millis();
            self.commands().write(|log| log.take(update, at));
        }
    }

    /// The telemetry is followed: who is connected is asked for, and what may have been missed.
    pub(super) fn handle_telemetry_followed(&self) {
        let store = self.weak();
        let ask = Ask::Presence(Target {
            topic: Topic::Telemetry,
        });
        self.ask(ask, WITHIN, move |news| {
            let Some(store) = store.upgrade() else { return };
            match news {
                News::Answer(Ok(Reply::Presence(list))) => {
                    store.fleet().write(|fleet| fleet.set_present(&list.members));
                }
                News::Answer(Err(AskError::Refused(refusal))) => {
                    store
                        .fleet()
                        .write(|fleet| fleet.refuse_presence(&refusal.message));
                }
                // Asked again when the topic is followed again.
                News::Answer(_) | News::Progress(_) => {}
            }
        });
        let open: Vec<DeviceId> = self.shared.workshop.readings.borrow().keys().cloned().collect();
        for id in open {
            self.ask_readings(&id, None);
        }
    }

    /// The log is followed: what devices were ordered meanwhile is asked for.
    pub(super) fn handle_commands_followed(&self) {
        let open: Vec<DeviceId> = self.shared.workshop.readings.borrow().keys().cloned().collect();
        for id in open {
            self.ask_commands(&id);
        }
    }

    pub(super) fn handle_device_presence(&self, update: &PresenceUpdate) {
        self.fleet().write(|fleet| fleet.take_presence(update));
    }

    fn ask_commands(&self, id: &DeviceId) {
        let history = History {
            filters: of_device(id),
            ..History::newest(Topic::Commands, STEPS)
        };
        let store = self.weak();
        self.ask(Ask::History(history), WITHIN, move |news| {
            // Whoever may not read the log is told so by its panel.
            if let (Some(store), News::Answer(Ok(Reply::History(page)))) = (store.upgrade(), news) {
                store.commands().write(|log| {
                    for item in page.items.iter().rev() {
                        if let Ok(update) = item.payload.read::<CommandUpdate>() {
                            log.take(update, item.timestamp.as_millis());
                        }
                    }
                });
            }
        });
    }
}

fn of_device(id: &DeviceId) -> Filters {
    let is_it = Condition::Equals(id.as_str().into());
    Filters([("device_id".to_owned(), is_it)].into())
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn values(update: &TelemetryUpdate) -> impl Iterator<Item = (&str, f64)> {
    update.metrics.iter().map(|(name, value)| (name.as_str(), *value))
}

fn ordered(command: &Command, id: &CommandId, by: &UserId, now: u64) -> CommandUpdate {
    CommandUpdate {
        command_id: id.clone(),
        device_id: command.device_id.clone(),
        name: command.name.clone(),
        args: command.args.clone(),
        by: by.clone(),
        status: CommandStage::Queued,
        ordered_at: Timestamp::from_millis(now),
        expires_at: Timestamp::from_millis(now.saturating_add(command.ttl_ms.unwrap_or(60_000))),
        result: None,
        error: None,
        idempotency_key: None,
    }
}
