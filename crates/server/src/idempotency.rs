//! Publications that carry an idempotency key: the same user's same key within the window is the same publication.
//!
//! Kept in memory alone: a restart forgets it, and a repeat across one is published again. Commands are other: their keys
//! stand in the log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_protocol::{IdempotencyKey, Position, Refusal, UserId};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a key is remembered.
pub const WINDOW: Duration = Duration::from_secs(600);
/// The most keys that are remembered; the oldest are let go first.
const MOST_KEYS: usize = 10_000;
/// The most keys of one user; their oldest are let go first.
const MOST_KEYS_OF_ONE: usize = 5_000;

/// What became of a publication: where it stands, or why it was refused.
pub type Outcome = Result<Option<Position>, Refusal>;

/// The keys of the last ten minutes.
#[derive(Debug, Default)]
pub struct Idempotency {
    /// Protects the keys; held for a few steps.
    keys: Mutex<Keys>,
    hasher: RandomState,
}

/// How a publication with a key begins.
#[derive(Debug)]
pub enum Begun {
    /// It is the first: publish, and say what became of it.
    First(First),
    /// It is a repeat: wait for what became of the first.
    Repeat(Repeat),
    /// The key was used for other content.
    Other,
}

/// The right to publish under a key. Dropped without a word, the repeats that wait are told that it failed.
#[derive(Debug)]
#[must_use = "say what became of it"]
pub struct First {
    outcome: watch::Sender<Option<Outcome>>,
    name: Name,
    number: u64,
}

/// A repeat that waits for the first.
#[derive(Debug)]
pub struct Repeat(watch::Receiver<Option<Outcome>>);

type Name = (UserId, IdempotencyKey);

#[derive(Debug, Default)]
struct Keys {
    by_name: HashMap<Name, Key>,
    /// All keys in the order in which they came, and when.
    order: BTreeMap<u64, (Name, Instant)>,
    of_user: HashMap<UserId, BTreeSet<u64>>,
    count: u64,
}

#[derive(Debug)]
struct Key {
    number: u64,
    content: u64,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Idempotency {
    /// Begins a publication with a key.
    pub fn begin(&self, now: Instant, user: &UserId, key: &IdempotencyKey, content: impl Hash) -> Begun {
        let content = self.hasher.hash_one(content);
        let name = (user.clone(), key.clone());
        let mut keys = self.lock();
        keys.forget(now);
        if let Some(known) = keys.by_name.get(&name) {
            if known.content == content {
                return Begun::Repeat(Repeat(known.outcome.clone()));
            }
            return Begun::Other;
        }
        let (outcome, wait) = watch::channel(None);
        let number = keys.insert(now, name.clone(), content, wait);
        Begun::First(First {
            outcome,
            name,
            number,
        })
    }

    /// Says what became of the first. What was refused may be tried again under the same key.
    pub fn end(&self, first: First, outcome: Outcome) {
        if outcome.is_err() {
            let mut keys = self.lock();
            if keys
                .by_name
                .get(&first.name)
                .is_some_and(|key| key.number == first.number)
            {
                keys.remove(first.number);
            }
        }
        // Nobody may be waiting.
        first.outcome.send_replace(Some(outcome));
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repeat {
    /// What became of the first; none if it never said.
    pub async fn outcome(mut self) -> Option<Outcome> {
        let outcome = self.0.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

impl Keys {
    fn insert(
        &mut self,
        now: Instant,
        name: Name,
        content: u64,
        outcome: watch::Receiver<Option<Outcome>>,
    ) -> u64 {
        self.count += 1;
        let number = self.count;
        let of_user = self.of_user.entry(name.0.clone()).or_default();
        of_user.insert(number);
        if of_user.len() > MOST_KEYS_OF_ONE
            && let Some(oldest) = of_user.first().copied()
        {
            self.remove(oldest);
        }
        self.order.insert(number, (name.clone(), now));
        let key = Key {
            number,
            content,
            outcome,
        };
        self.by_name.insert(name, key);
        while self.by_name.len() > MOST_KEYS
            && let Some(oldest) = self.order.keys().next().copied()
        {
            self.remove(oldest);
        }
        number
    }

    /// Lets go of what is older than the window.
    fn forget(&mut self, now: Instant) {
        while let Some((number, (_, at))) = self.order.first_key_value()
            && now.saturating_duration_since(*at) >= WINDOW
        {
            let number = *number;
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some((name, _)) = self.order.remove(&number) else {
            return;
        };
        if let Some(of_user) = self.of_user.get_mut(&name.0) {
            of_user.remove(&number);
            if of_user.is_empty() {
                self.of_user.remove(&name.0);
            }
        }
        self.by_name.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use nexus_protocol::{Epoch, ErrorCode, Offset};

    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn key(name: &str) -> IdempotencyKey {
        IdempotencyKey::parse(name).unwrap()
    }

    fn stands() -> Outcome {
        Ok(Some(Position {
            epoch: Epoch::parse("e").unwrap(),
            offset: Offset(7),
        }))
    }

    fn first(begun: Begun) -> First {
        match begun {
            Begun::First(first) => first,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_repeat_gets_the_outcome_of_the_first_even_while_that_goes_on() {
        let keys = Idempotency::default();
        let now = Instant::now();
        let running = first(keys.begin(now, &user("ann"), &key("k"), "text"));
        let Begun::Repeat(early) = keys.begin(now, &user("ann"), &key("k"), "text") else {
            panic!("not known");
        };
        assert!(matches!(
            keys.begin(now, &user("ann"), &key("k"), "other"),
            Begun::Other
        ));
        let of_bob = first(keys.begin(now, &user("bob"), &key("k"), "other"));
        keys.end(running, stands());
        assert_eq!(early.outcome().await, Some(stands()));
        let Begun::Repeat(late) = keys.begin(now, &user("ann"), &key("k"), "text") else {
            panic!("not known");
        };
        assert_eq!(late.outcome().await, Some(stands()));
        drop(of_bob);
        let Begun::Repeat(orphan) = keys.begin(now, &user("bob"), &key("k"), "other") else {
            panic!("not known");
        };
        assert_eq!(orphan.outcome().await, None);
    }

    #[tokio::test]
    async fn what_was_refused_may_be_tried_again() {
        let keys = Idempotency::default();
        let now = Instant::now();
        let refusal = Refusal::new(ErrorCode::Internal, "the disk is full");
        keys.end(first(keys.begin(now, &user("ann"), &key("k"), 1)), Err(refusal));
        keys.end(first(keys.begin(now, &user("ann"), &key("k"), 1)), stands());
        assert!(matches!(
            keys.begin(now, &user("ann"), &key("k"), 1),
            Begun::Repeat(_)
        ));
    }

    #[test]
    fn keys_are_forgotten_after_the_window_and_the_oldest_when_there_are_too_many() {
        let keys = Idempotency::default();
        let now = Instant::now();
        keys.end(first(keys.begin(now, &user("bob"), &key("old"), 1)), stands());
        let later = now + Duration::from_secs(1);
        for number in 0..MOST_KEYS_OF_ONE + 10 {
            keys.end(
                first(keys.begin(later, &user("ann"), &key(&number.to_string()), 1)),
                stands(),
            );
        }
        assert_eq!(
            keys.lock().by_name.len(),
            MOST_KEYS_OF_ONE + 1,
            "the others' are untouched"
        );
        let _ = first(keys.begin(later, &user("ann"), &key("0"), 1));
        for number in 0..MOST_KEYS {
            let name = user(&format!("u{}", number % 100));
            let _ = keys.begin(later, &name, &key(&number.to_string()), 1);
        }
        assert_eq!(keys.lock().by_name.len(), MOST_KEYS);
        assert_eq!(keys.lock().order.len(), MOST_KEYS);
        let _ = first(keys.begin(later, &user("bob"), &key("old"), 1));
        let _ = keys.begin(later + WINDOW, &user("ann"), &key("new"), 1);
        let left = keys.lock();
        assert_eq!(
            (left.by_name.len(), left.order.len(), left.of_user.len()),
            (1, 1, 1)
        );
    }
}
