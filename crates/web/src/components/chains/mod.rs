//! Chains: the list of those that are followed, and the timeline of one.

mod head;
mod list;
mod row;
mod timeline;

pub(crate) use list::ChainList;
pub(crate) use timeline::Timeline;
