//! Chromium and chromedriver for the tests that need a real browser.
//!
//! Taken from where they are; installed from the distribution only as root or with a `sudo` that asks nothing.

use std::path::PathBuf;

use anyhow::Context;

use super::{distribution, on_path};

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
    distribution::install("Chromium and chromedriver", &PACKAGES, BY_HAND)?;
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
