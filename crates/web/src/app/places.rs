//! The place in the URL, and the view that lives there.

use std::collections::HashMap;
use std::rc::Rc;

use yew::{ContextProvider, Html, component, html, use_memo};
use yew_router::Routable;
use yew_router::prelude::{use_location, use_navigator};

use crate::hooks::{Places, Step};
use crate::state::place::{Markets, Place};
use crate::views::{MarketsView, NotFoundView};

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
    let go = yew::use_callback(navigator, |(place, step): (Markets, Step), navigator| {
        let Some(navigator) = navigator else { return };
        let route = Route::to(&place.url());
        match step {
            Step::Push => navigator.push(&route),
            Step::Replace => navigator.replace(&route),
        }
    });
    match &*place {
        Place::Nowhere => html! { <NotFoundView /> },
        Place::Markets(here) => {
            let places = Places {
                here: Rc::new(here.clone()),
                go,
            };
            html! { <ContextProvider<Places> context={places}><MarketsView /></ContextProvider<Places>> }
        }
    }
}
