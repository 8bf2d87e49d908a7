//! What stands above the rows: search, group, favourites.

use std::rc::Rc;

use web_sys::{HtmlInputElement, KeyboardEvent};
use yew::{Callback, Html, InputEvent, MouseEvent, Properties, TargetCast, component, html};

use super::use_stars;
use crate::browser;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::use_places;
use crate::state::listing::Group;
use crate::state::watch::{Sort, SortKey, Watch};

/// The search field and the switch to favourites. Enter opens the first hit, Esc clears, arrow down goes to the rows.
#[component]
pub(super) fn SearchBar() -> Html {
    let places = use_places();
    let stars = use_stars();
    let on_input = {
        let places = places.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                places.adjust(|place| place.query = input.value().into());
            }
        })
    };
    let on_key = {
        let places = places.clone();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Escape" => {
                places.adjust(|place| place.query = "".into());
                if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                    let _ = input.blur();
                }
            }
            "Enter" => {
                if let Some(row) = browser::find("[data-testid=watch-row]")
                    && let Some(row) = wasm_bindgen::JsCast::dyn_ref::<web_sys::HtmlElement>(&row)
                {
                    row.click();
                }
            }
            "ArrowDown" => {
                event.prevent_default();
                if let Some(row) = browser::find("[data-testid=watch-row][tabindex='0']") {
                    browser::focus(&row);
                }
            }
            _ => {}
        })
    };
    let on_only = {
        let stars = stars.clone();
        Callback::from(move |_: MouseEvent| stars.show_only(!stars.only))
    };
    html! {
        <>
            <label class="search">
                <Glyph of={Icon::Search} />
                <span class="visually-hidden">{ "Search coins" }</span>
                <input type="search" placeholder="Search" data-testid="watch-search" autocomplete="off" spellcheck="false"
                    value={places.here.query.to_string()} oninput={on_input} onkeydown={on_key} />
                <kbd aria-hidden="true">{ "/" }</kbd>
            </label>
            <button type="button" class="icon-button star-button" aria-pressed={if stars.only { "true" } else { "false" }}
                aria-label="Favourites only" title="Favourites only" data-testid="watch-only-favourites" onclick={on_only}>
                <Glyph of={Icon::Star} />
            </button>
        </>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct FilterProps {
    pub(super) watch: Rc<Watch>,
}

/// The groups of markets.
#[component]
pub(super) fn FilterBar(props: &FilterProps) -> Html {
    let places = use_places();
    html! {
        <div class="watch-groups segmented" role="group" aria-label="Markets shown">
            for group in Group::ALL {
                <button type="button" data-testid={format!("group-{}", group.word())}
                    aria-pressed={if props.watch.group == group { "true" } else { "false" }}
                    onclick={{
                        let places = places.clone();
                        Callback::from(move |_: MouseEvent| places.adjust(|place| place.group = group))
                    }}>{ group.label() }</button>
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct SortProps {
    pub(super) of: SortKey,
    pub(super) sort: Sort,
}

/// The head of a column: a click sorts by it, another one turns the order.
#[component]
pub(super) fn SortHead(props: &SortProps) -> Html {
    let places = use_places();
    let SortProps { of, sort } = *props;
    let direction = match (sort.key == of, sort.descending) {
        (true, true) => "descending",
        (true, false) => "ascending",
        (false, _) => "none",
    };
    let on_click = Callback::from(move |_: MouseEvent| places.adjust(|place| place.sort = sort.clicked(of)));
    let class = matches!(of, SortKey::Price | SortKey::Change).then_some("num");
    html! {
        <th role="columnheader" {class} aria-sort={direction}>
            <button type="button" class="sort" data-testid={format!("sort-{}", of.word())} onclick={on_click}>
                { of.label() }
            </button>
        </th>
    }
}
