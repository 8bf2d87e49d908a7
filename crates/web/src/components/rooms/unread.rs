//! How many messages nobody looked at yet.

use yew::{Html, Properties, component, html};

use crate::hooks::{use_selected, use_store};
use crate::state::rooms::RoomName;
use crate::store::Room;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
}

/// The unread messages of a room; nothing while there are none.
#[component]
pub(super) fn Unread(props: &Props) -> Html {
    let room = use_store().room(&props.name);
    badge(use_selected(&room, (), |room: &Room, ()| room.unread()))
}

/// The unread messages of all rooms.
#[component]
pub(crate) fn TotalUnread() -> Html {
    let store = use_store();
    badge(use_selected(store.unread(), (), |unread, ()| *unread))
}

fn badge(count: u64) -> Html {
    let shown = if count > 99 {
        "99+".to_owned()
    } else {
        count.to_string()
    };
    html! {
        if count > 0 {
            <span class="unread" data-testid="unread" data-count={count.to_string()}>
                { shown }<span class="visually-hidden">{ " unread" }</span>
            </span>
        }
    }
}
