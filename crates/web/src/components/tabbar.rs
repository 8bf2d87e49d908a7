//! The panes of the Markets view on a phone, one at a time.

use yew::{Callback, Html, MouseEvent, component, html};

use super::icon::{Glyph, Icon};
use crate::hooks::use_places;
use crate::state::place::Pane;

/// The tab bar; only a phone shows it.
#[component]
pub(crate) fn TabBar() -> Html {
    let places = use_places();
    html! {
        <nav class="tabbar" aria-label="Panes">
            for pane in Pane::ALL {
                <button type="button" class="tabbar-item" data-testid={format!("tab-{}", pane.word())}
                    aria-current={(places.here.pane == pane).then_some("true")}
                    onclick={{
                        let places = places.clone();
                        Callback::from(move |_: MouseEvent| places.adjust(|place| place.pane = pane))
                    }}>
                    <Glyph of={icon(pane)} /><span>{ label(pane) }</span>
                </button>
            }
        </nav>
    }
}

fn icon(pane: Pane) -> Icon {
    match pane {
        Pane::Watch => Icon::List,
        Pane::Chart => Icon::Candles,
        Pane::Book => Icon::Book,
        Pane::Tape => Icon::Tape,
    }
}

fn label(pane: Pane) -> &'static str {
    match pane {
        Pane::Watch => "Markets",
        Pane::Chart => "Chart",
        Pane::Book => "Book",
        Pane::Tape => "Trades",
    }
}
