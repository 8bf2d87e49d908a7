//! The rows of the devices: only those that can be seen, in an order that does not move under the pointer.

use std::rc::Rc;

use nexus_protocol::DeviceId;
use web_sys::{Element, FocusEvent, KeyboardEvent};
use yew::{
    Callback, Html, Properties, TargetCast, component, html, use_effect_with, use_mut_ref, use_node_ref,
    use_state_eq,
};

use super::row::{DeviceRow, Line};
use crate::browser;
use crate::hooks::{use_calm, use_clock, use_place, use_scroll_window, use_store, use_touched};
use crate::state::place::{DevicePane, Devices};
use crate::state::roster::{Entry, Roster};

/// The height of a row if the stylesheet does not tell, in pixels.
const ROW: f64 = 44.0;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    /// Told how many rows there are, and whether their order is held.
    pub(super) on_shown: Callback<(usize, bool)>,
}

/// The rows.
#[component]
pub(super) fn DeviceList(props: &Props) -> Html {
    let store = use_store();
    let places = use_place::<Devices>();
    use_calm(store.fleet());
    let now = store.server_time(use_clock(1_000));
    let scroller = use_node_ref();
    let row = use_state_eq(|| browser::css_length("--row-watch").unwrap_or(ROW));
    let window = use_scroll_window(&scroller, *row);
    let is_touched = use_touched(&scroller);
    let cursor = use_state_eq(|| 0_usize);
    let wants_focus = use_mut_ref(|| false);
    let roster = use_mut_ref(Roster::default);

    let (ids, lines, is_held) = store.fleet().read(|fleet| {
        let mut roster = roster.borrow_mut();
        let entries = fleet.devices().map(|device| Entry {
            id: device.id.clone(),
            state: fleet.state(device, now),
            seen_at: device.seen_at,
        });
        roster.renew(entries, fleet.len(), &places.here, is_touched, now);
        let ids = roster.ids();
        let seen = ids.iter().enumerate().skip(window.first).take(window.count);
        let lines: Vec<_> = seen
            .filter_map(|(place, id)| {
                let device = fleet.of(id)?;
                Some((place, Rc::new(Line::of(device, fleet.state(device, now), now))))
            })
            .collect();
        (ids, lines, roster.is_held())
    });
    use_effect_with(
        (ids.len(), is_held, props.on_shown.clone()),
        |(count, is_held, on_shown)| {
            on_shown.emit((*count, *is_held));
        },
    );
    // A row far away is mounted only after the list has scrolled to it.
    use_effect_with((*cursor, window), {
        let (wants_focus, scroller) = (wants_focus.clone(), scroller.clone());
        move |(cursor, _)| {
            let selector = format!("[data-place='{cursor}']");
            let list = scroller.cast::<Element>();
            if let Some(row) = list.and_then(|list| list.query_selector(&selector).ok().flatten())
                && wants_focus.replace(false)
            {
                browser::focus(&row);
            }
        }
    });
    let on_open = {
        let places = places.clone();
        Callback::from(move |id: DeviceId| {
            places.turn(|place| {
                place.device = Some(id);
                place.pane = DevicePane::Values;
            });
        })
    };
    let on_key = {
        let (ids, cursor, scroller, on_open) =
            (ids.clone(), cursor.setter(), scroller.clone(), on_open.clone());
        let row = *row;
        Callback::from(move |event: KeyboardEvent| {
            let (Some(place), Some(list)) = (place_of(event.target_dyn_into()), scroller.cast::<Element>())
            else {
                return;
            };
            match step(
                &event,
                place,
                ids.len(),
                (f64::from(list.client_height()) / row) as usize,
            ) {
                Move::To(place) => {
                    event.prevent_default();
                    browser::scroll_to_row(&list, place, row);
                    wants_focus.replace(true);
                    cursor.set(place);
                }
                Move::Open => ids.get(place).iter().for_each(|id| on_open.emit((*id).clone())),
                Move::Nowhere => {}
            }
        })
    };
    let on_focus = {
        let cursor = cursor.setter();
        Callback::from(move |event: FocusEvent| {
            if let Some(place) = place_of(event.target_dyn_into()) {
                cursor.set(place);
            }
        })
    };
    let current = (*cursor).min(ids.len().saturating_sub(1));
    html! {
        <div ref={scroller} class="device-scroll panel-body-scroll" onkeydown={on_key} onfocusin={on_focus}>
            <div class="vlist" role="listbox" aria-label="Devices"
                style={format!("height: calc({} * var(--row-watch))", ids.len())}>
                for (place, line) in lines {
                    <DeviceRow key={line.id.as_str().to_owned()} {place} of={ids.len()} is_current={place == current}
                        is_chosen={places.here.device.as_ref() == Some(&line.id)} line={line.clone()} on_open={on_open.clone()} />
                }
            </div>
            if ids.is_empty() {
                <div class="panel-message" role="status"><h3>{ "No device found" }</h3>
                    <p>{ "Try fewer letters, or another state." }</p></div>
            }
        </div>
    }
}

enum Move {
    To(usize),
    Open,
    Nowhere,
}

fn step(event: &KeyboardEvent, place: usize, count: usize, page: usize) -> Move {
    let last = count.saturating_sub(1);
    Move::To(match event.key().as_str() {
        "ArrowDown" => (place + 1).min(last),
        "ArrowUp" => place.saturating_sub(1),
        "PageDown" => (place + page).min(last),
        "PageUp" => place.saturating_sub(page),
        "Home" => 0,
        "End" => last,
        "Enter" | " " => return Move::Open,
        _ => return Move::Nowhere,
    })
}

fn place_of(target: Option<Element>) -> Option<usize> {
    target?.get_attribute("data-place")?.parse().ok()
}
