//! What stands where nothing lives.

use yew::{Html, component, html};

use crate::components::{Glyph, Icon};

/// A path that means nothing.
#[component]
pub(crate) fn NotFoundView() -> Html {
    html! {
        <main class="panel" id="main" tabindex="-1" data-testid="not-found">
            <div class="panel-message">
                <Glyph of={Icon::Search} />
                <h1>{ "There is nothing here" }</h1>
                <p>{ "The address may be mistyped, or from another version of the dashboard." }</p>
                <a class="button" href="/markets">{ "To the markets" }</a>
            </div>
        </main>
    }
}
