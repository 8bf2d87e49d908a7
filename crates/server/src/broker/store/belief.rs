//! What is believed of what was found of a topic. Pure.
//!
//! The history is unbroken: from where the newest record says that it began, every offset must be there and whole. The
//! first that is not ends what is believed, and whatever lies behind it is not served. Older records are there for their
//! keys alone; one that is broken is left out.

use nexus_protocol::Offset;

use crate::broker::store::record::{Record, TopicRecord};
use crate::content::Content;

/// What is believed of a topic.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) struct Believed {
    /// The newest of keys that have no place in the history any more, oldest first.
    pub(in crate::broker) for_keys: Vec<Record>,
    /// The history, oldest first and without a hole.
    pub(in crate::broker) history: Vec<Record>,
    /// The last publication.
    pub(in crate::broker) last: Offset,
    /// What is to be removed.
    pub(in crate::broker) discarded: Vec<Offset>,
    /// How many records are broken, or missing, or lie behind one that is.
    pub(in crate::broker) lost: u64,
}

/// Finds what is believed. `found` is what there is in the order of offsets, none where it is broken.
pub(in crate::broker) fn believe(found: Vec<(Offset, Option<Record>)>, topic: &TopicRecord) -> Believed {
    let newest = found.iter().rev().find_map(|(_, record)| record.as_ref());
    let start = newest.map_or(topic.gone.next(), |newest| {
        newest.history_from.max(topic.gone.next())
    });
    let mut believed = Believed {
        for_keys: Vec::new(),
        history: Vec::new(),
        last: Offset(start.0.saturating_sub(1)),
        discarded: Vec::new(),
        lost: 0,
    };
    let mut is_whole = true;
    for (offset, record) in found {
        if offset < start {
            match record {
                Some(record) if matches!(record.draft.content, Content::Keyed(_)) => {
                    believed.for_keys.push(record);
                }
                // It has no key, and its time is over.
                Some(_) => believed.discarded.push(offset),
                None => {
                    believed.discarded.push(offset);
                    believed.lost += 1;
                }
            }
            continue;
        }
        match record {
            Some(record) if is_whole && offset == believed.last.next() => {
                believed.last = offset;
                believed.history.push(record);
            }
            _ => {
                is_whole = false;
                believed.discarded.push(offset);
                believed.lost += 1;
            }
        }
    }
    // The topic was written down behind all that it had then.
    if is_whole && believed.last < topic.last {
        believed.lost += topic.last.0 - believed.last.0;
    }
    believed
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Epoch, Timestamp};

    use super::*;
    use crate::content::Keyed;

    fn record(offset: u64, history_from: u64) -> (Offset, Option<Record>) {
        let keyed = Keyed {
            key: "k".into(),
            text: "1".into(),
            stands: None,
            is_final: false,
        };
        let record = Record {
            offset: Offset(offset),
            time: Timestamp::EXAMPLE,
            history_from: Offset(history_from),
            draft: Content::Keyed(keyed).into(),
            adds_up: false,
        };
        (Offset(offset), Some(record))
    }

    fn topic(last: u64, gone: u64) -> TopicRecord {
        TopicRecord {
            channel: ChannelName::parse("events").unwrap(),
            epoch: Epoch::from_random(1),
            past: Vec::new(),
            last: Offset(last),
            gone: Offset(gone),
        }
    }

    /// Offsets for keys, of the history, the last, and how many are lost.
    fn check(
        found: Vec<(Offset, Option<Record>)>,
        topic: &TopicRecord,
        expected: (&[u64], &[u64], u64, u64),
    ) {
        let count = found.len();
        let believed = believe(found, topic);
        let offsets = |records: &[Record]| records.iter().map(|it| it.offset.0).collect::<Vec<_>>();
        assert_eq!(
            (
                offsets(&believed.for_keys).as_slice(),
                offsets(&believed.history).as_slice(),
                believed.last.0,
                believed.lost
            ),
            expected
        );
        let kept = believed.for_keys.len() + believed.history.len();
        assert_eq!(kept + believed.discarded.len(), count, "the rest is removed");
    }

    #[test]
    fn an_unbroken_history_is_believed() {
        let found = || vec![record(2, 1), record(5, 4), record(6, 5), record(7, 5)];
        check(found(), &topic(0, 0), (&[2], &[5, 6, 7], 7, 0));
        check(found(), &topic(7, 0), (&[2], &[5, 6, 7], 7, 0));
        check(found(), &topic(7, 5), (&[2, 5], &[6, 7], 7, 0));
        check(Vec::new(), &topic(0, 0), (&[], &[], 0, 0));
        check(Vec::new(), &topic(9, 9), (&[], &[], 9, 0));
    }

    #[test]
    fn what_lies_behind_a_hole_or_a_broken_record_is_not_believed() {
        let broken = |offset| (Offset(offset), None);
        check(
            vec![record(5, 5), broken(6), record(7, 5)],
            &topic(0, 0),
            (&[], &[5], 5, 2),
        );
        check(
            vec![record(5, 5), record(7, 5), record(8, 5)],
            &topic(0, 0),
            (&[], &[5], 5, 2),
        );
        check(
            vec![record(5, 5), record(6, 5), broken(7)],
            &topic(0, 0),
            (&[], &[5, 6], 6, 1),
        );
        check(vec![broken(5), record(6, 5)], &topic(0, 0), (&[], &[], 4, 2));
        check(vec![record(6, 5)], &topic(0, 0), (&[], &[], 4, 1));
        check(vec![broken(2), record(6, 6)], &topic(0, 0), (&[], &[6], 6, 1));
        check(vec![broken(1), broken(2)], &topic(0, 0), (&[], &[], 0, 2));
    }

    #[test]
    fn a_tail_that_is_known_to_have_been_is_a_loss() {
        check(vec![record(5, 5)], &topic(7, 0), (&[], &[5], 5, 2));
        check(Vec::new(), &topic(7, 0), (&[], &[], 0, 7));
        check(Vec::new(), &topic(7, 7), (&[], &[], 7, 0));
    }
}
