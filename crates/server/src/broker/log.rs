//! One topic of the embedded broker: its order, its history, what is known of it now, and how its source is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use nexus_protocol::{ChannelStatus, Epoch, Mode, Offset, Position, Timestamp, Topic};

use crate::broker::{Begin, First, Joined, Page, PageOf, Piece, Snapshot};
use crate::content::{Content, Draft, Frame, PartKey, Parts};
use crate::encoded::{Publication, TopicHead};
use crate::history::{Keep, Ring};

/// One topic of the embedded broker.
#[derive(Debug)]
pub(super) struct Log {
    head: Arc<TopicHead>,
    epoch: Epoch,
    ring: Ring,
    /// All parts that there are, where the topic is published by parts.
    whole: Option<Whole>,
    status: Option<Arc<ChannelStatus>>,
    last_used: Instant,
    /// It is in the map of topics no more; whoever still holds it looks up the topic again.
    is_gone: bool,
}

#[derive(Debug)]
struct Whole {
    frame: Arc<Frame>,
    parts: BTreeMap<PartKey, Arc<str>>,
    time: Timestamp,
}

impl Log {
    pub(super) fn new(topic: &Topic, epoch: Epoch, now: Instant) -> Self {
        Log {
            head: Arc::new(TopicHead::of(topic)),
            epoch,
            ring: Ring::default(),
            whole: None,
            status: None,
            last_used: now,
            is_gone: false,
        }
    }

    /// Gives a publication its offset and keeps it.
    pub(super) fn append(&mut self, draft: Draft, time: Timestamp, keep: Keep) -> Arc<Publication> {
        if let Content::Parts(parts) = &draft.content {
            self.keep_parts(parts, time);
        }
        let publication = Arc::new(Publication::new(&self.head, self.ring.last().next(), time, draft));
        self.ring.push(Arc::clone(&publication), keep);
        publication
    }

    /// Notes how the source is; gives back what is to be announced, if it is news.
    pub(super) fn set_status(&mut self, status: ChannelStatus) -> Option<Arc<ChannelStatus>> {
        if self.status.as_deref() == Some(&status) {
            return None;
        }
        let status = Arc::new(status);
        if status.state != nexus_protocol::FeedState::Gap {
            self.status = Some(Arc::clone(&status));
        }
        Some(status)
    }

    pub(super) fn forget(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.ring.clear();
        self.whole = None;
    }

    pub(super) fn join(&self, begin: Begin, replay: usize) -> Joined {
        let last = self.ring.last();
        let standing = |offset: Offset, first, recovered| Joined {
            position: Position {
                epoch: self.epoch.clone(),
                offset,
            },
            first,
            recovered,
            status: self.status.clone(),
        };
        let after =
            |offset: Offset, recovered| standing(offset, (offset < last).then_some(First::Missed), recovered);
        let fresh = |recovered| match self.head.topic.default_mode() {
            Mode::Latest => standing(
                last,
                (!self.ring.is_empty()).then_some(First::Snapshot),
                recovered,
            ),
            Mode::Every => after(self.ring.before_last(replay).unwrap_or(last), recovered),
        };
        match begin {
            Begin::Fresh => fresh(None),
            Begin::Live => standing(last, None, None),
            Begin::Continue(offset) => after(offset.min(last), None),
            Begin::Since(time) => after(self.ring.before_time(time).unwrap_or(last), None),
            Begin::Recover(position) if self.can_recover(&position) => after(position.offset, Some(true)),
            Begin::Recover(_) => fresh(Some(false)),
        }
    }

    fn can_recover(&self, position: &Position) -> bool {
        position.epoch == self.epoch
            && position.offset <= self.ring.last()
            && self.ring.reaches_back_to(position.offset)
    }

    pub(super) fn after(&self, offset: Offset, bytes: usize) -> Piece {
        let mut left = bytes;
        let publications: Vec<_> = self
            .ring
            .after(offset)
            .take_while(|publication| {
                let has_room = left > 0;
                left = left.saturating_sub(publication.frame.len());
                has_room
            })
            .cloned()
            .collect();
        let missed = self.ring.oldest().0.saturating_sub(offset.next().0);
        let reaches = publications
            .last()
            .map_or(self.ring.last().max(offset), |last| last.offset);
        Piece {
            missed,
            publications,
            reaches,
            last: self.ring.last(),
            status: self.status.clone(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let frame = self.ring.newest().map(|newest| match &self.whole {
            None => newest.snapshot_frame(),
            Some(whole) => {
                let payload = whole.frame.render(whole.parts.values().map(|text| &**text));
                self.head.frame(newest.offset, whole.time, true, None, &payload)
            }
        });
        Snapshot {
            offset: self.ring.last(),
            frame,
        }
    }

    pub(super) fn page(&self, of: PageOf) -> Page {
        let wanted =
            |publication: &&Arc<Publication>| of.before.is_none_or(|before| publication.time < before);
        let mut publications: Vec<Arc<Publication>> = if of.reverse {
            let newest_first = self.ring.after(of.after).rev().filter(wanted);
            newest_first.take(of.limit + 1).cloned().collect()
        } else {
            let oldest_first = self.ring.after(of.after).filter(wanted);
            oldest_first.take(of.limit + 1).cloned().collect()
        };
        let more = publications.len() > of.limit;
        publications.truncate(of.limit);
        Page {
            position: Position {
                epoch: self.epoch.clone(),
                offset: self.ring.last(),
            },
            publications,
            more,
        }
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    pub(super) fn touch(&mut self, now: Instant) {
        self.last_used = now;
    }

    pub(super) fn last_used(&self) -> Instant {
        self.last_used
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) fn leave_map(&mut self) {
        self.is_gone = true;
    }

    fn keep_parts(&mut self, parts: &Parts, time: Timestamp) {
        let whole = self.whole.get_or_insert_with(|| Whole {
            frame: Arc::clone(&parts.frame),
            parts: BTreeMap::new(),
            time,
        });
        whole.time = time;
        whole.frame = Arc::clone(&parts.frame);
        for part in &parts.parts {
            whole.parts.insert(part.key.clone(), Arc::clone(&part.text));
        }
        while whole.parts.len() > whole.frame.keep {
            whole.parts.pop_first();
        }
    }
}
