//! Which tasks there are, and whether an update follows from what stands.

use std::sync::Arc;

use nexus_protocol::{Position, Refusal, TaskState, TaskUpdate};

use crate::activity::remembered::Remembered;
use crate::activity::{MOST_MESSAGE_CHARS, MOST_TITLE_CHARS, Verdict, check_name, check_text, wrong};

/// The most tasks that are remembered; those that are over are let go first.
const MOST_TASKS: usize = 10_000;

/// Which tasks there are.
#[derive(Debug, Default)]
pub struct Tasks {
    remembered: Remembered<Task>,
}

#[derive(Debug)]
struct Task {
    state: TaskState,
    /// The last progress that was said since it last began.
    progress: Option<f64>,
    /// Where its last update stands; unknown after a restart.
    position: Option<Position>,
}

impl Tasks {
    /// Whether an update has the right shape and follows from what stands.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self, update: &TaskUpdate) -> Result<Verdict<()>, Refusal> {
        check_name("task_id", &update.task_id)?;
        check_text("title", update.title.as_deref(), MOST_TITLE_CHARS)?;
        check_text("message", update.message.as_deref(), MOST_MESSAGE_CHARS)?;
        if update
            .progress
            .is_some_and(|progress| !(0.0..=1.0).contains(&progress))
        {
            return Err(wrong("`progress` is a number from 0 to 1"));
        }
        let Some(task) = self.remembered.get(&update.task_id) else {
            return Ok(Verdict::Publish(()));
        };
        if task.state.is_final() {
            if task.state == update.state {
                return Ok(Verdict::Repeat(task.position.clone()));
            }
            return Err(wrong(format!(
                "`{}` is {} already; give another task another `task_id`",
                update.task_id,
                shown(task.state)
            )));
        }
        match (task.progress, update.progress) {
            (Some(last), Some(progress)) if update.state == TaskState::Running && progress < last => {
                Err(wrong(format!(
                    "`progress` does not fall while a task runs; the last was {last}"
                )))
            }
            _ => Ok(Verdict::Publish(())),
        }
    }

    /// Notes an update that was published.
    pub fn note(&mut self, update: &TaskUpdate, position: Option<Position>) {
        let earlier = self.remembered.take(&update.task_id);
        let last = earlier.and_then(|task| task.progress);
        let task = Task {
            state: update.state,
            // One that waits again begins again.
            progress: update
                .progress
                .or(last.filter(|_| update.state != TaskState::Queued)),
            position,
        };
        self.remembered
            .put(&update.task_id, task, update.state.is_final());
        while self.remembered.len() > MOST_TASKS {
            self.remembered.pop_first();
        }
    }

    pub(super) fn restore(&mut self, standing: &[(Arc<str>, Arc<str>)]) {
        for (_, text) in standing {
            if let Ok(update) = serde_json::from_str::<TaskUpdate>(text) {
                self.note(&update, None);
            }
        }
    }
}

fn shown(state: TaskState) -> &'static str {
    match state {
        TaskState::Queued => "queued",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Says one update after the other; each must be published (`+`), be a repeat (`=`) or be refused (`-`).
    #[track_caller]
    fn check(updates: &[(char, serde_json::Value)]) {
        let mut tasks = Tasks::default();
        for (expected, update) in updates {
            let update: TaskUpdate = serde_json::from_value(update.clone()).unwrap();
            let verdict = tasks.check(&update);
            let seen = match &verdict {
                Ok(Verdict::Publish(())) => '+',
                Ok(Verdict::Repeat(_)) => '=',
                Err(_) => '-',
            };
            assert_eq!(seen, *expected, "{update:?}: {verdict:?}");
            if seen == '+' {
                tasks.note(&update, None);
            }
        }
    }

    #[test]
    fn progress_does_not_fall_while_the_task_runs() {
        check(&[
            ('+', json!({"task_id": "t", "state": "queued"})),
            ('+', json!({"task_id": "t", "progress": 0.5})),
            ('+', json!({"task_id": "t", "progress": 0.5, "message": "half"})),
            ('+', json!({"task_id": "t", "message": "no number"})),
            ('-', json!({"task_id": "t", "progress": 0.49})),
            ('+', json!({"task_id": "other", "progress": 0.1})),
            (
                '+',
                json!({"task_id": "t", "state": "queued", "message": "once more"}),
            ),
            ('+', json!({"task_id": "t", "progress": 0.1})),
            ('+', json!({"task_id": "t", "state": "failed", "progress": 0.0})),
        ]);
    }

    #[test]
    fn a_refused_fall_names_the_last_progress() {
        let mut tasks = Tasks::default();
        let update = |progress| -> TaskUpdate {
            serde_json::from_value(json!({"task_id": "t", "progress": progress})).unwrap()
        };
        tasks.note(&update(0.25), None);
        assert!(tasks.check(&update(0.2)).unwrap_err().message.contains("0.25"));
    }

    #[test]
    fn behind_the_end_only_the_same_end_is_taken_and_not_published_again() {
        for (end, other) in [("done", "failed"), ("failed", "cancelled"), ("cancelled", "done")] {
            check(&[
                ('+', json!({"task_id": "t", "state": end})),
                ('=', json!({"task_id": "t", "state": end})),
                ('-', json!({"task_id": "t", "state": other})),
                ('-', json!({"task_id": "t", "state": "running"})),
                ('-', json!({"task_id": "t", "state": "queued"})),
                ('=', json!({"task_id": "t", "state": end})),
            ]);
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let long = |chars: usize| "ä".repeat(chars);
        check(&[
            ('-', json!({"task_id": ""})),
            ('-', json!({"task_id": " "})),
            ('-', json!({"task_id": " t"})),
            ('-', json!({"task_id": "a\nb"})),
            ('-', json!({"task_id": long(65)})),
            ('+', json!({"task_id": long(64)})),
            ('-', json!({"task_id": "t", "title": long(201)})),
            ('+', json!({"task_id": "t", "title": long(200)})),
            ('-', json!({"task_id": "t", "message": long(1_001)})),
            ('+', json!({"task_id": "t", "message": long(1_000)})),
            ('-', json!({"task_id": "t", "progress": -0.1})),
            ('-', json!({"task_id": "t", "progress": 1.000_001})),
            ('+', json!({"task_id": "t", "progress": 0})),
            ('+', json!({"task_id": "t", "progress": 1})),
        ]);
        let update = TaskUpdate {
            progress: Some(f64::NAN),
            ..serde_json::from_value(json!({"task_id": "t"})).unwrap()
        };
        assert!(Tasks::default().check(&update).is_err());
    }

    #[test]
    fn the_memory_is_bounded_and_what_was_restored_holds() {
        let mut tasks = Tasks::default();
        let standing = |text: &str| ("t".into(), text.into());
        tasks.restore(&[
            standing(r#"{"task_id":"t","state":"done"}"#),
            standing("no update"),
        ]);
        let again: TaskUpdate = serde_json::from_value(json!({"task_id": "t", "state": "done"})).unwrap();
        assert_eq!(tasks.check(&again), Ok(Verdict::Repeat(None)));
        for number in 0..MOST_TASKS {
            let update = serde_json::from_value(json!({"task_id": number.to_string()})).unwrap();
            tasks.note(&update, None);
        }
        assert_eq!(tasks.remembered.len(), MOST_TASKS);
        assert_eq!(
            tasks.check(&again),
            Ok(Verdict::Publish(())),
            "the one that was over went first"
        );
    }
}
