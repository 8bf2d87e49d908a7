//! A small memory of what was computed last: bounded, the oldest entry makes room.

use std::collections::VecDeque;

/// The last few values by key.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    entries: VecDeque<(i64, V)>,
    capacity: usize,
}

impl<V: Clone> Recent<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity,
        }
    }

    /// The value of `key`, if it is remembered.
    pub(crate) fn find(&self, key: i64) -> Option<V> {
        self.entries
            .iter()
            .find(|(at, _)| *at == key)
            .map(|(_, value)| value.clone())
    }

    /// Remembers a value and gives it back.
    pub(crate) fn keep(&mut self, key: i64, value: V) -> V {
        if self.entries.len() == self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back((key, value.clone()));
        value
    }
}
