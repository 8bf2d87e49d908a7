//! Whether the dashboard in `dist/` is the one that would be built now. trunk always binds, optimises and hashes anew,
//! which takes half a minute; a demo that starts again need not wait for it.
//!
//! The stamp holds name, size and time of every file that goes in and of every file that came out: `trunk serve` writes
//! to the same place, and what it leaves there must not pass for a release.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;

use crate::workspace;

/// What the page is made of.
const INPUTS: [&str; 8] = [
    "index.html",
    "Trunk.toml",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "crates/web",
    "crates/client",
    "crates/protocol",
];

/// The state of everything that goes in, to be taken before a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs(String);

impl Inputs {
    /// As they are now.
    pub(super) fn now() -> anyhow::Result<Self> {
        let root = workspace::root();
        Ok(Self(state_of(&INPUTS.map(|path| root.join(path)))?))
    }

    /// Whether `dist/` was built from these and is as the build left it.
    pub(super) fn are_built(&self) -> bool {
        let stamp = std::fs::read_to_string(stamp_file()).unwrap_or_default();
        self.stamp().is_ok_and(|current| current == stamp)
    }

    /// Remembers that `dist/` was built from these.
    pub(super) fn remember(&self) -> anyhow::Result<()> {
        std::fs::write(stamp_file(), self.stamp()?).context("cannot write into target/: see its rights")
    }

    fn stamp(&self) -> anyhow::Result<String> {
        Ok(format!("{}---\n{}", self.0, state_of(&[workspace::dist()])?))
    }
}

fn stamp_file() -> PathBuf {
    workspace::root().join("target/dashboard.stamp")
}

/// One line for each file at or below these paths.
fn state_of(paths: &[PathBuf]) -> anyhow::Result<String> {
    let mut state = String::new();
    for path in paths {
        for file in files_below(path)? {
            let meta = std::fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let changed = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            writeln!(state, "{} {} {}", file.display(), meta.len(), changed.as_nanos())?;
        }
    }
    Ok(state)
}

/// All files at or below `path`, in order.
pub(super) fn files_below(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut children = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    children.sort();
    let mut files = Vec::new();
    for child in children {
        files.extend(files_below(&child)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_any_file_changes_the_state() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let paths = [dir.path().to_path_buf()];
        let state = || state_of(&paths).expect("readable");
        std::fs::create_dir(dir.path().join("deep")).expect("a directory");
        std::fs::write(dir.path().join("deep/a"), "1").expect("a file");

        let first = state();
        assert_eq!(state(), first);
        std::fs::write(dir.path().join("deep/a"), "12").expect("a file");
        let second = state();
        assert_ne!(second, first);
        std::fs::write(dir.path().join("b"), "").expect("a file");
        assert_ne!(state(), second);
    }

    #[test]
    fn what_is_not_there_cannot_be_current() {
        assert!(state_of(&[PathBuf::from("no/such/file")]).is_err());
    }
}
