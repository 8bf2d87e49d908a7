//! Renders again after writes, but only a few times a second: figures in a list are read, not watched.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use yew::{hook, use_effect_with, use_force_update};

use super::frames::Waker;
use crate::canvas::live::Live;

/// The least time between two renderings, in milliseconds.
const PACE: u32 = 250;

thread_local! {
    static RESTING: Cell<usize> = const { Cell::new(0) };
}

/// Until it is time to render again.
struct Rest {
    timer: Option<Timeout>,
}

/// Renders again some time after a write: at once if the last one was long ago, four times a second at most, and not at
/// all while the tab is hidden.
#[hook]
pub(crate) fn use_calm<T: 'static>(live: &Live<T>) {
    let update = use_force_update();
    let rendered = live.version();
    use_effect_with(live.clone(), move |live| {
        let update_now = update.clone();
        let waker = Rc::new(Waker::new(move || update.force_update()));
        let rest: Rc<RefCell<Option<Rest>>> = Rc::default();
        let is_owed = Rc::new(Cell::new(false));
        let watch = live.subscribe(move || {
            if rest.borrow().is_some() {
                is_owed.set(true);
                return;
            }
            waker.wake();
            let (waker, again, is_owed) = (waker.clone(), Rc::downgrade(&rest), is_owed.clone());
            let is_over = move || {
                let rest = again.upgrade().and_then(|rest| rest.take());
                if let Some(mut rest) = rest
                    && let Some(timer) = rest.timer.take()
                {
                    // Forgotten, not dropped: a timer must not cancel itself while it runs.
                    timer.forget();
                }
                if is_owed.replace(false) {
                    waker.wake();
                }
            };
            rest.replace(Some(Rest::new(is_over)));
        });
        // What was written between the rendering and now.
        if live.version() != rendered {
            update_now.force_update();
        }
        move || drop(watch)
    });
}

/// Whether something waits to be rendered again.
#[cfg(all(test, target_arch = "wasm32"))]
pub(crate) fn is_resting() -> bool {
    RESTING.get() > 0
}

impl Rest {
    fn new(is_over: impl FnOnce() + 'static) -> Self {
        RESTING.set(RESTING.get() + 1);
        Rest {
            timer: Some(Timeout::new(PACE, is_over)),
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        RESTING.set(RESTING.get().saturating_sub(1));
    }
}
