//! The way from view to view: links that also work in a new tab.

use yew::{Callback, Html, MouseEvent, Properties, classes, component, hook, html, use_context};
use yew_router::prelude::{use_location, use_navigator};

use super::dialogs::{Dialog, OpenDialog};
use super::icon::{Glyph, Icon};
use super::rooms::TotalUnread;
use crate::app::Route;
use crate::state::place::{Place, View};

/// The view that is shown.
#[hook]
pub(crate) fn use_view() -> Option<View> {
    use_location().map_or(Some(View::Markets), |location| {
        Place::parse(location.path(), "").view()
    })
}

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) view: View,
    /// What else happens on the way there.
    #[prop_or_default]
    pub(crate) on_go: Callback<()>,
    #[prop_or_default]
    pub(crate) role: Option<&'static str>,
}

/// A link to a view.
#[component]
pub(crate) fn ViewLink(props: &Props) -> Html {
    let navigator = use_navigator();
    let here = use_view();
    let view = props.view;
    let onclick = {
        let on_go = props.on_go.clone();
        Callback::from(move |event: MouseEvent| {
            // With a key held it opens in a tab or a window of its own, as links do.
            if let Some(navigator) = &navigator
                && !(event.ctrl_key() || event.meta_key() || event.shift_key())
            {
                event.prevent_default();
                navigator.push(&Route::to(view.path()));
                on_go.emit(());
            }
        })
    };
    html! {
        <a href={view.path()} role={props.role} aria-current={(here == Some(view)).then_some("page")}
            data-testid={format!("nav-{}", view.path().trim_start_matches('/'))} {onclick}>
            { view.name() }
            if view == View::Rooms { <TotalUnread /> }
        </a>
    }
}

/// The views, where there is room for all their names.
#[component]
pub(crate) fn Views() -> Html {
    html! {
        <nav class="app-nav" aria-label="Views">
            for view in View::ALL {
                <ViewLink key={view.path()} {view} />
            }
        </nav>
    }
}

/// The name of the view, where there is no room for all: opens the menu, which has them.
#[component]
pub(crate) fn ViewButton() -> Html {
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let here = use_view();
    html! {
        <button type="button" class={classes!("app-view-button")} aria-haspopup="dialog" data-testid="open-views"
            onclick={open.reform(|_: MouseEvent| Dialog::Menu)}>
            <span class="visually-hidden">{ "View: " }</span>
            <span class="truncate">{ here.map_or("Nexus", View::name) }</span><Glyph of={Icon::Down} />
        </button>
    }
}
