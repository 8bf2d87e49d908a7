//! The last publications of one topic: a ring bounded by count and by bytes, without gaps inside.

use std::collections::VecDeque;
use std::sync::Arc;

use nexus_protocol::{Offset, Timestamp};

use crate::encoded::Publication;

/// How much a ring keeps. The newest publication is always kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// At most so many publications.
    pub publications: usize,
    /// At most so many bytes.
    pub bytes: usize,
}

/// The last publications of one topic, oldest first; their offsets rise by exactly 1.
#[derive(Debug, Default)]
pub struct Ring {
    items: VecDeque<Arc<Publication>>,
    bytes: usize,
    /// The offset of the newest publication that there ever was, kept or not.
    last: Offset,
}

impl Ring {
    /// An empty ring of a topic that was published on before.
    pub fn beginning_behind(last: Offset) -> Self {
        Ring {
            last,
            ..Ring::default()
        }
    }

    /// Takes the next publication, and hands over the oldest ones that no longer fit.
    pub fn push(&mut self, publication: Arc<Publication>, keep: Keep, gone: impl FnMut(Arc<Publication>)) {
        debug_assert_eq!(self.last.next(), publication.offset);
        self.last = publication.offset;
        self.bytes += publication.bytes();
        self.items.push_back(publication);
        self.shrink(keep, gone);
    }

    /// Hands over the oldest ones that do not fit. The newest stays.
    pub fn shrink(&mut self, keep: Keep, mut gone: impl FnMut(Arc<Publication>)) {
        while self.items.len() > 1 && (self.items.len() > keep.publications || self.bytes > keep.bytes) {
            if let Some(oldest) = self.items.pop_front() {
                self.bytes -= oldest.bytes();
                gone(oldest);
            }
        }
    }

    /// Hands over what was published before a time, the newest included.
    pub fn expire(&mut self, before: Timestamp, mut gone: impl FnMut(Arc<Publication>)) {
        while let Some(oldest) = self.items.pop_front_if(|oldest| oldest.time < before) {
            self.bytes -= oldest.bytes();
            gone(oldest);
        }
    }

    /// Roughly what the publications hold in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything behind `offset` is still here.
    pub fn reaches_back_to(&self, offset: Offset) -> bool {
        self.oldest() <= offset.next()
    }

    /// The offset of the oldest publication that is here; of the next one if there is none.
    pub fn oldest(&self) -> Offset {
        self.items
            .front()
            .map_or(self.last.next(), |oldest| oldest.offset)
    }

    /// The offset of the newest publication that there ever was.
    pub fn last(&self) -> Offset {
        self.last
    }

    /// Hands over everything. Offsets go on from where they were.
    pub fn clear(&mut self) -> VecDeque<Arc<Publication>> {
        self.bytes = 0;
        std::mem::take(&mut self.items)
    }

    /// What lies behind `offset`, oldest first.
    pub fn after(&self, offset: Offset) -> impl DoubleEndedIterator<Item = &Arc<Publication>> {
        let start = self
            .items
            .partition_point(|publication| publication.offset <= offset);
        self.items.range(start..)
    }

    /// What lies behind `after` and, if one is named, before `until`, oldest first.
    pub fn between(
        &self,
        after: Offset,
        until: Option<Offset>,
    ) -> impl DoubleEndedIterator<Item = &Arc<Publication>> {
        let place = |bound: Offset| {
            self.items
                .partition_point(|publication| publication.offset < bound)
        };
        let start = place(after.next());
        let end = until.map_or(self.items.len(), place);
        self.items.range(start.min(end)..end)
    }

    /// The offset before the first publication that was made at `time` or later.
    pub fn before_time(&self, time: Timestamp) -> Option<Offset> {
        let place = self.items.partition_point(|publication| publication.time < time);
        self.items.get(place).map(|first| previous(first.offset))
    }

    /// The offset before the last `count` publications.
    pub fn before_last(&self, count: usize) -> Option<Offset> {
        let place = self.items.len().saturating_sub(count);
        self.items.get(place).map(|first| previous(first.offset))
    }

    /// The newest publication.
    pub fn newest(&self) -> Option<&Arc<Publication>> {
        self.items.back()
    }

    /// How many publications are here.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// The offset of the publication before this one.
pub fn previous(offset: Offset) -> Offset {
    Offset(offset.0.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params, Topic};

    use super::*;
    use crate::content::Content;
    use crate::encoded::TopicHead;

    const ROOMY: Keep = Keep {
        publications: 1000,
        bytes: 1 << 20,
    };

    fn ring(offsets: std::ops::RangeInclusive<u64>, keep: Keep) -> Ring {
        let topic = Topic::parse(&ChannelName::parse("events").unwrap(), Params::default());
        let head = Arc::new(TopicHead::of(&topic.unwrap().topic));
        let mut ring = Ring {
            last: previous(Offset(*offsets.start())),
            ..Ring::default()
        };
        for offset in offsets {
            let time = Timestamp::from_millis(offset * 10);
            let content = Content::Whole("1".into());
            ring.push(
                Arc::new(Publication::new(&head, Offset(offset), time, content)),
                keep,
                |_| {},
            );
        }
        ring
    }

    fn offsets<'a>(items: impl Iterator<Item = &'a Arc<Publication>>) -> Vec<u64> {
        items.map(|publication| publication.offset.0).collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let ring = ring(
            1..=10,
            Keep {
                publications: 3,
                ..ROOMY
            },
        );
        assert_eq!(offsets(ring.after(Offset::ZERO)), [8, 9, 10]);
        assert!(ring.reaches_back_to(Offset(7)));
        assert!(!ring.reaches_back_to(Offset(6)));
    }

    #[test]
    fn the_oldest_go_when_they_are_too_big_and_the_newest_stays() {
        let one = ring(1..=1, ROOMY).bytes;
        assert_eq!(
            offsets(
                ring(
                    1..=10,
                    Keep {
                        bytes: 2 * one + 9,
                        ..ROOMY
                    }
                )
                .after(Offset::ZERO)
            ),
            [9, 10]
        );
        assert_eq!(
            offsets(ring(1..=10, Keep { bytes: 1, ..ROOMY }).after(Offset::ZERO)),
            [10]
        );
    }

    #[test]
    fn what_lies_behind_an_offset_is_found() {
        let ring = ring(5..=9, ROOMY);
        assert_eq!(offsets(ring.after(Offset(7))), [8, 9]);
        assert_eq!(offsets(ring.after(Offset(9))), [0; 0]);
        assert_eq!(offsets(ring.after(Offset(99))), [0; 0]);
        for (after, until, expected) in [
            (5, Some(8), &[6, 7][..]),
            (0, Some(6), &[5]),
            (0, Some(5), &[]),
            (7, Some(6), &[]),
            (7, Some(99), &[8, 9]),
            (u64::MAX, Some(u64::MAX), &[]),
            (8, None, &[9]),
        ] {
            let found = offsets(ring.between(Offset(after), until.map(Offset)));
            assert_eq!(found, expected, "{after}..{until:?}");
        }
        assert_eq!(ring.before_last(2), Some(Offset(7)));
        assert_eq!(ring.before_last(99), Some(Offset(4)));
        assert_eq!(ring.before_time(Timestamp::from_millis(70)), Some(Offset(6)));
        assert_eq!(ring.before_time(Timestamp::from_millis(71)), Some(Offset(7)));
        assert_eq!(ring.before_time(Timestamp::from_millis(99)), None);
    }

    #[test]
    fn what_is_too_old_goes_even_if_it_is_the_newest() {
        let mut ring = ring(5..=9, ROOMY);
        let mut gone = Vec::new();
        ring.expire(Timestamp::from_millis(70), |old| gone.push(old.offset.0));
        assert_eq!(gone, [5, 6]);
        ring.expire(Timestamp::from_millis(1000), |old| gone.push(old.offset.0));
        assert_eq!((gone.len(), ring.bytes(), ring.last()), (5, 0, Offset(9)));
        assert!(ring.reaches_back_to(Offset(9)) && !ring.reaches_back_to(Offset(8)));
    }

    #[test]
    fn an_emptied_ring_reaches_back_to_its_last_publication_only() {
        let mut ring = ring(1..=7, ROOMY);
        ring.clear();
        assert!(ring.is_empty());
        assert!(ring.reaches_back_to(Offset(7)));
        assert!(!ring.reaches_back_to(Offset(6)));
        assert_eq!(ring.before_last(3), None);
        assert!(Ring::default().reaches_back_to(Offset::ZERO));
    }
}
