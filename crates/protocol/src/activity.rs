//! Work that takes time: payloads of `tasks` and `ai`. What is published on `events` is any JSON object.

use serde::{Deserialize, Serialize};

/// Payload of `tasks.update`, and what a producer publishes on `tasks`. Further fields are passed on. A push with
/// `snapshot` stands for that task alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskUpdate {
    /// Names the task: 1 to 64 printable characters.
    pub task_id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it is.
    #[serde(default)]
    pub state: TaskState,
    /// How much is done, from 0 to 1; absent where that is not known. Does not fall while the task runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// What is being done, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a task is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Waits for its turn.
    Queued,
    /// Is being done.
    #[default]
    Running,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Was called off.
    Cancelled,
}

/// Payload of `ai.update`, and what a producer publishes on `ai`. Further fields are passed on.
///
/// A stream's chunks are numbered from 0 without gaps. A push with `snapshot` stands for that stream alone: its `text`
/// is the whole so far, up to and with the chunk `index`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AiUpdate {
    /// Names the stream: 1 to 64 printable characters.
    pub stream_id: String,
    /// For people; on the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The number of this chunk. A producer may leave it out; the server then counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The next piece of the text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chunk: String,
    /// The whole text so far; on snapshots only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether it ends here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// Why it broke off, if it did; it then ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl TaskState {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        match self {
            TaskState::Queued | TaskState::Running => false,
            TaskState::Done | TaskState::Failed | TaskState::Cancelled => true,
        }
    }
}

impl AiUpdate {
    /// Whether nothing follows.
    pub fn is_final(&self) -> bool {
        self.done || self.error.is_some()
    }
}
