//! Writing and sending a command.

use std::rc::Rc;

use nexus_protocol::{Command, DeviceId, ErrorCode, UserId};
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, KeyboardEvent};
use yew::{
    Callback, Event, Html, InputEvent, MouseEvent, Properties, SubmitEvent, TargetCast, component, html,
    use_context, use_state, use_state_eq,
};

use super::confirm::ConfirmDialog;
use crate::browser;
use crate::components::dialogs::{Dialog, OpenDialog};
use crate::components::icon::{Glyph, Icon};
use crate::hooks::{use_link, use_selected, use_store};
use crate::state::draft::{Draft, Sending, WAITS, Wrong};
use crate::store::Sent;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) id: DeviceId,
}

/// The form; for who is not signed in, what it takes.
#[component]
pub(super) fn CommandForm(props: &Props) -> Html {
    let link = use_link();
    let open = use_context::<OpenDialog>().unwrap_or_default();
    match &link.identity {
        Some(identity) => html! { <Form id={props.id.clone()} by={identity.user.clone()} /> },
        None => html! {
            <div class="command-barred" data-testid="command-barred">
                <p>{ "Sending a command needs a token with the role " }<b>{ "operator" }</b>{ "." }</p>
                <button type="button" class="button button-small" onclick={open.reform(|_: MouseEvent| Dialog::SignIn)}>
                    { "Sign in" }
                </button>
            </div>
        },
    }
}

#[derive(PartialEq, Properties)]
struct FormProps {
    id: DeviceId,
    /// Who sends.
    by: Rc<str>,
}

#[component]
fn Form(props: &FormProps) -> Html {
    let store = use_store();
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let draft = use_state(Draft::default);
    let wrong = use_state_eq(Wrong::default);
    let sending = use_state(|| Sending::Idle);
    let names = use_selected(store.commands(), props.id.clone(), |log, id| log.names(id));
    let edit = |change: fn(&mut Draft, String)| {
        let (draft, wrong) = (draft.clone(), wrong.setter());
        move |text: Option<String>| {
            let mut next = (*draft).clone();
            change(&mut next, text.unwrap_or_default());
            draft.set(next);
            wrong.set(Wrong::default());
        }
    };
    let on_name = {
        let edit = edit(|draft, text| draft.name = text);
        Callback::from(move |event: InputEvent| {
            edit(
                event
                    .target_dyn_into::<HtmlInputElement>()
                    .map(|field| field.value()),
            )
        })
    };
    let on_args = {
        let edit = edit(|draft, text| draft.args = text);
        Callback::from(move |event: InputEvent| {
            edit(
                event
                    .target_dyn_into::<HtmlTextAreaElement>()
                    .map(|field| field.value()),
            )
        })
    };
    let on_wait = {
        let edit = edit(|draft, text| draft.wait = text.parse().unwrap_or(draft.wait));
        Callback::from(move |event: Event| {
            edit(
                event
                    .target_dyn_into::<HtmlSelectElement>()
                    .map(|field| field.value()),
            )
        })
    };
    let send = {
        let (sending, by) = (sending.setter(), props.by.clone());
        Callback::from(move |command: Command| {
            let Ok(by) = UserId::parse(&by) else { return };
            sending.set(Sending::Asked {
                since: browser::now(),
            });
            let (sending, asked) = (sending.clone(), Rc::new(command.clone()));
            store.send_command(command, by, move |sent| sending.set(told(sent, &asked)));
        })
    };
    let submit = {
        let (draft, wrong, send, id) = (draft.clone(), wrong.setter(), send.clone(), props.id.clone());
        Callback::from(move |()| match draft.command(&id, &browser::unique_name()) {
            Ok(command) => send.emit(command),
            Err(what) => wrong.set(what),
        })
    };
    let onsubmit = submit.reform(|event: SubmitEvent| event.prevent_default());
    let on_key = Callback::from(move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            submit.emit(());
        }
    });
    let close = {
        let sending = sending.setter();
        Callback::from(move |()| sending.set(Sending::Idle))
    };
    let is_busy = matches!(*sending, Sending::Asked { .. });
    html! {
        <form class="command-form" {onsubmit} novalidate=true>
            <div class="field">
                <label for="command-name">{ "Command" }</label>
                <input class="input" id="command-name" data-testid="command-name" list="command-names" autocomplete="off"
                    spellcheck="false" autocapitalize="off" placeholder="reboot" value={draft.name.clone()} oninput={on_name}
                    aria-invalid={wrong.name.as_ref().map(|_| "true")} />
                <datalist id="command-names">for name in names { <option value={name.to_string()} /> }</datalist>
                if let Some(wrong) = &wrong.name { <p class="field-error" role="alert">{ wrong }</p> }
            </div>
            <div class="field">
                <label for="command-args">{ "Args, as JSON" }</label>
                <textarea class="input mono" id="command-args" data-testid="command-args" rows="2" spellcheck="false"
                    placeholder="{\"temperature_c\": 21}" value={draft.args.clone()} oninput={on_args} onkeydown={on_key}
                    aria-invalid={wrong.args.as_ref().map(|_| "true")} />
                if let Some(wrong) = &wrong.args { <p class="field-error" role="alert" data-testid="args-error">{ wrong }</p> }
            </div>
            <div class="command-go">
                <label for="command-wait">{ "Waits for the device" }</label>
                <select class="select select-small" id="command-wait" data-testid="command-wait" onchange={on_wait}>
                    for (millis, name) in WAITS {
                        <option value={millis.to_string()} selected={draft.wait == millis}>{ name }</option>
                    }
                </select>
                <button class="button button-primary" data-testid="command-send" disabled={is_busy}
                    aria-busy={is_busy.then_some("true")}><Glyph of={Icon::Send} />{ "Send" }</button>
            </div>
            if let Sending::Refused { message, needs_token } = &*sending {
                <div class="command-refused" role="alert" data-testid="command-refused"><p>{ &**message }</p>
                    if *needs_token {
                        <p>{ "It takes a token with the role operator, or one that names this command." }</p>
                        <button type="button" class="button button-small" onclick={open.reform(|_: MouseEvent| Dialog::SignIn)}>
                            { "Use another token" }</button>
                    }
                </div>
            }
            if let Sending::Confirming(command) = &*sending {
                <ConfirmDialog command={command.clone()} on_close={close.clone()}
                    on_confirm={{
                        let command = command.clone();
                        send.reform(move |()| Command { confirm: true, ..Command::clone(&command) })
                    }} />
            }
        </form>
    }
}

fn told(sent: Sent, command: &Rc<Command>) -> Sending {
    match sent {
        Sent::Accepted(id) => Sending::Accepted(id),
        Sent::NeedsConfirmation => Sending::Confirming(command.clone()),
        Sent::Refused(refusal) => Sending::Refused {
            needs_token: matches!(
                refusal.code,
                ErrorCode::Forbidden | ErrorCode::AuthFailed | ErrorCode::TokenExpired
            ),
            message: refusal.message.into(),
        },
        Sent::Lost(why) => Sending::Refused {
            message: why.into(),
            needs_token: false,
        },
    }
}
