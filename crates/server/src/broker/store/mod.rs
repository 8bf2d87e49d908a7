//! What survives a restart: durable topics, in an embedded engine under `data_dir/store`.
//!
//! One thread writes. Whoever publishes hands it what is to be written, in the order of the topic's offsets, and goes on;
//! the thread takes what waits together, writes it as one batch and has the disk confirm it. The queue is bounded: while
//! it is full, durable publications are refused. A disk that fails stops the writing until the next start, and what was
//! to be written since is refused or, where nobody waits for it, only kept in memory.

mod belief;
mod record;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use nexus_protocol::Offset;
use tokio::sync::oneshot;

pub(super) use crate::broker::store::belief::{Believed, believe};
pub(super) use crate::broker::store::record::{PastEpoch, Record, TopicId, TopicRecord};
use crate::broker::store::writer::{Queue, write};
use crate::encoded::Publication;

/// The store of a broker. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Store {
    queue: Arc<Queue>,
    next_id: Arc<AtomicU64>,
    /// Ends the writer when the last store is dropped.
    writer: Arc<Writer>,
}

/// Why a store cannot be opened; a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody has it.
    #[error("the store in {0} is in use: another server runs with the same `data_dir`")]
    InUse(String),
    /// The engine, or the disk, says no.
    #[error(
        "the store in {0} cannot be opened ({1}); put back a copy of it, or move it away to begin without a past"
    )]
    Unusable(String, String),
}

/// How the store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreReport {
    /// Whether the disk takes what is written.
    pub works: bool,
    /// What waits to be written.
    pub waiting: u64,
    /// The same in bytes.
    pub waiting_bytes: u64,
    /// Batches that were written.
    pub batches: u64,
    /// Publications that were written.
    pub written: u64,
    /// Publications that were refused because the queue was full or the disk had failed.
    pub refused: u64,
    /// Records that were broken or missing at the start.
    pub lost: u64,
}

/// What was found at the start.
pub(super) struct Found {
    pub(super) topics: Vec<FoundTopic>,
    /// Topics of which not even the name can be read.
    unreadable: Vec<TopicId>,
    /// Whether the last end was a clean one.
    pub(super) was_closed: bool,
}

/// A topic that was found at the start.
pub(super) struct FoundTopic {
    pub(super) id: TopicId,
    pub(super) topic: TopicRecord,
    pub(super) believed: Believed,
    /// By key, what stands where that is more than the newest payload, and as of which publication.
    pub(super) stands: Vec<(String, Offset, Arc<str>)>,
}

/// What is to be written, and removed, at once or not at all.
#[derive(Debug, Default)]
pub(super) struct Change {
    puts: Vec<(Space, Vec<u8>, Vec<u8>)>,
    removes: Vec<(Space, Vec<u8>)>,
    forgets: Option<TopicId>,
    publications: u64,
    /// Is told when the disk has confirmed it.
    done: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Space {
    Topics,
    Records,
    Stands,
}

/// The parts of the engine.
#[derive(Clone)]
struct Spaces {
    database: Database,
    topics: Keyspace,
    records: Keyspace,
    stands: Keyspace,
    marks: Keyspace,
}

#[derive(Debug)]
struct Writer {
    queue: Arc<Queue>,
    /// Taken by whoever ends it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Stands while nobody writes: everything was written down.
const CLOSED: &str = "closed";

/// What the engine keeps in memory of the disk: everything is in ours already.
const CACHE_BYTES: u64 = 4 << 20;

/// What the engine keeps in memory of one part before it writes a table.
const MEMTABLE_BYTES: u64 = 16 << 20;

/// All of the engine's journals, after which it puts them into tables.
const JOURNAL_BYTES: u64 = 128 << 20;

impl Store {
    /// Opens the store, or makes one, and reads all of it.
    ///
    /// # Errors
    /// If another process has it, or it cannot be read.
    pub(super) fn open(path: &Path) -> Result<(Self, Found), StoreError> {
        let shown = || path.display().to_string();
        // The engine asserts what stands in its files. What it had in hand then is dropped, and the start stops.
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let spaces = Spaces::open(path)?;
            let found = spaces.read()?;
            Ok((spaces, found))
        }));
        let (spaces, found) = opened
            .unwrap_or_else(|_| {
                let why = "the engine cannot read its own files";
                Err(fjall::Error::Io(std::io::Error::other(why)))
            })
            .map_err(|error| match error {
                fjall::Error::Locked => StoreError::InUse(shown()),
                other => StoreError::Unusable(shown(), other.to_string()),
            })?;
        let queue = Arc::new(Queue::default());
        let lost = found.topics.iter().map(|topic| topic.believed.lost).sum();
        queue.lost.store(lost, Ordering::Relaxed);
        let next_id = spaces
            .highest_id()
            .map_err(|error| StoreError::Unusable(shown(), error.to_string()))?
            + 1;
        let writes = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || write(&spaces, &writes))
            .map_err(|error| StoreError::Unusable(shown(), error.to_string()))?;
        let store = Store {
            next_id: Arc::new(AtomicU64::new(next_id)),
            writer: Arc::new(Writer {
                queue: Arc::clone(&queue),
                thread: Mutex::new(Some(thread)),
            }),
            queue,
        };
        for topic in &found.unreadable {
            let mut change = Change::default();
            change.forget(*topic);
            store.hand_over(change);
        }
        Ok((store, found))
    }

    /// A name for a new topic.
    pub(super) fn new_id(&self) -> TopicId {
        TopicId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether there is room for another publication.
    pub(super) fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether the disk takes what is written.
    pub(super) fn works(&self) -> bool {
        self.queue.works()
    }

    /// Notes that a publication was refused.
    pub(super) fn note_refused(&self) {
        self.queue.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Hands over what is to be written. Never blocks; after a failure it comes to nothing.
    pub(super) fn hand_over(&self, change: Change) {
        self.queue.push(change);
    }

    /// Waits until everything that was handed over is on the disk. Blocks; for the start only.
    pub(super) fn flush(&self) {
        self.queue.wait_until_idle();
    }

    /// Writes what waits and notes that this was all. Nothing is taken any more.
    pub(super) fn close(&self) {
        self.queue.close(true);
        self.writer.join();
    }

    /// What a failing disk does.
    #[cfg(test)]
    pub(super) fn fail(&self) {
        self.queue.fail();
    }

    pub(super) fn report(&self) -> StoreReport {
        self.queue.report()
    }
}

impl Change {
    /// Writes a publication, and what stands for its key.
    pub(super) fn put(
        &mut self,
        topic: TopicId,
        publication: &Publication,
        history_from: Offset,
        stands: Option<&str>,
    ) {
        let record = record::encode(topic, publication, history_from);
        let place = record::place(topic, publication.offset).to_vec();
        self.puts.push((Space::Records, place, record));
        self.publications += 1;
        if let (Some(mark), Some(stands)) = (&publication.key, stands) {
            let place = record::key_place(topic, &mark.key);
            let record = record::encode_stands(&place, publication.offset, stands);
            self.puts.push((Space::Stands, place, record));
        }
    }

    /// Removes a publication.
    pub(super) fn remove(&mut self, topic: TopicId, offset: Offset) {
        self.removes
            .push((Space::Records, record::place(topic, offset).to_vec()));
    }

    /// Removes what stands for a key.
    pub(super) fn remove_key(&mut self, topic: TopicId, key: &str) {
        self.removes.push((Space::Stands, record::key_place(topic, key)));
    }

    /// Writes a topic down.
    pub(super) fn put_topic(&mut self, topic: TopicId, record: &TopicRecord) {
        let place = topic.0.to_be_bytes().to_vec();
        self.puts
            .push((Space::Topics, place, record::encode_topic(topic, record)));
    }

    /// Removes a topic and all that it has.
    pub(super) fn forget(&mut self, topic: TopicId) {
        self.forgets = Some(topic);
    }

    /// Says when the disk has confirmed it; if that never comes, it was not written.
    pub(super) fn when_done(&mut self) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        self.done = Some(done);
        is_done
    }

    fn bytes(&self) -> usize {
        let puts = self
            .puts
            .iter()
            .map(|(_, place, record)| place.len() + record.len() + 64);
        let removes = self.removes.iter().map(|(_, place)| place.len() + 32);
        128 + puts.sum::<usize>() + removes.sum::<usize>()
    }
}

impl Spaces {
    fn open(path: &Path) -> fjall::Result<Self> {
        std::fs::create_dir_all(path)?;
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(1)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let space = |name| database.keyspace(name, options);
        Ok(Spaces {
            topics: space("topics")?,
            records: space("records")?,
            stands: space("stands")?,
            marks: space("marks")?,
            database,
        })
    }

    /// Reads everything, and takes the mark of a clean end away.
    fn read(&self) -> fjall::Result<Found> {
        let was_closed = self.marks.contains_key(CLOSED)?;
        self.marks.remove(CLOSED)?;
        self.database.persist(PersistMode::SyncAll)?;
        let (mut topics, mut unreadable) = (Vec::new(), Vec::new());
        for entry in self.topics.iter() {
            let (place, bytes) = entry.into_inner()?;
            let Ok((id, topic)) = record::decode_topic(&place, &bytes) else {
                tracing::error!(
                    "a topic of the store is broken: what it was called is not known, and it begins anew"
                );
                unreadable.extend(id_at(&place));
                continue;
            };
            topics.push(self.read_topic(id, topic));
        }
        Ok(Found {
            topics,
            unreadable,
            was_closed,
        })
    }

    /// The highest name that any topic has, or had whose records are still there: a new one must not take these for its
    /// own.
    fn highest_id(&self) -> fjall::Result<u64> {
        let mut highest = 0;
        for space in [&self.topics, &self.records, &self.stands] {
            if let Some(last) = space.last_key_value() {
                highest = highest.max(id_at(&last.key()?).map_or(0, |id| id.0));
            }
        }
        Ok(highest)
    }

    fn read_topic(&self, id: TopicId, topic: TopicRecord) -> FoundTopic {
        let mut found = Vec::new();
        for entry in self.records.prefix(id.0.to_be_bytes()) {
            let Ok((place, bytes)) = entry.into_inner() else {
                // The engine cannot read on; where in the history this is, the hole will say.
                break;
            };
            let Some(offset) = place.get(8..).and_then(|it| it.try_into().ok()) else {
                continue;
            };
            let offset = Offset(u64::from_be_bytes(offset));
            found.push((offset, record::decode(id, offset, &bytes).ok()));
        }
        let mut stands = Vec::new();
        for entry in self.stands.prefix(id.0.to_be_bytes()) {
            let Ok((place, bytes)) = entry.into_inner() else {
                break;
            };
            let key = place.get(8..).and_then(|it| std::str::from_utf8(it).ok());
            if let (Some(key), Ok((offset, text))) = (key, record::decode_stands(&place, &bytes)) {
                stands.push((key.to_owned(), offset, text));
            }
        }
        FoundTopic {
            id,
            believed: believe(found, &topic),
            topic,
            stands,
        }
    }

    fn of(&self, space: Space) -> &Keyspace {
        match space {
            Space::Topics => &self.topics,
            Space::Records => &self.records,
            Space::Stands => &self.stands,
        }
    }
}

impl Writer {
    fn join(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A writer that panicked has written its last; the queue says that it failed.
            let _ = thread.join();
        }
    }
}

/// Nobody hands anything over any more. This is no clean end: the next start begins new epochs.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close(false);
        self.join();
    }
}

/// The topic that a place belongs to.
fn id_at(place: &[u8]) -> Option<TopicId> {
    let id = place.first_chunk::<8>()?;
    Some(TopicId(u64::from_be_bytes(*id)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_cannot_be_read_is_removed_and_no_other_gets_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let spaces = Spaces::open(dir.path()).unwrap();
        spaces.topics.insert(7_u64.to_be_bytes(), "broken").unwrap();
        spaces
            .records
            .insert(record::place(TopicId(7), Offset(1)), "left")
            .unwrap();
        spaces
            .records
            .insert(record::place(TopicId(9), Offset(1)), "behind")
            .unwrap();
        drop(spaces);
        let (store, found) = Store::open(dir.path()).unwrap();
        assert!(found.topics.is_empty() && !found.was_closed);
        assert_eq!(store.new_id(), TopicId(10));
        store.close();
        drop(store);
        let (_store, found) = Store::open(dir.path()).unwrap();
        assert!(found.was_closed && found.unreadable.is_empty());
    }
}
