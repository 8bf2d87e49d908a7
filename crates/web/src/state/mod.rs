//! What the interface knows, as plain data: values, actions on them, and pure functions. Nothing here touches the DOM,
//! a socket or a clock; the present moment is an argument.

pub(crate) mod account;
pub(crate) mod chains;
pub(crate) mod condition;
pub(crate) mod device;
pub(crate) mod draft;
pub(crate) mod face;
pub(crate) mod feed;
pub(crate) mod link;
pub(crate) mod listing;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod rooms;
pub(crate) mod roster;
pub(crate) mod settings;
pub(crate) mod toasts;
pub(crate) mod token;
pub(crate) mod watch;
