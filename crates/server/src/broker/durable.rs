//! What ties a topic's log to the store: what was written of it, and what is to be removed again.

use std::sync::Arc;

use nexus_protocol::{Epoch, Offset};
use tokio::sync::oneshot;

use crate::broker::keys::Keys;
use crate::broker::store::{Change, FoundTopic, PastEpoch, Record, Store, TopicId, TopicRecord};
use crate::content::Content;
use crate::encoded::{Publication, TopicHead};
use crate::history::Ring;

/// So many orders that ended are remembered.
const MOST_PAST: usize = 16;

/// What ties a topic's log to the store.
#[derive(Debug)]
pub(super) struct Durable {
    store: Store,
    id: TopicId,
    /// What ring or keys let go of, and perhaps the other still holds.
    let_go: Vec<Arc<Publication>>,
}

impl Durable {
    pub(super) fn new(store: Store, id: TopicId) -> Self {
        Durable {
            store,
            id,
            let_go: Vec::new(),
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Notes that ring or keys let go of a publication.
    pub(super) fn let_go(&mut self, publication: Arc<Publication>) {
        self.let_go.push(publication);
    }

    /// Whether something was let go of that was not handed over yet.
    pub(super) fn has_let_go(&self) -> bool {
        !self.let_go.is_empty()
    }

    /// Hands over a publication to be written; gives back what says when it is.
    pub(super) fn write(
        &mut self,
        publication: &Publication,
        stands: Option<&str>,
        ring: &Ring,
        keys: &Keys,
    ) -> oneshot::Receiver<()> {
        let mut change = self.removals(ring, keys);
        change.put(self.id, publication, ring.oldest(), stands);
        let written = change.when_done();
        self.store.hand_over(change);
        written
    }

    /// Hands over what was let go of, and the topic as it then is.
    pub(super) fn write_removals(&mut self, topic: &TopicRecord, ring: &Ring, keys: &Keys) {
        let mut change = self.removals(ring, keys);
        change.put_topic(self.id, topic);
        self.store.hand_over(change);
    }

    /// Hands over the topic.
    pub(super) fn write_topic(&self, topic: &TopicRecord) {
        let mut change = Change::default();
        change.put_topic(self.id, topic);
        self.store.hand_over(change);
    }

    /// Has the store forget the topic.
    pub(super) fn forget(&mut self) {
        self.let_go.clear();
        let mut change = Change::default();
        change.forget(self.id);
        self.store.hand_over(change);
    }

    /// Has the store remove what is not believed.
    pub(super) fn discard(&self, offsets: &[Offset]) {
        let mut change = Change::default();
        for offset in offsets {
            change.remove(self.id, *offset);
        }
        self.store.hand_over(change);
    }

    /// The removal of what is neither in the ring nor kept for its key.
    fn removals(&mut self, ring: &Ring, keys: &Keys) -> Change {
        let mut change = Change::default();
        let oldest = ring.oldest();
        for publication in self.let_go.drain(..) {
            if publication.offset < oldest && !keys.holds(&publication) {
                change.remove(self.id, publication.offset);
            }
            if let Some(mark) = publication.key.as_ref().filter(|mark| mark.adds_up)
                && keys.of(&mark.key).next().is_none()
            {
                change.remove_key(self.id, &mark.key);
            }
        }
        change
    }
}

/// What a log begins with that was found in the store.
pub(super) struct Past {
    /// The publications that are there for their keys alone, oldest first, each with what stands for its key.
    pub(super) for_keys: Vec<(Arc<Publication>, Option<Arc<str>>)>,
    /// The history.
    pub(super) history: Vec<(Arc<Publication>, Option<Arc<str>>)>,
    pub(super) last: Offset,
    /// How many records are broken or missing.
    pub(super) lost: u64,
}

impl Past {
    /// Makes publications of what was found.
    pub(super) fn of(head: &Arc<TopicHead>, found: &mut FoundTopic) -> Self {
        let stands = std::mem::take(&mut found.stands);
        let mut stands: std::collections::HashMap<_, _> = stands
            .into_iter()
            .map(|(key, offset, text)| (key, (offset, text)))
            .collect();
        let mut publication = |mut record: Record| {
            let mut found = None;
            if let Content::Keyed(keyed) = &mut record.draft.content
                && record.adds_up
            {
                let fits = stands
                    .get(&*keyed.key)
                    .is_some_and(|(offset, _)| *offset == record.offset);
                found = fits
                    .then(|| stands.remove(&*keyed.key))
                    .flatten()
                    .map(|(_, text)| text);
                // Only whether there is something counts here.
                keyed.stands = Some(Arc::default());
            }
            let publication = Publication::new(head, record.offset, record.time, record.draft);
            (Arc::new(publication), found)
        };
        let believed = &mut found.believed;
        let for_keys = std::mem::take(&mut believed.for_keys);
        let history = std::mem::take(&mut believed.history);
        Past {
            for_keys: for_keys.into_iter().map(&mut publication).collect(),
            history: history.into_iter().map(&mut publication).collect(),
            last: believed.last,
            lost: believed.lost,
        }
    }
}

/// The orders that ended, when one more ends at `end`: nothing behind that is common to any of them.
pub(super) fn past_epochs(mut past: Vec<PastEpoch>, epoch: Epoch, end: Offset) -> Vec<PastEpoch> {
    past.push(PastEpoch { epoch, end });
    for earlier in &mut past {
        earlier.end = earlier.end.min(end);
    }
    let too_many = past.len().saturating_sub(MOST_PAST);
    past.drain(..too_many);
    past
}
