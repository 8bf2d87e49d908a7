//! The Rooms view: rooms, who is in them, and what they say.

use web_sys::KeyboardEvent;
use yew::{Callback, Html, component, html, use_effect_with};

use crate::browser;
use crate::components::{Conversation, Glyph, Icon, RoomList};
use crate::hooks::{use_hotkeys, use_place, use_settings};
use crate::state::place::Rooms;
use crate::state::rooms::RoomName;

/// From this width on the list and a room stand side by side.
const WIDE: &str = "(min-width: 721px)";

/// The Rooms view.
#[component]
pub(crate) fn RoomsView() -> Html {
    let places = use_place::<Rooms>();
    let settings = use_settings();
    let chosen = places
        .here
        .room
        .as_deref()
        .and_then(|name| RoomName::parse(name).ok());
    // With room for both, nobody should have to choose the only room there is.
    use_effect_with(chosen.is_none(), {
        let (places, first) = (places.clone(), settings.room_names().into_iter().next());
        move |is_none| {
            if let (true, Some(first), true) = (*is_none, first, browser::matches_media(WIDE)) {
                places.adjust(|place| place.room = Some(first.as_str().into()));
            }
        }
    });
    use_hotkeys(Callback::from(|event: KeyboardEvent| {
        let is_search = event.key() == "/";
        if let (true, Some(field)) = (is_search, browser::find("[data-testid=room-join]")) {
            browser::focus(&field);
        }
        is_search
    }));
    html! {
        <main class="rooms" id="main" tabindex="-1" data-pane={if chosen.is_some() { "room" } else { "list" }}>
            <h1 class="visually-hidden">{ "Rooms" }</h1>
            <RoomList />
            if let Some(name) = chosen {
                <Conversation {name} />
            } else {
                <section class="panel pane-room" aria-label="Room">
                    <div class="panel-message"><Glyph of={Icon::Talk} /><h2>{ "No room is open" }</h2>
                        <p>{ "Choose one of your rooms, or join one by its name." }</p></div>
                </section>
            }
        </main>
    }
}
