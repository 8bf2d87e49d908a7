//! The Chains view: blocks and notifications of the chains that are followed.

use web_sys::KeyboardEvent;
use yew::{Callback, Html, component, html, use_effect_with};

use crate::browser;
use crate::components::{ChainList, Glyph, Icon, Timeline};
use crate::hooks::{use_chains, use_hotkeys, use_place};
use crate::state::place::Chains;

/// From this width on the list and a chain stand side by side.
const WIDE: &str = "(min-width: 721px)";

/// The Chains view.
#[component]
pub(crate) fn ChainsView() -> Html {
    let places = use_place::<Chains>();
    let choices = use_chains();
    let chosen = places.here.chain.clone();
    // With room for both, nobody should have to choose the first chain.
    let first = choices
        .chains
        .iter()
        .find(|choice| choice.is_default)
        .or(choices.chains.first());
    use_effect_with((chosen.is_none(), first.map(|choice| choice.id.clone())), {
        let places = places.clone();
        move |(is_none, first)| {
            if let (true, Some(first), true) = (*is_none, first, browser::matches_media(WIDE)) {
                places.adjust(|place| place.chain = Some(first.clone()));
            }
        }
    });
    use_hotkeys(Callback::from(|event: KeyboardEvent| {
        let is_search = event.key() == "/";
        if let (true, Some(field)) = (is_search, browser::find("[data-testid=chain-search]")) {
            browser::focus(&field);
        }
        is_search
    }));
    html! {
        <main class="chains" id="main" tabindex="-1" data-pane={if chosen.is_some() { "chain" } else { "list" }}>
            <h1 class="visually-hidden">{ "Chains" }</h1>
            <ChainList {choices} chosen={chosen.clone()} />
            if let Some(chain) = chosen {
                <Timeline {chain} />
            } else {
                <section class="panel pane-chain" aria-label="Chain">
                    <div class="panel-message"><Glyph of={Icon::Block} /><h2>{ "No chain is open" }</h2>
                        <p>{ "Choose one of the chains, or follow one by its id." }</p></div>
                </section>
            }
        </main>
    }
}
