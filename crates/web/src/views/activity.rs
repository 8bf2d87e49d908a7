//! The Activity view: tasks, texts that are being written, events.

use web_sys::KeyboardEvent;
use yew::{Callback, Html, component, html};

use crate::browser;
use crate::components::{EventsPanel, Icon, StreamsPanel, TabBar, TasksPanel};
use crate::hooks::{use_hotkeys, use_place};
use crate::state::place::{Activity, ActivityPane};

/// The Activity view.
#[component]
pub(crate) fn ActivityView() -> Html {
    let places = use_place::<Activity>();
    let pane = places.here.pane;
    use_hotkeys(Callback::from(move |event: KeyboardEvent| {
        let is_search = event.key() == "/";
        if is_search {
            // The column that a phone shows; on a desktop all are there, and the first is meant.
            let search = browser::find(&format!("[data-testid={}-search]", pane.word()));
            search.iter().for_each(browser::focus);
        }
        is_search
    }));
    let on_choose = {
        let places = places.clone();
        Callback::from(move |word: &str| {
            if let Some(pane) = ActivityPane::ALL.into_iter().find(|pane| pane.word() == word) {
                places.adjust(|place| place.pane = pane);
            }
        })
    };
    browser::set_title("Activity · Nexus");
    let panes = ActivityPane::ALL.map(|pane| (pane.word(), icon(pane), label(pane)));
    html! {
        <>
            <main class="view-activity" id="main" tabindex="-1" data-pane={pane.word()}>
                <h1 class="visually-hidden">{ "Activity" }</h1>
                <TasksPanel />
                <StreamsPanel />
                <EventsPanel />
            </main>
            <TabBar panes={panes.to_vec()} chosen={pane.word()} {on_choose} />
        </>
    }
}

fn icon(pane: ActivityPane) -> Icon {
    match pane {
        ActivityPane::Tasks => Icon::Task,
        ActivityPane::Streams => Icon::Stream,
        ActivityPane::Events => Icon::Bell,
    }
}

fn label(pane: ActivityPane) -> &'static str {
    match pane {
        ActivityPane::Tasks => "Tasks",
        ActivityPane::Streams => "AI streams",
        ActivityPane::Events => "Events",
    }
}
