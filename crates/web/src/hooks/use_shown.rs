//! Whether the page can be seen.

use gloo_events::EventListener;
use yew::{hook, use_effect_with, use_state_eq};

use crate::browser;

/// Whether the page can be seen, renewed when that changes.
#[hook]
pub(crate) fn use_shown() -> bool {
    let is_shown = use_state_eq(browser::is_shown);
    use_effect_with((), {
        let setter = is_shown.setter();
        move |()| {
            let listener = browser::document().map(|document| {
                EventListener::new(&document, "visibilitychange", move |_| {
                    setter.set(browser::is_shown())
                })
            });
            move || drop(listener)
        }
    });
    *is_shown
}
