//! The views, one a file.

mod markets;
mod not_found;

pub(crate) use markets::MarketsView;
pub(crate) use not_found::NotFoundView;
