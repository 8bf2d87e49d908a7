//! The rooms one is in, and the field to join one more.

use web_sys::HtmlInputElement;
use yew::{
    Callback, Html, InputEvent, MouseEvent, Properties, SubmitEvent, TargetCast, component, html,
    use_state_eq,
};

use super::unread::Unread;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_place, use_selected, use_settings, use_store};
use crate::state::place::Rooms;
use crate::state::rooms::{RoomName, RoomNameError};
use crate::state::settings::{MOST, SettingsAction};
use crate::store::{Access, Room};

/// The list.
#[component]
pub(crate) fn RoomList() -> Html {
    let places = use_place::<Rooms>();
    let settings = use_settings();
    let names = settings.room_names();
    let chosen = places.here.room.as_deref();
    html! {
        <section class="panel pane-rooms" data-testid="panel-rooms" aria-labelledby="rooms-title">
            <header class="panel-head"><h2 class="panel-title" id="rooms-title">{ "Rooms" }</h2>
                if !names.is_empty() { <span class="count">{ names.len() }</span> }
            </header>
            <JoinForm />
            <div class="panel-body panel-body-scroll">
                if names.is_empty() {
                    <div class="panel-message"><Glyph of={Icon::Talk} /><h3>{ "No rooms yet" }</h3>
                        <p>{ "Write a name above and join. Whoever joins the same name is in the same room." }</p></div>
                }
                <ul class="room-list">
                    for name in names {
                        <RoomRow key={name.as_str()} is_chosen={chosen == Some(name.as_str())} name={name.clone()} />
                    }
                </ul>
            </div>
        </section>
    }
}

#[derive(PartialEq, Properties)]
struct RowProps {
    name: RoomName,
    is_chosen: bool,
}

#[component]
fn RoomRow(props: &RowProps) -> Html {
    let places = use_place::<Rooms>();
    let room = use_store().room(&props.name);
    let (members, is_refused) = use_selected(&room, (), |room: &Room, ()| {
        (
            room.members().map(<[_]>::len),
            matches!(room.access, Access::Refused(_)),
        )
    });
    let there = Rooms {
        room: Some(props.name.as_str().into()),
    };
    let url = there.url();
    let onclick = Callback::from(move |event: MouseEvent| {
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            places.turn(|place| *place = there.clone());
        }
    });
    html! {
        <li>
            <a class="room-row" data-testid="room" data-room={props.name.to_string()} href={url}
                aria-current={props.is_chosen.then_some("page")} {onclick}>
                <span class="room-hash" aria-hidden="true">{ "#" }</span>
                <span class="truncate">{ props.name.as_str() }</span>
                if is_refused {
                    <span class="badge badge-bad">{ "refused" }</span>
                } else if let Some(members) = members {
                    <span class="room-count" title={format!("{members} in the room")}>
                        <Glyph of={Icon::Person} />{ members }<span class="visually-hidden">{ " members" }</span>
                    </span>
                }
                <Unread name={props.name.clone()} />
            </a>
        </li>
    }
}

/// Joins a room by its name, and goes there.
#[component]
fn JoinForm() -> Html {
    let places = use_place::<Rooms>();
    let settings = use_settings();
    let text = use_state_eq(String::new);
    let error = use_state_eq(|| None::<RoomNameError>);
    let is_full = settings.rooms.len() >= MOST;
    let oninput = {
        let (text, error) = (text.setter(), error.setter());
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                text.set(input.value());
                error.set(None);
            }
        })
    };
    let onsubmit = {
        let (text, error, places, settings) =
            (text.clone(), error.setter(), places.clone(), settings.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            match RoomName::parse(&text) {
                Ok(name) => {
                    let there = Some(name.as_str().into());
                    settings.dispatch(SettingsAction::Join(name));
                    places.turn(|place| place.room = there);
                    text.set(String::new());
                }
                Err(wrong) => error.set(Some(wrong)),
            }
        })
    };
    html! {
        <form class="room-join" {onsubmit}>
            <label class="visually-hidden" for="room-name">{ "Name of a room" }</label>
            <input class="input" id="room-name" data-testid="room-join" placeholder="Join a room by name" maxlength="128"
                autocomplete="off" autocapitalize="off" spellcheck="false" value={(*text).clone()} {oninput}
                aria-invalid={error.map(|_| "true")} aria-describedby="room-name-error" disabled={is_full} />
            <button class="button" data-testid="room-join-button" disabled={is_full}>{ "Join" }</button>
            <p class="field-error" id="room-name-error" role="alert">
                if let Some(error) = *error {
                    { error.to_string() }
                } else if is_full {
                    { format!("{MOST} rooms are the most; leave one first.") }
                }
            </p>
        </form>
    }
}
