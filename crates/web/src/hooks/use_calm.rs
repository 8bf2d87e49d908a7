//! Renders again after writes, but only a few times a second: figures in a list are read, not watched.

use std::cell::Cell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use yew::{hook, use_effect_with, use_force_update};

use super::frames::Waker;
use crate::canvas::live::Live;

/// The least time between two renderings, in milliseconds.
const PACE: u32 = 250;

/// Renders again some time after a write: at once if the last one was long ago, four times a second at most, and not at
/// all while the tab is hidden.
#[hook]
pub(crate) fn use_calm<T: 'static>(live: &Live<T>) {
    let update = use_force_update();
    let rendered = live.version();
    use_effect_with(live.clone(), move |live| {
        let update_now = update.clone();
        let waker = Rc::new(Waker::new(move || update.force_update()));
        let rest: Rc<Cell<Option<Timeout>>> = Rc::default();
        let is_owed = Rc::new(Cell::new(false));
        let watch = live.subscribe(move || {
            if let Some(timer) = rest.take() {
                rest.set(Some(timer));
                is_owed.set(true);
                return;
            }
            waker.wake();
            let (waker, again, is_owed) = (waker.clone(), Rc::downgrade(&rest), is_owed.clone());
            rest.set(Some(Timeout::new(PACE, move || {
                // Forgotten, not dropped: a timer must not cancel itself while it runs.
                if let Some(rest) = again.upgrade()
                    && let Some(timer) = rest.take()
                {
                    timer.forget();
                }
                if is_owed.replace(false) {
                    waker.wake();
                }
            })));
        });
        // What was written between the rendering and now.
        if live.version() != rendered {
            update_now.force_update();
        }
        move || drop(watch)
    });
}
