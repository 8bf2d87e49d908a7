//! A command that the operator calls dangerous wants a person's word.

use std::rc::Rc;

use nexus_protocol::Command;
use web_sys::MouseEvent;
use yew::{Callback, Html, Properties, component, html};

use crate::components::dialog::Modal;
use crate::components::json::JsonBlock;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub(super) command: Rc<Command>,
    pub(super) on_confirm: Callback<()>,
    pub(super) on_close: Callback<()>,
}

/// Asks once more.
#[component]
pub(super) fn ConfirmDialog(props: &Props) -> Html {
    let command = &props.command;
    let foot = html! {
        <>
            <button type="button" class="button" autofocus=true onclick={props.on_close.reform(|_: MouseEvent| ())}>{ "Cancel" }</button>
            <button type="button" class="button button-danger" data-testid="command-confirm"
                onclick={props.on_confirm.reform(|_: MouseEvent| ())}>{ format!("Send {}", command.name) }</button>
        </>
    };
    html! {
        <Modal name="confirm" title={format!("Really {}?", command.name)} is_narrow=true on_close={props.on_close.clone()} {foot}>
            <div class="dialog-body">
                <p>{ "The operator of this gateway calls this command dangerous. It goes to " }
                    <b>{ command.device_id.as_str() }</b>{ "." }</p>
                if let Some(args) = &command.args { <JsonBlock json={args.clone()} /> }
            </div>
        </Modal>
    }
}
