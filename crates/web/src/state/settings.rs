//! What a person sets, once, for this browser.

use std::rc::Rc;

use nexus_client::{ServerUrl, ServerUrlError};
use serde::{Deserialize, Serialize};
use yew::Reducible;

/// What a person sets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Dark, light, or as the system has it.
    pub(crate) theme: Theme,
    /// Which pair of colours means up and down.
    pub(crate) palette: Palette,
    /// Whether a value that changes lights up for a moment.
    pub(crate) flash: bool,
    /// Addresses of servers, in the order to try them; none means the one that served the page.
    pub(crate) servers: Vec<String>,
}

/// Dark or light.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// As the system has it.
    Auto,
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

/// Which pair of colours means up and down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Palette {
    /// Green and red.
    #[default]
    Classic,
    /// Blue and orange, which people with red-green colour blindness can tell apart.
    Cb,
}

/// A change of the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SettingsAction {
    /// Another theme.
    Theme(Theme),
    /// Another palette.
    Palette(Palette),
    /// Flash on or off.
    Flash(bool),
    /// Other servers.
    Servers(Vec<String>),
}

impl Theme {
    /// The value of `data-theme`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }
}

impl Palette {
    /// The value of `data-palette`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Palette::Classic => "classic",
            Palette::Cb => "cb",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            theme: Theme::default(),
            palette: Palette::default(),
            flash: true,
            servers: Vec::new(),
        }
    }
}

impl Reducible for Settings {
    type Action = SettingsAction;

    fn reduce(self: Rc<Self>, action: SettingsAction) -> Rc<Self> {
        let mut next = Settings::clone(&self);
        match action {
            SettingsAction::Theme(theme) => next.theme = theme,
            SettingsAction::Palette(palette) => next.palette = palette,
            SettingsAction::Flash(flash) => next.flash = flash,
            SettingsAction::Servers(servers) => next.servers = servers,
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

/// Reads addresses as people write them, one a line, and completes each to that of the native door.
///
/// # Errors
/// What is wrong with the first line that is no address.
pub(crate) fn addresses(text: &str) -> Result<Vec<String>, ServerUrlError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| Ok(ServerUrl::parse(line)?.as_str().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_one_a_line_and_are_completed() {
        let text = "\n http://127.0.0.1:8080 \n\nwss://nexus.example";
        let expected = ["ws://127.0.0.1:8080/v1/ws", "wss://nexus.example/v1/ws"].map(str::to_owned);
        assert_eq!(addresses(text), Ok(expected.to_vec()));
        assert_eq!(
            addresses(" \n"),
            Ok(Vec::new()),
            "none means the one that served the page"
        );
        assert_eq!(addresses("ws://a\nftp://b"), Err(ServerUrlError::Scheme));
    }

    #[test]
    fn settings_of_an_older_version_are_completed() {
        let settings: Settings = serde_json::from_str(r#"{"theme":"light","gone":1}"#).unwrap();
        assert_eq!(
            settings,
            Settings {
                theme: Theme::Light,
                ..Settings::default()
            }
        );
    }
}
