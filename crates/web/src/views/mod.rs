//! The views, one a file.

mod activity;
mod chains;
mod devices;
mod markets;
mod not_found;
mod rooms;

pub(crate) use activity::ActivityView;
pub(crate) use chains::ChainsView;
pub(crate) use devices::DevicesView;
pub(crate) use markets::MarketsView;
pub(crate) use not_found::NotFoundView;
pub(crate) use rooms::RoomsView;
