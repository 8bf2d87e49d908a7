//! Whether someone is busy with a part of the page: points at it, touches it, or walks through it by keyboard.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, PointerEvent};
use yew::{NodeRef, hook, use_effect_with, use_state_eq};

/// Whether someone is busy with what `node` refers to.
#[hook]
pub(crate) fn use_touched(node: &NodeRef) -> bool {
    let is_touched = use_state_eq(|| false);
    use_effect_with(node.clone(), {
        let setter = is_touched.setter();
        move |node| {
            let listeners: Vec<EventListener> = node.cast::<Element>().map_or_else(Vec::new, |element| {
                let on = |kind: &'static str, means: fn(&Event) -> Option<bool>| {
                    let setter = setter.clone();
                    EventListener::new(&element, kind, move |event| {
                        if let Some(is) = means(event) {
                            setter.set(is);
                        }
                    })
                };
                vec![
                    on("pointerenter", |event| is_mouse(event).then_some(true)),
                    on("pointerleave", |event| is_mouse(event).then_some(false)),
                    on("touchstart", |_| Some(true)),
                    on("touchend", |_| Some(false)),
                    on("touchcancel", |_| Some(false)),
                    on("focusin", |event| is_by_keyboard(event).then_some(true)),
                    on("focusout", |_| Some(false)),
                ]
            });
            move || drop(listeners)
        }
    });
    *is_touched
}

/// A finger that scrolls is no pointer any more; its touch goes on.
fn is_mouse(event: &Event) -> bool {
    event
        .dyn_ref::<PointerEvent>()
        .is_some_and(|event| event.pointer_type() != "touch")
}

/// A click focuses as well, but then the pointer tells when someone has gone.
fn is_by_keyboard(event: &Event) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| target.matches(":focus-visible").unwrap_or(false))
}
