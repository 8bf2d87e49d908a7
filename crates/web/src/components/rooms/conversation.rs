//! One room: what stands above, the messages, the field to write in, and the members beside.

use yew::{AttrValue, Callback, Html, MouseEvent, Properties, component, html, use_context, use_state_eq};

use super::announcer::Announcer;
use super::composer::Composer;
use super::head::RoomHead;
use super::log::Log;
use super::members::Members;
use crate::browser;
use crate::components::dialogs::{Dialog, OpenDialog};
use crate::components::icon::{Glyph, Icon};
use crate::components::panel::Panel;
use crate::hooks::{use_selected, use_settings, use_store, use_token_desk};
use crate::state::rooms::RoomName;
use crate::state::settings::SettingsAction;
use crate::store::{Access, Past, Room};

/// From this width on there is room for the members beside the messages.
const ROOMY: &str = "(min-width: 1100px)";

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) name: RoomName,
}

/// A room, or why one is not in it.
#[component]
pub(crate) fn Conversation(props: &Props) -> Html {
    let settings = use_settings();
    let is_signed_in = use_token_desk().token.is_some();
    let name = &props.name;
    if !is_signed_in {
        return html! { <Outside title="Sign in to talk" action="Sign in" hook="rooms-sign-in"
        text="Rooms are for people who are known: sign in with a token, and you are in your rooms at once." /> };
    }
    if !settings.rooms.iter().any(|known| known == name.as_str()) {
        return html! { <Outside title={format!("You are not in #{name}")} action="Join" join={Some(name.clone())}
        hook="room-join-here" text="Join to read what is said, and to be seen by the others." /> };
    }
    html! { <Inside key={name.as_str()} name={name.clone()} /> }
}

#[component]
fn Inside(props: &Props) -> Html {
    let store = use_store();
    let name = &props.name;
    let room = store.room(name);
    let shows_members = use_state_eq(|| browser::matches_media(ROOMY));
    let (is_known, is_empty, is_refused) = use_selected(&room, (), |room: &Room, ()| {
        let is_known = !matches!(room.past, Past::Unknown) || room.entries().len() > 0;
        let is_empty = room.entries().len() == 0 && room.outgoing().is_empty();
        (is_known, is_empty, matches!(room.access, Access::Refused(_)))
    });
    let on_members = {
        let shows = shows_members.clone();
        Callback::from(move |()| shows.set(!*shows))
    };
    let on_ask_again = {
        let (store, name) = (store.clone(), name.clone());
        Callback::from(move |()| store.join_again(&name))
    };
    let head = html! { <RoomHead name={name.clone()} shows_members={*shows_members} {on_members} /> };
    let foot = html! { <Composer name={name.clone()} is_refused={is_refused} /> };
    html! {
        <>
            <Panel name="room" title={format!("Room {name}")} {head} {foot} topic={Some(name.topic())}
                has_content={is_known && !is_empty} refused={AttrValue::from("You may not be in this room")}
                {on_ask_again} speaks_for_link=true
                nothing={("Nobody has said anything yet".into(), "Write the first message below.".into())}>
                <Log name={name.clone()} />
                <Announcer name={name.clone()} />
            </Panel>
            if *shows_members && !is_refused {
                <Members name={name.clone()} />
            }
        </>
    }
}

#[derive(PartialEq, Properties)]
struct OutsideProps {
    title: AttrValue,
    text: AttrValue,
    action: &'static str,
    hook: &'static str,
    /// Joins this room; opens the sign-in without.
    #[prop_or_default]
    join: Option<RoomName>,
}

/// In place of a room that one is not in.
#[component]
fn Outside(props: &OutsideProps) -> Html {
    let settings = use_settings();
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let join = props.join.clone();
    let onclick = Callback::from(move |_: MouseEvent| match &join {
        Some(name) => settings.dispatch(SettingsAction::Join(name.clone())),
        None => open.emit(Dialog::SignIn),
    });
    html! {
        <section class="panel pane-room" data-testid="panel-room" data-state="empty" aria-label={props.title.clone()}>
            <div class="panel-message">
                <Glyph of={Icon::Talk} /><h2>{ &props.title }</h2><p>{ &props.text }</p>
                <button type="button" class="button button-primary" data-testid={props.hook} {onclick}>{ props.action }</button>
            </div>
        </section>
    }
}
