//! What goes on: tasks, texts that are being written, events.

mod events_panel;
mod search;
mod stream_card;
mod streams_panel;
mod task_row;
mod tasks_panel;

pub(crate) use events_panel::EventsPanel;
pub(crate) use streams_panel::StreamsPanel;
pub(crate) use tasks_panel::TasksPanel;
