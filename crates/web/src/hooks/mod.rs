//! Subscribing as a hook: mounted is subscribed, unmounted is not.

pub(crate) mod frames;
mod use_calm;
mod use_chains;
mod use_clock;
mod use_contexts;
mod use_hotkeys;
mod use_live;
mod use_scroll_window;
mod use_selected;
mod use_shown;
mod use_timeout;
mod use_topic;
mod use_touched;

#[cfg(all(test, target_arch = "wasm32"))]
pub(crate) use use_calm::is_resting;
pub(crate) use use_calm::use_calm;
pub(crate) use use_chains::{ChainChoice, ChainChoices, use_chains};
pub(crate) use use_clock::use_clock;
pub(crate) use use_contexts::{
    Places, SettingsHandle, Step, TokenDesk, use_link, use_place, use_places, use_settings, use_store,
    use_token_desk,
};
pub(crate) use use_hotkeys::use_hotkeys;
pub(crate) use use_live::use_live;
pub(crate) use use_scroll_window::use_scroll_window;
pub(crate) use use_selected::use_selected;
pub(crate) use use_shown::use_shown;
pub(crate) use use_timeout::use_timeout;
pub(crate) use use_topic::{use_freshness, use_topic};
pub(crate) use use_touched::use_touched;
