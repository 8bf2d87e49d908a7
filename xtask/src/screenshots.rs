//! `cargo xtask screenshots`: pictures of every view, dark and light, desktop and phone, taken in Chromium.
//!
//! The test target `screenshots` of `tests/` takes them, against the programs as they ship and a simulated market.

use anyhow::{Context, bail};

use crate::closing_line::Tally;
use crate::step::step;
use crate::{test, workspace};

/// Takes all pictures anew.
pub(crate) fn run() -> anyhow::Result<()> {
    let dir = workspace::root().join("target/screenshots");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir)?;

    let mut tally = Tally::default();
    step("screenshots", || {
        test::end_to_end(
            &["--test", "screenshots"],
            &[("NEXUS_SCREENSHOTS", dir.as_os_str())],
            &mut tally,
        )
    })?;

    let mut pictures: Vec<_> = std::fs::read_dir(&dir)?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<_, _>>()?;
    pictures.sort();
    if pictures.is_empty() {
        bail!("no picture was taken: see tests/tests/screenshots.rs, it writes to $NEXUS_SCREENSHOTS");
    }
    for picture in pictures {
        println!("{}", picture.display());
    }
    Ok(())
}
