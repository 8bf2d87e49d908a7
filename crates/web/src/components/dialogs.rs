//! Which dialog is open; there is never more than one.

use yew::{Callback, Html, Properties, component, html};

use super::help_dialog::HelpDialog;
use super::link_dialog::LinkDialog;
use super::menu::MenuDialog;
use super::settings_dialog::SettingsDialog;
use super::sign_in_dialog::SignInDialog;

/// The way to open a dialog, as a context.
pub(crate) type OpenDialog = Callback<Dialog>;

/// A dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialog {
    /// Keyboard shortcuts.
    Help,
    /// Details of the connection.
    Link,
    /// What the header has no room for on a phone.
    Menu,
    /// Theme, colours, server.
    Settings,
    /// Token.
    SignIn,
}

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) open: Option<Dialog>,
    pub(crate) on_close: Callback<()>,
}

/// The open dialog, if one is.
#[component]
pub(crate) fn Dialogs(props: &Props) -> Html {
    let on_close = props.on_close.clone();
    match props.open {
        None => Html::default(),
        Some(Dialog::Help) => html! { <HelpDialog {on_close} /> },
        Some(Dialog::Link) => html! { <LinkDialog {on_close} /> },
        Some(Dialog::Menu) => html! { <MenuDialog {on_close} /> },
        Some(Dialog::Settings) => html! { <SettingsDialog {on_close} /> },
        Some(Dialog::SignIn) => html! { <SignInDialog {on_close} /> },
    }
}
