//! Where one is in the Rooms view: `/rooms/lobby`.

use std::rc::Rc;

use super::query::UrlText;

/// Where one is in the Rooms view.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Rooms {
    /// The chosen room's name, without `room:`.
    pub(crate) room: Option<Rc<str>>,
}

impl Rooms {
    /// Reads what follows `/rooms`.
    pub(super) fn parse(path: Option<&str>, _query: &str) -> Option<Self> {
        Some(Rooms {
            room: path.map(Rc::from),
        })
    }

    /// The URL.
    pub(crate) fn url(&self) -> String {
        UrlText::new("/rooms").segment(self.room.as_deref()).done()
    }
}
