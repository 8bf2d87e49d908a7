//! How a command ended, and how its sender is told.

use nexus_protocol::{
    Ack, CommandId, CommandResult, CommandStage, CommandStatus, CommandUpdate, ErrorCode, Json, Outcome,
    Refusal, Reply,
};
use serde_json::json;

use crate::command_desk::port::Event;
use crate::command_desk::record::{Record, State};

/// Why a command expired that never arrived.
pub(super) const AWAY: &str = "the device did not come in time";
/// Why one expired that had to be done at once.
pub(super) const GONE: &str = "the device went away before it confirmed";
/// Why a command expired that may have arrived.
pub(super) const SILENT: &str = "the device did not answer in time";
/// What is noted when the device answers an expired command.
const LATE: &str = "; it answered late";

/// How a command ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ending {
    pub(super) stage: CommandStage,
    pub(super) result: Option<Json>,
    pub(super) error: Option<String>,
    /// The log does not have it, because it could not be stored.
    pub(super) is_unstored: bool,
}

impl Ending {
    /// What the device said.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let (stage, result, error) = match outcome {
            Outcome::Done(result) => (CommandStage::Done, result.clone(), None),
            Outcome::Failed(error) => (CommandStage::Failed, None, Some(error.clone())),
        };
        Ending {
            stage,
            result,
            error,
            is_unstored: false,
        }
    }

    /// Nobody did it in time.
    pub(super) fn expired(why: &str) -> Self {
        Ending {
            stage: CommandStage::Expired,
            result: None,
            error: Some(why.to_owned()),
            is_unstored: false,
        }
    }

    /// What the log says; none if the command goes on.
    pub(super) fn restored(update: &CommandUpdate) -> Option<Self> {
        update.status.is_final().then(|| Ending {
            stage: update.status,
            result: update.result.clone(),
            error: update.error.clone(),
            is_unstored: false,
        })
    }

    /// Notes that the device answered late; says whether that is news.
    pub(super) fn note_late(&mut self) -> bool {
        let error = self.error.get_or_insert_default();
        let is_news = !error.ends_with(LATE);
        if is_news {
            error.push_str(LATE);
        }
        is_news
    }

    /// Whether the device says the same again.
    pub(super) fn is_repeat(&self, outcome: &Outcome) -> bool {
        let other = Ending::of(outcome);
        (self.stage, &self.result, &self.error) == (other.stage, &other.result, &other.error)
    }

    /// What is counted.
    pub(super) fn event(&self) -> Event {
        match self.stage {
            CommandStage::Done => Event::Done,
            CommandStage::Expired => Event::Expired,
            CommandStage::Failed | CommandStage::Queued | CommandStage::Sent | CommandStage::Delivered => {
                Event::Failed
            }
        }
    }

    fn refusal(&self, id: &CommandId) -> Refusal {
        let why = self.error.as_deref().unwrap_or_default();
        let was_away = why.starts_with(AWAY) || why.starts_with(GONE);
        let code = match self.stage {
            CommandStage::Expired if was_away => ErrorCode::DeviceOffline,
            _ => ErrorCode::CommandFailed,
        };
        let why = if why.is_empty() {
            "the device did not say why"
        } else {
            why
        };
        Refusal {
            details: Some(json!({ "command_id": id, "status": self.stage })),
            ..Refusal::new(code, why)
        }
    }
}

/// The answer that a command is on its way.
pub(super) fn ack(id: &CommandId) -> Reply {
    Reply::Ack(Ack {
        position: None,
        command_id: Some(id.clone()),
    })
}

/// How a command stands, as whoever ordered it is told.
pub(super) fn standing<L>(record: &Record<L>) -> Reply {
    let id = &record.facts.id;
    match &record.state {
        State::Over(ending) if ending.stage == CommandStage::Done => Reply::CommandResult(CommandResult {
            command_id: id.clone(),
            outcome: Outcome::Done(ending.result.clone()),
        }),
        State::Over(ending) => Reply::Error(ending.refusal(id)),
        State::Storing { .. } | State::Queued | State::Sent | State::Delivered => {
            Reply::CommandStatus(CommandStatus {
                command_id: id.clone(),
                status: record.stage(),
            })
        }
    }
}
