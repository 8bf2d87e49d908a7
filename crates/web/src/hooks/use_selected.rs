//! One fact about a live value: renders again only when the fact is another.

use yew::{hook, use_effect_with, use_state_eq};

use super::frames::Waker;
use crate::canvas::live::Live;

/// What `select` says of the value, looked at once a frame after writes. `with` is what `select` depends on.
#[hook]
pub(crate) fn use_selected<T, D, R>(live: &Live<T>, with: D, select: fn(&T, &D) -> R) -> R
where
    T: 'static,
    D: Clone + PartialEq + 'static,
    R: Clone + PartialEq + 'static,
{
    let selected = use_state_eq(|| live.read(|value| select(value, &with)));
    use_effect_with((live.clone(), with.clone()), {
        let setter = selected.setter();
        move |(live, with)| {
            let look = {
                let (live, with) = (live.clone(), with.clone());
                move || setter.set(live.read(|value| select(value, &with)))
            };
            look();
            let waker = Waker::new(look);
            let watch = live.subscribe(move || waker.wake());
            move || drop(watch)
        }
    });
    // Between a change of `with` and its effect the state is of the one before.
    live.read(|value| select(value, &with))
}
