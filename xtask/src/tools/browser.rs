//! Chromium and chromedriver for the tests that need a real browser.
//!
//! Taken from where they are; installed from the distribution only as root or with a `sudo` that asks nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::process;
use crate::step::{note, step};

use super::on_path;

const CHROMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// The font is for the pictures: the one that pages without fonts of their own are drawn in elsewhere, too.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-liberation"];

/// A browser with its driver.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) chrome: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Finds the browser, or gets it where that is allowed.
pub(crate) fn find_or_install() -> anyhow::Result<Browser> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    const BY_HAND: &str = "install Chromium and its driver and run this again: `apt-get install chromium \
        chromium-driver` on Debian, or set CHROME and CHROMEDRIVER to the two programs";
    let Some(apt_get) = allowed_apt_get() else {
        bail!(
            "the browser tests need Chromium and chromedriver, and this user may not install packages: {BY_HAND}"
        );
    };
    step("Chromium and chromedriver from the distribution", || {
        let update = [&apt_get[..], &["update"]].concat();
        let install = [
            &apt_get[..],
            &["install", "-y", "--no-install-recommends"],
            &PACKAGES,
        ]
        .concat();
        run_twice(&update)
            .and_then(|()| run_twice(&install))
            .context(BY_HAND)
    })?;
    find().with_context(|| {
        format!("the packages are installed but the programs are not where they should be: {BY_HAND}")
    })
}

fn find() -> Option<Browser> {
    let named = |variable: &str| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_file())
    };
    let chrome = named("CHROME").or_else(|| CHROMES.iter().find_map(|name| on_path(name)))?;
    let driver = named("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
    Some(Browser { chrome, driver })
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
