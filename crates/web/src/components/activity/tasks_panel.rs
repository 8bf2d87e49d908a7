//! Tasks: what goes on in full, what ended folded away.

use std::rc::Rc;

use nexus_protocol::{TaskState, Topic};
use web_sys::MouseEvent;
use yew::{Callback, Html, component, html, use_state_eq};

use super::search::Search;
use super::task_row::TaskRow;
use crate::components::panel::Panel;
use crate::format;
use crate::hooks::{use_calm, use_clock, use_place, use_selected, use_store, use_topic};
use crate::state::place::{Activity, TaskFilter};
use crate::store::Task;

/// Ended tasks that are shown at first.
const ENDED: usize = 20;

/// The tasks.
#[component]
pub(crate) fn TasksPanel() -> Html {
    let store = use_store();
    let places = use_place::<Activity>();
    use_topic(Some(Topic::Tasks));
    let known = use_selected(store.tasks(), (), |board, ()| board.len());
    let on_query = {
        let places = places.clone();
        Callback::from(move |query: Rc<str>| places.adjust(|place| place.task_query = query))
    };
    let head = html! {
        <>
            <span class="panel-title" aria-hidden="true">{ "Tasks" }</span>
            <Search what="tasks" label="Search tasks" query={places.here.task_query.clone()} {on_query} has_key=true />
        </>
    };
    html! {
        <Panel name="tasks" title="Tasks" {head} topic={Some(Topic::Tasks)} has_content={known > 0} speaks_for_link=true
            nothing={("No tasks yet".into(), "They appear when a program publishes on the channel tasks.".into())}>
            <Filters />
            <Tasks />
        </Panel>
    }
}

#[component]
fn Filters() -> Html {
    let places = use_place::<Activity>();
    let on_filter = |filter: TaskFilter| {
        let places = places.clone();
        Callback::from(move |_: MouseEvent| places.adjust(|place| place.tasks = filter))
    };
    html! {
        <div class="column-choices segmented" role="group" aria-label="Tasks shown">
            for filter in TaskFilter::ALL {
                <button type="button" data-testid={format!("tasks-{}", filter.word())}
                    aria-pressed={if places.here.tasks == filter { "true" } else { "false" }} onclick={on_filter(filter)}>
                    { name(filter) }</button>
            }
        </div>
    }
}

#[component]
fn Tasks() -> Html {
    let store = use_store();
    let places = use_place::<Activity>();
    use_calm(store.tasks());
    let now = store.server_time(use_clock(1_000));
    let is_all = use_state_eq(|| false);
    let query = places.here.task_query.trim().to_lowercase();
    let shown: Vec<Rc<Task>> = store
        .tasks()
        .read(|board| board.tasks())
        .into_iter()
        .filter(|task| shows(places.here.tasks, task.state) && answers(task, &query))
        .collect();
    let (ended, running): (Vec<_>, Vec<_>) = shown.into_iter().partition(|task| task.state.is_final());
    let hidden = if *is_all {
        0
    } else {
        ended.len().saturating_sub(ENDED)
    };
    let is_empty = running.is_empty() && ended.is_empty();
    let on_all = {
        let setter = is_all.setter();
        Callback::from(move |_: MouseEvent| setter.set(true))
    };
    let row = |task: &Rc<Task>| {
        html! { <TaskRow key={task.id.to_string()} task={task.clone()} {now} /> }
    };
    html! {
        <div class="column-scroll panel-body-scroll" tabindex="0" role="group" aria-label="List of Tasks">
            <ul class="tasks">for task in &running { { row(task) } }</ul>
            if !ended.is_empty() {
                <h3 class="column-divider">{ format!("Ended · {}", format::count(ended.len() as u64)) }</h3>
                <ul class="tasks tasks-ended">for task in ended.iter().take(ended.len() - hidden) { { row(task) } }</ul>
            }
            if hidden > 0 {
                <button type="button" class="button button-small column-more" onclick={on_all}>
                    { format!("Show {hidden} more") }</button>
            }
            if is_empty {
                <div class="panel-message" role="status"><h3>{ "No task found" }</h3><p>{ "Try fewer letters, or another state." }</p></div>
            }
        </div>
    }
}

fn shows(filter: TaskFilter, state: TaskState) -> bool {
    match filter {
        TaskFilter::All => true,
        TaskFilter::Running => !state.is_final(),
        TaskFilter::Done => matches!(state, TaskState::Done | TaskState::Cancelled),
        TaskFilter::Failed => state == TaskState::Failed,
    }
}

fn answers(task: &Task, query: &str) -> bool {
    let texts = [Some(&task.id), task.title.as_ref(), task.message.as_ref()];
    query.is_empty()
        || texts
            .into_iter()
            .flatten()
            .any(|text| text.to_lowercase().contains(query))
}

fn name(filter: TaskFilter) -> &'static str {
    match filter {
        TaskFilter::All => "All",
        TaskFilter::Running => "Running",
        TaskFilter::Done => "Done",
        TaskFilter::Failed => "Failed",
    }
}
