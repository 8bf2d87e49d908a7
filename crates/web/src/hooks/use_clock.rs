//! The present moment, again and again, for ages and countdowns.

use gloo_timers::callback::Interval;
use yew::{UseStateHandle, hook, use_effect_with, use_state};

use crate::browser;
use crate::state::feed::Moment;

/// The present moment, renewed every so many milliseconds while the page is shown.
#[hook]
pub(crate) fn use_clock(millis: u32) -> Moment {
    let now: UseStateHandle<Moment> = use_state(browser::now);
    use_effect_with(millis, {
        let now = now.setter();
        move |millis| {
            let interval = Interval::new(*millis, move || {
                if browser::is_shown() {
                    now.set(browser::now());
                }
            });
            move || drop(interval)
        }
    });
    // A rendering for another reason is as good as a tick.
    (*now).max(browser::now())
}
