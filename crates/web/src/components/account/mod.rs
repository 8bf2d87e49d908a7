//! What stands below the chart: the depth of the book, or one's account at the exchange: positions, orders, fills.

mod cells;
mod fills;
mod gate;
mod orders;
mod positions;
mod summary;
mod tabs;

pub(crate) use tabs::BelowPanel;
