//! Membership: while one is signed in, one is in every room of the settings, whichever view is shown.

use std::collections::{BTreeMap, BTreeSet};

use yew::{Html, component, use_effect_with};

use crate::browser::{self, Keep};
use crate::hooks::{use_settings, use_store, use_token_desk};
use crate::state::feed::Moment;
use crate::state::rooms::RoomName;

/// Under which name is kept how far each room was read.
const READ: &str = "nexus.read";

/// Keeps one in one's rooms. Shows nothing.
#[component]
pub(crate) fn RoomKeeper() -> Html {
    let store = use_store();
    let settings = use_settings();
    let is_signed_in = use_token_desk().token.is_some();
    // Without a token every room would be refused, and refusals are counted.
    let rooms = if is_signed_in {
        settings.room_names()
    } else {
        BTreeSet::new()
    };
    use_effect_with((store, rooms), |(store, rooms)| {
        let read = read_marks();
        store.keep_rooms(rooms, |name| read.get(name.as_str()).copied());
    });
    Html::default()
}

/// Remembers that a room was read up to a moment.
pub(super) fn remember_read(name: &RoomName, until: Moment) {
    let mut read = read_marks();
    let known = read.insert(name.as_str().to_owned(), until);
    if known != Some(until) {
        browser::write(Keep::Device, READ, &read);
    }
}

/// Remembers nothing of a room.
pub(super) fn forget_read(name: &RoomName) {
    let mut read = read_marks();
    if read.remove(name.as_str()).is_some() {
        browser::write(Keep::Device, READ, &read);
    }
}

/// Remembers what is written and not sent, for this tab.
pub(super) fn remember_draft(name: &RoomName, draft: &str) {
    let key = draft_key(name);
    if draft.is_empty() {
        browser::remove(Keep::Tab, &key);
    } else {
        browser::write(Keep::Tab, &key, &draft);
    }
}

/// What was written and not sent in this tab.
pub(super) fn remembered_draft(name: &RoomName) -> Option<String> {
    browser::read(Keep::Tab, &draft_key(name))
}

fn draft_key(name: &RoomName) -> String {
    format!("nexus.draft.{name}")
}

fn read_marks() -> BTreeMap<String, Moment> {
    browser::read(Keep::Device, READ).unwrap_or_default()
}
