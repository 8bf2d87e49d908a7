//! The secret that tokens are signed with: given, or in the data directory, where whoever comes first makes it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

/// Its file in the data directory; the server reads the same.
const FILE: &str = "jwt-secret";
/// HS256 wants as many bytes as its hash has.
const LEAST_BYTES: usize = 32;

/// A secret that is long enough.
pub(crate) struct Secret(String);

impl Secret {
    /// The secret of the environment, otherwise that of the data directory.
    pub(crate) fn from_environment(data_dir: &Path) -> anyhow::Result<Self> {
        // Not an option: it would stand in the list of processes.
        let given = std::env::var("NEXUS_JWT_SECRET").ok();
        Self::find(given.filter(|secret| !secret.is_empty()), data_dir)
    }

    /// The secret in a file, which must be there.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("the secret {} cannot be read", file.display()))?;
        Self::checked(&text).with_context(|| format!("{} is no good", file.display()))
    }

    /// The secret of `NEXUS_JWT_SECRET`, otherwise that of the data directory, which is made if it is not there.
    pub(crate) fn find(given: Option<String>, data_dir: &Path) -> anyhow::Result<Self> {
        if let Some(given) = given {
            return Self::checked(&given).context("NEXUS_JWT_SECRET is no good");
        }
        let file = data_dir.join(FILE);
        if !file.exists() {
            make(data_dir, &file).with_context(|| {
                format!(
                    "cannot make the secret {}; name the server's data directory with --data-dir, or its secret with NEXUS_JWT_SECRET",
                    file.display()
                )
            })?;
        }
        let text = fs::read_to_string(&file).with_context(|| {
            format!(
                "cannot read the secret {}; run this as the user of the server",
                file.display()
            )
        })?;
        Self::checked(&text).with_context(|| format!("{} is no good", file.display()))
    }

    /// The bytes that sign.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn checked(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        if text.len() < LEAST_BYTES {
            bail!("a secret has at least {LEAST_BYTES} bytes");
        }
        Ok(Secret(text.to_owned()))
    }
}

/// Makes the secret so that nobody ever sees half of it, and so that of two who make it at the same time one wins.
fn make(data_dir: &Path, file: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(data_dir)?;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();

    // Two makers, even two threads of one, take two names.
    let beside = data_dir.join(format!("{FILE}.{:016x}.new", fastrand::u64(..)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut half = options.open(&beside)?;
    let written = writeln!(half, "{text}").and_then(|()| half.sync_all());
    // Unlike a rename, a link does not take the place of a file that is there.
    let made = written.and_then(|()| match fs::hard_link(&beside, file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&beside)?;
    Ok(made?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_makes_it_and_the_next_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("nexus-data");
        let first = Secret::find(None, &data_dir).unwrap();
        let next = Secret::find(None, &data_dir).unwrap();
        assert_eq!(first.as_bytes(), next.as_bytes());
        assert_eq!(first.as_bytes().len(), 64);
        let names: Vec<_> = fs::read_dir(&data_dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [FILE], "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        Secret::find(None, dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn many_at_the_same_time_agree_on_one() {
        let dir = tempfile::tempdir().unwrap();
        let find = || Secret::find(None, dir.path()).unwrap().0;
        let found: Vec<String> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(find)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(found.iter().all(|secret| *secret == found[0]));
    }

    #[test]
    fn a_short_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "short\n").unwrap();
        for given in [None, Some("also short".to_owned())] {
            let error = Secret::find(given, dir.path()).err().unwrap();
            assert!(format!("{error:#}").contains("at least 32 bytes"));
        }
    }
}
