//! A lane in step with others: how it steps in, out, and what a cohort has to know of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus_protocol::{ChannelStatus, Offset};
use tokio::time::Instant;

use crate::conflate::Pending;
use crate::encoded::Publication;
use crate::filters::Predicate;
use crate::outbox::{LaneId, Outbox, Policy};

/// How far a cohort got: what all lanes have sent that are in step with it.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// A cohort that got this far.
    pub fn at(offset: Offset) -> Self {
        Clock(AtomicU64::new(offset.0))
    }

    /// How far it got.
    pub fn offset(&self) -> Offset {
        Offset(self.0.load(Ordering::Acquire))
    }

    /// It got further.
    pub fn set(&self, offset: Offset) {
        self.0.store(offset.0, Ordering::Release);
    }
}

/// A lane that is live, and on which nothing waits but what its throttle holds back.
#[derive(Clone, Debug)]
pub struct Idle {
    /// Whether something waits.
    pub has_waiting: bool,
    /// How it treats what waits.
    pub policy: Policy,
    /// What it selects.
    pub filter: Option<Arc<Predicate>>,
    /// The newest publication that it has seen.
    pub newest: Offset,
    /// Its next push goes no earlier than this, where it is throttled.
    pub not_before: Option<Instant>,
}

/// Where a cohort is when a lane steps out of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// All up to here was said.
    pub offset: Offset,
    /// The next push goes no earlier than this, where it is throttled.
    pub not_before: Option<Instant>,
}

impl Policy {
    /// The least time between two pushes, if there is any.
    pub fn throttle(&self) -> Option<Duration> {
        match self {
            Policy::Every => None,
            Policy::Latest { throttle, .. } => Some(*throttle).filter(|throttle| *throttle > Duration::ZERO),
        }
    }
}

impl Outbox {
    /// The lane, if it could step in with a cohort: it is live, and nothing waits on it, or only what its throttle holds back.
    pub fn idle_lane(&self, id: LaneId) -> Option<Idle> {
        self.lock().lanes.get(&id)?.idle()
    }

    /// Hands out what the throttle of a lane holds back.
    pub fn take_held_back(&self, id: LaneId) -> Option<Pending> {
        let mut state = self.lock();
        let lane = state.lanes.get_mut(&id)?;
        let before = lane.bytes();
        let pending = lane.take_held_back();
        let after = lane.bytes();
        state.bytes = state.bytes + after - before;
        pending
    }

    /// A lane that is [idle](Self::idle_lane), and on which nothing waits, steps in with a cohort. From here on it is offered nothing.
    pub fn step_in(&self, id: LaneId, clock: &Arc<Clock>) {
        if let Some(lane) = self.lock().lanes.get_mut(&id) {
            lane.step_in(clock);
        }
    }

    /// A lane steps out and falls behind: what comes is read from the broker when the socket drains. These states of the
    /// source it has not been told of.
    pub fn step_out_behind<'a>(
        &self,
        id: LaneId,
        at: Reached,
        newest: Offset,
        untold: impl Iterator<Item = &'a Arc<ChannelStatus>>,
    ) {
        self.change(id, |lane| {
            lane.step_out_behind(at, newest);
            for status in untold {
                let _ = lane.offer_status(status, usize::MAX);
            }
        });
    }

    /// A `latest` lane steps out, and this waits for it.
    pub fn step_out_with(&self, id: LaneId, at: Reached, newest: Offset, pending: Pending) {
        self.change(id, |lane| lane.step_out_with(at, newest, pending));
    }

    /// A lane steps out, and nothing waits for it.
    pub fn step_out(&self, id: LaneId, at: Reached) {
        self.change(id, |lane| lane.step_out(at));
    }

    /// Publications were let go before they were offered: a lane that is live reads from the broker what it lacks.
    pub fn fall_behind(&self, id: LaneId) {
        self.change(id, |lane| lane.lose());
    }

    /// Offers a lane what it may refuse for want of room, and gives it its turn.
    fn change(&self, id: LaneId, change: impl FnOnce(&mut crate::outbox::lane::Lane)) {
        {
            let mut state = self.lock();
            let Some(lane) = state.lanes.get_mut(&id) else {
                return;
            };
            let before = lane.bytes();
            change(lane);
            let after = lane.bytes();
            state.bytes = state.bytes + after - before;
            state.give_turn(id);
        }
        self.wake();
    }

    /// Whether a client that has not taken `on_the_wire` bytes yet may get so many more.
    pub fn has_room(&self, on_the_wire: usize, more: usize) -> bool {
        on_the_wire == 0 || on_the_wire + more <= self.limit
    }

    /// Whether a publication passes what a cohort selects.
    pub fn passes(filter: Option<&Arc<Predicate>>, publication: &Publication) -> bool {
        filter.is_none_or(|filter| publication.passes(filter))
    }
}
