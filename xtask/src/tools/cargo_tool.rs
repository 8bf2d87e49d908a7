//! Tools that come as crates: trunk, wasm-bindgen-cli, cargo-deny.
//!
//! A program on the PATH or from an earlier run is taken when its version is right. Else cargo-binstall fetches a
//! prebuilt one where cargo-binstall is installed, and cargo compiles it otherwise.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::step::{note, step};
use crate::{process, workspace};

use super::on_path;

/// The newest trunk that builds with Rust 1.95; `Trunk.toml` and `index.html` are written for it.
const TRUNK: &str = "0.21.14";
const CARGO_DENY: &str = "0.20.2";

struct Tool {
    package: &'static str,
    version: String,
    /// A program of the package that answers `--version` with its name and version.
    program: &'static str,
    /// Cargo options that leave out what we do not use.
    features: &'static [&'static str],
    /// How much to optimise it: a tool that runs for seconds need not be compiled for minutes.
    opt_level: &'static str,
    /// What to expect on two cores, to be told before the wait.
    takes: &'static str,
}

/// The path of trunk.
pub(crate) fn trunk() -> anyhow::Result<PathBuf> {
    Tool {
        package: "trunk",
        version: TRUNK.to_owned(),
        program: "trunk",
        features: &["--no-default-features", "--features", "rustls"],
        opt_level: "0",
        takes: "two to three minutes",
    }
    .find_or_install()
}

/// The path of wasm-bindgen-test-runner; wasm-bindgen lies beside it. Both equal the library in `Cargo.lock`.
pub(crate) fn wasm_bindgen() -> anyhow::Result<PathBuf> {
    Tool {
        package: "wasm-bindgen-cli",
        version: workspace::locked_version("wasm-bindgen")?,
        program: "wasm-bindgen-test-runner",
        features: &[],
        // It takes apart wasm files of many megabytes.
        opt_level: "1",
        takes: "one to two minutes",
    }
    .find_or_install()
}

/// The path of cargo-deny.
pub(crate) fn deny() -> anyhow::Result<PathBuf> {
    Tool {
        package: "cargo-deny",
        version: CARGO_DENY.to_owned(),
        program: "cargo-deny",
        features: &["--no-default-features"],
        opt_level: "1",
        takes: "one to two minutes",
    }
    .find_or_install()
}

impl Tool {
    fn find_or_install(&self) -> anyhow::Result<PathBuf> {
        let ours = workspace::tools().join("bin").join(self.program);
        if let Some(found) = [Some(ours.clone()), on_path(self.program)]
            .into_iter()
            .flatten()
            .find(|it| self.is(it))
        {
            return Ok(found);
        }
        let Self { package, version, .. } = self;
        step(&format!("{package} {version}, once, into target/tools"), || {
            if self.fetch_prebuilt() && self.is(&ours) {
                return Ok(());
            }
            note(&format!("compiling it takes {} on two cores", self.takes));
            self.compile()
        })?;
        if !self.is(&ours) {
            bail!(
                "{package} was installed but {} does not answer with version {version}: delete target/tools and run \
                 this again",
                ours.display(),
            );
        }
        Ok(ours)
    }

    fn is(&self, program: &PathBuf) -> bool {
        process::answer(Command::new(program).arg("--version"))
            .is_some_and(|answer| version_in(&answer) == Some(&self.version))
    }

    /// True when cargo-binstall is there and says that it fetched the tool.
    fn fetch_prebuilt(&self) -> bool {
        let Some(binstall) = on_path("cargo-binstall") else {
            return false;
        };
        note("cargo-binstall is here: asking it for a prebuilt one");
        let mut command = Command::new(binstall);
        command
            .args(["--no-confirm", "--disable-strategies", "compile", "--root"])
            .arg(workspace::tools());
        command.arg(format!("{}@{}", self.package, self.version));
        process::run(&mut command).is_ok()
    }

    fn compile(&self) -> anyhow::Result<()> {
        let Self {
            package,
            version,
            features,
            ..
        } = self;
        let mut command = workspace::cargo();
        command
            .args(["install", package, "--version", version, "--locked"])
            .args(*features);
        command.arg("--root").arg(workspace::tools());
        command.env("CARGO_TARGET_DIR", workspace::tools().join("build"));
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level);
        command.env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        process::run(&mut command).with_context(|| {
            format!(
                "cannot install {package} {version}: see above; it needs a C compiler (`cc`) and the package registry. \
                 Where the registry is out of reach, put {} {version} on the PATH",
                self.program
            )
        })
    }
}

/// The version in an answer like `trunk 0.21.14` or `wasm-bindgen 0.2.129 (1a2b3c)`.
fn version_in(answer: &str) -> Option<&str> {
    answer.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_second_word_of_the_answer() {
        assert_eq!(version_in("trunk 0.21.14\n"), Some("0.21.14"));
        assert_eq!(version_in("wasm-bindgen 0.2.129 (1a2b3c4d)\n"), Some("0.2.129"));
        assert_eq!(version_in(""), None);
    }
}
