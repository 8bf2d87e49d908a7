//! The Activity view: tasks, texts that are being written, events.

use yew::{Html, component, html};

/// The Activity view.
#[component]
pub(crate) fn ActivityView() -> Html {
    html! {
        <main class="view-activity" id="main" tabindex="-1">
            <h1 class="visually-hidden">{ "Activity" }</h1>
        </main>
    }
}
