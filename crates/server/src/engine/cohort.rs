//! Subscribers of one topic on one shard who want the same and have got the same: what waits for them waits once, and is
//! put together once. A member is a socket to write to and nothing else.

use std::sync::Arc;

use nexus_protocol::Offset;
use tokio::time::Instant;

use crate::conflate::Pending;
use crate::encoded::Publication;
use crate::engine::batch::Said;
use crate::filters::Predicate;
use crate::outbox::{Clock, Idle, Outbox, Policy, Reached};

/// Subscribers who want the same and have got the same.
#[derive(Debug)]
pub(super) struct Cohort {
    policy: Policy,
    filter: Option<Arc<Predicate>>,
    /// How far its members got.
    pub(super) clock: Arc<Clock>,
    pub(super) members: Vec<Member>,
    waiting: Waiting,
    /// The next push of a throttled cohort goes no earlier than this.
    not_before: Option<Instant>,
    /// It is to be looked at when the throttle is over.
    pub(super) is_held: bool,
}

/// A member of a cohort.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// The place of its connection.
    pub(super) slot: u32,
    /// The number of its seat.
    pub(super) seat: u32,
}

/// What the members are to be told.
#[derive(Debug)]
enum Waiting {
    /// All of it, in order.
    Every(Vec<Said>),
    /// News of the source at once, publications when the throttle lets them.
    Latest(Vec<Said>, Pending),
}

/// A publication did not fit: what stands now is the better thing to send to each member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overfull;

/// What a cohort has to say now.
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Nothing before this moment.
    Later(Instant),
    /// This, and how many publications will not be sent because it stands for them.
    Now(Vec<Said>, u64),
}

impl Cohort {
    /// A cohort of those who are like an idle lane, which is its first member.
    pub(super) fn of(idle: Idle) -> Self {
        let waiting = match &idle.policy {
            Policy::Every => Waiting::Every(Vec::new()),
            Policy::Latest { .. } => Waiting::Latest(Vec::new(), idle.policy.pending()),
        };
        Cohort {
            policy: idle.policy,
            filter: idle.filter,
            clock: Arc::new(Clock::at(idle.newest)),
            members: Vec::new(),
            waiting,
            not_before: idle.not_before,
            is_held: false,
        }
    }

    /// Where a member is that steps out.
    pub(super) fn reached(&self) -> Reached {
        Reached {
            offset: self.clock.offset(),
            not_before: self.not_before,
        }
    }

    /// Whether a lane wants what the members want.
    pub(super) fn is_like(&self, idle: &Idle) -> bool {
        let same_filter = match (&self.filter, &idle.filter) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs) || ours == theirs,
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_filter && self.policy == idle.policy
    }

    /// Whether a lane that is like the members has got what they have got, as soon as it gets what waits on it. That may be
    /// sooner after its last push than its throttle says, once: from here on it gets everything when they do.
    pub(super) fn is_in_step(&self, idle: &Idle) -> bool {
        let is_quiet = match &self.waiting {
            Waiting::Every(said) => said.is_empty(),
            Waiting::Latest(said, pending) => said.is_empty() && pending.is_empty(),
        };
        is_quiet && self.clock.offset() == idle.newest
    }

    /// Takes a publication, if the members select it.
    pub(super) fn push(&mut self, publication: &Arc<Publication>) -> Result<(), Overfull> {
        if !Outbox::passes(self.filter.as_ref(), publication) {
            return Ok(());
        }
        match &mut self.waiting {
            Waiting::Every(said) => said.push(Said::Publication(Arc::clone(publication))),
            Waiting::Latest(_, pending) => pending.push(publication).map_err(|_| Overfull)?,
        }
        Ok(())
    }

    /// Takes news of the source.
    pub(super) fn push_status(&mut self, said: Said) {
        match &mut self.waiting {
            Waiting::Every(waiting) | Waiting::Latest(waiting, _) => waiting.push(said),
        }
    }

    /// Whether the members get only what is newest.
    pub(super) fn is_latest(&self) -> bool {
        matches!(self.waiting, Waiting::Latest(..))
    }

    /// Whether it has something to say now.
    pub(super) fn has_due(&self, now: Instant) -> bool {
        match &self.waiting {
            Waiting::Every(said) => !said.is_empty(),
            Waiting::Latest(said, pending) => {
                let may = self.not_before.is_none_or(|until| until <= now);
                !said.is_empty() || (may && !pending.is_empty())
            }
        }
    }

    /// News of the source that it has to say now, of those who get what is newest only.
    pub(super) fn take_news(&mut self) -> Vec<Said> {
        match &mut self.waiting {
            Waiting::Every(_) => Vec::new(),
            Waiting::Latest(said, _) => std::mem::take(said),
        }
    }

    /// What it has to say now; of what is newest only, as much as the throttle allows.
    pub(super) fn take_due(&mut self, now: Instant) -> Due {
        match &mut self.waiting {
            Waiting::Every(said) if said.is_empty() => Due::Nothing,
            Waiting::Every(said) => Due::Now(std::mem::take(said), 0),
            Waiting::Latest(_, pending) if pending.is_empty() => Due::Nothing,
            Waiting::Latest(_, pending) => {
                if let Some(until) = self.not_before.filter(|until| *until > now) {
                    return Due::Later(until);
                }
                self.not_before = self.policy.throttle().map(|throttle| now + throttle);
                let pending = pending.take();
                let replaced = pending.replaced();
                let pushes = pending.into_pushes().into_iter();
                Due::Now(pushes.map(Said::Publication).collect(), replaced)
            }
        }
    }

    /// What was said is let go of. A little of its memory is used again; an idle cohort holds no more than that.
    pub(super) fn give_back(&mut self, mut spent: Vec<Said>) {
        if let Waiting::Every(said) = &mut self.waiting
            && said.is_empty()
            && spent.capacity() <= 4
        {
            spent.clear();
            *said = spent;
        }
    }

    /// Everything up to here was said, or not selected.
    pub(super) fn note(&mut self, newest: Offset) {
        let is_said = match &self.waiting {
            Waiting::Every(said) => said.is_empty(),
            Waiting::Latest(_, pending) => pending.is_empty(),
        };
        if is_said {
            self.clock.set(newest);
        }
    }

    /// What waits for one member who steps out of a cohort of the newest only.
    pub(super) fn pending(&self) -> Option<&Pending> {
        match &self.waiting {
            Waiting::Every(_) => None,
            Waiting::Latest(_, pending) => Some(pending),
        }
    }

    /// What waits for one member who steps out of a cohort of every publication.
    pub(super) fn said(&self) -> &[Said] {
        match &self.waiting {
            Waiting::Every(said) | Waiting::Latest(said, _) => said,
        }
    }
}
