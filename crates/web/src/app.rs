//! The application: contexts, the link to the server, the place in the URL, and the views.

pub(crate) mod crash;
mod link;
mod places;
mod session_token;

use std::rc::Rc;

use web_sys::KeyboardEvent;
use yew::{
    Callback, ContextProvider, Html, component, html, use_callback, use_effect_with, use_reducer,
    use_state_eq,
};
use yew_router::BrowserRouter;

use crate::browser::{self, Keep};
use crate::components::{Dialog, Dialogs, Header, OpenDialog, RoomKeeper, StarsProvider, ToastStack};
use crate::format;
use crate::hooks::{SettingsHandle, TokenDesk, use_hotkeys};
use crate::state::link::Link;
use crate::state::settings::Settings;
use crate::state::toasts::Toasts;
use crate::store::Store;
use link::use_driver;
use places::PlaceSwitch;
use session_token::use_token;

pub(crate) use places::Route;

/// Under which name the settings are kept.
const SETTINGS: &str = "nexus.settings";

/// Starts the dashboard in the page's body.
pub fn start() {
    crash::show_panics();
    format::learn_separators();
    yew::Renderer::<App>::new().render();
}

/// The application.
#[component]
fn App() -> Html {
    let settings = use_reducer(|| browser::read::<Settings>(Keep::Device, SETTINGS).unwrap_or_default());
    use_effect_with((*settings).clone(), |settings| {
        browser::set_root_data("theme", settings.theme.word());
        browser::set_root_data("palette", settings.palette.word());
        browser::write(Keep::Device, SETTINGS, settings);
    });
    let toasts = use_reducer(Toasts::default);
    let on_toast = {
        let toasts = toasts.dispatcher();
        use_callback((), move |action, ()| toasts.dispatch(action))
    };
    let token = use_token();
    let (store, link) = use_driver(&settings.servers, token.token.clone(), on_toast.clone());
    let desk = TokenDesk {
        token: token.token.clone(),
        sign_in: token.sign_in.clone(),
        sign_out: token.sign_out.clone(),
    };
    let dialog = use_state_eq(|| None::<Dialog>);
    let open: OpenDialog = {
        let setter = dialog.setter();
        use_callback((), move |which, ()| setter.set(Some(which)))
    };
    let on_close = {
        let setter = dialog.setter();
        use_callback((), move |(), ()| setter.set(None))
    };
    use_hotkeys({
        let open = open.clone();
        Callback::from(move |event: KeyboardEvent| {
            let is_help = event.key() == "?";
            if is_help {
                open.emit(Dialog::Help);
            }
            is_help
        })
    });
    html! {
        <ContextProvider<SettingsHandle> context={settings}>
        <ContextProvider<Store> context={store}>
        <ContextProvider<Rc<Link>> context={link}>
        <ContextProvider<TokenDesk> context={desk}>
        <ContextProvider<OpenDialog> context={open}>
        <StarsProvider>
        <BrowserRouter>
            <div class="app">
                <a class="skip-link" href="#main">{ "Skip to content" }</a>
                <RoomKeeper />
                <Header />
                <PlaceSwitch />
                <ToastStack toasts={(*toasts).clone()} on_action={on_toast} />
                <Dialogs open={*dialog} {on_close} />
            </div>
        </BrowserRouter>
        </StarsProvider>
        </ContextProvider<OpenDialog>>
        </ContextProvider<TokenDesk>>
        </ContextProvider<Rc<Link>>>
        </ContextProvider<Store>>
        </ContextProvider<SettingsHandle>>
    }
}
