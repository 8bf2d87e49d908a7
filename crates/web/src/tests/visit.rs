//! A place in a view for the view's components, which the test starts from its default.

use std::marker::PhantomData;
use std::rc::Rc;

use yew::{Callback, Children, ContextProvider, Html, Properties, component, html, use_state};

use crate::hooks::{Places, Step};
use crate::state::place::{Activity, Devices, Place};

/// A place of a kind of its own, taken out of any place.
pub(super) trait Known: Clone + PartialEq + Default + 'static {
    fn of(place: Place) -> Option<Self>;
}

impl Known for Devices {
    fn of(place: Place) -> Option<Self> {
        match place {
            Place::Devices(here) => Some(here),
            _ => None,
        }
    }
}

impl Known for Activity {
    fn of(place: Place) -> Option<Self> {
        match place {
            Place::Activity(here) => Some(here),
            _ => None,
        }
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct Props<P: PartialEq> {
    #[prop_or_default]
    kind: PhantomData<P>,
    pub(super) children: Children,
}

/// Where one is in a view, and goes to.
#[component]
pub(super) fn Visit<P: Known>(props: &Props<P>) -> Html {
    let here = use_state(|| Rc::new(P::default()));
    let go = {
        let setter = here.setter();
        Callback::from(move |(place, _): (Place, Step)| {
            P::of(place)
                .into_iter()
                .for_each(|place| setter.set(Rc::new(place)));
        })
    };
    let places = Places {
        here: (*here).clone(),
        go,
    };
    html! { <ContextProvider<Places<P>> context={places}>{ props.children.clone() }</ContextProvider<Places<P>>> }
}
