//! What waits on a `latest` subscription: publications until the link takes them, then one push that stands for all.
//!
//! Whole publications are replaced by the next one, keyed ones by the next one of their key; parts are merged by key, a
//! later part replacing an earlier one. Nothing is lost but what is replaced by something newer of its key.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use nexus_protocol::Offset;

use crate::content::{Frame, PartKey};
use crate::encoded::{KeyMark, Publication};

/// So many publications are kept by reference; then they are merged, so that what is kept has a bound.
const UNMERGED: usize = 32;

/// What a waiting key counts beyond its frame.
const KEY_BYTES: usize = 128;

/// Publications of one topic that wait to become one push.
#[derive(Debug, Default)]
pub struct Pending {
    /// What was merged already, older than all of `newer`.
    merged: BTreeMap<PartKey, Arc<str>>,
    /// Not merged yet, oldest first. If the topic has neither parts nor keys, at most one.
    newer: Vec<Arc<Publication>>,
    /// What waits of a topic with keys; boxed, so that lanes of other topics stay small.
    keyed: Option<Box<ByKey>>,
    /// What `merged` and `newer` count.
    bytes: usize,
    /// How many publications this stands for.
    count: u64,
}

/// The newest publication of each key, and where it is.
#[derive(Debug, Default)]
struct ByKey {
    newest: BTreeMap<Offset, Arc<Publication>>,
    places: HashMap<Arc<str>, Offset>,
    bytes: usize,
}

/// More keys wait than are sent at once; they are then read from the broker, piece by piece.
const MOST_KEYS: usize = 1_000;

/// What is known now is the better thing to send: more keys wait than it has, or what waits does not replace what waited
/// before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotIsBetter;

impl Pending {
    /// Takes a newer publication in.
    ///
    /// # Errors
    /// If a snapshot is better. What waits is then of no use any more.
    pub fn push(&mut self, publication: &Arc<Publication>) -> Result<(), SnapshotIsBetter> {
        self.count += 1;
        if let Some(mark) = &publication.key {
            return self.keyed.get_or_insert_default().push(publication, mark);
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
            .and_then(|keyed| keyed.newest.values().next_back());
        by_key
            .into_iter()
            .chain(self.newer.last())
            .max_by_key(|newest| newest.offset)
    }

    /// The publications that are to be sent as they are, oldest first: the newest of each key.
    pub fn take_keyed(&mut self) -> impl Iterator<Item = Arc<Publication>> + use<> {
        let keyed = self.keyed.take().unwrap_or_default();
        keyed.newest.into_values()
    }

    /// The push that stands for all that have no key. A single publication goes out as the frame that everyone shares.
    pub fn into_frame(mut self) -> Option<Bytes> {
        let newest = Arc::clone(self.newer.last()?);
        if self.count == 1 {
            return Some(newest.frame.clone());
        }
        let Some(parts) = &newest.parts else {
            return Some(newest.frame.clone());
        };
        let frame: Arc<Frame> = Arc::clone(&parts.frame);
        self.merge();
        let payload = frame.render(self.merged.values().map(|text| &**text));
        Some(
            newest
                .head
                .frame(newest.offset, newest.time, false, None, &payload),
        )
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
    fn push(&mut self, publication: &Arc<Publication>, mark: &KeyMark) -> Result<(), SnapshotIsBetter> {
        let before = self.places.insert(Arc::clone(&mark.key), publication.offset);
        if let Some(replaced) = before.and_then(|offset| self.newest.remove(&offset)) {
            if mark.adds_up {
                return Err(SnapshotIsBetter);
            }
            self.bytes -= replaced.frame.len() + KEY_BYTES;
        }
        self.bytes += publication.frame.len() + KEY_BYTES;
        self.newest.insert(publication.offset, Arc::clone(publication));
        if self.newest.len() > MOST_KEYS {
            return Err(SnapshotIsBetter);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params, PublicationHead, Timestamp, Topic};

    use super::*;
    use crate::content::{Content, Keyed, Part, Parts};
    use crate::encoded::TopicHead;

    fn head() -> Arc<TopicHead> {
        let topic = Topic::parse(&ChannelName::parse("prices").unwrap(), Params::default());
        Arc::new(TopicHead::of(&topic.unwrap().topic))
    }

    fn parts(offset: u64, keep: usize, of: &[(u64, &str)]) -> Arc<Publication> {
        let frame = Frame {
            open: "[".into(),
            close: "]".into(),
            keep,
        };
        let parts = of.iter().map(|(key, text)| Part {
            key: PartKey::Number(*key),
            text: (*text).into(),
            is_final: false,
        });
        let content = Content::Parts(Parts {
            frame: Arc::new(frame),
            parts: parts.collect(),
        });
        Arc::new(Publication::new(
            &head(),
            Offset(offset),
            Timestamp::EXAMPLE,
            content,
        ))
    }

    fn whole(offset: u64, text: &str) -> Arc<Publication> {
        let content = Content::Whole(text.into());
        Arc::new(Publication::new(
            &head(),
            Offset(offset),
            Timestamp::EXAMPLE,
            content,
        ))
    }

    fn expected(offset: u64, payload: &str) -> Bytes {
        let text = PublicationHead::of(&head().topic).encode(
            Offset(offset),
            Timestamp::EXAMPLE,
            false,
            None,
            payload,
        );
        crate::encoded::text_frame(&text)
    }

    fn merged(publications: &[Arc<Publication>]) -> Bytes {
        let mut pending = Pending::default();
        for publication in publications {
            pending.push(publication).unwrap();
        }
        assert_eq!(pending.count(), publications.len() as u64);
        pending.into_frame().unwrap()
    }

    #[test]
    fn a_single_publication_goes_out_as_the_shared_frame() {
        let one = parts(7, 9, &[(1, "a")]);
        assert_eq!(merged(std::slice::from_ref(&one)).as_ptr(), one.frame.as_ptr());
    }

    #[test]
    fn whole_ones_are_replaced_and_parts_are_merged_by_key() {
        assert_eq!(
            merged(&[whole(1, "1"), whole(2, "2"), whole(3, "3")]),
            expected(3, "3")
        );
        assert_eq!(
            merged(&[
                parts(1, 9, &[(1, "a1"), (2, "b1")]),
                parts(2, 9, &[(3, "c2")]),
                parts(3, 9, &[(1, "a3")]),
            ]),
            expected(3, "[a3,b1,c2]")
        );
    }

    #[test]
    fn many_waiting_publications_take_no_more_than_their_keys() {
        let mut pending = Pending::default();
        for offset in 1..=10_000 {
            pending.push(&parts(offset, 9, &[(offset % 5, "text")])).unwrap();
        }
        assert!(pending.bytes() < 20_000, "{}", pending.bytes());
        assert_eq!(pending.count(), 10_000);
        assert_eq!(
            pending.into_frame(),
            Some(expected(10_000, "[text,text,text,text,text]"))
        );
    }

    fn keyed(offset: u64, key: &str, stands: Option<&str>) -> Arc<Publication> {
        let content = Content::Keyed(Keyed {
            key: key.into(),
            text: offset.to_string().into(),
            stands: stands.map(Into::into),
            is_final: false,
        });
        Arc::new(Publication::new(
            &head(),
            Offset(offset),
            Timestamp::EXAMPLE,
            content,
        ))
    }

    #[test]
    fn the_newest_of_each_key_waits_and_goes_out_as_it_is() {
        let mut pending = Pending::default();
        for offset in 1..=1_000 {
            pending
                .push(&keyed(offset, &(offset % 3).to_string(), None))
                .unwrap();
        }
        assert!(pending.bytes() < 2_000, "{}", pending.bytes());
        assert_eq!((pending.count(), pending.offset()), (1_000, Offset(1_000)));
        let offsets: Vec<u64> = pending.take_keyed().map(|it| it.offset.0).collect();
        assert_eq!(offsets, [998, 999, 1_000]);
        assert_eq!(pending.into_frame(), None);
    }

    #[test]
    fn chunks_of_one_stream_do_not_replace_each_other() {
        let mut pending = Pending::default();
        pending.push(&keyed(1, "a", Some("1"))).unwrap();
        pending.push(&keyed(2, "b", Some("1"))).unwrap();
        assert_eq!(pending.push(&keyed(3, "a", Some("13"))), Err(SnapshotIsBetter));
    }

    #[test]
    fn more_keys_than_a_snapshot_has_are_an_answer_of_their_own() {
        let mut pending = Pending::default();
        let refused = (1..=1000).find(|offset| pending.push(&parts(*offset, 3, &[(*offset, "x")])).is_err());
        assert_eq!(refused, Some(UNMERGED as u64 + 1));
    }
}
