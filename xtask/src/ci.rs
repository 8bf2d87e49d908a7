//! `cargo xtask ci`: everything that must hold before a change is taken, all of it even when something fails.
//!
//! The order finds cheap mistakes first and lets steps share what they compile: the release programs and the dashboard
//! that the end-to-end tests use are the release builds themselves.

use std::time::Instant;

use anyhow::{Context, bail};

use crate::args::{Browser, Demo, Market, Run};
use crate::closing_line::Tally;
use crate::step::{self, warning};
use crate::test::{Outcome, Suite};
use crate::{binaries, demo, interrupt, process, test, tidy, tools, web, workspace};

/// Crates that also run in the browser.
const BROWSER_CRATES: [&str; 3] = ["-pnexus-protocol", "-pnexus-client", "-pnexus-web"];

/// The demo, on any port, until it has proved that prices reach a page.
const PROOF: Demo = Demo {
    market: Market::Standin,
    port: 0,
    browser: Browser::Leave,
    run: Run::UntilProved,
};

/// Runs it all and concludes with the plain count of tests.
pub(crate) fn run() -> anyhow::Result<()> {
    let outcomes = [
        check("Cargo.lock is current", lock_is_current)?,
        check("formatting", formatting)?,
        check("tidy", tidy::run)?,
        check("lints: native", lints_native)?,
        check("lints: wasm32", lints_wasm)?,
        check("documentation", documentation)?,
        test::run_suite(Suite::Unit),
        test::run_suite(Suite::Wasm),
        check("release builds: programs", || binaries::build().map(drop))?,
        check("release builds: dashboard", || web::build().map(drop))?,
        test::run_suite(Suite::E2e),
        check("demo", || demo::run(&PROOF))?,
        check("dependencies", dependencies)?,
    ];
    interrupt::check()?;
    test::conclude(&outcomes)
}

/// Runs one check as a step of its own; only a wish to stop ends the run.
fn check(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Outcome> {
    interrupt::check()?;
    let started = Instant::now();
    let problem = step::step(name, work).err().map(|error| format!("{error:#}"));
    Ok(Outcome {
        name: name.to_owned(),
        elapsed: started.elapsed(),
        tally: Tally::default(),
        problem,
    })
}

fn lock_is_current() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["metadata", "--locked", "--format-version", "1"]);
    process::run_silently(&mut command).context("run `cargo check` and commit Cargo.lock")
}

fn formatting() -> anyhow::Result<()> {
    process::run(workspace::cargo().args(["fmt", "--all", "--check"])).context("run `cargo fmt`")
}

fn lints_native() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    // The dashboard is linted for the target it runs on.
    command.args([
        "clippy",
        "--workspace",
        "--exclude",
        "nexus-web",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    process::run(&mut command).context("see the lints above")
}

fn lints_wasm() -> anyhow::Result<()> {
    tools::wasm_target()?;
    let mut command = workspace::cargo();
    command
        .args(["clippy", "--target", "wasm32-unknown-unknown", "--all-targets"])
        .args(BROWSER_CRATES);
    process::run(command.args(["--", "-D", "warnings"])).context("see the lints above")
}

fn documentation() -> anyhow::Result<()> {
    const SEE: &str = "see the broken documentation above";
    let mut command = workspace::cargo();
    command
        .args(["doc", "--workspace", "--no-deps", "--exclude", "nexus-web"])
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut command).context(SEE)?;
    // The dashboard is a program: its documentation is for those who change it, private items included.
    let mut command = workspace::cargo();
    command.args([
        "doc",
        "--no-deps",
        "--document-private-items",
        "--target",
        "wasm32-unknown-unknown",
        "-pnexus-web",
    ]);
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links");
    process::run(&mut command).context(SEE)
}

/// Licences, bans and sources always; advisories where their database can be reached.
fn dependencies() -> anyhow::Result<()> {
    let deny = tools::deny()?;
    let checks = |which: &[&str]| {
        let mut command = std::process::Command::new(&deny);
        command
            .current_dir(workspace::root())
            .args(["--workspace", "--all-features", "check"])
            .args(which);
        command
    };
    process::run(&mut checks(&["licenses", "bans", "sources"])).context(
        "see above which dependency breaks deny.toml: replace it, or allow it there with a reason",
    )?;

    let mut fetch = std::process::Command::new(&deny);
    fetch.current_dir(workspace::root()).args(["fetch", "db"]);
    if process::run(&mut fetch).is_err() {
        interrupt::check()?;
        warning(
            "ADVISORIES WERE NOT CHECKED: their database is out of reach. Run `cargo xtask ci` where it can be fetched \
             before a release",
        );
        return Ok(());
    }
    match process::run(checks(&["advisories"]).arg("--disable-fetch")) {
        Ok(()) => Ok(()),
        Err(error) => {
            bail!("{error:#}: an advisory concerns a dependency, update it (`cargo update -p NAME`)")
        }
    }
}
