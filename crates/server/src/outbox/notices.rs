//! News of a topic's source that wait on a lane.

use std::sync::Arc;

use nexus_protocol::{ChannelStatus, FeedState, Gap};

/// At most one state and one gap: a later state replaces an earlier one, gaps are joined.
#[derive(Debug, Default)]
pub(super) struct Notices {
    pub(super) gap: Option<Arc<ChannelStatus>>,
    pub(super) state: Option<Arc<ChannelStatus>>,
}

impl Notices {
    pub(super) fn note(&mut self, status: &Arc<ChannelStatus>) {
        if status.state != FeedState::Gap {
            self.state = Some(Arc::clone(status));
            return;
        }
        self.gap = Some(match &self.gap {
            Some(earlier) => Arc::new(joined(earlier, status)),
            None => Arc::clone(status),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gap.is_none() && self.state.is_none()
    }

    pub(super) fn take(&mut self) -> Option<Arc<ChannelStatus>> {
        self.gap.take().or_else(|| self.state.take())
    }
}

/// A gap that spans two gaps.
fn joined(earlier: &ChannelStatus, later: &ChannelStatus) -> ChannelStatus {
    let gap = match (&earlier.gap, &later.gap) {
        (
            Some(Gap::Source {
                from: first,
                to: first_to,
            }),
            Some(Gap::Source { from, to }),
        ) => Some(Gap::Source {
            from: *first.min(from),
            to: *first_to.max(to),
        }),
        (Some(Gap::Publications { missed: first, .. }), Some(Gap::Publications { missed, offset })) => {
            Some(Gap::Publications {
                missed: first + missed,
                offset: *offset,
            })
        }
        (_, later) => later.clone(),
    };
    ChannelStatus { gap, ..later.clone() }
}
