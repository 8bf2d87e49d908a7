//! The suites: what each runs and what it needs first.

use std::ffi::OsStr;
use std::process::Command;

use crate::closing_line::{self, Tally};
use crate::step::note;
use crate::tools::{self, browser, foreign};
use crate::{binaries, process, web, workspace};

/// A group of tests that need the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// Every crate natively, documentation examples included.
    Unit,
    /// The client core and the components of the dashboard, compiled to wasm, in headless Chromium.
    Wasm,
    /// The programs as they ship, over real sockets and in a real browser.
    E2e,
}

impl Suite {
    /// In the order in which a mistake is found soonest.
    pub(crate) const ALL: [Self; 3] = [Self::Unit, Self::Wasm, Self::E2e];

    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Wasm => "wasm",
            Self::E2e => "e2e",
        }
    }

    /// The suite of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Gets what is missing and runs the suite, adding its tests to `tally`.
    pub(crate) fn run(self, tally: &mut Tally) -> anyhow::Result<()> {
        match self {
            Self::Unit => unit(tally),
            Self::Wasm => wasm(tally),
            Self::E2e => end_to_end(&["--lib", "--tests"], &[], tally),
        }
    }
}

fn unit(tally: &mut Tally) -> anyhow::Result<()> {
    // One selection of packages, so that every crate is compiled with one set of features. It includes the client with
    // its native driver, which the command line asks for; without it the client is tested by `wasm`.
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--exclude", "nexus-e2e", "--no-fail-fast"]);
    count(&mut command, tally)
}

fn wasm(tally: &mut Tally) -> anyhow::Result<()> {
    let browser = browser::find_or_install()?;
    let runner_dir = tools::for_wasm_tests()?;
    let mut command = workspace::cargo();
    command.args([
        "test",
        "--target",
        "wasm32-unknown-unknown",
        "--no-fail-fast",
        "--lib",
        "--bins",
        "--tests",
    ]);
    command.args(["-pnexus-protocol", "-pnexus-client", "-pnexus-web"]);
    command
        .env("PATH", tools::path_with(&[runner_dir])?)
        .env("CHROMEDRIVER", &browser.driver);
    command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver_settings(&browser)?);
    // Tests that do not say where they run, run in the browser too: node is not among what we ask for.
    command.env("WASM_BINDGEN_USE_BROWSER", "1");
    // A busy machine starts Chromium slowly, and the simulation is long.
    command
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    count(&mut command, tally)
}

/// Runs test targets of `tests/` against the built programs and dashboard, with further variables.
pub(crate) fn end_to_end(
    targets: &[&str],
    variables: &[(&str, &OsStr)],
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let browser = browser::find_or_install()?;
    let foreign = foreign::find_or_install()?;
    let binaries = binaries::build()?;
    let dist = web::build()?;
    // One test serves the dashboard as developers do.
    let web_tools = tools::for_web()?;
    let mut command = workspace::cargo();
    command
        .env("NEXUS_TRUNK", &web_tools.trunk)
        .env("PATH", tools::path_with(&web_tools.dirs)?);
    command
        .args(["test", "-pnexus-e2e", "--no-fail-fast"])
        .args(targets);
    command.env("NEXUS_SERVER_BIN", binaries.server);
    command.env("NEXUS_STANDIN_BIN", binaries.standin);
    command.env("NEXUS_CLI_BIN", binaries.cli);
    command
        .env("NEXUS_NODE", foreign.node)
        .env("NEXUS_NODE_PATH", foreign.node_path)
        .env("NEXUS_PYTHON", foreign.python);
    command.env("NEXUS_DIST", dist).envs(variables.iter().copied());
    command
        .env("CHROME", browser.chrome)
        .env("CHROMEDRIVER", browser.driver);
    count(&mut command, tally)
}

/// Runs a test runner and adds up its closing lines.
fn count(command: &mut Command, tally: &mut Tally) -> anyhow::Result<()> {
    note(&process::shown(command));
    process::run_reading(command, &mut |line| {
        if let Some(more) = closing_line::parse(line) {
            *tally += more;
        }
    })
}

/// Tells the runner which browser to drive; it would take whichever the driver finds.
fn webdriver_settings(browser: &browser::Browser) -> anyhow::Result<std::path::PathBuf> {
    let path = workspace::tools().join("webdriver.json");
    std::fs::create_dir_all(workspace::tools())?;
    let chrome = browser
        .chrome
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let settings = format!(r#"{{"goog:chromeOptions":{{"binary":"{chrome}","args":["--disable-gpu"]}}}}"#);
    std::fs::write(&path, settings)?;
    Ok(path)
}
