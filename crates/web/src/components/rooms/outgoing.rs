//! A message of one's own that the server may not have yet: on its way, or failed with two ways on.

use std::rc::Rc;

use yew::{Callback, Html, MouseEvent, Properties, classes, component, html};

use super::line::{lead, words};
use crate::components::icon::{Glyph, Icon};
use crate::hooks::use_store;
use crate::state::rooms::{RoomName, Said};
use crate::store::{Delivery, Outgoing};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) name: RoomName,
    pub(super) outgoing: Rc<Outgoing>,
    /// Under whose name it stands, if it is the first of a group.
    pub(super) leads_as: Option<Rc<str>>,
}

/// The message.
#[component]
pub(super) fn OutgoingLine(props: &Props) -> Html {
    let store = use_store();
    let act = |act: fn(&crate::store::Store, &RoomName, &str)| {
        let (store, name, key) = (store.clone(), props.name.clone(), props.outgoing.key.clone());
        Callback::from(move |_: MouseEvent| act(&store, &name, &key))
    };
    let (state, note) = match &props.outgoing.delivery {
        Delivery::Sending => (
            "pending",
            html! { <span class="message-note">{ "Sending …" }</span> },
        ),
        Delivery::Stored(_) => ("stored", Html::default()),
        Delivery::Failed(why) => (
            "failed",
            html! {
                <span class="message-note message-failed" role="alert">
                    <Glyph of={Icon::Warning} /><span>{ format!("Not sent. {why}") }</span>
                    <button type="button" class="button button-small" data-testid="message-retry"
                        onclick={act(|store, name, key| store.say_again(name, key))}>{ "Try again" }</button>
                    <button type="button" class="button button-quiet button-small" data-testid="message-discard"
                        onclick={act(|store, name, key| store.give_up(name, key))}>{ "Discard" }</button>
                </span>
            },
        ),
    };
    html! {
        <li class={classes!("message", "message-own", "message-outgoing", props.leads_as.as_ref().map(|_| "message-leads"))}
            data-testid="message" data-state={state} data-own="true">
            if let Some(me) = &props.leads_as {
                { lead(me, true, props.outgoing.at) }
            }
            { words(&Said::Text(props.outgoing.text.clone())) }
            { note }
        </li>
    }
}
