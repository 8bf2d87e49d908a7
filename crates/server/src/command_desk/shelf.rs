//! The commands that are known: the open ones by device and by deadline, and those that are over until they are forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use nexus_protocol::{CommandId, DeviceId, IdempotencyKey, Timestamp, UserId};

use crate::command_desk::ending::Ending;
use crate::command_desk::record::{Record, State};

/// The most commands that are remembered behind their end, for repeats and answers that come late.
const MOST_OVER: usize = 5_000;
/// What those may hold.
const MOST_OVER_BYTES: usize = 16 << 20;

/// The commands that are known.
#[derive(Debug)]
pub(super) struct Shelf<L> {
    records: HashMap<CommandId, Record<L>>,
    by_key: HashMap<(UserId, IdempotencyKey), CommandId>,
    /// The open commands of each device, in the order in which they came.
    open: HashMap<DeviceId, BTreeMap<u64, CommandId>>,
    open_count: usize,
    open_bytes: usize,
    deadlines: BTreeSet<(Timestamp, u64, CommandId)>,
    /// Commands that are over in the order of their ends, and what each held then.
    over: VecDeque<(CommandId, usize)>,
    over_bytes: usize,
    count: u64,
}

impl<L> Shelf<L> {
    pub(super) fn get(&self, id: &CommandId) -> Option<&Record<L>> {
        self.records.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &CommandId) -> Option<&mut Record<L>> {
        self.records.get_mut(id)
    }

    /// The command that a user ordered under a key.
    pub(super) fn ordered_under(&self, by: &UserId, key: &IdempotencyKey) -> Option<&CommandId> {
        self.by_key.get(&(by.clone(), key.clone()))
    }

    /// The open commands of a device, in their order.
    pub(super) fn open_of(&self, device: &DeviceId) -> Vec<CommandId> {
        let open = self.open.get(device).into_iter().flat_map(BTreeMap::values);
        open.cloned().collect()
    }

    /// The numbers of the open commands of a device.
    pub(super) fn numbers_of(&self, device: &DeviceId) -> impl Iterator<Item = u64> {
        self.open
            .get(device)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .copied()
    }

    /// How many commands of a device are open, and when the first of them is over.
    pub(super) fn crowd(&self, device: &DeviceId) -> (usize, Option<Timestamp>) {
        let open = self.open.get(device);
        let expiry = |id| self.records.get(id).map(|record| record.facts.expires_at);
        let first = open
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(expiry)
            .min();
        (open.map_or(0, BTreeMap::len), first)
    }

    /// How many commands are open.
    pub(super) fn open(&self) -> usize {
        self.open_count
    }

    /// What the open commands hold.
    pub(super) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// The first deadline.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// Takes out the next command whose time is over.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<CommandId> {
        self.deadlines.first().filter(|(at, ..)| *at <= now)?;
        self.deadlines.pop_first().map(|(_, _, id)| id)
    }

    /// Puts the deadline of a command back that was taken out.
    pub(super) fn watch(&mut self, id: &CommandId) {
        if let Some(record) = self.records.get(id) {
            let deadline = (record.facts.expires_at, record.number, id.clone());
            self.deadlines.insert(deadline);
        }
    }

    pub(super) fn insert(&mut self, mut record: Record<L>) {
        self.count += 1;
        record.number = self.count;
        let id = record.facts.id.clone();
        if let Some(key) = &record.facts.key {
            let name = (record.facts.by.clone(), key.clone());
            self.by_key.insert(name, id.clone());
        }
        if record.is_open() {
            let device = record.facts.device.clone();
            self.open
                .entry(device)
                .or_default()
                .insert(record.number, id.clone());
            self.open_count += 1;
            self.open_bytes += record.bytes();
            self.records.insert(id.clone(), record);
            self.watch(&id);
        } else {
            self.keep(id.clone(), record.bytes());
            self.records.insert(id, record);
        }
    }

    /// An open command is over.
    pub(super) fn close(&mut self, id: &CommandId, ending: Ending) {
        let Some(record) = self.records.get_mut(id).filter(|record| record.is_open()) else {
            return;
        };
        let number = record.number;
        self.deadlines
            .remove(&(record.facts.expires_at, number, id.clone()));
        self.open_count -= 1;
        self.open_bytes -= record.bytes();
        record.state = State::Over(ending);
        let bytes = record.bytes();
        let device = record.facts.device.clone();
        if let Some(open) = self.open.get_mut(&device) {
            open.remove(&number);
            if open.is_empty() {
                self.open.remove(&device);
            }
        }
        self.keep(id.clone(), bytes);
    }

    /// Lets go of a command's key: what was ordered under it was not done, and may be ordered again.
    pub(super) fn forget_key(&mut self, id: &CommandId) {
        if let Some(record) = self.records.get(id)
            && let Some(key) = &record.facts.key
        {
            let name = (record.facts.by.clone(), key.clone());
            if self.by_key.get(&name) == Some(id) {
                self.by_key.remove(&name);
            }
        }
    }

    /// Remembers a command that is over, and forgets the oldest if there are too many.
    fn keep(&mut self, id: CommandId, bytes: usize) {
        self.over.push_back((id, bytes));
        self.over_bytes += bytes;
        while (self.over.len() > MOST_OVER || self.over_bytes > MOST_OVER_BYTES)
            && self.over.len() > 1
            && let Some((oldest, bytes)) = self.over.pop_front()
        {
            self.over_bytes -= bytes;
            self.forget_key(&oldest);
            self.records.remove(&oldest);
        }
    }

    /// Panics unless all lists are of the same commands.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let open: Vec<_> = self.records.values().filter(|record| record.is_open()).collect();
        assert_eq!(self.open_count, open.len());
        assert_eq!(
            self.open_bytes,
            open.iter().map(|record| record.bytes()).sum::<usize>()
        );
        assert_eq!(self.open.values().map(BTreeMap::len).sum::<usize>(), open.len());
        assert!(self.open.values().all(|open| !open.is_empty()));
        let stored = |record: &&&Record<L>| !matches!(record.state, State::Storing { .. });
        for record in open.iter().filter(stored) {
            let deadline = (record.facts.expires_at, record.number, record.facts.id.clone());
            assert!(
                self.deadlines.contains(&deadline),
                "an open command has a deadline"
            );
        }
        assert!(self.deadlines.len() <= open.len(), "what is over has none");
        assert_eq!(self.over.len(), self.records.len() - open.len());
        assert_eq!(
            self.over_bytes,
            self.over.iter().map(|(_, bytes)| bytes).sum::<usize>()
        );
        assert!(self.by_key.values().all(|id| self.records.contains_key(id)));
    }
}

impl<L> Default for Shelf<L> {
    fn default() -> Self {
        Shelf {
            records: HashMap::new(),
            by_key: HashMap::new(),
            open: HashMap::new(),
            open_count: 0,
            open_bytes: 0,
            deadlines: BTreeSet::new(),
            over: VecDeque::new(),
            over_bytes: 0,
            count: 0,
        }
    }
}
