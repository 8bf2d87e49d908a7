//! Packages of the distribution, for the tests that need more than this checkout: installed only as root or with a
//! `sudo` that asks nothing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::process;
use crate::step::{note, step};

/// Installs packages. `what` names them for people, `by_hand` says what to do where we may not.
pub(super) fn install(what: &str, packages: &[&str], by_hand: &str) -> anyhow::Result<()> {
    let Some(apt_get) = allowed_apt_get() else {
        bail!("the tests need {what}, and this user may not install packages: {by_hand}");
    };
    step(&format!("{what} from the distribution"), || {
        let update = [&apt_get[..], &["update"]].concat();
        let install = [
            &apt_get[..],
            &["install", "-y", "--no-install-recommends"],
            packages,
        ]
        .concat();
        run_twice(&update)
            .and_then(|()| run_twice(&install))
            .with_context(|| by_hand.to_owned())
    })
}

/// Fetches the lists of packages anew.
pub(super) fn update() -> anyhow::Result<()> {
    let Some(apt_get) = allowed_apt_get() else {
        bail!(
            "the lists of packages are missing or old, and this user may not fetch them: run `apt-get update` as root"
        );
    };
    run_twice(&[&apt_get[..], &["update"]].concat())
}

/// `apt-get` as this user may call it without being asked for a password.
fn allowed_apt_get() -> Option<Vec<&'static str>> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        return None;
    }
    // No pseudo-terminal: dpkg would be stopped for touching the terminal from the background.
    const APT_GET: [&str; 5] = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "Dpkg::Use-Pty=0",
    ];
    if rustix::process::getuid().is_root() {
        return Some(APT_GET.to_vec());
    }
    process::answer(Command::new("sudo").args(["-n", "true"]))?;
    Some([&["sudo", "-n"][..], &APT_GET].concat())
}

/// Mirrors hiccup; once more is worth it, more often is not.
fn run_twice(words: &[&str]) -> anyhow::Result<()> {
    let attempt = || process::run(Command::new(words[0]).args(&words[1..]));
    attempt().or_else(|error| {
        note(&format!("{error:#}; trying once more"));
        attempt()
    })
}
