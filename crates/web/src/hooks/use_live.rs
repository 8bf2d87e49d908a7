//! Renders again, at most once a frame, when a live value was written.

use yew::{hook, use_effect_with, use_force_update};

use super::frames::Waker;
use crate::canvas::live::Live;

/// Renders again in the frame after a write.
#[hook]
pub(crate) fn use_live<T: 'static>(live: &Live<T>) {
    let update = use_force_update();
    let rendered = live.version();
    use_effect_with(live.clone(), move |live| {
        let update_now = update.clone();
        let waker = Waker::new(move || update.force_update());
        let watch = live.subscribe(move || waker.wake());
        // What was written between the rendering and now.
        if live.version() != rendered {
            update_now.force_update();
        }
        move || drop(watch)
    });
}
