//! The thread that writes, and the queue before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use fjall::{OwnedWriteBatch, PersistMode};

use crate::broker::store::{CLOSED, Change, Space, Spaces, StoreReport, TopicId, lock};

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Protects what waits. No other lock is taken while it is held.
    state: Mutex<State>,
    /// Wakes the writer.
    wake: Condvar,
    /// Wakes who waits until nothing waits.
    idle: Condvar,
    has_failed: AtomicBool,
    batches: AtomicU64,
    written: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<Change>,
    /// What they hold, and what is being written.
    bytes: usize,
    count: usize,
    end: Ending,
}

/// Whether anything more comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Ending {
    #[default]
    Open,
    /// Nothing more comes; this is to be noted as a clean end.
    Clean,
    /// Nothing more comes.
    Abandoned,
}

/// The most changes that wait. Some more may be on their way while this is asked: one for each thread that publishes.
const MOST_CHANGES: usize = 65_536;
/// The most bytes that wait.
const MOST_BYTES: usize = 64 << 20;
/// One batch has about so many changes at most, and so many bytes.
const BATCH_CHANGES: usize = 4_096;
const BATCH_BYTES: usize = 8 << 20;

impl Queue {
    pub(super) fn has_room(&self) -> bool {
        let state = lock(&self.state);
        state.end == Ending::Open && state.count < MOST_CHANGES && state.bytes < MOST_BYTES
    }

    pub(super) fn works(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed)
    }

    /// Takes a change. After a failure, and after the end, it is dropped, and whoever waits for it is told by that.
    pub(super) fn push(&self, change: Change) {
        if !self.works() {
            return;
        }
        let mut state = lock(&self.state);
        if state.end != Ending::Open {
            return;
        }
        state.bytes += change.bytes();
        state.count += 1;
        state.changes.push_back(change);
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn close(&self, is_clean: bool) {
        let mut state = lock(&self.state);
        if state.end == Ending::Open {
            state.end = if is_clean {
                Ending::Clean
            } else {
                Ending::Abandoned
            };
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn report(&self) -> StoreReport {
        let state = lock(&self.state);
        StoreReport {
            works: self.works(),
            waiting: state.count as u64,
            waiting_bytes: state.bytes as u64,
            batches: self.batches.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }

    /// Waits for changes and takes as many as make a batch; none at the end.
    fn take(&self) -> Result<Vec<Change>, Ending> {
        let mut state = lock(&self.state);
        while state.changes.is_empty() {
            if state.end != Ending::Open {
                return Err(state.end);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < BATCH_CHANGES && bytes < BATCH_BYTES {
            let Some(change) = state.changes.pop_front() else {
                break;
            };
            bytes += change.bytes();
            taken.push(change);
        }
        Ok(taken)
    }

    fn note_done(&self, count: usize, bytes: usize) {
        let mut state = lock(&self.state);
        state.count -= count;
        state.bytes -= bytes;
        let is_idle = state.count == 0;
        drop(state);
        if is_idle {
            self.idle.notify_all();
        }
    }

    /// Waits until everything is written, or nothing can be. Blocks.
    pub(super) fn wait_until_idle(&self) {
        let mut state = lock(&self.state);
        while state.count > 0 {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
        let mut state = lock(&self.state);
        // Whoever waits for these is told by their being dropped.
        let dropped = std::mem::take(&mut state.changes);
        state.bytes = 0;
        state.count = 0;
        drop(state);
        drop(dropped);
        self.idle.notify_all();
    }
}

/// Writes until the end. The body of the thread.
pub(super) fn write(spaces: &Spaces, queue: &Queue) {
    let end = loop {
        let changes = match queue.take() {
            Ok(changes) => changes,
            Err(end) => break end,
        };
        let bytes = changes.iter().map(Change::bytes).sum();
        let publications = changes.iter().map(|change| change.publications).sum();
        if let Err(error) = commit(spaces, &changes) {
            tracing::error!(
                error = %error,
                "the disk does not take what is to be kept: until the next start, nothing new survives one"
            );
            // First said, then told: who is told finds it said.
            queue.fail();
            continue;
        }
        queue.batches.fetch_add(1, Ordering::Relaxed);
        queue.written.fetch_add(publications, Ordering::Relaxed);
        queue.note_done(changes.len(), bytes);
        for done in changes.into_iter().filter_map(|change| change.done) {
            let _ = done.send(());
        }
    };
    if end == Ending::Clean && queue.works() {
        let marked = spaces
            .marks
            .insert(CLOSED, "1")
            .and_then(|()| spaces.database.persist(PersistMode::SyncAll));
        if let Err(error) = marked {
            tracing::error!(error = %error, "the end of the store could not be noted: the next start begins new epochs");
        }
    }
}

/// One batch. Within it the last word about a place counts: the engine has no order inside a batch.
fn commit(spaces: &Spaces, changes: &[Change]) -> fjall::Result<()> {
    let mut words: BTreeMap<(Space, &[u8]), Option<&[u8]>> = BTreeMap::new();
    for change in changes {
        for (space, place) in &change.removes {
            words.insert((*space, place), None);
        }
        for (space, place, record) in &change.puts {
            words.insert((*space, place), Some(record));
        }
        if let Some(topic) = change.forgets {
            // What was put before in this batch is not there to be found yet.
            batch_of(spaces, &std::mem::take(&mut words)).commit()?;
            forget(spaces, topic)?;
        }
    }
    batch_of(spaces, &words).commit()
}

fn batch_of(spaces: &Spaces, words: &BTreeMap<(Space, &[u8]), Option<&[u8]>>) -> OwnedWriteBatch {
    let mut batch = spaces.database.batch().durability(Some(PersistMode::SyncData));
    for ((space, place), record) in words {
        match record {
            Some(record) => batch.insert(spaces.of(*space), *place, *record),
            None => batch.remove(spaces.of(*space), *place),
        }
    }
    batch
}

fn forget(spaces: &Spaces, topic: TopicId) -> fjall::Result<()> {
    let mut batch = spaces.database.batch().durability(Some(PersistMode::SyncData));
    let prefix = topic.0.to_be_bytes();
    for space in [&spaces.records, &spaces.stands] {
        for entry in space.prefix(prefix) {
            batch.remove(space, entry.key()?);
        }
    }
    batch.remove(&spaces.topics, prefix.as_slice());
    batch.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_says_so_before_it_is_too_late() {
        let queue = Queue::default();
        for _ in 0..MOST_CHANGES {
            assert!(queue.has_room());
            queue.push(Change::default());
        }
        assert!(!queue.has_room());
        let taken = queue.take().unwrap();
        assert_eq!(taken.len(), BATCH_CHANGES);
        queue.note_done(taken.len(), taken.iter().map(Change::bytes).sum());
        assert!(queue.has_room());
        queue.fail();
        assert_eq!((queue.report().waiting, queue.report().waiting_bytes), (0, 0));
        queue.push(Change::default());
        assert_eq!(queue.report().waiting, 0, "nothing is taken behind a failure");
    }
}
