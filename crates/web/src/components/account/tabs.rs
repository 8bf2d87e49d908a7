//! The tabs below the chart, and which panel stands under them.

use nexus_protocol::Symbol;
use yew::{Callback, Html, KeyboardEvent, MouseEvent, Properties, component, html};

use super::gate::AccountPanel;
use crate::browser;
use crate::components::depth_panel::DepthPanel;
use crate::hooks::use_places;
use crate::state::account::Below;
use crate::state::place::Pane;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) symbol: Symbol,
}

/// The chosen tab's panel.
#[component]
pub(crate) fn BelowPanel(props: &Props) -> Html {
    let chosen = use_places().here.below();
    let head = html! { <Tabs {chosen} /> };
    match chosen {
        Below::Depth => html! { <DepthPanel symbol={props.symbol.clone()} {head} /> },
        Below::Positions | Below::Orders | Below::Fills => html! { <AccountPanel tab={chosen} {head} /> },
    }
}

#[derive(PartialEq, Properties)]
struct TabsProps {
    chosen: Below,
}

/// The tabs. Arrows walk through them, as is the custom.
#[component]
fn Tabs(props: &TabsProps) -> Html {
    let places = use_places();
    let chosen = props.chosen;
    // Where the account has a pane of its own, the depth stands in another.
    let has_depth = places.here.pane != Pane::Account;
    let tabs: Vec<Below> = Below::ALL
        .into_iter()
        .filter(|tab| has_depth || *tab != Below::Depth)
        .collect();
    let choose = Callback::from(move |tab: Below| places.adjust(|place| place.below = tab));
    let onkeydown = {
        let (choose, tabs) = (choose.clone(), tabs.clone());
        Callback::from(move |event: KeyboardEvent| {
            let count = tabs.len();
            let here = tabs.iter().position(|tab| *tab == chosen).unwrap_or_default();
            let there = match event.key().as_str() {
                "ArrowRight" => (here + 1) % count,
                "ArrowLeft" => (here + count - 1) % count,
                "Home" => 0,
                "End" => count - 1,
                _ => return,
            };
            event.prevent_default();
            let tab = tabs[there];
            choose.emit(tab);
            if let Some(button) = browser::find(&format!("#below-{}", tab.word())) {
                browser::focus(&button);
            }
        })
    };
    html! {
        <div class="tabs" role="tablist" aria-label="Below the chart" {onkeydown}>
            for tab in tabs {
                <button type="button" class="tab" role="tab" id={format!("below-{}", tab.word())}
                    data-testid={format!("below-{}", tab.word())} tabindex={if tab == chosen { "0" } else { "-1" }}
                    aria-selected={if tab == chosen { "true" } else { "false" }}
                    onclick={choose.reform(move |_: MouseEvent| tab)}>{ tab.name() }</button>
            }
        </div>
    }
}
