//! Settings: looks, and the server.

use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::{
    Callback, Html, MouseEvent, Properties, SubmitEvent, TargetCast, component, html, use_node_ref, use_state,
};

use super::dialog::Modal;
use crate::hooks::{use_link, use_settings};
use crate::state::settings::{Palette, SettingsAction, Theme, addresses};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) on_close: Callback<()>,
}

/// The settings. Looks change at once; another server when it is applied.
#[component]
pub(crate) fn SettingsDialog(props: &Props) -> Html {
    let settings = use_settings();
    let act = {
        let settings = settings.dispatcher();
        move |action: SettingsAction| {
            let settings = settings.clone();
            Callback::from(move |_: MouseEvent| settings.dispatch(action.clone()))
        }
    };
    let on_flash = {
        let settings = settings.dispatcher();
        Callback::from(move |event: yew::Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                settings.dispatch(SettingsAction::Flash(input.checked()));
            }
        })
    };
    let themes = [
        (Theme::Dark, "Dark"),
        (Theme::Light, "Light"),
        (Theme::Auto, "System"),
    ];
    let palettes = [(Palette::Classic, "Green, red"), (Palette::Cb, "Blue, orange")];
    html! {
        <Modal name="settings" title="Settings" on_close={props.on_close.clone()}>
            <div class="dialog-body">
                <fieldset class="group">
                    <legend>{ "Appearance" }</legend>
                    <div class="choice">
                        <span id="theme-label">{ "Theme" }</span>
                        <div class="segmented segmented-boxed" role="group" aria-labelledby="theme-label">
                            for (theme, label) in themes {
                                <button type="button" aria-pressed={pressed(settings.theme == theme)}
                                    onclick={act(SettingsAction::Theme(theme))}>{ label }</button>
                            }
                        </div>
                    </div>
                    <div class="choice">
                        <span id="palette-label">{ "Market colours" }</span>
                        <div class="segmented segmented-boxed" role="group" aria-labelledby="palette-label">
                            for (palette, label) in palettes {
                                <button type="button" aria-pressed={pressed(settings.palette == palette)}
                                    onclick={act(SettingsAction::Palette(palette))}>{ label }</button>
                            }
                        </div>
                    </div>
                    <label class="switch">
                        <input type="checkbox" role="switch" checked={settings.flash} onchange={on_flash} />
                        <span>{ "Flash on change" }</span>
                    </label>
                </fieldset>
                <ServerForm />
            </div>
        </Modal>
    }
}

#[component]
fn ServerForm() -> Html {
    let settings = use_settings();
    let link = use_link();
    let field = use_node_ref();
    let outcome = use_state(|| None::<Result<(), String>>);
    let on_submit = {
        let (settings, field, outcome) = (settings.dispatcher(), field.clone(), outcome.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let Some(field) = field.cast::<HtmlTextAreaElement>() else {
                return;
            };
            match addresses(&field.value()) {
                Ok(servers) => {
                    settings.dispatch(SettingsAction::Servers(servers));
                    outcome.set(Some(Ok(())));
                }
                Err(error) => outcome.set(Some(Err(error.to_string()))),
            }
        })
    };
    let error = outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
    html! {
        <form class="group" onsubmit={on_submit}>
            <div class="field">
                <label for="servers">{ "Servers" }</label>
                <textarea ref={field} class="input mono" id="servers" rows="2" spellcheck="false" autocomplete="off"
                    defaultvalue={settings.servers.join("\n")} aria-describedby="servers-hint" placeholder={link.server.to_string()}
                    aria-invalid={error.map(|_| "true")} />
                if let Some(error) = error {
                    <p class="field-error" role="alert">{ error }</p>
                }
                <p class="field-hint" id="servers-hint">
                    { "One address a line, tried in turn. Leave empty for the server that served this page." }
                </p>
            </div>
            <div class="panel-tools">
                if matches!(*outcome, Some(Ok(()))) {
                    <span class="faint" role="status">{ "Applied." }</span>
                }
                <button class="button">{ "Apply" }</button>
            </div>
        </form>
    }
}

fn pressed(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}
