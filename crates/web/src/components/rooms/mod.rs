//! Rooms: the list of those one is in, and one room with its members, messages and the field to write in.

mod announcer;
mod composer;
mod conversation;
mod head;
mod keeper;
mod line;
mod list;
mod log;
mod members;
mod outgoing;
mod unread;

pub(crate) use conversation::Conversation;
pub(crate) use keeper::RoomKeeper;
pub(crate) use list::RoomList;
pub(crate) use unread::TotalUnread;
