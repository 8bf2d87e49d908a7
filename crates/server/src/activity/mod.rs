//! What stands on `tasks` and `ai`: enough of it to refuse what does not follow, to recognise repeats, and to give a late
//! viewer a stream's whole text. Bounded; it is rebuilt from the broker's log after a restart.
//!
//! Checking an update and publishing it must not be torn apart by another update of the same task or stream: whoever
//! publishes one takes its [turn](Activity::turn) first.

mod remembered;
mod streams;
mod tasks;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_protocol::{ErrorCode, Position, Refusal, Topic};

use crate::broker::Broker;

pub use streams::{Chunk, Streams};
pub use tasks::Tasks;

/// Updates of different keys wait for each other only when they fall on the same of so many turns.
const TURNS: usize = 64;
/// The longest name of a task or a stream, in characters.
const MOST_NAME_CHARS: usize = 64;
/// The longest title, in characters.
const MOST_TITLE_CHARS: usize = 200;
/// The longest message or reason, in characters.
const MOST_MESSAGE_CHARS: usize = 1_000;

/// What stands on `tasks` and `ai`.
#[derive(Debug)]
pub struct Activity {
    /// Protects the tasks; held for a few steps.
    tasks: Mutex<Tasks>,
    /// Protects the streams; held for a few steps.
    streams: Mutex<Streams>,
    turns: [tokio::sync::Mutex<()>; TURNS],
    hasher: RandomState,
    restored: tokio::sync::OnceCell<()>,
}

/// What is to be done with an update that follows from what stands.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict<T> {
    /// Publish it.
    Publish(T),
    /// It was published before, there if that is still known: acknowledge it, and publish nothing.
    Repeat(Option<Position>),
}

impl Activity {
    /// Waits until nobody else publishes of this key.
    pub async fn turn(&self, key: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let place = self.hasher.hash_one(key) as usize % TURNS;
        self.turns[place].lock().await
    }

    /// Takes over what stood before the server started, once; whoever comes meanwhile waits.
    pub async fn restore(&self, broker: &Broker) {
        let restore = async {
            let tasks = broker.standing(&Topic::Tasks).await;
            self.tasks().restore(&tasks);
            let streams = broker.standing(&Topic::Ai).await;
            self.streams().restore(&streams);
        };
        self.restored.get_or_init(|| restore).await;
    }

    /// The tasks.
    pub fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The streams.
    pub fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Activity {
    fn default() -> Self {
        Activity {
            tasks: Mutex::default(),
            streams: Mutex::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            hasher: RandomState::new(),
            restored: tokio::sync::OnceCell::new(),
        }
    }
}

/// A refusal of what has the wrong shape or does not follow.
fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidParams, message)
}

/// Checks the name of a task or a stream.
fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    let is_printable = name.chars().all(|char| !char.is_control()) && name.trim() == name;
    if !name.is_empty() && is_printable && name.chars().count() <= MOST_NAME_CHARS {
        return Ok(());
    }
    Err(wrong(format!(
        "`{field}` has 1 to {MOST_NAME_CHARS} printable characters, and no spaces at its ends"
    )))
}

/// Checks the length of a text for people.
fn check_text(field: &str, text: Option<&str>, most: usize) -> Result<(), Refusal> {
    match text {
        Some(text) if text.chars().count() > most => {
            Err(wrong(format!("`{field}` has at most {most} characters")))
        }
        _ => Ok(()),
    }
}
