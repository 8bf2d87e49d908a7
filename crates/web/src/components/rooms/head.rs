//! What stands above a room: back to the list on a phone, the name, who is there, leaving.

use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::keeper::forget_read;
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_place, use_selected, use_settings, use_store};
use crate::state::place::Rooms;
use crate::state::rooms::RoomName;
use crate::state::settings::SettingsAction;
use crate::store::Room;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
    pub(super) shows_members: bool,
    pub(super) on_members: Callback<()>,
}

/// The head of a room.
#[component]
pub(super) fn RoomHead(props: &Props) -> Html {
    let places = use_place::<Rooms>();
    let settings = use_settings();
    let room = use_store().room(&props.name);
    let members = use_selected(&room, (), |room: &Room, ()| room.members().map(<[_]>::len));
    let on_back = {
        let places = places.clone();
        Callback::from(move |_: MouseEvent| places.turn(|place| place.room = None))
    };
    let on_leave = {
        let name = props.name.clone();
        Callback::from(move |_: MouseEvent| {
            forget_read(&name);
            settings.dispatch(SettingsAction::Leave(name.clone()));
            places.turn(|place| place.room = None);
        })
    };
    html! {
        <>
            <button type="button" class="icon-button room-back" aria-label="All rooms" title="All rooms"
                data-testid="room-back" onclick={on_back}><Glyph of={Icon::Back} /></button>
            <p class="room-name truncate"><span class="room-hash" aria-hidden="true">{ "#" }</span>{ props.name.as_str() }</p>
            <div class="panel-tools">
                <button type="button" class="button button-quiet button-small" data-testid="members-toggle"
                    aria-expanded={if props.shows_members { "true" } else { "false" }} aria-controls="members"
                    title="Who is in the room" onclick={props.on_members.reform(|_: MouseEvent| ())}>
                    <Glyph of={Icon::People} /><span class="visually-hidden">{ "Members" }</span>
                    { members.map_or("–".to_owned(), |count| count.to_string()) }
                </button>
                <button type="button" class="button button-quiet button-small" data-testid="room-leave" onclick={on_leave}>
                    { "Leave" }
                </button>
            </div>
        </>
    }
}
