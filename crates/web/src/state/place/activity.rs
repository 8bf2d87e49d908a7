//! Where one is in the Activity view: `/activity?tab=ai&tf=running&tq=import&aq=gpt&eq=order`.

use std::rc::Rc;

use super::query::{UrlText, fields, word_of};

/// Where one is in the Activity view.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Activity {
    /// Which column a phone shows.
    pub(crate) pane: ActivityPane,
    /// Which tasks are listed.
    pub(crate) tasks: TaskFilter,
    /// What is searched among the tasks.
    pub(crate) task_query: Rc<str>,
    /// What is searched among the streams.
    pub(crate) stream_query: Rc<str>,
    /// What is searched among the events.
    pub(crate) event_query: Rc<str>,
}

/// A column of the Activity view; on a phone there is one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ActivityPane {
    /// Tasks with their progress.
    Tasks,
    /// Texts that are being written.
    Streams,
    /// What happened.
    Events,
}

/// Which tasks are listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum TaskFilter {
    /// All of them.
    All,
    /// Those that go on or wait.
    Running,
    /// Those that ended well or were called off.
    Done,
    /// Those that ended badly.
    Failed,
}

impl ActivityPane {
    /// Every column, in the order of the tab bar.
    pub(crate) const ALL: [ActivityPane; 3] =
        [ActivityPane::Tasks, ActivityPane::Streams, ActivityPane::Events];

    /// The word in the URL and in `data-pane`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ActivityPane::Tasks => "tasks",
            ActivityPane::Streams => "ai",
            ActivityPane::Events => "events",
        }
    }
}

impl TaskFilter {
    /// Every choice, in the order of the buttons.
    pub(crate) const ALL: [TaskFilter; 4] = [
        TaskFilter::All,
        TaskFilter::Running,
        TaskFilter::Done,
        TaskFilter::Failed,
    ];

    /// The word in the URL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            TaskFilter::All => "all",
            TaskFilter::Running => "running",
            TaskFilter::Done => "done",
            TaskFilter::Failed => "failed",
        }
    }
}

impl Default for Activity {
    fn default() -> Self {
        Activity {
            pane: ActivityPane::Tasks,
            tasks: TaskFilter::All,
            task_query: "".into(),
            stream_query: "".into(),
            event_query: "".into(),
        }
    }
}

impl Activity {
    /// Reads what follows `/activity`, which is nothing, and the query. What the query has wrong is left out.
    pub(super) fn parse(path: Option<&str>, query: &str) -> Option<Self> {
        let mut activity = Activity::default();
        for (name, value) in fields(query) {
            match name {
                "tab" => {
                    activity.pane =
                        word_of(ActivityPane::ALL, ActivityPane::word, &value).unwrap_or(activity.pane);
                }
                "tf" => {
                    activity.tasks =
                        word_of(TaskFilter::ALL, TaskFilter::word, &value).unwrap_or(activity.tasks)
                }
                "tq" => activity.task_query = value.into(),
                "aq" => activity.stream_query = value.into(),
                "eq" => activity.event_query = value.into(),
                _ => {}
            }
        }
        path.is_none().then_some(activity)
    }

    /// The URL: path and query, defaults left out.
    pub(crate) fn url(&self) -> String {
        let default = Activity::default();
        UrlText::new("/activity")
            .field("tab", self.pane.word(), self.pane != default.pane)
            .field("tf", self.tasks.word(), self.tasks != default.tasks)
            .text("tq", &self.task_query)
            .text("aq", &self.stream_query)
            .text("eq", &self.event_query)
            .done()
    }
}
