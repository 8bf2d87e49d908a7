//! The head of the page: brand, views, the mark of simulated data, the chip, and what can be opened.

use yew::{Html, MouseEvent, component, html, use_context};
use yew_router::prelude::use_navigator;

use super::chip::Chip;
use super::dialogs::{Dialog, OpenDialog};
use super::icon::{Brand, Glyph, Icon};
use super::nav::{ViewButton, Views};
use crate::app::Route;
use crate::hooks::{use_link, use_selected, use_store, use_token_desk};

/// The head of the page.
#[component]
pub(crate) fn Header() -> Html {
    let open = use_context::<OpenDialog>().unwrap_or_default();
    let navigator = use_navigator();
    let on_home = move |event: MouseEvent| {
        if let Some(navigator) = &navigator
            && !(event.ctrl_key() || event.meta_key() || event.shift_key())
        {
            event.prevent_default();
            navigator.push(&Route::to("/markets"));
        }
    };
    let opens = |dialog: Dialog| open.reform(move |_: MouseEvent| dialog);
    html! {
        <header class="app-header">
            <a class="brand" href="/markets" aria-label="Nexus" onclick={on_home}><Brand /><span>{ "Nexus" }</span></a>
            <ViewButton />
            <Views />
            <div class="app-header-end">
                <Simulated />
                <Chip />
                <button type="button" class="icon-button app-header-wide" aria-label="Keyboard shortcuts"
                    title="Keyboard shortcuts (?)" onclick={opens(Dialog::Help)}><Glyph of={Icon::Help} /></button>
                <button type="button" class="icon-button app-header-wide" aria-label="Settings" title="Settings"
                    data-testid="open-settings" onclick={opens(Dialog::Settings)}><Glyph of={Icon::Gear} /></button>
                <Account onclick={opens(Dialog::SignIn)} />
                <button type="button" class="icon-button app-menu-button" aria-label="Menu" aria-haspopup="dialog"
                    onclick={opens(Dialog::Menu)}><Glyph of={Icon::List} /></button>
            </div>
        </header>
    }
}

#[derive(PartialEq, yew::Properties)]
struct AccountProps {
    onclick: yew::Callback<MouseEvent>,
}

#[component]
fn Account(props: &AccountProps) -> Html {
    let link = use_link();
    let desk = use_token_desk();
    let user = link.identity.as_ref().map(|identity| identity.user.to_string());
    let name = user.or_else(|| desk.token.as_ref().and_then(|token| token.claims().sub));
    html! {
        <button type="button" class="button button-small app-header-wide" data-testid="open-sign-in"
            onclick={props.onclick.clone()}>
            if let Some(name) = name {
                <Glyph of={Icon::Person} /><span class="visually-hidden">{ "Account of " }</span><span class="truncate">{ name }</span>
            } else {
                { "Sign in" }
            }
        </button>
    }
}

/// Says that some of the data comes from a stand-in, wherever one looks.
#[component]
fn Simulated() -> Html {
    let store = use_store();
    let is_simulated = use_selected(store.feeds(), (), |feeds, ()| feeds.is_simulated());
    html! {
        if is_simulated {
            <span class="badge badge-sim" data-testid="simulated"
                title="This data comes from a stand-in, not from the real source.">{ "simulated" }</span>
        }
    }
}
