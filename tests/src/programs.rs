//! Where the programs are that tests start: told by `cargo xtask test e2e`, which builds them. Never guessed, so that no
//! test passes against yesterday's build.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, ensure};

/// Paths of what is tested and of what tests it.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `nexus-server`.
    pub server: PathBuf,
    /// `nexus-standin`.
    pub standin: PathBuf,
    /// `nexus`.
    pub cli: PathBuf,
    /// The built dashboard.
    pub dist: PathBuf,
    /// Chromium.
    pub chrome: PathBuf,
    /// Its WebDriver server.
    pub chromedriver: PathBuf,
}

impl Programs {
    /// Reads the variables that `cargo xtask test e2e` sets.
    ///
    /// # Errors
    /// If one is missing, or names what does not exist.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::read(|name| std::env::var_os(name))
    }

    /// What only some tests need, by its variable: `NEXUS_TRUNK`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
        path_in(name, std::env::var_os(name))
    }

    fn read(variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<Self> {
        let path = |name: &str| path_in(name, variable(name));
        Ok(Programs {
            server: path("NEXUS_SERVER_BIN")?,
            standin: path("NEXUS_STANDIN_BIN")?,
            cli: path("NEXUS_CLI_BIN")?,
            dist: path("NEXUS_DIST")?,
            chrome: path("CHROME")?,
            chromedriver: path("CHROMEDRIVER")?,
        })
    }
}

fn path_in(name: &str, value: Option<OsString>) -> anyhow::Result<PathBuf> {
    let value = value.with_context(|| {
        format!("{name} is not set: run `cargo xtask test e2e`, which gets and builds what these tests need")
    })?;
    let path = PathBuf::from(value);
    ensure!(
        path.exists(),
        "{name} names {}, which does not exist: run `cargo xtask test e2e`, which gets and builds it",
        path.display()
    );
    path.canonicalize()
        .with_context(|| format!("{name}={}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_says_what_to_run() {
        let error = Programs::read(|_| None).unwrap_err().to_string();
        assert!(
            error.contains("NEXUS_SERVER_BIN") && error.contains("cargo xtask test e2e"),
            "{error}"
        );
    }

    #[test]
    fn a_path_to_nothing_says_what_to_run() {
        let error = Programs::read(|_| Some("/no/such/file".into()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/no/such/file") && error.contains("cargo xtask test e2e"),
            "{error}"
        );
    }
}
