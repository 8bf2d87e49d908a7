//! The command line of `cargo xtask`, parsed by hand: a dozen words are no reason for a parser to compile.

use std::ffi::OsString;

use anyhow::{Context, bail};

use crate::bench;
use crate::test::Suite;

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
cargo xtask <command>

  demo          build everything, start it with a simulated market, print where to look; Ctrl-C ends it
                  --market standin|hyperliquid   the simulated market (default) or the real exchange
                  --port N                       where the page is served (default 8080)
                  --no-open                      do not open a browser
                  --check                        start everything, prove that prices flow, end; for CI
  test [suite…] run the tests and count them; suites: unit wasm e2e (default: all)
  ci            formatting, lints, tidy, tests, documentation, dependencies, release builds
  bench         Nexus beside other servers and beside the floor that the system sets, as a table
                  --only SCENARIO, --peer NAME   some only (again for more)
                  --quick                        half as long
                  --repeat N                     each N times, and the medians
                  --readme                       write the table into README.md
  tidy          the rules of the house that no compiler checks
  web           build the dashboard into dist/ and print its size
  screenshots   pictures of every view into target/screenshots

Tools are installed under target/tools, once; nothing is installed outside the checkout, except by `test` and `ci`,
which may take Chromium from the distribution when they are allowed to.";

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print what there is.
    Help,
    /// Run the system and show it.
    Demo(Demo),
    /// Run these suites.
    Test(Vec<Suite>),
    /// Measure Nexus beside others.
    Bench(bench::Options),
    /// Everything that must hold before a change is taken.
    Ci,
    /// Check the house rules.
    Tidy,
    /// Build the dashboard.
    Web,
    /// Take pictures of the dashboard.
    Screenshots,
}

/// Options of `demo`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Demo {
    pub(crate) market: Market,
    pub(crate) port: u16,
    pub(crate) browser: Browser,
    pub(crate) run: Run,
}

/// Whose prices the demo shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    /// The simulated exchange of `nexus-standin`.
    Standin,
    /// The real exchange, over the internet.
    Hyperliquid,
}

/// Whether the demo opens the page by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Where there is a desktop.
    Open,
    /// Never.
    Leave,
}

/// How long the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Until Ctrl-C.
    UntilStopped,
    /// Until it has proved that the page answers and prices flow.
    UntilProved,
}

const DEFAULT_PORT: u16 = 8080;

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: &[OsString]) -> anyhow::Result<Command> {
    let mut words = words.iter().map(|word| {
        word.to_str()
            .context("an argument is not valid UTF-8: type it anew")
    });
    let Some(command) = words.next().transpose()? else {
        return Ok(Command::Help);
    };
    let rest = words.collect::<anyhow::Result<Vec<_>>>()?;
    if rest.contains(&"--help") || rest.contains(&"-h") {
        return Ok(Command::Help);
    }
    let alone = |command: Command| match rest.first() {
        None => Ok(command),
        Some(word) => bail!("unexpected `{word}`: this command takes no arguments"),
    };
    match command {
        "help" | "--help" | "-h" => Ok(Command::Help),
        "bench" => bench::Options::parse(&rest).map(Command::Bench),
        "demo" => demo(&rest).map(Command::Demo),
        "test" => suites(&rest).map(Command::Test),
        "ci" => alone(Command::Ci),
        "tidy" => alone(Command::Tidy),
        "web" => alone(Command::Web),
        "screenshots" => alone(Command::Screenshots),
        unknown => bail!("there is no command `{unknown}`: `cargo xtask help` lists them"),
    }
}

fn demo(words: &[&str]) -> anyhow::Result<Demo> {
    let mut demo = Demo {
        market: Market::Standin,
        port: DEFAULT_PORT,
        browser: Browser::Open,
        run: Run::UntilStopped,
    };
    let mut words = words.iter().flat_map(|word| match word.split_once('=') {
        Some((name, value)) => vec![name, value],
        None => vec![*word],
    });
    while let Some(word) = words.next() {
        match word {
            "--market" => {
                demo.market = match words.next() {
                    Some("standin") => Market::Standin,
                    Some("hyperliquid") => Market::Hyperliquid,
                    _ => bail!("--market takes `standin` or `hyperliquid`"),
                }
            }
            "--port" => {
                demo.port = words
                    .next()
                    .and_then(|port| port.parse().ok())
                    .context("--port takes a number between 0 and 65535; 0 picks a free one")?;
            }
            "--no-open" => demo.browser = Browser::Leave,
            "--check" => {
                demo.run = Run::UntilProved;
                demo.browser = Browser::Leave;
            }
            unknown => bail!("demo has no option `{unknown}`: `cargo xtask help` lists them"),
        }
    }
    Ok(demo)
}

fn suites(words: &[&str]) -> anyhow::Result<Vec<Suite>> {
    let mut chosen = Vec::new();
    for word in words {
        let suite = Suite::named(word).with_context(|| {
            let names = Suite::ALL.map(Suite::name).join(", ");
            format!("there is no suite `{word}`: choose among {names}")
        })?;
        if !chosen.contains(&suite) {
            chosen.push(suite);
        }
    }
    if chosen.is_empty() {
        chosen.extend(Suite::ALL);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        parse(&words).map_err(|error| format!("{error:#}"))
    }

    fn check_refused(line: &str, because: &str) {
        let error = read(line).expect_err("must be refused");
        assert!(error.contains(because), "{line:?} was refused with {error:?}");
    }

    #[test]
    fn commands_are_found_by_name() {
        assert_eq!(read(""), Ok(Command::Help));
        assert_eq!(read("--help"), Ok(Command::Help));
        assert_eq!(read("demo --help"), Ok(Command::Help));
        assert_eq!(read("ci"), Ok(Command::Ci));
        assert_eq!(read("tidy"), Ok(Command::Tidy));
        assert_eq!(read("web"), Ok(Command::Web));
        assert_eq!(read("screenshots"), Ok(Command::Screenshots));
    }

    #[test]
    fn demo_has_safe_defaults_and_takes_its_options() {
        let quiet = Demo {
            market: Market::Standin,
            port: 8080,
            browser: Browser::Open,
            run: Run::UntilStopped,
        };
        assert_eq!(read("demo"), Ok(Command::Demo(quiet)));
        let real = Demo {
            market: Market::Hyperliquid,
            port: 9000,
            browser: Browser::Leave,
            run: Run::UntilProved,
        };
        assert_eq!(
            read("demo --market=hyperliquid --port 9000 --check"),
            Ok(Command::Demo(real))
        );
    }

    #[test]
    fn suites_default_to_all_and_are_not_run_twice() {
        assert_eq!(read("test"), Ok(Command::Test(Suite::ALL.to_vec())));
        assert_eq!(
            read("test e2e unit e2e"),
            Ok(Command::Test(vec![Suite::E2e, Suite::Unit]))
        );
    }

    #[test]
    fn nonsense_is_refused_with_what_to_do() {
        check_refused("fly", "`cargo xtask help` lists them");
        check_refused("demo --market nasdaq", "`standin` or `hyperliquid`");
        check_refused("demo --port many", "takes a number");
        check_refused("demo --loud", "no option `--loud`");
        check_refused("test everything", "choose among unit, wasm, e2e");
        check_refused("ci now", "takes no arguments");
    }
}
