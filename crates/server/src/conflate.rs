//! What waits on a `latest` subscription: publications until the link takes them, then as few pushes as stand for all.
//!
//! By the subscription's own field, or by the key that the topic has, the newest of each key waits and goes out as it is.
//! Parts are merged by key into one push, a later part replacing an earlier one. Of all else the newest alone waits. Nothing
//! is lost but what is replaced by something newer of its key, and each push says how many it stands for.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nexus_protocol::Offset;

use crate::content::{Frame, PartKey};
use crate::encoded::Publication;
use crate::filters::{FieldPath, Scalar};

/// So many publications are kept by reference; then they are merged, so that what is kept has a bound.
const UNMERGED: usize = 32;

/// What a waiting key counts beyond its frame and itself.
const KEY_BYTES: usize = 128;

/// More keys wait than are sent at once; they are then read from the broker, piece by piece.
pub const MOST_KEYS: usize = 1_000;

/// The same of more bytes by key: what waits for many at once is in nobody's outbox.
const MOST_BYTES: usize = 1 << 20;

/// Publications of one topic that wait to become as few pushes as stand for all.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// The field of the payload that is the key; the topic's own keys or parts if absent.
    by: Option<FieldPath>,
    /// What was merged already, older than all of `newer`.
    merged: BTreeMap<PartKey, Arc<str>>,
    /// Not merged yet, oldest first. If the topic has neither parts nor keys, at most one.
    newer: Vec<Arc<Publication>>,
    /// What waits by key; boxed, so that lanes of other topics stay small.
    keyed: Option<Box<ByKey>>,
    /// What `merged` and `newer` count.
    bytes: usize,
    /// How many publications this stands for.
    count: u64,
}

/// The newest publication of each key, and where it is.
#[derive(Clone, Debug, Default)]
struct ByKey {
    newest: BTreeMap<Offset, Waiting>,
    /// Where the newest of each key of the topic's own is.
    own: HashMap<Arc<str>, Offset>,
    /// Where the newest of each value of the field is.
    values: HashMap<Scalar, Offset>,
    bytes: usize,
}

/// The newest publication of a key.
#[derive(Clone, Debug)]
struct Waiting {
    publication: Arc<Publication>,
    /// How many between it and the one that waits before it were replaced.
    replaced: u64,
    /// What it counts.
    bytes: usize,
}

/// What is known now is the better thing to send: more keys wait than it has, or what waits does not replace what waited
/// before. By a field of the subscription's own, the history is the better thing to send: more waits than may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotIsBetter;

impl Pending {
    /// Nothing, to be kept by a field of the payload, or by what the topic has if absent.
    pub fn by(field: Option<&FieldPath>) -> Self {
        Pending {
            by: field.cloned(),
            ..Pending::default()
        }
    }

    /// Takes a newer publication in.
    ///
    /// # Errors
    /// If a snapshot is better. By a field of the subscription's own, what waits is still whole, this publication included;
    /// otherwise it is of no use any more.
    pub fn push(&mut self, publication: &Arc<Publication>) -> Result<(), SnapshotIsBetter> {
        self.count += 1;
        if let Some(field) = &self.by {
            let keyed = self.keyed.get_or_insert_default();
            return publication.with_fields(|fields| keyed.push_value(publication, fields.value(field)));
        }
        if publication.key.is_some() {
            return self.keyed.get_or_insert_default().push_own(publication);
        }
        let Some(parts) = &publication.parts else {
            self.newer.clear();
            self.newer.push(Arc::clone(publication));
            self.bytes = publication.frame.len();
            return Ok(());
        };
        self.bytes += publication.frame.len();
        self.newer.push(Arc::clone(publication));
        if self.newer.len() > UNMERGED {
            self.merge();
            if self.merged.len() > parts.frame.keep {
                return Err(SnapshotIsBetter);
            }
            self.bytes = self.merged.values().map(|text| text.len() + 64).sum();
        }
        Ok(())
    }

    /// Hands over all that waits. What comes from here on is kept by the same field.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Pending::by(self.by.as_ref());
        std::mem::replace(self, empty)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What counts against the bound of the outbox.
    pub fn bytes(&self) -> usize {
        self.bytes + self.keyed.as_ref().map_or(0, |keyed| keyed.bytes)
    }

    /// How many publications this stands for.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many publications will not be sent, because what is sent stands for them.
    pub fn replaced(&self) -> u64 {
        let keys = self.keyed.as_ref().map_or(0, |keyed| keyed.newest.len()) as u64;
        let one = u64::from(!self.newer.is_empty());
        self.count.saturating_sub(keys + one)
    }

    /// The offset of the newest publication.
    pub fn offset(&self) -> Offset {
        self.newest().map_or(Offset::ZERO, |newest| newest.offset)
    }

    /// The newest publication.
    pub fn newest(&self) -> Option<&Arc<Publication>> {
        let by_key = self
            .keyed
            .as_ref()
            .and_then(|keyed| keyed.newest.values().next_back())
            .map(|waiting| &waiting.publication);
        by_key
            .into_iter()
            .chain(self.newer.last())
            .max_by_key(|newest| newest.offset)
    }

    /// What is to be sent, in the order of offsets: the newest of each key, or one for all. What stands for itself alone is
    /// the publication that everyone shares; each other one says how many it stands for.
    pub fn into_pushes(mut self) -> Vec<Arc<Publication>> {
        let replaced = self.replaced();
        let keyed = self.keyed.take().unwrap_or_default();
        let mut pushes: Vec<_> = keyed.newest.into_values().map(Waiting::into_push).collect();
        let Some(newest) = self.newer.last().cloned() else {
            return pushes;
        };
        if self.count == 1 {
            pushes.push(newest);
            return pushes;
        }
        let by_parts = newest.parts.as_ref().map(|parts| {
            let frame: &Frame = &parts.frame;
            self.merge();
            frame.render(self.merged.values().map(|text| &**text))
        });
        // A topic has keys, or it has none: all that was replaced, this one stands for.
        pushes.push(Arc::new(newest.in_place_of(replaced, by_parts.as_deref())));
        pushes
    }

    /// Merges all into one map; the newest publication stays as well, for its offset and time.
    fn merge(&mut self) {
        for publication in &self.newer {
            for part in publication.parts.iter().flat_map(|parts| &parts.parts) {
                self.merged.insert(part.key.clone(), Arc::clone(&part.text));
            }
        }
        self.newer.drain(..self.newer.len().saturating_sub(1));
    }
}

impl ByKey {
    /// By the key that the topic has.
    fn push_own(&mut self, publication: &Arc<Publication>) -> Result<(), SnapshotIsBetter> {
        let Some(mark) = &publication.key else {
            return Ok(());
        };
        let before = self.own.insert(Arc::clone(&mark.key), publication.offset);
        self.insert(publication, mark.key.len());
        if before.is_some_and(|before| self.replace(before)) && mark.adds_up {
            return Err(SnapshotIsBetter);
        }
        self.is_bounded()
    }

    /// By a value of the payload. What cannot be compared replaces nothing, nor what only adds up with others.
    fn push_value(&mut self, publication: &Arc<Publication>, value: &Scalar) -> Result<(), SnapshotIsBetter> {
        let is_alone = *value == Scalar::Other || publication.key.as_ref().is_some_and(|mark| mark.adds_up);
        if is_alone {
            self.insert(publication, 0);
        } else if let Some(place) = self.values.get_mut(value) {
            let before = std::mem::replace(place, publication.offset);
            self.insert(publication, value.text_len());
            self.replace(before);
        } else {
            self.values.insert(value.clone(), publication.offset);
            self.insert(publication, value.text_len());
        }
        self.is_bounded()
    }

    fn insert(&mut self, publication: &Arc<Publication>, key_len: usize) {
        let bytes = publication.frame.len() + KEY_BYTES + key_len;
        self.bytes += bytes;
        let waiting = Waiting {
            publication: Arc::clone(publication),
            replaced: 0,
            bytes,
        };
        self.newest.insert(publication.offset, waiting);
    }

    /// Lets go of a publication for which a newer one stands; whichever comes next says so. Says whether it was there.
    fn replace(&mut self, offset: Offset) -> bool {
        let Some(replaced) = self.newest.remove(&offset) else {
            return false;
        };
        self.bytes -= replaced.bytes;
        if let Some((_, next)) = self.newest.range_mut(offset..).next() {
            next.replaced += replaced.replaced + 1;
        }
        true
    }

    fn is_bounded(&self) -> Result<(), SnapshotIsBetter> {
        if self.newest.len() > MOST_KEYS || self.bytes > MOST_BYTES && self.newest.len() > 1 {
            return Err(SnapshotIsBetter);
        }
        Ok(())
    }
}

impl Waiting {
    fn into_push(self) -> Arc<Publication> {
        match self.replaced {
            0 => self.publication,
            replaced => Arc::new(self.publication.in_place_of(replaced, None)),
        }
    }
}
