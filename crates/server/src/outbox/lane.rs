//! One subscription's part of an outbox: what waits on it, and whether it is live or behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nexus_protocol::{Admit, ChannelStatus, Offset, Position, Topic};
use tokio::time::Instant;

use crate::conflate::Pending;
use crate::encoded::Publication;
use crate::filters::Predicate;
use crate::outbox::notices::Notices;
use crate::outbox::{Behind, CatchUp, Caught, Clock, Closed, Idle, LaneId, Policy, Reached, Work};

/// One subscription's part of an outbox.
#[derive(Debug)]
pub(super) struct Lane {
    topic: Topic,
    policy: Policy,
    /// What the subscription selects; everything if absent.
    filter: Option<Arc<Predicate>>,
    stage: Stage,
    /// News of the source that no waiting publication stands before.
    notices: Notices,
    /// The newest publication that was handed out to be sent.
    sent: Offset,
    /// The newest publication that was offered; none before the lane was started.
    newest: Option<Position>,
    /// Whether the lane stands in the queue of turns.
    queued: bool,
    /// Whether the lane waits for its throttle.
    held: bool,
    /// The next push of a throttled lane goes no earlier than this.
    not_before: Option<Instant>,
    /// What the client knows of being behind.
    told: Told,
}

/// What becomes of an offered publication.
#[derive(Debug)]
enum Stage {
    /// It is only noted: the subscriber has its seat and has not read the broker yet. Its read will see it.
    Joining(Offset),
    /// It waits in order. Beside the queue, what it counts against the bound.
    Every(VecDeque<Waiting>, usize),
    /// It replaces or joins what waits.
    Latest(Pending),
    /// It is only noted: the catch-up that is to come will read it from the broker.
    Behind(CatchUp),
    /// It is only noted: a catch-up is under way, and another one follows if this one did not see it.
    CatchingUp,
    /// It is not offered at all: the lane gets what its cohort gets, as far as this clock says.
    InStep(Arc<Clock>),
}

/// What the client knows of being behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// There is nothing to know.
    Nothing,
    /// It is to be told with the catch-up.
    Due,
    /// It was told, and is to be told when it is over.
    Behind,
}

#[derive(Debug)]
enum Waiting {
    Publication(Arc<Publication>),
    Status(Arc<ChannelStatus>),
}

/// What became of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    /// The lane has something to do.
    HasWork,
    /// It was noted, or was a repeat.
    Noted,
}

/// What a lane does with its turn.
#[derive(Debug)]
pub(super) enum Turn {
    /// Nothing.
    Nothing,
    /// It has something to send, and no earlier than this.
    Held(Instant),
    /// This, and nothing more.
    Last(Work),
    /// This, and then perhaps more.
    More(Work),
}

/// What a waiting publication counts beyond its frame, and what a waiting status counts.
const ENTRY_BYTES: usize = 64;

impl Lane {
    /// A lane whose subscriber has its seat and has not read the broker yet.
    pub(super) fn joining(topic: Topic, policy: Policy, filter: Option<Arc<Predicate>>) -> Self {
        Lane {
            topic,
            policy,
            filter,
            stage: Stage::Joining(Offset::ZERO),
            notices: Notices::default(),
            sent: Offset::ZERO,
            newest: None,
            queued: false,
            held: false,
            not_before: None,
            told: Told::Nothing,
        }
    }

    /// The subscriber has read the broker, and stands at `position`.
    pub(super) fn start(&mut self, position: Position, by: Option<CatchUp>, seen: Option<&ChannelStatus>) {
        let Stage::Joining(noted) = self.stage else {
            return;
        };
        if self.notices.state.as_deref() == seen {
            self.notices.state = None;
        }
        let missed = (noted > position.offset).then_some(CatchUp::After(position.offset));
        self.stage = by.or(missed).map_or_else(|| self.live(), Stage::Behind);
        self.sent = position.offset;
        self.newest = Some(Position {
            offset: noted.max(position.offset),
            ..position
        });
    }

    /// Whether the subscriber has read the broker.
    pub(super) fn is_started(&self) -> bool {
        self.newest.is_some()
    }

    /// How far the lane got, and what it selected.
    pub(super) fn into_closed(self) -> Closed {
        Closed {
            sent: self.reached(),
            filter: self.filter,
        }
    }

    /// What waits.
    pub(super) fn bytes(&self) -> usize {
        match &self.stage {
            Stage::Every(_, bytes) => *bytes,
            Stage::Latest(pending) => pending.bytes(),
            Stage::Joining(_) | Stage::Behind(_) | Stage::CatchingUp | Stage::InStep(_) => 0,
        }
    }

    fn reached(&self) -> Offset {
        match &self.stage {
            Stage::InStep(clock) => clock.offset().max(self.sent),
            _ => self.sent,
        }
    }

    /// What a cohort has to know, if the lane is live and nothing waits on it.
    pub(super) fn idle(&self) -> Option<Idle> {
        let has_waiting = match &self.stage {
            Stage::Every(queue, _) if queue.is_empty() => false,
            Stage::Latest(pending) => !pending.is_empty(),
            Stage::Every(..)
            | Stage::Joining(_)
            | Stage::Behind(_)
            | Stage::CatchingUp
            | Stage::InStep(_) => return None,
        };
        let newest = self.newest.as_ref()?.offset;
        self.notices.is_empty().then(|| Idle {
            has_waiting,
            policy: self.policy.clone(),
            filter: self.filter.clone(),
            newest,
            not_before: self.not_before,
        })
    }

    pub(super) fn take_held_back(&mut self) -> Option<Pending> {
        let Stage::Latest(pending) = &mut self.stage else {
            return None;
        };
        let pending = pending.take();
        self.sent = self.sent.max(pending.offset());
        self.note_seen();
        Some(pending)
    }

    pub(super) fn step_in(&mut self, clock: &Arc<Clock>) {
        self.held = false;
        self.stage = Stage::InStep(Arc::clone(clock));
    }

    /// Steps out live, with nothing waiting.
    pub(super) fn step_out(&mut self, at: Reached) {
        if let Stage::InStep(_) = self.stage {
            self.sent = self.sent.max(at.offset);
            self.not_before = at.not_before;
            if let Some(newest) = &mut self.newest {
                newest.offset = self.sent;
            }
            self.stage = self.live();
        }
    }

    /// Steps out, and falls behind at once.
    pub(super) fn step_out_behind(&mut self, at: Reached, seen: Offset) {
        if let Stage::InStep(_) = self.stage {
            self.step_out(at);
            self.see(seen);
            let _ = self.fall_behind();
        }
    }

    /// Lets go of what waits, because something that was never offered may be missing.
    pub(super) fn lose(&mut self) {
        if let Stage::Every(..) | Stage::Latest(_) = self.stage {
            let _ = self.fall_behind();
        }
    }

    fn see(&mut self, seen: Offset) {
        if let Some(newest) = &mut self.newest {
            newest.offset = newest.offset.max(seen);
        }
    }

    /// Steps out with what its cohort has not sent yet.
    pub(super) fn step_out_with(&mut self, at: Reached, seen: Offset, waits: Pending) {
        if let Stage::InStep(_) = self.stage {
            self.step_out(at);
            self.see(seen);
            self.stage = Stage::Latest(waits);
        }
    }

    /// Takes a publication that must fit into `room` bytes.
    pub(super) fn offer(&mut self, publication: &Arc<Publication>, room: usize) -> Offered {
        let admitted = self.admit(publication.offset);
        let is_live = matches!(self.stage, Stage::Every(..) | Stage::Latest(_));
        if self.filter.is_some() && is_live && admitted == Admit::Fresh && self.is_not_selected(publication) {
            self.note_seen();
            return Offered::Noted;
        }
        match (&mut self.stage, admitted) {
            (Stage::Joining(_) | Stage::Behind(_) | Stage::CatchingUp | Stage::InStep(_), _)
            | (_, Admit::Repeat) => Offered::Noted,
            (Stage::Every(..) | Stage::Latest(_), Admit::Gap { .. }) => self.fall_behind(),
            (Stage::Every(queue, bytes), Admit::Fresh) => {
                let cost = publication.frame.len() + ENTRY_BYTES;
                if cost > room {
                    return self.fall_behind();
                }
                *bytes += cost;
                queue.push_back(Waiting::Publication(Arc::clone(publication)));
                Offered::HasWork
            }
            (Stage::Latest(pending), Admit::Fresh) => {
                let before = pending.bytes();
                if pending.push(publication).is_err() || pending.bytes().saturating_sub(before) > room {
                    return self.fall_behind();
                }
                if self.held {
                    Offered::Noted
                } else {
                    Offered::HasWork
                }
            }
        }
    }

    /// The order, and how far the lane got in it.
    pub(super) fn position(&self) -> Option<Position> {
        let newest = self.newest.as_ref()?;
        Some(Position {
            epoch: newest.epoch.clone(),
            offset: self.reached(),
        })
    }

    /// Takes news of the source.
    pub(super) fn offer_status(&mut self, status: &Arc<ChannelStatus>, room: usize) -> Offered {
        match &mut self.stage {
            Stage::Joining(_) | Stage::Behind(_) | Stage::CatchingUp | Stage::InStep(_) => {
                self.notices.note(status);
                Offered::Noted
            }
            Stage::Latest(_) => {
                self.notices.note(status);
                Offered::HasWork
            }
            Stage::Every(..) if room < ENTRY_BYTES => {
                let offered = self.fall_behind();
                self.notices.note(status);
                offered
            }
            Stage::Every(queue, bytes) => {
                *bytes += ENTRY_BYTES;
                queue.push_back(Waiting::Status(Arc::clone(status)));
                Offered::HasWork
            }
        }
    }

    /// Hands out the next thing to do.
    pub(super) fn take_turn(&mut self, id: LaneId, now: Instant) -> Turn {
        self.queued = false;
        if let Stage::Every(..) | Stage::Latest(_) = self.stage
            && let Some(status) = self.notices.take()
        {
            return Turn::More(Work::Status(self.topic.clone(), status));
        }
        match &mut self.stage {
            Stage::Joining(_) | Stage::CatchingUp | Stage::InStep(_) => Turn::Nothing,
            Stage::Every(queue, bytes) => {
                let work = match queue.pop_front() {
                    None => return Turn::Nothing,
                    Some(Waiting::Publication(publication)) => {
                        *bytes -= publication.frame.len() + ENTRY_BYTES;
                        self.sent = publication.offset;
                        Work::Publication(publication)
                    }
                    Some(Waiting::Status(status)) => {
                        *bytes -= ENTRY_BYTES;
                        Work::Status(self.topic.clone(), status)
                    }
                };
                if queue.is_empty() {
                    // An idle lane holds no memory.
                    *queue = VecDeque::new();
                    self.note_seen();
                    return Turn::Last(work);
                }
                Turn::More(work)
            }
            Stage::Latest(pending) if pending.is_empty() => Turn::Nothing,
            // The rest of a snapshot does not wait for the throttle: it is all one.
            Stage::Behind(by) if matches!(by, CatchUp::Snapshot { until: Some(_), .. }) => {
                let by = *by;
                Turn::Last(self.begin_to_catch_up(id, by))
            }
            Stage::Latest(_) | Stage::Behind(_) if self.held => Turn::Nothing,
            Stage::Latest(_) | Stage::Behind(_) if self.not_before.is_some_and(|until| until > now) => {
                self.held = true;
                Turn::Held(self.not_before.unwrap_or(now))
            }
            Stage::Latest(pending) => {
                let pending = pending.take();
                self.sent = pending.offset();
                self.note_seen();
                self.pace(now);
                Turn::Last(Work::Merged(pending))
            }
            Stage::Behind(by) => {
                let by = *by;
                self.pace(now);
                Turn::Last(self.begin_to_catch_up(id, by))
            }
        }
    }

    fn begin_to_catch_up(&mut self, id: LaneId, by: CatchUp) -> Work {
        let tell = self.told == Told::Due;
        if tell {
            self.told = Told::Behind;
        }
        self.stage = Stage::CatchingUp;
        Work::CatchUp(Behind {
            lane: id,
            topic: self.topic.clone(),
            by,
            latest: matches!(self.policy, Policy::Latest { .. }),
            key: self.policy.key().cloned(),
            tell,
            filter: self.filter.clone(),
        })
    }

    /// Some of what the lane is caught up by was sent. The rest does not wait for the throttle: it is all one.
    pub(super) fn goes_on(&mut self, by: CatchUp) {
        self.not_before = None;
        if let CatchUp::After(sent) = by {
            self.sent = sent;
        }
        self.stage = Stage::Behind(by);
    }

    /// Everything up to `position` was sent, at a time when the topic's last publication was `last`.
    pub(super) fn caught_up(&mut self, position: Offset, last: Offset) -> Caught {
        self.sent = position;
        if let Some(newest) = &mut self.newest {
            newest.offset = newest.offset.max(last);
            if newest.offset > position {
                self.stage = Stage::Behind(CatchUp::After(position));
                return Caught::Behind;
            }
        }
        self.stage = self.live();
        let told = std::mem::replace(&mut self.told, Told::Nothing) == Told::Behind;
        Caught::Live { told }
    }

    /// The throttle is over.
    pub(super) fn let_go(&mut self) {
        self.held = false;
    }

    /// Notes that the lane stands in the queue of turns; says whether it did not before.
    pub(super) fn queue_for_turn(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    fn is_not_selected(&self, publication: &Publication) -> bool {
        self.filter
            .as_ref()
            .is_some_and(|filter| !publication.passes(filter))
    }

    /// Where nothing waits, what was not selected counts as sent: a live lane has seen everything up to the newest.
    fn note_seen(&mut self) {
        let waits = match &self.stage {
            Stage::Every(queue, _) => !queue.is_empty(),
            Stage::Latest(pending) => !pending.is_empty(),
            Stage::Joining(_) | Stage::Behind(_) | Stage::CatchingUp | Stage::InStep(_) => true,
        };
        if let Some(newest) = self.newest.as_ref().filter(|_| self.filter.is_some() && !waits) {
            self.sent = newest.offset;
        }
    }

    fn admit(&mut self, offset: Offset) -> Admit {
        if let Stage::Joining(noted) = &mut self.stage {
            *noted = offset.max(*noted);
        }
        let Some(newest) = &mut self.newest else {
            return Admit::Fresh;
        };
        let admitted = newest.admit(offset);
        newest.offset = newest.offset.max(offset);
        admitted
    }

    fn live(&self) -> Stage {
        match self.policy {
            Policy::Every => Stage::Every(VecDeque::new(), 0),
            Policy::Latest { .. } => Stage::Latest(self.policy.pending()),
        }
    }

    /// Lets go of what waits. News of the source is kept.
    fn fall_behind(&mut self) -> Offered {
        let by = match self.policy {
            Policy::Every => {
                self.told = Told::Due;
                CatchUp::After(self.sent)
            }
            Policy::Latest { key: Some(_), .. } => CatchUp::After(self.sent),
            Policy::Latest { key: None, .. } => CatchUp::Snapshot {
                after: self.sent,
                until: None,
            },
        };
        if let Stage::Every(queue, _) = std::mem::replace(&mut self.stage, Stage::Behind(by)) {
            for waiting in queue {
                if let Waiting::Status(status) = waiting {
                    self.notices.note(&status);
                }
            }
        }
        if self.held {
            Offered::Noted
        } else {
            Offered::HasWork
        }
    }

    fn pace(&mut self, now: Instant) {
        self.not_before = match self.policy {
            Policy::Latest { throttle, .. } if throttle > Duration::ZERO => Some(now + throttle),
            Policy::Latest { .. } | Policy::Every => None,
        };
    }
}
