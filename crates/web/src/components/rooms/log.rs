//! The messages of a room: at the newest unless someone scrolled up, older ones as one comes near them.

use web_sys::Element;
use yew::{
    Callback, Event, Html, MouseEvent, Properties, TargetCast, component, html, use_effect_with, use_mut_ref,
    use_node_ref, use_state_eq,
};

use super::keeper::remember_read;
use super::line::LineView;
use super::outgoing::OutgoingLine;
use crate::components::icon::{Glyph, Icon};
use crate::format;
use crate::hooks::{use_link, use_live, use_shown, use_store, use_timeout};
use crate::state::rooms::{Line, RoomName, lines};
use crate::store::{Past, Room};

/// Lines are mounted by so many.
const PORTION: usize = 120;
/// This near to the end of the list one reads the newest, in pixels.
const AT_END: i32 = 48;
/// This near to its beginning more is mounted, or asked for.
const NEAR: i32 = 300;
/// How long a message must have been seen to count as read at the next visit, in milliseconds.
const READ_AFTER: u32 = 800;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
}

/// The messages.
#[component]
pub(super) fn Log(props: &Props) -> Html {
    let store = use_store();
    let link = use_link();
    let name = &props.name;
    let room = store.room(name);
    use_live(&room);
    let scroller = use_node_ref();
    let mounted = use_state_eq(|| PORTION);
    let is_at_end = use_state_eq(|| true);
    let is_watched = use_shown() && *is_at_end;
    use_effect_with((name.clone(), is_watched), {
        let store = store.clone();
        move |(name, is_watched)| {
            store.watch_room(name, *is_watched);
            let name = name.clone();
            move || store.watch_room(&name, false)
        }
    });
    let (all, outgoing, past, unread, newest) = room.read(|room: &Room| {
        let lines = lines(room.entries(), room.mark(), format::day_number);
        (
            lines,
            room.outgoing().to_vec(),
            room.past.clone(),
            room.unread(),
            room.newest(),
        )
    });
    use_timeout((newest, is_watched), READ_AFTER, {
        let name = name.clone();
        Callback::from(move |()| {
            if let (true, Some(newest)) = (is_watched, newest) {
                remember_read(&name, newest);
            }
        })
    });
    let hidden = all.len().saturating_sub(*mounted);
    let shown = &all[hidden..];

    // What came above must not move what is read; browsers see to that except at the very top.
    let last_seen = use_mut_ref(|| (None::<String>, 0));
    let (first, last) = (
        shown.first().map(|line| line.key()),
        (shown.last().map(|line| line.key()), outgoing.len()),
    );
    use_effect_with((first, last, *is_at_end, unread), {
        let scroller = scroller.clone();
        move |(first, _, is_at_end, _)| {
            let Some(list) = scroller.cast::<Element>() else {
                return;
            };
            let (first_before, height_before) = last_seen.replace((first.clone(), list.scroll_height()));
            if *is_at_end {
                list.set_scroll_top(list.scroll_height());
            } else if list.scroll_top() == 0 && first_before != *first {
                list.set_scroll_top(list.scroll_height() - height_before);
            }
        }
    });
    let on_scroll = {
        let (is_at_end, mounted, store, name) =
            (is_at_end.clone(), mounted.clone(), store.clone(), name.clone());
        Callback::from(move |event: Event| {
            let Some(list) = event.target_dyn_into::<Element>() else {
                return;
            };
            let below = list.scroll_height() - list.client_height() - list.scroll_top();
            is_at_end.set(below <= AT_END);
            if below <= AT_END {
                mounted.set(PORTION);
            } else if list.scroll_top() < NEAR && hidden > 0 {
                mounted.set(*mounted + PORTION);
            } else if list.scroll_top() < NEAR {
                store.ask_older_messages(&name);
            }
        })
    };
    let on_newest = {
        let (is_at_end, mounted) = (is_at_end.setter(), mounted.setter());
        Callback::from(move |_: MouseEvent| {
            mounted.set(PORTION);
            is_at_end.set(true);
        })
    };
    let on_older = {
        let (store, name) = (store.clone(), name.clone());
        Callback::from(move |_: MouseEvent| store.ask_older_messages(&name))
    };
    let me = link.identity.as_ref().map(|identity| identity.user.clone());
    let continues = matches!(all.last(), Some(Line::Message { message, .. }) if message.from == me);
    html! {
        <>
            <div ref={scroller} class="talk panel-body-scroll" tabindex="0" role="region"
                aria-label={format!("Messages in {name}, newest at the end")} onscroll={on_scroll}>
                <ol class="talk-lines">
                    if hidden == 0 { { beginning(&past, on_older) } }
                    for line in shown {
                        <LineView key={line.key()} line={line.clone()} me={me.clone()} />
                    }
                    for (place, one) in outgoing.iter().enumerate() {
                        <OutgoingLine key={format!("out-{}", one.key)} name={name.clone()} outgoing={one.clone()}
                            leads_as={me.clone().filter(|_| place == 0 && !continues)} />
                    }
                </ol>
            </div>
            if !*is_at_end {
                <button type="button" class="talk-newest" data-testid="jump-newest" onclick={on_newest}>
                    if unread > 0 { { format!("{} new", format::count(unread)) } } else { { "To the newest" } }
                    <Glyph of={Icon::Down} />
                </button>
            }
        </>
    }
}

/// What stands above the oldest message.
fn beginning(past: &Past, on_older: Callback<MouseEvent>) -> Html {
    let note = |text: &str| html! { <li class="talk-past">{ text }</li> };
    match past {
        Past::Unknown | Past::Asked => note("Loading older messages …"),
        Past::Reached => note("This is the beginning of what the server keeps."),
        Past::Full => note("Older messages stay on the server."),
        Past::More => html! {
            <li class="talk-past"><button type="button" class="button button-quiet button-small" data-testid="older"
                onclick={on_older}>{ "Older messages" }</button></li>
        },
        Past::Failed(why) => html! {
            <li class="talk-past"><span class="warn">{ format!("Older messages could not be loaded. {why}") }</span>
                <button type="button" class="button button-small" onclick={on_older}>{ "Try again" }</button></li>
        },
    }
}
