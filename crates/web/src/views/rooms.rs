//! The Rooms view: rooms, who is in them, and what they say.

use yew::{Html, component, html};

/// The Rooms view.
#[component]
pub(crate) fn RoomsView() -> Html {
    html! {
        <main class="view-rooms" id="main" tabindex="-1">
            <h1 class="visually-hidden">{ "Rooms" }</h1>
        </main>
    }
}
