//! A button that copies a text, and says that it did.

use yew::{AttrValue, Callback, Html, MouseEvent, Properties, component, html, use_state_eq};

use super::icon::{Glyph, Icon};
use crate::browser;
use crate::hooks::use_timeout;

/// How long it says so, in milliseconds.
const SAYS: u32 = 1_500;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// What is copied.
    pub(crate) text: AttrValue,
    /// What that is, for people: `hash`.
    pub(crate) what: AttrValue,
}

/// The button.
#[component]
pub(crate) fn CopyButton(props: &Props) -> Html {
    // How often it was pressed, and whether the last time is still told.
    let pressed = use_state_eq(|| (0_u32, false));
    use_timeout(pressed.0, SAYS, {
        let pressed = pressed.clone();
        Callback::from(move |()| pressed.set((pressed.0, false)))
    });
    let onclick = {
        let (pressed, text) = (pressed.clone(), props.text.clone());
        Callback::from(move |_: MouseEvent| {
            if browser::copy(&text) {
                pressed.set((pressed.0 + 1, true));
            }
        })
    };
    let (icon, label) = if pressed.1 {
        (Icon::Check, "Copied".to_owned())
    } else {
        (Icon::Copy, format!("Copy the {}", props.what))
    };
    html! {
        <button type="button" class="icon-button copy-button" data-testid="copy" data-text={props.text.clone()}
            aria-label={label.clone()} title={label} {onclick}><Glyph of={icon} /></button>
    }
}
