//! Keys that work wherever the focus is, except while someone types.

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};
use yew::{Callback, hook, use_effect_with, use_mut_ref};

use crate::browser;

/// Calls with each key that is pressed outside of fields, buttons and dialogs. `true` means it was taken.
#[hook]
pub(crate) fn use_hotkeys(on_key: Callback<KeyboardEvent, bool>) {
    // The listener stays; what it calls is always the newest.
    let newest = use_mut_ref(|| on_key.clone());
    newest.replace(on_key);
    use_effect_with((), move |()| {
        let listener = browser::document().map(|document| {
            let options = EventListenerOptions::enable_prevent_default();
            EventListener::new_with_options(&document, "keydown", options, move |event| {
                let Some(event) = event.dyn_ref::<KeyboardEvent>() else {
                    return;
                };
                if is_plain(event) && !is_taken_elsewhere(event) {
                    let on_key = newest.borrow().clone();
                    if on_key.emit(event.clone()) {
                        event.prevent_default();
                    }
                }
            })
        });
        move || drop(listener)
    });
}

fn is_plain(event: &KeyboardEvent) -> bool {
    !(event.ctrl_key() || event.alt_key() || event.meta_key() || event.default_prevented())
}

/// Whether the key belongs to what has the focus: text fields take every key, buttons take the space bar.
fn is_taken_elsewhere(event: &KeyboardEvent) -> bool {
    let within = |selector: &str| {
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok());
        target.is_some_and(|element| element.closest(selector).ok().flatten().is_some())
    };
    within("input, textarea, select, dialog, [contenteditable]")
        || event.key() == " " && within("button, a, [role=button]")
}
