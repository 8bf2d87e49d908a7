//! Tells screen readers what was said, every few seconds and not message by message.

use yew::{Html, Properties, component, html, use_mut_ref};

use crate::hooks::{use_clock, use_store};
use crate::state::rooms::{Entry, RoomName, Said};
use crate::store::Room;

/// How often something is told, in milliseconds.
const PACE: u32 = 4_000;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
}

/// What was said since the last time, in a sentence.
#[component]
pub(super) fn Announcer(props: &Props) -> Html {
    let room = use_store().room(&props.name);
    // Only the clock renders this, so that nothing is told faster.
    use_clock(PACE);
    let told = use_mut_ref(|| None::<u64>);
    let newest = room.read(|room: &Room| room.entries().next_back().cloned());
    let key = newest.as_ref().map(Entry::key);
    let before = told.replace(key);
    let words = match (&newest, before) {
        (Some(Entry::Message(message)), Some(before)) if before != message.key => {
            let count = room.read(|room: &Room| room.messages_behind(before));
            let from = message.from.as_deref().unwrap_or("somebody");
            match &message.said {
                _ if count > 1 => format!("{count} new messages, the last from {from}"),
                Said::Text(text) => format!("{from}: {text}"),
                Said::Code(_) => format!("{from} sent data"),
            }
        }
        _ => String::new(),
    };
    html! { <p class="visually-hidden" role="status">{ words }</p> }
}
