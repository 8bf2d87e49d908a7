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

    fn read(variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<Self> {
        let path = |name: &str| {
            let value = variable(name).with_context(|| {
                format!("{name} is not set: run `cargo xtask test e2e`, which builds what these tests start")
            })?;
            let path = PathBuf::from(value);
            ensure!(
                path.exists(),
                "{name} names {}, which does not exist: run `cargo xtask test e2e`, which builds it",
                path.display()
            );
            path.canonicalize()
                .with_context(|| format!("{name}={}", path.display()))
        };
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
