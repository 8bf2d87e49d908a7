//! Tasks: how far each is. Times are the server's.

use std::collections::HashMap;
use std::rc::Rc;

use nexus_protocol::{TaskState, TaskUpdate};

use crate::state::feed::Moment;

/// Most tasks that are kept; ended ones go first, the oldest of them first.
pub(crate) const TASKS: usize = 500;

/// Every task that is known.
#[derive(Default)]
pub(crate) struct TaskBoard {
    known: HashMap<Rc<str>, Rc<Task>>,
    /// Counts the first sights, so that the order of rows does not change with what they tell.
    seen: u64,
}

/// One task.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Task {
    /// Its name.
    pub(crate) id: Rc<str>,
    /// For people.
    pub(crate) title: Option<Rc<str>>,
    /// How it is.
    pub(crate) state: TaskState,
    /// How much is done, from 0 to 1.
    pub(crate) progress: Option<f64>,
    /// What is being done, or why it failed.
    pub(crate) message: Option<Rc<str>>,
    /// When it was first heard of. The task may be older if that was a snapshot.
    pub(crate) first_at: Moment,
    /// Whether it was heard of from its beginning on.
    pub(crate) is_whole: bool,
    /// When it was last heard of.
    pub(crate) last_at: Moment,
    place: u64,
}

impl TaskBoard {
    /// Takes what was published at `at`. What is absent stays as it was.
    pub(crate) fn take(&mut self, update: &TaskUpdate, at: Moment, is_snapshot: bool) {
        let id: Rc<str> = update.task_id.as_str().into();
        if let Some(task) = self.known.get_mut(&id) {
            if at >= task.last_at {
                Rc::make_mut(task).take(update, at);
            }
            return;
        }
        self.seen += 1;
        let mut task = Task {
            id: id.clone(),
            title: None,
            state: update.state,
            progress: None,
            message: None,
            first_at: at,
            is_whole: !is_snapshot,
            last_at: at,
            place: self.seen,
        };
        task.take(update, at);
        self.known.insert(id, Rc::new(task));
        if self.known.len() > TASKS {
            self.make_room();
        }
    }

    /// Those that go on, newest first, then those that ended, the last ended first.
    pub(crate) fn tasks(&self) -> Vec<Rc<Task>> {
        let mut tasks: Vec<Rc<Task>> = self.known.values().cloned().collect();
        tasks.sort_by_key(|task| {
            let moment = if task.state.is_final() {
                task.last_at
            } else {
                task.place
            };
            (
                task.state.is_final(),
                std::cmp::Reverse(moment),
                std::cmp::Reverse(task.place),
            )
        });
        tasks
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn make_room(&mut self) {
        let oldest = self
            .known
            .values()
            .min_by_key(|task| (!task.state.is_final(), task.last_at))
            .map(|task| task.id.clone());
        if let Some(id) = oldest {
            self.known.remove(&id);
        }
    }
}

impl Task {
    fn take(&mut self, update: &TaskUpdate, at: Moment) {
        self.state = update.state;
        self.last_at = at;
        if let Some(title) = &update.title {
            self.title = Some(title.as_str().into());
        }
        if let Some(progress) = update.progress.filter(|progress| progress.is_finite()) {
            self.progress = Some(progress.clamp(0.0, 1.0));
        }
        if let Some(message) = &update.message {
            self.message = Some(message.as_str().into());
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &Rc<str> {
        self.title.as_ref().unwrap_or(&self.id)
    }

    /// How long it has taken at a moment, in milliseconds, as far as that was seen.
    pub(crate) fn elapsed(&self, now: Moment) -> u64 {
        let end = if self.state.is_final() { self.last_at } else { now };
        end.saturating_sub(self.first_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskState::{Done, Queued, Running};

    fn update(id: &str, state: TaskState, progress: Option<f64>) -> TaskUpdate {
        TaskUpdate {
            task_id: id.to_owned(),
            title: None,
            state,
            progress,
            message: None,
        }
    }

    #[test]
    fn what_an_update_leaves_out_stays() {
        let mut board = TaskBoard::default();
        board.take(
            &TaskUpdate {
                title: Some("Import".into()),
                message: Some("reading".into()),
                ..update("t", Running, Some(0.25))
            },
            1_000,
            false,
        );
        board.take(&update("t", Running, Some(7.0)), 2_000, false);
        board.take(&update("t", Done, None), 5_000, false);
        let task = &board.tasks()[0];
        assert_eq!(
            (&**task.name(), task.message.as_deref()),
            ("Import", Some("reading"))
        );
        assert_eq!(
            (task.progress, task.state, task.elapsed(9_000)),
            (Some(1.0), Done, 4_000)
        );
    }

    #[test]
    fn what_goes_on_stands_first_and_does_not_jump_with_each_step() {
        let mut board = TaskBoard::default();
        for (at, id) in [(1, "a"), (2, "b"), (3, "c")] {
            board.take(&update(id, Running, None), at, false);
        }
        let ids = |board: &TaskBoard| {
            board
                .tasks()
                .iter()
                .map(|task| task.id.to_string())
                .collect::<String>()
        };
        assert_eq!(ids(&board), "cba");
        board.take(&update("a", Running, Some(0.5)), 4, false);
        assert_eq!(ids(&board), "cba");
        board.take(&update("c", Done, None), 5, false);
        board.take(&update("b", Done, None), 6, false);
        assert_eq!(ids(&board), "abc");
    }

    #[test]
    fn an_old_snapshot_changes_nothing() {
        let mut board = TaskBoard::default();
        board.take(&update("a", Done, None), 10, false);
        board.take(&update("a", Queued, None), 9, true);
        assert_eq!(board.tasks()[0].state, Done);
    }

    #[test]
    fn memory_is_bounded_and_what_goes_on_stays() {
        let mut board = TaskBoard::default();
        board.take(&update("on", Running, None), 0, false);
        for n in 0..TASKS + 9 {
            board.take(&update(&format!("t{n}"), Done, None), n as u64, false);
        }
        assert_eq!(board.len(), TASKS);
        assert_eq!(&*board.tasks()[0].id, "on");
    }
}
