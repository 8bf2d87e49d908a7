//! The place in the URL, and the view that lives there.

use std::collections::HashMap;
use std::rc::Rc;

use yew::{Callback, Children, ContextProvider, Html, Properties, component, html, use_memo};
use yew_router::Routable;
use yew_router::prelude::{use_location, use_navigator};

use crate::hooks::{Places, Step};
use crate::state::place::{Activity, Chains, Devices, Markets, Place, Rooms};
use crate::views::{ActivityView, ChainsView, DevicesView, MarketsView, NotFoundView, RoomsView};

/// A URL as the router wants it. What it means is [`Place`]'s business: symbols with `/`, `@`, `:` and `#` need more care
/// than patterns of segments take.
#[derive(Clone, PartialEq)]
pub(crate) struct Route(Rc<str>);

impl Route {
    /// The route to a path with its query.
    pub(crate) fn to(url: &str) -> Self {
        Route(url.into())
    }
}

impl Routable for Route {
    fn from_path(path: &str, _: &HashMap<&str, &str>) -> Option<Self> {
        Some(Route::to(path))
    }

    fn to_path(&self) -> String {
        self.0.to_string()
    }

    fn routes() -> Vec<&'static str> {
        vec!["/*path"]
    }

    fn not_found_route() -> Option<Self> {
        None
    }

    fn recognize(pathname: &str) -> Option<Self> {
        Some(Route::to(pathname))
    }
}

/// The view that lives at the present place.
#[component]
pub(super) fn PlaceSwitch() -> Html {
    let location = use_location();
    let navigator = use_navigator();
    let url = location.map(|location| (location.path().to_owned(), location.query_str().to_owned()));
    let place = use_memo(url, |url| {
        url.as_ref()
            .map_or(Place::Markets(Markets::default()), |(path, query)| {
                Place::parse(path, query)
            })
    });
    let go = yew::use_callback(navigator, |(place, step): (Place, Step), navigator| {
        let Some(navigator) = navigator else { return };
        let route = Route::to(&place.url());
        match step {
            Step::Push => navigator.push(&route),
            Step::Replace => navigator.replace(&route),
        }
    });
    match &*place {
        Place::Markets(here) => html! { <At<Markets> here={here.clone()} {go}><MarketsView /></At<Markets>> },
        Place::Devices(here) => html! { <At<Devices> here={here.clone()} {go}><DevicesView /></At<Devices>> },
        Place::Activity(here) => {
            html! { <At<Activity> here={here.clone()} {go}><ActivityView /></At<Activity>> }
        }
        Place::Chains(here) => html! { <At<Chains> here={here.clone()} {go}><ChainsView /></At<Chains>> },
        Place::Rooms(here) => html! { <At<Rooms> here={here.clone()} {go}><RoomsView /></At<Rooms>> },
        Place::Nowhere => html! { <NotFoundView /> },
    }
}

#[derive(PartialEq, Properties)]
struct AtProps<P: PartialEq> {
    here: P,
    go: Callback<(Place, Step)>,
    children: Children,
}

/// A view at its place.
#[component]
fn At<P: Clone + PartialEq + 'static>(props: &AtProps<P>) -> Html {
    let places = Places {
        here: Rc::new(props.here.clone()),
        go: props.go.clone(),
    };
    html! { <ContextProvider<Places<P>> context={places}>{ props.children.clone() }</ContextProvider<Places<P>>> }
}
