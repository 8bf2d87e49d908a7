//! What the header has no room for on a phone.

use yew::{Callback, Html, MouseEvent, Properties, component, html, use_context};

use super::dialog::Modal;
use super::dialogs::{Dialog, OpenDialog};
use super::icon::{Glyph, Icon};
use super::nav::ViewLink;
use crate::hooks::use_token_desk;
use crate::state::place::View;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) on_close: Callback<()>,
}

/// The menu.
#[component]
pub(crate) fn MenuDialog(props: &Props) -> Html {
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let sign_in = if use_token_desk().token.is_some() {
        "Account"
    } else {
        "Sign in"
    };
    let entries = [
        (Icon::Person, sign_in, Dialog::SignIn),
        (Icon::Gear, "Settings", Dialog::Settings),
        (Icon::Help, "Keyboard shortcuts", Dialog::Help),
    ];
    html! {
        <Modal name="menu" title="Menu" is_narrow=true on_close={props.on_close.clone()}>
            <nav class="menu menu-views" aria-label="Views">
                for view in View::ALL {
                    <ViewLink key={view.path()} {view} on_go={props.on_close.clone()} />
                }
            </nav>
            <div class="menu" role="menu" aria-label="Menu">
                for (icon, label, dialog) in entries {
                    <button type="button" role="menuitem" onclick={open.reform(move |_: MouseEvent| dialog)}>
                        <Glyph of={icon} />{ label }
                    </button>
                }
            </div>
        </Modal>
    }
}
