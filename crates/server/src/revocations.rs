//! Revoked tokens, kept on disk: from the moment of the answer on, no new connection gets in by one, those that did are
//! closed, and a restart changes nothing about it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_protocol::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::auth::{MOST_REVOCATIONS, Revoke, Revoked, RevokedList, RevokedUser, TooManyRevocations};
use crate::connections::Connections;

/// The file in the data directory.
const FILE: &str = "revocations.json";
/// The longest name of a token.
const MOST_NAME_BYTES: usize = 128;

/// Revoked tokens.
#[derive(Debug)]
pub struct Revocations {
    revoked: Revoked,
    path: PathBuf,
    /// After so long, no token that was made before can still count.
    max_age: Option<Duration>,
    /// Held while the file is written, so that a later list never loses to an earlier one.
    writing: Mutex<()>,
}

/// Why something was not revoked, or not for good.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// No token can have this name.
    #[error("a token's name has 1 to {MOST_NAME_BYTES} printable characters without spaces")]
    Name,
    /// As much is revoked as can be.
    #[error(transparent)]
    Full(#[from] TooManyRevocations),
    /// It holds until the next restart, and could not be written down.
    #[error("revoked until the next restart only: {0}")]
    NotKept(std::io::Error),
}

/// What was revoked before cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableError(String);

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    users: BTreeMap<String, KeptUser>,
    tokens: BTreeMap<String, Option<Timestamp>>,
}

#[derive(Serialize, Deserialize)]
struct KeptUser {
    made_by: Timestamp,
    until: Option<Timestamp>,
}

impl Revocations {
    /// Reads what was revoked before. Without a file, nothing was.
    ///
    /// # Errors
    /// If the file is there and cannot be read: to go on without it would let revoked tokens in.
    pub fn open(data_dir: &Path, max_age: Option<Duration>) -> Result<Self, UnreadableError> {
        let path = data_dir.join(FILE);
        let shown = path.display();
        let list = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => RevokedList::default(),
            Err(error) => return Err(UnreadableError(format!("{shown} cannot be read: {error}"))),
            Ok(bytes) => list_of(&bytes).ok_or_else(|| {
                UnreadableError(format!(
                    "{shown} is garbled; restore it, or delete it to let revoked tokens in again"
                ))
            })?,
        };
        Ok(Revocations {
            revoked: Revoked::new(list),
            path,
            max_age,
            writing: Mutex::default(),
        })
    }

    /// What was revoked, for whoever checks tokens.
    pub fn revoked(&self) -> Revoked {
        self.revoked.clone()
    }

    /// Revokes, closes what was open by it, and writes it down. `until` is when the last of these tokens ends, if that
    /// is known: then it can be forgotten.
    ///
    /// # Errors
    /// If it is no name, or too much is revoked, or it cannot be written down: then it holds until the next restart.
    pub async fn revoke(
        &self,
        revoke: &Revoke,
        until: Option<Timestamp>,
        now: Timestamp,
        connections: &Connections,
    ) -> Result<(), RevokeError> {
        let until = until.or_else(|| {
            let max_age = u64::try_from(self.max_age?.as_millis()).ok()?;
            Some(Timestamp::from_millis(now.as_millis().saturating_add(max_age)))
        });
        match revoke {
            Revoke::User(user) => {
                self.revoked.add(revoke, now, until)?;
                connections.recheck(Some(user), None);
            }
            Revoke::Token(name) => {
                let is_name =
                    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
                if !is_name {
                    return Err(RevokeError::Name);
                }
                self.revoked.add(revoke, now, until)?;
                connections.recheck(None, Some(name));
            }
        }
        self.keep(now).await.map_err(RevokeError::NotKept)
    }

    async fn keep(&self, now: Timestamp) -> std::io::Result<()> {
        let _writing = self.writing.lock().await;
        let list = self.revoked.forget(now);
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &kept(list)));
        written
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

fn write(path: &Path, kept: &Kept) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let beside = path.with_extension("json.new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name itself must be on disk, too; where directories cannot be synced, the rename has to do.
    if let Some(directory) = path
        .parent()
        .and_then(|directory| std::fs::File::open(directory).ok())
    {
        let _ = directory.sync_all();
    }
    Ok(())
}

fn kept(list: RevokedList) -> Kept {
    let users = list.users.into_iter().map(|(user, revoked)| {
        let RevokedUser { made_by, until } = revoked;
        (user.as_str().to_owned(), KeptUser { made_by, until })
    });
    Kept {
        users: users.collect(),
        tokens: list
            .tokens
            .into_iter()
            .map(|(name, until)| (name.into(), until))
            .collect(),
    }
}

fn list_of(bytes: &[u8]) -> Option<RevokedList> {
    let kept: Kept = serde_json::from_slice(bytes).ok()?;
    if kept.users.len() + kept.tokens.len() > MOST_REVOCATIONS {
        return None;
    }
    let mut list = RevokedList::default();
    for (user, KeptUser { made_by, until }) in kept.users {
        list.users
            .insert(UserId::parse(&user).ok()?, RevokedUser { made_by, until });
    }
    list.tokens = kept
        .tokens
        .into_iter()
        .map(|(name, until)| (name.into(), until))
        .collect();
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    #[tokio::test]
    async fn what_was_revoked_stays_so_after_a_restart_until_it_can_be_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let nowhere_yet = data.path().join("made/later");
        let ann = UserId::parse("ann").unwrap();
        let nobody = Connections::default();
        let max_age = Some(Duration::from_secs(50));
        let revocations = Revocations::open(&nowhere_yet, max_age).unwrap();
        let user = Revoke::User(ann.clone());
        revocations.revoke(&user, None, at(100), &nobody).await.unwrap();
        let token = Revoke::Token("t".into());
        revocations
            .revoke(&token, Some(at(900)), at(100), &nobody)
            .await
            .unwrap();

        let again = Revocations::open(&nowhere_yet, None).unwrap();
        assert_eq!(again.revoked().forget(at(0)), revocations.revoked().forget(at(0)));
        assert!(again.revoked().has(Some(&ann), None, Some(at(99))));
        assert!(again.revoked().has(None, Some("t"), None));
        again
            .revoke(&Revoke::Token("u".into()), None, at(151), &nobody)
            .await
            .unwrap();
        let later = Revocations::open(&nowhere_yet, None).unwrap();
        assert!(
            !later.revoked().has(Some(&ann), None, Some(at(99))),
            "no token lives so long"
        );
        assert_eq!(later.revoked().len(), 2);
    }

    #[tokio::test]
    async fn what_is_garbled_stops_the_start_and_what_cannot_be_kept_is_said() {
        let data = tempfile::tempdir().unwrap();
        for garbled in [
            "",
            "{",
            "[]",
            r#"{"users":{"a b":{"made_by":"2026-11-03T01:53:54.518Z","until":null}},"tokens":{}}"#,
            r#"{"users":{},"tokens":7}"#,
        ] {
            std::fs::write(data.path().join(FILE), garbled).unwrap();
            let error = Revocations::open(data.path(), None).unwrap_err().to_string();
            assert!(error.contains("is garbled"), "{garbled}: {error}");
        }
        let file = data.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        let revocations = Revocations {
            path: file.join(FILE),
            ..Revocations::open(&data.path().join("empty"), None).unwrap()
        };
        let nobody = Connections::default();
        let token = Revoke::Token("t".into());
        let not_kept = revocations.revoke(&token, None, at(1), &nobody).await;
        assert!(matches!(not_kept, Err(RevokeError::NotKept(_))), "{not_kept:?}");
        assert!(
            revocations.revoked().has(None, Some("t"), None),
            "it holds all the same"
        );
        for name in ["", "a b", &"x".repeat(129)] {
            let refused = revocations
                .revoke(&Revoke::Token(name.into()), None, at(1), &nobody)
                .await;
            assert!(matches!(refused, Err(RevokeError::Name)), "{name}");
        }
    }
}
