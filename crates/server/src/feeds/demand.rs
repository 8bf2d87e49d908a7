//! Which topics began or ceased to be wanted since the feed last looked. Telling never blocks, and only the last word on
//! a topic counts, so it holds at most one entry a topic.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nexus_protocol::Topic;
use tokio::sync::Notify;

/// What is wanted now.
#[derive(Debug, Default)]
pub(crate) struct DemandBoard {
    /// Protects the last word on each topic that was not taken yet.
    words: Mutex<HashMap<Topic, Word>>,
    changed: Notify,
}

/// The last word on a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// Somebody listens.
    Wanted,
    /// Nobody does.
    Unwanted,
}

impl DemandBoard {
    /// Says the last word on a topic.
    pub(crate) fn say(&self, topic: &Topic, word: Word) {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(topic.clone(), word);
        self.changed.notify_one();
    }

    /// Waits until something was said.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes what was said.
    pub(crate) fn take(&self) -> HashMap<Topic, Word> {
        std::mem::take(&mut self.words.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
