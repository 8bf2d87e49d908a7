//! The favourites, kept in this browser.

use std::collections::BTreeSet;
use std::rc::Rc;

use nexus_protocol::Symbol;
use yew::{
    Callback, Children, ContextProvider, Html, Properties, component, hook, html, use_context,
    use_effect_with, use_reducer,
};

use crate::browser::{self, Keep};
use crate::state::watch::{Watch, WatchAction};

/// Under which name the favourites are kept.
const NAME: &str = "nexus.favourites";

/// The favourites and the ways to change them.
#[derive(Clone, PartialEq)]
pub(crate) struct Stars {
    /// Every favourite.
    pub(crate) all: Rc<BTreeSet<Symbol>>,
    /// Whether the watchlist shows nothing else.
    pub(crate) only: bool,
    act: Callback<WatchAction>,
}

impl Stars {
    /// Whether it is a favourite.
    pub(crate) fn has(&self, symbol: &Symbol) -> bool {
        self.all.contains(symbol)
    }

    /// Makes it a favourite, or no longer one.
    pub(crate) fn turn(&self, symbol: Symbol) {
        self.act.emit(WatchAction::Star(symbol));
    }

    /// Shows favourites only, or all.
    pub(crate) fn show_only(&self, only: bool) {
        self.act.emit(WatchAction::OnlyFavourites(only));
    }
}

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) children: Children,
}

/// Gives the favourites to everything below.
#[component]
pub(crate) fn StarsProvider(props: &Props) -> Html {
    let watch = use_reducer(|| Watch {
        favourites: Rc::new(browser::read(Keep::Device, NAME).unwrap_or_default()),
        ..Watch::default()
    });
    use_effect_with(watch.favourites.clone(), |favourites| {
        browser::write(Keep::Device, NAME, &**favourites)
    });
    let act = {
        let dispatcher = watch.dispatcher();
        yew::use_callback((), move |action, ()| dispatcher.dispatch(action))
    };
    let stars = Stars {
        all: watch.favourites.clone(),
        only: watch.only_favourites,
        act,
    };
    html! {
        <ContextProvider<Stars> context={stars}>{ for props.children.iter() }</ContextProvider<Stars>>
    }
}

/// The favourites.
#[hook]
pub(crate) fn use_stars() -> Stars {
    use_context().expect("components are mounted below the favourites")
}
