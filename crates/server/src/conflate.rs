//! What waits on a `latest` subscription: publications until the link takes them, then one push that stands for all.
//!
//! Whole publications are replaced by the next one; parts are merged by key, a later part replacing an earlier one.
//! What comes out has the offset of the newest. Nothing is lost but what is replaced by something newer of its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use nexus_protocol::Offset;

use crate::content::{Frame, PartKey};
use crate::encoded::Publication;

/// So many publications are kept by reference; then they are merged, so that what is kept has a bound.
const UNMERGED: usize = 32;

/// Publications of one topic that wait to become one push.
#[derive(Debug, Default)]
pub struct Pending {
    /// What was merged already, older than all of `newer`.
    merged: BTreeMap<PartKey, Arc<str>>,
    /// Not merged yet, oldest first. If the topic has no parts, at most one.
    newer: Vec<Arc<Publication>>,
    bytes: usize,
    /// How many publications this stands for.
    count: u64,
}

/// More keys wait than a snapshot has: the snapshot is the better thing to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyKeys;

impl Pending {
    /// Takes a newer publication in.
    ///
    /// # Errors
    /// If more keys wait than a snapshot has. What waits is then of no use any more.
    pub fn push(&mut self, publication: &Arc<Publication>) -> Result<(), TooManyKeys> {
        self.count += 1;
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
                return Err(TooManyKeys);
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
        self.bytes
    }

    /// How many publications this stands for.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The offset of the newest publication.
    pub fn offset(&self) -> Offset {
        self.newer.last().map_or(Offset::ZERO, |newest| newest.offset)
    }

    /// The newest publication.
    pub fn newest(&self) -> Option<&Arc<Publication>> {
        self.newer.last()
    }

    /// The push that stands for all. A single publication goes out as the frame that everyone shares.
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

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params, PublicationHead, Timestamp, Topic};

    use super::*;
    use crate::content::{Content, Part, Parts};
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

    #[test]
    fn more_keys_than_a_snapshot_has_are_an_answer_of_their_own() {
        let mut pending = Pending::default();
        let refused = (1..=1000).find(|offset| pending.push(&parts(*offset, 3, &[(*offset, "x")])).is_err());
        assert_eq!(refused, Some(UNMERGED as u64 + 1));
    }
}
