//! The Devices view: devices, what they measure, and commands to them.

use yew::{Html, component, html};

/// The Devices view.
#[component]
pub(crate) fn DevicesView() -> Html {
    html! {
        <main class="view-devices" id="main" tabindex="-1">
            <h1 class="visually-hidden">{ "Devices" }</h1>
        </main>
    }
}
