//! The broker in the memory of this process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nexus_protocol::{ChannelStatus, Epoch, Mode, Offset, Params, Position, Timestamp, Topic};
use tokio::sync::oneshot;

use crate::broker::durable::Durable;
use crate::broker::keys::Standing;
use crate::broker::known::{Known, encoded, selected};
use crate::broker::log::Log;
use crate::broker::store::{Found, Store};
use crate::broker::{
    Begin, BrokerError, BrokerLimits, Joined, Page, PageOf, Piece, Rules, Snapshot, SnapshotOf, StoreError,
    StoreReport, new_epoch,
};
use crate::clock::wall_clock;
use crate::content::Draft;
use crate::encoded::{Compressor, TopicHead};
use crate::filters::Predicate;
use crate::hub::Hub;
use crate::namespaces::Namespaces;

/// The broker in the memory of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Hub,
    limits: BrokerLimits,
    namespaces: Arc<Namespaces>,
    /// What compresses publications, if anything does.
    compressor: Option<Compressor>,
    /// Protects which topics there are. Never held while a topic's lock is waited for.
    topics: Mutex<HashMap<Topic, Topical>>,
    /// The epoch of topics that are not there.
    blank: Epoch,
    /// What all histories hold, in bytes.
    held: AtomicUsize,
    /// What survives a restart.
    store: Option<Store>,
    /// Protects when unused histories were given up last; held while that is done.
    trimmed: Mutex<Option<Instant>>,
}

/// What whoever publishes waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// That it has its place in the order and was announced.
    Announced,
    /// That it is written down as well.
    Stored,
}

/// Histories are not shortened for the total more often.
const TRIM_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// One topic. Its lock is held from a publication's offset to its announcement, so that all see one order.
type Topical = Arc<Mutex<Log>>;

impl Embedded {
    /// Where it announces.
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// An empty broker that announces to this hub, and in which only rooms have rules of their own. Nothing in it
    /// survives.
    pub fn new(hub: Hub, limits: BrokerLimits) -> Self {
        Embedded::with_namespaces(hub, limits, Arc::default(), None)
    }

    /// An empty broker that announces to this hub. Nothing in it survives.
    pub fn with_namespaces(
        hub: Hub,
        limits: BrokerLimits,
        namespaces: Arc<Namespaces>,
        compressor: Option<Compressor>,
    ) -> Self {
        Embedded::with_store(hub, limits, namespaces, compressor, None)
    }

    /// A broker that goes on from what is in a store, which is made if there is none.
    ///
    /// # Errors
    /// If another process has the store, or it cannot be read.
    pub fn open(
        hub: Hub,
        limits: BrokerLimits,
        namespaces: Arc<Namespaces>,
        compressor: Option<Compressor>,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let (store, found) = Store::open(path)?;
        let embedded = Embedded::with_store(hub, limits, namespaces, compressor, Some(store.clone()));
        embedded.restore(&store, found);
        // From here on, positions of the new epochs are given out: a crash must find them in the store.
        store.flush();
        Ok(embedded)
    }

    fn with_store(
        hub: Hub,
        limits: BrokerLimits,
        namespaces: Arc<Namespaces>,
        compressor: Option<Compressor>,
        store: Option<Store>,
    ) -> Self {
        Embedded {
            shared: Arc::new(Shared {
                hub,
                limits,
                namespaces,
                compressor,
                topics: Mutex::default(),
                blank: new_epoch(),
                held: AtomicUsize::new(0),
                trimmed: Mutex::default(),
                store,
            }),
        }
    }

    fn restore(&self, store: &Store, found: Found) {
        let now = Instant::now();
        let mut topics = 0;
        for found_topic in found.topics {
            let channel = found_topic.topic.channel.clone();
            let mut durable = Durable::new(store.clone(), found_topic.id);
            let topic = Topic::parse(&channel, Params::default()).map(|parsed| parsed.topic);
            let rules = topic.as_ref().ok().map(|topic| self.rules(topic));
            let (Ok(topic), Some(rules)) = (topic, rules.filter(|rules| rules.durable)) else {
                // The operator has set up the namespace otherwise since.
                durable.forget();
                continue;
            };
            let head = self.head(&topic);
            let (log, lost) = Log::restore(head, rules, found_topic, found.was_closed, durable, now);
            if lost > 0 {
                tracing::error!(
                    channel.name = channel.as_str(),
                    records = lost,
                    "records of the store are broken or missing: what lies behind is gone, and clients are told"
                );
            }
            topics += 1;
            self.shared.held.fetch_add(log.bytes(), Ordering::Relaxed);
            self.all().insert(topic, Arc::new(Mutex::new(log)));
        }
        tracing::info!(
            topics,
            bytes = self.held(),
            after_a_crash = !found.was_closed && topics > 0,
            "the store is open"
        );
    }

    /// Orders, keeps and announces a publication. If it is to be written down as well, something says when it is.
    pub(super) fn publish(
        &self,
        topic: &Topic,
        draft: Draft,
        now: Timestamp,
        wanted: Wanted,
    ) -> Result<(Position, Option<oneshot::Receiver<()>>), BrokerError> {
        let done = self.with_log(topic, |log| {
            if let Some(store) = log.store() {
                may_be_written(store, wanted)?;
            }
            let (publication, written) = log.append(draft, now);
            self.shared.hub.deliver_to(&mut log.listeners, &publication);
            let position = Position {
                epoch: log.epoch().clone(),
                offset: publication.offset,
            };
            Ok((position, written))
        })??;
        if self.shared.held.load(Ordering::Relaxed) > self.shared.limits.total_bytes {
            self.give_up_unused_history();
        }
        Ok(done)
    }

    /// Writes down everything and notes that this was the end. Blocks until the disk has it.
    pub(super) fn close(&self) {
        let Some(store) = &self.shared.store else {
            return;
        };
        let all: Vec<Topical> = self.all().values().cloned().collect();
        for topical in all {
            let log = lock(&topical);
            log.write_topic();
        }
        store.close();
    }

    /// What all histories hold, in bytes.
    pub(super) fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    pub(super) fn store_report(&self) -> Option<StoreReport> {
        self.shared.store.as_ref().map(Store::report)
    }

    pub(super) fn standing(&self, topic: &Topic) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(topical) = self.find(topic) else {
            return Vec::new();
        };
        let standing: Vec<Standing> = lock(&topical).standing().collect();
        let text = |standing: Standing| {
            let text = standing.stands.clone();
            (
                standing.key(),
                text.unwrap_or_else(|| standing.newest.payload().into()),
            )
        };
        standing.into_iter().map(text).collect()
    }

    pub(super) fn default_mode(&self, topic: &Topic) -> Mode {
        self.rules(topic).mode
    }

    pub(super) fn set_status(&self, topic: &Topic, status: ChannelStatus) {
        // A topic that cannot be made has no subscribers either.
        let _ = self.with_log(topic, |log| {
            if let Some(news) = log.set_status(status) {
                self.shared.hub.deliver_status(topic, &news);
            }
        });
    }

    pub(super) fn forget(&self, topic: &Topic) {
        if let Some(topical) = self.find(topic) {
            self.measured(&mut lock(&topical), Log::forget);
        }
    }

    pub(super) fn join(&self, topic: &Topic, begin: Begin) -> Result<Joined, BrokerError> {
        self.with_log(topic, |log| {
            log.expire(wall_clock());
            log.join(begin, self.shared.limits.replay)
        })
    }

    pub(super) fn after(&self, topic: &Topic, offset: Offset, bytes: usize) -> Piece {
        match self.find(topic) {
            Some(topical) => self.read(&topical, |log| log.after(offset, bytes)),
            None => Piece {
                missed: 0,
                publications: Vec::new(),
                reaches: offset,
                last: offset,
                by_key: false,
                status: None,
            },
        }
    }

    pub(super) fn snapshot(&self, topic: &Topic, of: SnapshotOf, filter: Option<&Predicate>) -> Snapshot {
        let Some(topical) = self.find(topic) else {
            return Snapshot::default();
        };
        let (head, last, known, earlier) = self.read(&topical, |log| {
            let until = of.until.unwrap_or(log.last());
            let known = log.known(of.after, until, of.bytes);
            // Only who filters may want an older one than the newest.
            let earlier = match (&known, filter) {
                (Known::Whole(_), Some(_)) => log.after(Offset::ZERO, usize::MAX).publications,
                _ => Vec::new(),
            };
            (Arc::clone(log.head()), log.last(), known, earlier)
        });
        let offset = of.until.unwrap_or(last);
        let known = match filter {
            Some(filter) => selected(known, &earlier, filter),
            None => known,
        };
        let (frames, reaches) = encoded(&head, offset, known);
        Snapshot {
            offset,
            frames,
            reaches,
            last,
        }
    }

    pub(super) fn page(&self, topic: &Topic, of: PageOf, filter: Option<&Predicate>) -> Option<Page> {
        if let Some(filter) = filter {
            let topical = self.find(topic)?;
            let (position, all) = self.read(&topical, |log| log.pageable(of, filter));
            let passing = all.into_iter().filter(|publication| publication.passes(filter));
            return Some(Page::cut(position, passing, of.limit));
        }
        Some(self.read(&*self.find(topic)?, |log| log.page(of)))
    }

    pub(super) fn goes_on_from(&self, topic: &Topic, position: &Position) -> bool {
        let topical = self.find(topic);
        topical.is_some_and(|topical| lock(&topical).goes_on_from(position))
    }

    pub(super) fn nowhere(&self) -> Position {
        Position {
            epoch: self.shared.blank.clone(),
            offset: Offset::ZERO,
        }
    }

    pub(super) fn has(&self, topic: &Topic) -> bool {
        self.find(topic).is_some()
    }

    pub(super) fn sweep(&self) {
        let now = Instant::now();
        let limits = &self.shared.limits;
        self.all().retain(|topic, topical| {
            // Whoever holds the lock uses the topic.
            let Ok(mut log) = topical.try_lock() else {
                return true;
            };
            let is_used = now.saturating_duration_since(log.last_used()) < limits.forget_after
                || log.store().is_some() && !log.is_blank()
                || self.shared.hub.has_audience(topic);
            if !is_used {
                self.measured(&mut log, Log::leave_map);
            }
            is_used
        });
        let all: Vec<Topical> = self.all().values().cloned().collect();
        for topical in all {
            self.read(&topical, |_| ());
        }
    }

    pub(super) fn topics(&self) -> usize {
        self.all().len()
    }

    pub(super) fn offsets(&self) -> Vec<(Topic, Offset)> {
        let all: Vec<(Topic, Topical)> = self
            .all()
            .iter()
            .map(|(topic, topical)| (topic.clone(), Arc::clone(topical)))
            .collect();
        all.into_iter()
            .map(|(topic, topical)| (topic, lock(&topical).last()))
            .collect()
    }

    /// Does something with a topic's log, which is made if there is none.
    fn with_log<T>(&self, topic: &Topic, act: impl FnOnce(&mut Log) -> T) -> Result<T, BrokerError> {
        loop {
            let topical = self.find_or_make(topic)?;
            let mut log = lock(&topical);
            // Between finding and locking it, a sweep may have forgotten it.
            if !log.is_gone() {
                log.touch(Instant::now());
                return Ok(self.measured(&mut log, act));
            }
        }
    }

    /// Looks into a topic's log, where nothing is older than it may be.
    fn read<T>(&self, topical: &Mutex<Log>, look: impl FnOnce(&Log) -> T) -> T {
        let mut log = lock(topical);
        if log.rules().age.is_some() {
            self.measured(&mut log, |log| log.expire(wall_clock()));
        }
        look(&log)
    }

    /// Does something with a log, and notes how much it then holds.
    fn measured<T>(&self, log: &mut Log, act: impl FnOnce(&mut Log) -> T) -> T {
        let before = log.bytes();
        let done = act(log);
        let after = log.bytes();
        let held = &self.shared.held;
        if after > before {
            held.fetch_add(after - before, Ordering::Relaxed);
        } else {
            held.fetch_sub(before - after, Ordering::Relaxed);
        }
        done
    }

    /// Has the topics that were unused longest give up their history, until all fit.
    fn give_up_unused_history(&self) {
        let Ok(mut trimmed) = self.shared.trimmed.try_lock() else {
            return;
        };
        let now = Instant::now();
        // Where the newest of each key alone is too much, trying again and again would not help.
        if trimmed.is_some_and(|at| now.saturating_duration_since(at) < TRIM_PAUSE) {
            return;
        }
        let all: Vec<Topical> = self.all().values().cloned().collect();
        let mut by_use: Vec<(Instant, Topical)> = all
            .into_iter()
            .map(|topical| {
                let last_used = lock(&topical).last_used();
                (last_used, topical)
            })
            .collect();
        by_use.sort_by_key(|(last_used, _)| *last_used);
        let enough = self.shared.limits.total_bytes / 10 * 9;
        let mut count = 0;
        for (_, topical) in by_use {
            if self.shared.held.load(Ordering::Relaxed) <= enough {
                break;
            }
            self.measured(&mut lock(&topical), Log::give_up_history);
            count += 1;
        }
        *trimmed = Some(Instant::now());
        tracing::warn!(
            topics = count,
            "all histories together were too big: those unused longest were shortened"
        );
    }

    fn rules(&self, topic: &Topic) -> Rules {
        self.shared.limits.rules(topic, &self.shared.namespaces)
    }

    fn head(&self, topic: &Topic) -> TopicHead {
        TopicHead::of(topic).compressed_by(self.shared.compressor.clone())
    }

    fn find_or_make(&self, topic: &Topic) -> Result<Topical, BrokerError> {
        let mut topics = self.all();
        if let Some(topical) = topics.get(topic) {
            return Ok(Arc::clone(topical));
        }
        if topics.len() >= self.shared.limits.most_before(topic) {
            return Err(BrokerError::TooManyTopics);
        }
        let rules = self.rules(topic);
        let store = self.shared.store.as_ref().filter(|_| rules.durable);
        let durable = store.map(|store| Durable::new(store.clone(), store.new_id()));
        let log = Log::new(self.head(topic), rules, new_epoch(), durable, Instant::now());
        let topical = Arc::new(Mutex::new(log));
        topics.insert(topic.clone(), Arc::clone(&topical));
        Ok(topical)
    }

    fn find(&self, topic: &Topic) -> Option<Topical> {
        self.all().get(topic).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Topic, Topical>> {
        self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(topical: &Mutex<Log>) -> MutexGuard<'_, Log> {
    topical.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a publication may begin: before it has an offset, so that what is refused leaves no trace.
fn may_be_written(store: &Store, wanted: Wanted) -> Result<(), BrokerError> {
    let refused = match wanted {
        // Where the disk has failed, live data still goes out; only nobody is promised that it was kept.
        Wanted::Announced if !store.works() => return Ok(()),
        Wanted::Stored if !store.works() => BrokerError::StoreFailed,
        Wanted::Announced | Wanted::Stored if !store.has_room() => BrokerError::StoreBusy,
        Wanted::Announced | Wanted::Stored => return Ok(()),
    };
    store.note_refused();
    Err(refused)
}

#[cfg(test)]
mod tests;
