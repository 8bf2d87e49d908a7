//! Something that happens after a while, unless the component is gone by then.

use gloo_timers::callback::Timeout;
use yew::{Callback, hook, use_effect_with};

/// Emits once, so many milliseconds after mounting or after `deps` changed.
#[hook]
pub(crate) fn use_timeout<D: PartialEq + 'static>(deps: D, millis: u32, on_time: Callback<()>) {
    use_effect_with(deps, move |_| {
        let timeout = Timeout::new(millis, move || on_time.emit(()));
        move || drop(timeout)
    });
}
