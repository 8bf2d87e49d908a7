//! What was revoked: all tokens of a user that were made before a moment, and single tokens by name. Pure.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nexus_protocol::{Timestamp, UserId};

/// So much can be revoked at a time.
pub const MOST_REVOCATIONS: usize = 100_000;

/// What was revoked. Cheap to clone; the clones are one.
#[derive(Clone, Debug, Default)]
pub struct Revoked {
    /// Protects the list. Held for a look or a change, never longer.
    list: Arc<RwLock<RevokedList>>,
}

/// What was revoked, as a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RevokedList {
    /// Users, and what of theirs.
    pub users: HashMap<UserId, RevokedUser>,
    /// Tokens by name, and when each can be forgotten.
    pub tokens: HashMap<Box<str>, Option<Timestamp>>,
}

/// What of a user was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevokedUser {
    /// Every token that was made by then, and those that do not say when.
    pub made_by: Timestamp,
    /// When this can be forgotten, because such tokens have expired; never if absent.
    pub until: Option<Timestamp>,
}

/// Something to revoke.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revoke {
    /// Every token of a user that was made until now.
    User(UserId),
    /// One token, by its `jti`.
    Token(Box<str>),
}

/// As much is revoked as can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{MOST_REVOCATIONS} revocations stand, and more cannot be kept; change the signing secret instead")]
pub struct TooManyRevocations;

impl Revoked {
    /// What was revoked before.
    pub fn new(list: RevokedList) -> Self {
        Revoked {
            list: Arc::new(RwLock::new(list)),
        }
    }

    /// Whether a token was revoked, by whose it is, its name, and when it was made.
    pub fn has(&self, user: Option<&UserId>, token_id: Option<&str>, made: Option<Timestamp>) -> bool {
        let list = self.read();
        let by_user = user
            .and_then(|user| list.users.get(user))
            .is_some_and(|revoked| made.is_none_or(|made| made <= revoked.made_by));
        by_user || token_id.is_some_and(|id| list.tokens.contains_key(id))
    }

    /// Revokes.
    ///
    /// # Errors
    /// If as much is revoked as can be.
    pub fn add(
        &self,
        revoke: &Revoke,
        now: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<(), TooManyRevocations> {
        let mut list = self.write();
        let is_new = match revoke {
            Revoke::User(user) => !list.users.contains_key(user),
            Revoke::Token(id) => !list.tokens.contains_key(id),
        };
        if is_new && list.len() >= MOST_REVOCATIONS {
            list.forget(now);
            if list.len() >= MOST_REVOCATIONS {
                return Err(TooManyRevocations);
            }
        }
        match revoke {
            Revoke::User(user) => {
                let before = list.users.get(user).map(|before| before.until);
                let revoked = RevokedUser {
                    made_by: now,
                    until: later(before, until),
                };
                list.users.insert(user.clone(), revoked);
            }
            Revoke::Token(id) => {
                let before = list.tokens.get(id).copied();
                list.tokens.insert(id.clone(), later(before, until));
            }
        }
        Ok(())
    }

    /// Lets go of what can be forgotten, and gives what is left.
    pub fn forget(&self, now: Timestamp) -> RevokedList {
        let mut list = self.write();
        list.forget(now);
        list.clone()
    }

    /// How much is revoked.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, RevokedList> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, RevokedList> {
        self.list.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RevokedList {
    fn len(&self) -> usize {
        self.users.len() + self.tokens.len()
    }

    fn forget(&mut self, now: Timestamp) {
        let stands = |until: Option<Timestamp>| until.is_none_or(|until| until > now);
        self.users.retain(|_, revoked| stands(revoked.until));
        self.tokens.retain(|_, until| stands(*until));
    }
}

/// The later of two ends, of which an absent one is never.
fn later(before: Option<Option<Timestamp>>, until: Option<Timestamp>) -> Option<Timestamp> {
    match before {
        None => until,
        Some(before) => Some(before?.max(until?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    #[test]
    fn a_user_s_earlier_tokens_are_revoked_and_later_ones_are_not() {
        let ann = UserId::parse("ann").unwrap();
        let bob = UserId::parse("bob").unwrap();
        let revoked = Revoked::default();
        revoked
            .add(&Revoke::User(ann.clone()), at(100), Some(at(500)))
            .unwrap();
        for (user, made, expected) in [
            (&ann, Some(at(99)), true),
            (&ann, Some(at(100)), true),
            (&ann, Some(at(101)), false),
            (&ann, None, true),
            (&bob, Some(at(99)), false),
            (&bob, None, false),
        ] {
            assert_eq!(
                revoked.has(Some(user), Some("j"), made),
                expected,
                "{user} {made:?}"
            );
        }
        revoked.forget(at(499));
        assert_eq!(revoked.len(), 1);
        revoked.forget(at(500));
        assert!(revoked.is_empty(), "such tokens have expired");
    }

    #[test]
    fn a_token_is_revoked_by_its_name_alone() {
        let revoked = Revoked::default();
        revoked.add(&Revoke::Token("j1".into()), at(100), None).unwrap();
        assert!(revoked.has(None, Some("j1"), Some(at(200))));
        assert!(!revoked.has(None, Some("j2"), None) && !revoked.has(None, None, None));
        // Said again with an earlier end, it still stands for ever.
        revoked
            .add(&Revoke::Token("j1".into()), at(100), Some(at(101)))
            .unwrap();
        revoked.forget(Timestamp::MAX);
        assert_eq!(revoked.len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let revoked = Revoked::default();
        for number in 0..MOST_REVOCATIONS {
            let token = Revoke::Token(number.to_string().into());
            revoked.add(&token, at(1), Some(at(2))).unwrap();
        }
        let more = Revoke::Token("more".into());
        assert_eq!(revoked.add(&more, at(1), None), Err(TooManyRevocations));
        assert_eq!(
            revoked.add(&Revoke::Token("7".into()), at(1), Some(at(2))),
            Ok(())
        );
        assert_eq!(
            revoked.add(&more, at(2), None),
            Ok(()),
            "what has expired makes room"
        );
        assert_eq!(revoked.len(), 1);
    }
}
