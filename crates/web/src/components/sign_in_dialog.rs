//! Signing in with a token, seeing who one is, signing out.

use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::{Callback, Html, MouseEvent, Properties, SubmitEvent, component, html, use_node_ref, use_state};

use super::dialog::Modal;
use super::identity::Identity;
use crate::browser;
use crate::hooks::{use_link, use_token_desk};
use crate::state::link::Phase;
use crate::state::token::Token;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) on_close: Callback<()>,
}

/// Signing in. Pasting another token refreshes it without a reconnect.
#[component]
pub(crate) fn SignInDialog(props: &Props) -> Html {
    let desk = use_token_desk();
    let link = use_link();
    let is_signed_in = desk.token.is_some();
    let refused = match &link.phase {
        Phase::SignedOut { reason } => Some(reason.clone()),
        _ => None,
    };
    let on_sign_out = {
        let desk = desk.clone();
        Callback::from(move |_: MouseEvent| desk.sign_out.emit(()))
    };
    html! {
        <Modal name="sign-in" title={if is_signed_in { "Account" } else { "Sign in" }} is_narrow=true
            on_close={props.on_close.clone()}>
            <div class="dialog-body">
                if let Some(token) = &desk.token {
                    <Identity token={token.clone()} />
                }
                if let Some(refused) = refused {
                    <p class="field-error" role="alert">{ refused }</p>
                }
                <TokenForm {is_signed_in} on_done={props.on_close.clone()} />
                if is_signed_in {
                    <button type="button" class="button button-danger" data-testid="sign-out" onclick={on_sign_out}>
                        { "Sign out" }
                    </button>
                }
            </div>
        </Modal>
    }
}

#[derive(PartialEq, Properties)]
struct FormProps {
    is_signed_in: bool,
    on_done: Callback<()>,
}

#[component]
fn TokenForm(props: &FormProps) -> Html {
    let desk = use_token_desk();
    let (field, remember) = (use_node_ref(), use_node_ref());
    let error = use_state(|| None::<String>);
    let on_submit = {
        let (field, remember, error, on_done) = (
            field.clone(),
            remember.clone(),
            error.setter(),
            props.on_done.clone(),
        );
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = field
                .cast::<HtmlTextAreaElement>()
                .map(|field| field.value())
                .unwrap_or_default();
            let is_remembered = remember
                .cast::<HtmlInputElement>()
                .is_some_and(|box_| box_.checked());
            match Token::parse(&text, browser::now()) {
                Ok(token) => {
                    desk.sign_in.emit((token, is_remembered));
                    on_done.emit(());
                }
                Err(wrong) => error.set(Some(wrong.to_string())),
            }
        })
    };
    let (label, submit) = if props.is_signed_in {
        ("Another token", "Use this token")
    } else {
        ("Token", "Sign in")
    };
    html! {
        <form class="group" onsubmit={on_submit}>
            <div class="field">
                <label for="token">{ label }</label>
                <textarea ref={field} class="input mono" id="token" rows="3" data-testid="token" spellcheck="false"
                    autocomplete="off" autocapitalize="off" autofocus=true aria-describedby="token-hint" required=true
                    aria-invalid={error.as_ref().map(|_| "true")} />
                if let Some(error) = &*error {
                    <p class="field-error" role="alert">{ error }</p>
                }
                <p class="field-hint" id="token-hint">
                    { "The operator makes one with " }<code>{ "nexus token --sub NAME --role viewer" }</code>{ "." }
                </p>
            </div>
            <label class="switch">
                <input ref={remember} type="checkbox" role="switch" />
                <span>{ "Remember on this device" }</span>
            </label>
            <button class="button button-primary" data-testid="sign-in">{ submit }</button>
        </form>
    }
}
