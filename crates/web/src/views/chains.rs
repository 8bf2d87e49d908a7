//! The Chains view: blocks and notifications of the chains that are followed.

use yew::{Html, component, html};

/// The Chains view.
#[component]
pub(crate) fn ChainsView() -> Html {
    html! {
        <main class="view-chains" id="main" tabindex="-1">
            <h1 class="visually-hidden">{ "Chains" }</h1>
        </main>
    }
}
