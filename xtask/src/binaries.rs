//! The programs as they ship: `nexus-server`, `nexus-standin` and `nexus`, in the release profile.
//!
//! Demo, end-to-end tests and CI all use this one build, so that it is compiled once and what is tested is what runs.

use std::path::PathBuf;

use crate::step::step;
use crate::{process, workspace};

/// Where the built programs lie.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) server: PathBuf,
    pub(crate) standin: PathBuf,
    pub(crate) cli: PathBuf,
}

/// Builds all three; quick when nothing changed.
pub(crate) fn build() -> anyhow::Result<Binaries> {
    step(
        "programs: nexus-server, nexus-standin, nexus (release build)",
        || {
            // Always these three together: another selection would unify features differently and compile anew.
            let packages = ["nexus-server", "nexus-standin", "nexus-cli"];
            process::run(
                workspace::cargo()
                    .args(["build", "--release", "--bins"])
                    .args(packages.map(|name| format!("-p{name}"))),
            )
        },
    )?;
    let release = workspace::target().join("release");
    Ok(Binaries {
        server: release.join("nexus-server"),
        standin: release.join("nexus-standin"),
        cli: release.join("nexus"),
    })
}
