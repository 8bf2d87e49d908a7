//! What stands for each key of a topic, and the last publications of each: bounded by keys, by bytes, and per key.
//!
//! What no longer fits goes in this order: the oldest publications that are not the newest of their key, then keys that
//! are final, then the keys that were quiet longest. The last key that is left always stays.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use nexus_protocol::{Offset, Timestamp};

use crate::encoded::Publication;

/// How much is kept by key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepKeys {
    /// At most so many keys.
    pub keys: usize,
    /// At most so many bytes in all.
    pub bytes: usize,
    /// At most so many publications of one key.
    pub each: usize,
}

/// What stands for a key.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The newest publication of the key.
    pub(super) newest: Arc<Publication>,
    /// What stands for the key where that is more than the newest payload.
    pub(super) stands: Option<Arc<str>>,
}

impl Standing {
    /// The text that stands for the key.
    pub(super) fn text(&self) -> &str {
        self.stands.as_deref().unwrap_or_else(|| self.newest.payload())
    }

    /// The key.
    pub(super) fn key(&self) -> Arc<str> {
        self.newest
            .key
            .as_ref()
            .map_or_else(|| "".into(), |mark| Arc::clone(&mark.key))
    }
}

/// What stands for each key of one topic.
#[derive(Debug, Default)]
pub(super) struct Keys {
    entries: HashMap<Arc<str>, Entry>,
    /// The newest publication of each key.
    newest: BTreeMap<Offset, Arc<str>>,
    /// Those of `newest` behind which nothing more comes.
    finals: BTreeSet<Offset>,
    /// All other publications that are kept.
    older: BTreeMap<Offset, Arc<str>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Entry {
    /// Oldest first; never empty while the entry is in the map.
    items: VecDeque<Arc<Publication>>,
    stands: Option<Arc<str>>,
}

/// What an entry counts beyond what it holds.
const ENTRY_BYTES: usize = 160;

impl Keys {
    /// Takes the newest publication of a key, and hands over what no longer fits.
    pub(super) fn insert(
        &mut self,
        publication: &Arc<Publication>,
        stands: Option<Arc<str>>,
        keep: KeepKeys,
        mut gone: impl FnMut(Arc<Publication>),
    ) {
        let Some(mark) = &publication.key else {
            return;
        };
        let is_new = !self.entries.contains_key(&mark.key);
        let entry = self.entries.entry(Arc::clone(&mark.key)).or_default();
        if is_new {
            self.bytes += ENTRY_BYTES + 2 * mark.key.len();
        }
        if let Some(before) = entry.items.back() {
            self.newest.remove(&before.offset);
            self.finals.remove(&before.offset);
            self.older.insert(before.offset, Arc::clone(&mark.key));
        }
        self.bytes += publication.bytes() + text_len(stands.as_ref());
        self.bytes -= text_len(entry.stands.as_ref());
        entry.stands = stands;
        entry.items.push_back(Arc::clone(publication));
        self.newest.insert(publication.offset, Arc::clone(&mark.key));
        if mark.is_final {
            self.finals.insert(publication.offset);
        }
        while entry.items.len() > keep.each.max(1) {
            if let Some(oldest) = entry.items.pop_front() {
                self.older.remove(&oldest.offset);
                self.bytes -= oldest.bytes();
                gone(oldest);
            }
        }
        self.shrink(keep, &mut gone);
    }

    /// Hands over what is more than fits.
    pub(super) fn shrink(&mut self, keep: KeepKeys, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) {
        while self.bytes > keep.bytes && (self.drop_oldest(gone) || self.drop_key(gone)) {}
        while self.entries.len() > keep.keys && self.drop_key(gone) {}
    }

    /// Hands over all publications that are not the newest of their key.
    pub(super) fn drop_older(&mut self, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) {
        while self.drop_oldest(gone) {}
    }

    /// Hands over what was published before a time.
    pub(super) fn expire(&mut self, before: Timestamp, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) {
        while let Some((offset, key)) = self.older.first_key_value()
            && self.time_of(key, *offset).is_none_or(|time| time < before)
        {
            self.drop_oldest(gone);
        }
        while let Some((offset, key)) = self.newest.first_key_value()
            && self.time_of(key, *offset).is_none_or(|time| time < before)
        {
            let offset = *offset;
            self.remove(offset, gone);
        }
    }

    /// Hands over everything.
    pub(super) fn clear(&mut self, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) {
        for entry in std::mem::take(self).entries.into_values() {
            entry.items.into_iter().for_each(&mut *gone);
        }
    }

    /// Whether a publication is kept here.
    pub(super) fn holds(&self, publication: &Publication) -> bool {
        self.newest.contains_key(&publication.offset) || self.older.contains_key(&publication.offset)
    }

    /// Whether no key stands.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Roughly what is held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What stands for the keys whose newest publication lies behind one offset and not behind another, oldest first.
    pub(super) fn standing(&self, after: Offset, until: Offset) -> impl Iterator<Item = Standing> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let within = self
            .newest
            .range(behind)
            .take_while(move |(offset, _)| **offset <= until);
        within.filter_map(|(_, key)| {
            let entry = self.entries.get(key)?;
            Some(Standing {
                newest: Arc::clone(entry.items.back()?),
                stands: entry.stands.clone(),
            })
        })
    }

    /// The publications of one key that are kept, oldest first.
    pub(super) fn of(&self, key: &str) -> impl Iterator<Item = &Arc<Publication>> {
        self.entries.get(key).into_iter().flat_map(|entry| &entry.items)
    }

    fn time_of(&self, key: &Arc<str>, offset: Offset) -> Option<Timestamp> {
        let items = &self.entries.get(key)?.items;
        let place = items.partition_point(|publication| publication.offset < offset);
        items.get(place).map(|publication| publication.time)
    }

    fn drop_oldest(&mut self, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) -> bool {
        let Some((_, key)) = self.older.pop_first() else {
            return false;
        };
        // The oldest of all is the oldest of its key.
        if let Some(oldest) = self
            .entries
            .get_mut(&key)
            .and_then(|entry| entry.items.pop_front())
        {
            self.bytes -= oldest.bytes();
            gone(oldest);
        }
        true
    }

    fn drop_key(&mut self, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) -> bool {
        if self.entries.len() <= 1 {
            return false;
        }
        let quiet = self.newest.first_key_value().map(|(offset, _)| offset);
        match self.finals.first().or(quiet).copied() {
            Some(offset) => {
                self.remove(offset, gone);
                true
            }
            None => false,
        }
    }

    /// Removes the key whose newest publication this is.
    fn remove(&mut self, newest: Offset, gone: &mut (impl FnMut(Arc<Publication>) + ?Sized)) {
        self.finals.remove(&newest);
        let Some(key) = self.newest.remove(&newest) else {
            return;
        };
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        self.bytes -= ENTRY_BYTES + 2 * key.len() + text_len(entry.stands.as_ref());
        for publication in entry.items {
            self.older.remove(&publication.offset);
            self.bytes -= publication.bytes();
            gone(publication);
        }
    }
}

fn text_len(text: Option<&Arc<str>>) -> usize {
    text.map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{ChannelName, Params, Topic};
    use proptest::prelude::*;

    use super::*;
    use crate::content::{Content, Keyed};
    use crate::encoded::TopicHead;

    const ROOMY: KeepKeys = KeepKeys {
        keys: 100,
        bytes: 1 << 20,
        each: 1,
    };

    fn publication(offset: u64, key: &str, is_final: bool) -> Arc<Publication> {
        let topic = Topic::parse(&ChannelName::parse("tasks").unwrap(), Params::default());
        let head = Arc::new(TopicHead::of(&topic.unwrap().topic));
        let content = Content::Keyed(Keyed {
            key: key.into(),
            text: format!("{offset}").into(),
            stands: None,
            is_final,
        });
        let time = Timestamp::from_millis(offset * 10);
        Arc::new(Publication::new(&head, Offset(offset), time, content))
    }

    fn insert(keys: &mut Keys, offset: u64, key: &str, is_final: bool, keep: KeepKeys) -> Vec<u64> {
        let mut gone = Vec::new();
        let publication = publication(offset, key, is_final);
        keys.insert(&publication, None, keep, |old| gone.push(old.offset.0));
        gone
    }

    fn standing(keys: &Keys) -> Vec<u64> {
        let all = keys.standing(Offset::ZERO, Offset(u64::MAX));
        all.map(|standing| standing.newest.offset.0).collect()
    }

    #[test]
    fn the_newest_of_each_key_stands_in_the_order_of_offsets() {
        let mut keys = Keys::default();
        assert_eq!(insert(&mut keys, 1, "a", false, ROOMY), [0; 0]);
        assert_eq!(insert(&mut keys, 2, "b", false, ROOMY), [0; 0]);
        assert_eq!(insert(&mut keys, 3, "a", false, ROOMY), [1]);
        assert_eq!(standing(&keys), [2, 3]);
        let between: Vec<_> = keys.standing(Offset(2), Offset(3)).collect();
        assert_eq!(between.len(), 1);
        assert_eq!(keys.standing(Offset(3), Offset(3)).count(), 0);
    }

    #[test]
    fn final_keys_go_first_then_the_quiet_ones() {
        let few = KeepKeys { keys: 2, ..ROOMY };
        let mut keys = Keys::default();
        insert(&mut keys, 1, "a", false, few);
        insert(&mut keys, 2, "b", true, few);
        assert_eq!(insert(&mut keys, 3, "c", false, few), [2], "b is final");
        assert_eq!(insert(&mut keys, 4, "d", false, few), [1], "a is quiet");
        assert_eq!(standing(&keys), [3, 4]);
    }

    #[test]
    fn the_past_of_a_key_is_kept_as_far_as_it_fits() {
        let three = KeepKeys { each: 3, ..ROOMY };
        let mut keys = Keys::default();
        for offset in 1..=5 {
            insert(&mut keys, offset, "a", false, three);
        }
        let past = |keys: &Keys| keys.of("a").map(|it| it.offset.0).collect::<Vec<_>>();
        assert_eq!(past(&keys), [3, 4, 5]);
        let tight = KeepKeys {
            bytes: keys.bytes(),
            ..three
        };
        assert_eq!(
            insert(&mut keys, 6, "b", false, tight),
            [3, 4],
            "the past goes before a key"
        );
        assert_eq!((past(&keys), standing(&keys)), (vec![5], vec![5, 6]));
        let mut gone = Vec::new();
        keys.expire(Timestamp::from_millis(60), &mut |old| gone.push(old.offset.0));
        assert_eq!((gone, standing(&keys)), (vec![5], vec![6]));
    }

    proptest! {
        #[test]
        fn the_bounds_hold_and_all_that_goes_is_said(
            steps in proptest::collection::vec((0u8..12, any::<bool>()), 0..200),
            most_keys in 1usize..8, bytes in 1usize..8_000, each in 1usize..5,
        ) {
            let keep = KeepKeys { keys: most_keys, bytes, each };
            let mut keys = Keys::default();
            let mut here = BTreeSet::new();
            for (step, (key, is_final)) in steps.into_iter().enumerate() {
                let offset = step as u64 + 1;
                here.insert(offset);
                for gone in insert(&mut keys, offset, &key.to_string(), is_final, keep) {
                    prop_assert!(here.remove(&gone), "said twice");
                }
                prop_assert!(keys.entries.len() <= most_keys);
                prop_assert!(keys.bytes <= bytes || keys.newest.len() == 1 && keys.older.is_empty());
                let held: BTreeSet<u64> =
                    keys.entries.values().flat_map(|entry| &entry.items).map(|it| it.offset.0).collect();
                prop_assert_eq!(&held, &here);
                prop_assert_eq!(keys.newest.len() + keys.older.len(), held.len());
            }
            keys.clear(&mut |old| { here.remove(&old.offset.0); });
            prop_assert!(here.is_empty() && keys.is_empty() && keys.bytes == 0);
        }
    }
}
