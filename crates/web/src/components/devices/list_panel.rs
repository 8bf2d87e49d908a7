//! The list of devices in its panel: search, which are shown, in which order.

use nexus_protocol::Topic;
use web_sys::{HtmlInputElement, HtmlSelectElement, KeyboardEvent};
use yew::{Callback, Event, Html, InputEvent, MouseEvent, TargetCast, component, html, use_state_eq};

use super::list::DeviceList;
use super::welcome::Welcome;
use crate::browser;
use crate::components::icon::{Glyph, Icon};
use crate::components::panel::Panel;
use crate::hooks::{use_freshness, use_link, use_place, use_selected, use_store};
use crate::state::face::Face;
use crate::state::place::{DeviceFilter, DeviceSort, Devices};
use crate::store::Known;

/// The list.
#[component]
pub(crate) fn DeviceListPanel() -> Html {
    let store = use_store();
    let link = use_link();
    let (known, left_out) = use_selected(store.fleet(), (), |fleet, ()| (fleet.len(), fleet.left_out()));
    let presence = use_selected(store.fleet(), (), |fleet, ()| fleet.presence().clone());
    let shown = use_state_eq(|| (0_usize, false));
    let on_shown = {
        let setter = shown.setter();
        Callback::from(move |now| setter.set(now))
    };
    let topic = Topic::Telemetry;
    let freshness = use_freshness(Some(&topic));
    let is_without_any = Face::of(&freshness, &link, known > 0) == Face::Nothing;
    let (count, is_held) = *shown;
    let foot = html! {
        <>
            <span data-testid="device-count">
                { match (count, known) {
                    (1, 1) => "1 device".to_owned(),
                    _ if count == known => format!("{known} devices"),
                    _ => format!("{count} of {known} devices"),
                } }
            </span>
            if is_held {
                <span title="Rows do not move while you point at them.">{ "Order held" }</span>
            } else if left_out > 0 {
                <span title="The list keeps the newest; those that are away longest were left out.">
                    { format!("{left_out} left out") }
                </span>
            } else if let Known::Refused(why) = &presence {
                <span title={why.to_string()}>{ "State by last report" }</span>
            }
        </>
    };
    html! {
        <Panel name="devices" title="Devices" head={html! { <SearchBar /> }} {foot} topic={Some(topic)}
            has_content={known > 0} tells_itself={is_without_any} speaks_for_link=true
            nothing={("No devices yet".into(), "".into())}>
            if is_without_any {
                <Welcome />
            } else {
                <FilterBar />
                <DeviceList {on_shown} />
            }
        </Panel>
    }
}

/// The search field. Enter opens the first hit, Esc clears, arrow down goes to the rows.
#[component]
fn SearchBar() -> Html {
    let places = use_place::<Devices>();
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
            "Enter" => browser::click("[data-testid=device-row]"),
            "ArrowDown" => {
                event.prevent_default();
                if let Some(row) = browser::find("[data-testid=device-row][tabindex='0']") {
                    browser::focus(&row);
                }
            }
            _ => {}
        })
    };
    html! {
        <label class="search">
            <Glyph of={Icon::Search} />
            <span class="visually-hidden">{ "Search devices" }</span>
            <input type="search" placeholder="Search devices" data-testid="device-search" autocomplete="off"
                spellcheck="false" value={places.here.query.to_string()} oninput={on_input} onkeydown={on_key} />
            <kbd aria-hidden="true">{ "/" }</kbd>
        </label>
    }
}

#[component]
fn FilterBar() -> Html {
    let places = use_place::<Devices>();
    let on_filter = |shown: DeviceFilter| {
        let places = places.clone();
        Callback::from(move |_: MouseEvent| places.adjust(|place| place.shown = shown))
    };
    let on_sort = {
        let places = places.clone();
        Callback::from(move |event: Event| {
            let word = event
                .target_dyn_into::<HtmlSelectElement>()
                .map(|select| select.value());
            let sort = DeviceSort::ALL
                .into_iter()
                .find(|sort| Some(sort.word()) == word.as_deref());
            if let Some(sort) = sort {
                places.adjust(|place| place.sort = sort);
            }
        })
    };
    html! {
        <div class="device-choices">
            <div class="segmented" role="group" aria-label="Devices shown">
                for shown in DeviceFilter::ALL {
                    <button type="button" data-testid={format!("devices-{}", shown.word())}
                        aria-pressed={if places.here.shown == shown { "true" } else { "false" }}
                        onclick={on_filter(shown)}>{ filter_name(shown) }</button>
                }
            </div>
            <select class="select select-small" aria-label="Order" title="Order" data-testid="device-sort" onchange={on_sort}>
                for sort in DeviceSort::ALL {
                    <option value={sort.word()} selected={places.here.sort == sort}>{ sort_name(sort) }</option>
                }
            </select>
        </div>
    }
}

fn filter_name(shown: DeviceFilter) -> &'static str {
    match shown {
        DeviceFilter::All => "All",
        DeviceFilter::Online => "Online",
        DeviceFilter::Stale => "Stale",
        DeviceFilter::Offline => "Offline",
    }
}

fn sort_name(sort: DeviceSort) -> &'static str {
    match sort {
        DeviceSort::Name => "By name",
        DeviceSort::State => "By state",
        DeviceSort::Seen => "Last seen",
    }
}
