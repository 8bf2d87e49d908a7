//! The panes of a view on a phone, one at a time.

use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::icon::{Glyph, Icon};
use crate::hooks::use_places;
use crate::state::account::Below;
use crate::state::place::Pane;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// The panes: their words, icons and labels.
    pub(crate) panes: Vec<(&'static str, Icon, &'static str)>,
    /// The word of the pane that is shown.
    pub(crate) chosen: &'static str,
    /// Shows another, by its word.
    pub(crate) on_choose: Callback<&'static str>,
}

/// The tab bar; only a phone shows it.
#[component]
pub(crate) fn TabBar(props: &Props) -> Html {
    html! {
        <nav class="tabbar" aria-label="Panes">
            for &(word, icon, label) in &props.panes {
                <button key={word} type="button" class="tabbar-item" data-testid={format!("tab-{word}")}
                    aria-current={(props.chosen == word).then_some("true")}
                    onclick={props.on_choose.reform(move |_: MouseEvent| word)}>
                    <Glyph of={icon} /><span>{ label }</span>
                </button>
            }
        </nav>
    }
}

/// The tab bar of the Markets view.
#[component]
pub(crate) fn MarketsTabBar() -> Html {
    let places = use_places();
    let chosen = places.here.pane.word();
    let on_choose = Callback::from(move |word: &str| {
        if let Some(pane) = Pane::ALL.into_iter().find(|pane| pane.word() == word) {
            places.adjust(|place| {
                place.pane = pane;
                // Chart and depth share a pane, and the account has its own.
                match pane {
                    Pane::Chart => place.below = Below::Depth,
                    Pane::Account => place.below = place.below(),
                    Pane::Watch | Pane::Book | Pane::Tape => {}
                }
            });
        }
    });
    let panes = Pane::ALL.map(|pane| (pane.word(), icon(pane), label(pane)));
    html! { <TabBar panes={panes.to_vec()} {chosen} {on_choose} /> }
}

fn icon(pane: Pane) -> Icon {
    match pane {
        Pane::Watch => Icon::List,
        Pane::Chart => Icon::Candles,
        Pane::Book => Icon::Book,
        Pane::Tape => Icon::Tape,
        Pane::Account => Icon::Person,
    }
}

fn label(pane: Pane) -> &'static str {
    match pane {
        Pane::Watch => "Markets",
        Pane::Chart => "Chart",
        Pane::Book => "Book",
        Pane::Tape => "Trades",
        Pane::Account => "Account",
    }
}
