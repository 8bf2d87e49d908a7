//! What a person sets, once, for this browser.

use std::collections::BTreeSet;
use std::rc::Rc;

use nexus_client::{ServerUrl, ServerUrlError};
use nexus_protocol::ChainId;
use serde::{Deserialize, Serialize};
use yew::Reducible;

use super::rooms::RoomName;

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
    /// The rooms one is in, by name.
    pub(crate) rooms: Vec<String>,
    /// The chains that are followed beside those that the server names.
    pub(crate) chains: Vec<String>,
}

/// The most rooms, and the most chains, that are remembered.
pub(crate) const MOST: usize = 50;

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
    /// In a room from now on.
    Join(RoomName),
    /// In a room no longer.
    Leave(RoomName),
    /// Follow a chain.
    Follow(ChainId),
    /// Follow a chain no longer.
    Unfollow(ChainId),
}

impl Settings {
    /// The rooms one is in; what is no name is left out.
    pub(crate) fn room_names(&self) -> BTreeSet<RoomName> {
        self.rooms
            .iter()
            .filter_map(|name| RoomName::parse(name).ok())
            .collect()
    }

    /// The chains that are followed; what is no id is left out.
    pub(crate) fn chain_ids(&self) -> Vec<ChainId> {
        self.chains
            .iter()
            .filter_map(|id| ChainId::parse(id).ok())
            .collect()
    }
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
            rooms: Vec::new(),
            chains: Vec::new(),
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
            SettingsAction::Join(name) => add(&mut next.rooms, name.as_str()),
            SettingsAction::Leave(name) => next.rooms.retain(|known| known != name.as_str()),
            SettingsAction::Follow(id) => add(&mut next.chains, id.as_str()),
            SettingsAction::Unfollow(id) => next.chains.retain(|known| known != id.as_str()),
        }
        if next == *self { self } else { Rc::new(next) }
    }
}

/// Adds a text that is not there yet, as long as there is room.
fn add(texts: &mut Vec<String>, text: &str) {
    if texts.len() < MOST && !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
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
    fn rooms_are_joined_once_and_left() {
        let lobby = RoomName::parse("lobby").unwrap();
        let settings = Rc::new(Settings::default()).reduce(SettingsAction::Join(lobby.clone()));
        let again = settings.clone().reduce(SettingsAction::Join(lobby.clone()));
        assert!(Rc::ptr_eq(&settings, &again));
        assert_eq!(settings.room_names(), BTreeSet::from([lobby.clone()]));
        assert!(settings.reduce(SettingsAction::Leave(lobby)).rooms.is_empty());
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
