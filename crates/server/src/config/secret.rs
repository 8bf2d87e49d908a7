//! The secret that the server makes on its first start, and keeps. `nexus token` reads the same file.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::config::ConfigError;
use crate::config::auth::LEAST_SECRET_BYTES;

/// The file's name in the data directory.
const FILE: &str = "jwt-secret";

/// Reads the secret; makes it if there is none. Two servers that start at once end with the same one.
pub(super) fn read_or_make(data_dir: &Path) -> Result<Vec<u8>, ConfigError> {
    let path = data_dir.join(FILE);
    let failed = |what: &str, error: std::io::Error| {
        ConfigError::new(format!("the secret {} cannot be {what}: {error}", path.display()))
    };
    match fs::read_to_string(&path) {
        Ok(text) => return check(&path, &text),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read", error)),
    }
    fs::create_dir_all(data_dir).map_err(|error| failed("made", error))?;
    make(&path).map_err(|error| failed("made", error))?;
    let text = fs::read_to_string(&path).map_err(|error| failed("read", error))?;
    check(&path, &text)
}

fn check(path: &Path, text: &str) -> Result<Vec<u8>, ConfigError> {
    let secret = text.trim();
    if secret.len() < LEAST_SECRET_BYTES {
        return Err(ConfigError::new(format!(
            "the secret {} must have at least {LEAST_SECRET_BYTES} bytes; delete the file to have one made",
            path.display()
        )));
    }
    Ok(secret.as_bytes().to_vec())
}

/// Writes a new secret under another name, readable by us alone, and then gives it its name, unless another process
/// was faster: a link fails where a file is, and a reader never sees half a secret.
fn make(path: &Path) -> std::io::Result<()> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(std::io::Error::other)?;
    let secret: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_readable_by_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("a/b");
        let first = read_or_make(&data_dir).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(read_or_make(&data_dir).unwrap(), first);
        let mode = fs::metadata(data_dir.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(&data_dir).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn whoever_makes_it_second_takes_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, "x".repeat(40)).unwrap();
        make(&path).unwrap();
        assert_eq!(read_or_make(dir.path()).unwrap(), "x".repeat(40).into_bytes());
    }

    #[test]
    fn a_file_that_is_no_secret_stops_the_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "short\n").unwrap();
        let error = read_or_make(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("at least 32 bytes") && !error.contains("short"),
            "{error}"
        );
    }
}
