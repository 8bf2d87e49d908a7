//! One task.

use std::rc::Rc;

use nexus_protocol::TaskState;
use yew::{Html, Properties, component, html};

use crate::format;
use crate::state::feed::Moment;
use crate::store::Task;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) task: Rc<Task>,
    /// By the server's clock.
    pub(super) now: Moment,
}

/// One task: a bar while it goes on, a line when it has ended.
#[component]
pub(super) fn TaskRow(props: &Props) -> Html {
    let Props { task, now } = props;
    let state = word(task.state);
    let percent = task.progress.map(|share| (share * 100.0).floor());
    let elapsed = format::span(task.elapsed(*now) as f64);
    // Of a task that was under way already when this page came, only a part of its time is known.
    let elapsed = if task.is_whole {
        elapsed
    } else {
        format!("{elapsed}+")
    };
    let is_over = task.state.is_final();
    html! {
        <li class={if is_over { "task task-over" } else { "task" }} data-testid="task" data-task={task.id.to_string()}
            data-state={state} title={format!("{} · {}", task.id, format::date_and_time(task.last_at))}>
            <div class="task-line">
                <span class={format!("task-mark task-{state}")} aria-hidden="true"></span>
                <b class="truncate">{ &**task.name() }</b>
                <span class="task-state">{ state }</span>
                <span class="task-time num" title={format!("since {}", format::date_and_time(task.first_at))}>
                    if is_over { { format!("{} ago", format::span(now.saturating_sub(task.last_at) as f64)) } } else { { elapsed } }
                </span>
            </div>
            if task.state == TaskState::Running {
                <div class="task-line">
                    <div class={if percent.is_some() { "bar" } else { "bar bar-unknown" }} role="progressbar" data-testid="task-progress"
                        aria-label={task.name().to_string()} aria-valuemin="0" aria-valuemax="100"
                        aria-valuenow={percent.map(|percent| percent.to_string())} data-percent={percent.map(|percent| percent.to_string())}>
                        <span style={percent.map(|percent| format!("width: {percent}%"))}></span>
                    </div>
                    <span class="task-percent num">{ percent.map(|percent| format!("{percent}%")) }</span>
                </div>
            }
            if let Some(message) = task.message.as_ref().filter(|_| !is_over || task.state == TaskState::Failed) {
                <p class="task-message truncate" title={message.to_string()}>{ &**message }</p>
            }
        </li>
    }
}

fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Queued => "queued",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Cancelled => "cancelled",
    }
}
