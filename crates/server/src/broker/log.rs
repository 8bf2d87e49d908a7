//! One topic of the embedded broker: its order, its history, what is known of it now, and how its source is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use nexus_protocol::{ChannelStatus, Epoch, Mode, Offset, Position, Timestamp};
use tokio::sync::oneshot;

use crate::broker::durable::{Durable, Past, past_epochs};
use crate::broker::keys::{Keys, Standing};
use crate::broker::known::Known;
use crate::broker::rules::Rules;
use crate::broker::store::{FoundTopic, PastEpoch, Store, TopicRecord};
use crate::broker::{Begin, First, Joined, Page, PageOf, Piece};
use crate::content::{Content, Draft, Frame, PartKey, Parts};
use crate::encoded::{Publication, TopicHead};
use crate::filters::Predicate;
use crate::history::{Keep, Ring, previous};
use crate::hub::Listeners;

/// One topic of the embedded broker.
#[derive(Debug)]
pub(super) struct Log {
    head: Arc<TopicHead>,
    rules: Rules,
    epoch: Epoch,
    /// Orders that this one goes on from.
    past: Vec<PastEpoch>,
    ring: Ring,
    /// What stands for each key, where the topic is published by keys.
    keys: Keys,
    /// All parts that there are, where the topic is published by parts.
    whole: Option<Whole>,
    /// What ties it to the store, where it survives a restart.
    durable: Option<Durable>,
    status: Option<Arc<ChannelStatus>>,
    /// Who listens, if that was found.
    pub(super) listeners: Listeners,
    last_used: Instant,
    /// It is in the map of topics no more; whoever still holds it looks up the topic again.
    is_gone: bool,
}

/// What a frame has beside its payload, roughly.
const FRAME_BYTES: usize = 128;

/// So many keys are taken under the topic's lock at once.
const MOST_AT_ONCE: usize = 1_000;

#[derive(Debug)]
struct Whole {
    frame: Arc<Frame>,
    parts: BTreeMap<PartKey, Arc<str>>,
    /// Those of `parts` for which nothing more comes.
    finals: BTreeSet<PartKey>,
    time: Timestamp,
}

impl Log {
    pub(super) fn new(
        head: TopicHead,
        rules: Rules,
        epoch: Epoch,
        durable: Option<Durable>,
        now: Instant,
    ) -> Self {
        let log = Log {
            head: Arc::new(head),
            rules,
            epoch,
            past: Vec::new(),
            ring: Ring::default(),
            keys: Keys::default(),
            whole: None,
            durable,
            status: None,
            listeners: Listeners::default(),
            last_used: now,
            is_gone: false,
        };
        log.write_topic();
        log
    }

    /// A log that goes on from what was found in the store. Its order is a new one if anything is amiss; says how much is.
    pub(super) fn restore(
        head: TopicHead,
        rules: Rules,
        mut found: FoundTopic,
        was_closed: bool,
        mut durable: Durable,
        now: Instant,
    ) -> (Self, u64) {
        durable.discard(&found.believed.discarded);
        let head = Arc::new(head);
        let past = Past::of(&head, &mut found);
        let before_history = past
            .history
            .first()
            .map_or(past.last, |(first, _)| previous(first.offset));
        let mut ring = Ring::beginning_behind(before_history);
        let mut keys = Keys::default();
        for (publication, stands) in past.for_keys {
            keys.insert(&publication, stands, rules.keys, |old| durable.let_go(old));
        }
        for (publication, stands) in past.history {
            ring.push(Arc::clone(&publication), rules.keep, |old| durable.let_go(old));
            keys.insert(&publication, stands, rules.keys, |old| durable.let_go(old));
        }
        let is_half = |standing: &Standing| {
            let adds_up = standing.newest.key.as_ref().is_some_and(|mark| mark.adds_up);
            adds_up && standing.stands.is_none()
        };
        let halves = keys.standing(Offset::ZERO, past.last).filter(is_half).count();
        let lost = past.lost + halves as u64;
        let FoundTopic { topic: record, .. } = found;
        let (epoch, past_epochs) = if was_closed && lost == 0 {
            (record.epoch, record.past)
        } else {
            let past_epochs = past_epochs(record.past, record.epoch, past.last);
            (crate::broker::new_epoch(), past_epochs)
        };
        let mut log = Log {
            head,
            rules,
            epoch,
            past: past_epochs,
            ring,
            keys,
            whole: None,
            durable: Some(durable),
            status: None,
            listeners: Listeners::default(),
            last_used: now,
            is_gone: false,
        };
        log.write_removals();
        log.write_topic();
        (log, lost)
    }

    /// Gives a publication its offset and keeps it. If it is to be written down as well, something says when it is.
    pub(super) fn append(
        &mut self,
        draft: Draft,
        time: Timestamp,
    ) -> (Arc<Publication>, Option<oneshot::Receiver<()>>) {
        if let Content::Parts(parts) = &draft.content {
            self.keep_parts(parts, time);
        }
        let stands = draft.content.stands().cloned();
        let publication = Arc::new(Publication::new(&self.head, self.ring.last().next(), time, draft));
        let durable = &mut self.durable;
        let mut let_go = |old| {
            if let Some(durable) = durable {
                durable.let_go(old);
            }
        };
        self.ring
            .push(Arc::clone(&publication), self.rules.keep, &mut let_go);
        if publication.key.is_some() {
            self.keys
                .insert(&publication, stands.clone(), self.rules.keys, &mut let_go);
        }
        let written = self
            .durable
            .as_mut()
            .map(|durable| durable.write(&publication, stands.as_deref(), &self.ring, &self.keys));
        (publication, written)
    }

    /// Lets go of what is older than the topic keeps.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let Some(age) = self.rules.age else {
            return;
        };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(age));
        self.reduce(|ring, keys, let_go| {
            ring.expire(before, &mut *let_go);
            keys.expire(before, let_go);
        });
    }

    /// Lets go of all that is not the newest, of the topic or of a key.
    pub(super) fn give_up_history(&mut self) {
        let newest = Keep {
            publications: 1,
            bytes: usize::MAX,
        };
        self.reduce(|ring, keys, let_go| {
            ring.shrink(newest, &mut *let_go);
            keys.drop_older(let_go);
        });
    }

    /// Lets go of everything. The order goes on, so that whoever was there sees no break; what is gone is gone for
    /// those who come back from before it.
    pub(super) fn forget(&mut self) {
        self.reduce(|ring, keys, let_go| {
            ring.clear().into_iter().for_each(&mut *let_go);
            keys.clear(let_go);
        });
        self.whole = None;
    }

    /// Lets go of some publications, in the store as well.
    fn reduce(&mut self, act: impl FnOnce(&mut Ring, &mut Keys, &mut dyn FnMut(Arc<Publication>))) {
        let durable = &mut self.durable;
        act(&mut self.ring, &mut self.keys, &mut |old| {
            if let Some(durable) = durable {
                durable.let_go(old);
            }
        });
        self.write_removals();
    }

    fn write_removals(&mut self) {
        if !self.durable.as_ref().is_some_and(Durable::has_let_go) {
            return;
        }
        let record = self.record();
        if let Some(durable) = &mut self.durable {
            durable.write_removals(&record, &self.ring, &self.keys);
        }
    }

    /// Has the store note how the topic is.
    pub(super) fn write_topic(&self) {
        if let Some(durable) = &self.durable {
            durable.write_topic(&self.record());
        }
    }

    fn record(&self) -> TopicRecord {
        TopicRecord {
            channel: self.head.topic.channel_name(),
            epoch: self.epoch.clone(),
            past: self.past.clone(),
            last: self.ring.last(),
            gone: previous(self.ring.oldest()),
        }
    }

    /// The store that what is published goes into.
    pub(super) fn store(&self) -> Option<&Store> {
        self.durable.as_ref().map(Durable::store)
    }

    /// Whether there is nothing in it.
    pub(super) fn is_blank(&self) -> bool {
        self.ring.is_empty() && self.keys.is_empty()
    }

    /// Roughly what it holds in memory.
    pub(super) fn bytes(&self) -> usize {
        self.ring.bytes() + self.keys.bytes()
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
        let fresh = |recovered| match self.rules.mode {
            _ if !self.keys.is_empty() || self.whole.is_some() => {
                standing(last, Some(First::Snapshot), recovered)
            }
            Mode::Latest => standing(
                last,
                (!self.ring.is_empty()).then_some(First::Snapshot),
                recovered,
            ),
            Mode::Every => after(self.ring.before_last(replay).unwrap_or(last), recovered),
        };
        match begin {
            Begin::Fresh => fresh(None),
            Begin::History if !self.keys.is_empty() => fresh(None),
            Begin::History => after(previous(self.ring.oldest()), None),
            Begin::Live => standing(last, None, None),
            Begin::Select(_) if !self.keys.is_empty() => standing(last, Some(First::Snapshot), None),
            Begin::Continue(offset) | Begin::Select(offset) => after(offset.min(last), None),
            Begin::Since(time) => after(self.ring.before_time(time).unwrap_or(last), None),
            Begin::Recover(position) if self.can_recover(&position) => after(position.offset, Some(true)),
            Begin::Recover(_) => fresh(Some(false)),
        }
    }

    fn can_recover(&self, position: &Position) -> bool {
        self.goes_on_from(position) && self.ring.reaches_back_to(position.offset)
    }

    /// Whether a position is one of this order, or of one that it goes on from.
    pub(super) fn goes_on_from(&self, position: &Position) -> bool {
        let end = if position.epoch == self.epoch {
            Some(self.ring.last())
        } else {
            let of = |past: &&PastEpoch| past.epoch == position.epoch;
            self.past.iter().find(of).map(|past| past.end)
        };
        end.is_some_and(|end| position.offset <= end)
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
            by_key: !self.keys.is_empty(),
            status: self.status.clone(),
        }
    }

    /// What is known now that lies behind `after`; of keys, those whose newest publication does, and not behind `until`, up
    /// to about so many bytes.
    pub(super) fn known(&self, after: Offset, until: Offset, bytes: usize) -> Known {
        if !self.keys.is_empty() {
            let mut left = bytes;
            let mut some = Vec::new();
            for standing in self.keys.standing(after, until) {
                if left == 0 || some.len() >= MOST_AT_ONCE {
                    let reaches = some.last().map_or(until, |last: &Standing| last.newest.offset);
                    return Known::Keys(some, reaches);
                }
                left = left.saturating_sub(standing.text().len() + FRAME_BYTES);
                some.push(standing);
            }
            return Known::Keys(some, until);
        }
        match (self.ring.newest(), &self.whole) {
            (None, _) => Known::Nothing,
            (Some(newest), _) if newest.offset <= after => Known::Nothing,
            (Some(newest), None) => Known::Whole(Arc::clone(newest)),
            (Some(newest), Some(whole)) => {
                let payload = whole.frame.render(whole.parts.values().map(|text| &**text));
                Known::Parts(newest.offset, whole.time, payload)
            }
        }
    }

    /// What stands for each key, oldest first.
    pub(super) fn standing(&self) -> impl Iterator<Item = Standing> {
        self.keys.standing(Offset::ZERO, self.ring.last())
    }

    pub(super) fn page(&self, of: PageOf) -> Page {
        let wanted = |publication: &&Arc<Publication>| of.wants(publication);
        let between = self.ring.between(of.after, of.until);
        if of.reverse {
            Page::cut(self.position(), between.rev().filter(wanted).cloned(), of.limit)
        } else {
            Page::cut(self.position(), between.filter(wanted).cloned(), of.limit)
        }
    }

    /// Everything that a page which is filtered may be made of, in the order asked for. Where the filter names keys, what
    /// is kept of these reaches back further than the history.
    pub(super) fn pageable(&self, of: PageOf, filter: &Predicate) -> (Position, Vec<Arc<Publication>>) {
        let oldest = self.ring.oldest();
        let keys = self.rules.key_field.and_then(|field| filter.texts_of(field));
        let older = keys.into_iter().flatten().flat_map(|key| self.keys.of(key));
        let mut all: Vec<Arc<Publication>> = older
            .filter(|publication| publication.offset < oldest && publication.offset > of.after)
            .chain(self.ring.between(of.after, of.until))
            .filter(|publication| of.wants(publication))
            .cloned()
            .collect();
        all.sort_by_key(|publication| publication.offset);
        // A key may be named twice.
        all.dedup_by_key(|publication| publication.offset);
        if of.reverse {
            all.reverse();
        }
        (self.position(), all)
    }

    fn position(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            offset: self.ring.last(),
        }
    }

    pub(super) fn head(&self) -> &Arc<TopicHead> {
        &self.head
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    pub(super) fn last(&self) -> Offset {
        self.ring.last()
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

    /// Leaves the map of topics, and the store.
    pub(super) fn leave_map(&mut self) {
        self.is_gone = true;
        self.ring.clear();
        self.keys = Keys::default();
        if let Some(durable) = &mut self.durable {
            durable.forget();
        }
    }

    fn keep_parts(&mut self, parts: &Parts, time: Timestamp) {
        let whole = self.whole.get_or_insert_with(|| Whole {
            frame: Arc::clone(&parts.frame),
            parts: BTreeMap::new(),
            finals: BTreeSet::new(),
            time,
        });
        whole.time = time;
        whole.frame = Arc::clone(&parts.frame);
        for part in &parts.parts {
            whole.parts.insert(part.key.clone(), Arc::clone(&part.text));
            if part.is_final {
                whole.finals.insert(part.key.clone());
            } else {
                whole.finals.remove(&part.key);
            }
        }
        while whole.parts.len() > whole.frame.keep {
            match whole.finals.pop_first() {
                Some(key) => drop(whole.parts.remove(&key)),
                None => drop(whole.parts.pop_first()),
            }
        }
    }
}
