//! `cargo xtask bench`: Nexus beside the servers that people would take instead, and beside the floor that the system
//! sets, on this machine in one run.
//!
//! Reads as it runs: build, get the others, measure each scenario with each server in turn, print the tables. A server
//! that cannot be had or breaks is named with the reason. Nexus alone must not lose, repeat or reorder anything.

mod column;
mod cores;
mod machine;
mod options;
mod peer;
mod readme;
mod run;
mod scenario;
mod servers;
mod table;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::step::{note, span, step, warning};
use crate::{binaries, interrupt, process, workspace};

use cores::Cores;
use machine::Machine;
use peer::Peer;
use scenario::{Scenario, Variation};
use servers::{Ours, Server};
use table::{Frame, Row, Section};

pub(crate) use options::Options;

/// Descriptors of a process beside those of the connections.
const OTHER_FILES: u64 = 200;

/// What else may go on meanwhile, as a share of all processors.
const MOST_BUSY: f64 = 0.15;

/// Runs the benchmarks.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let started = Instant::now();
    allow_open_files(&options.scenarios)?;
    let ours = build()?;
    let machine = Machine::look();
    let cores = Cores::choose();
    let place = Place::prepare(&machine)?;
    let (servers, missing) = get_servers(&options.peers, &ours)?;

    let busy = Machine::busy().filter(|busy| *busy > MOST_BUSY);
    if let Some(busy) = busy {
        warning(&format!(
            "this machine is busy with something else ({:.0} % of its processors): the numbers will not be worth much",
            busy * 100.0
        ));
    }

    let mut sections = Vec::new();
    for scenario in &options.scenarios {
        let section = step(scenario.title(), || {
            measure(*scenario, &servers, &missing, options, &ours, &cores, &place)
        })?;
        sections.push(section);
    }

    let versions = servers.iter().map(|it| (it.peer, it.version.clone())).collect();
    let frame = Frame {
        machine: &machine,
        cores: cores.sentence(),
        versions,
        missing,
        busy,
        rounds: options.rounds,
        pace: options.pace,
    };
    let document = table::document(&sections, &frame);
    println!("{}", document.whole());
    std::fs::write(place.dir.join("table.md"), document.whole())?;
    if options.readme == options::Readme::Written {
        readme::write(&document)?;
        note("the summary stands in README.md, every table in docs/BENCHMARKS.md");
    }
    note(&format!(
        "measured in {}; every run is kept in {}",
        span(started.elapsed()),
        place.dir.display()
    ));
    judge(&sections)
}

/// Lets us, and what we start, hold as many connections as the scenarios want.
fn allow_open_files(scenarios: &[Scenario]) -> anyhow::Result<()> {
    let wanted = scenarios.iter().map(|it| it.connections() + OTHER_FILES).max();
    let wanted = wanted.unwrap_or(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if maximum.is_some_and(|maximum| maximum < wanted) {
        bail!(
            "these scenarios need {wanted} open files and the system allows fewer: raise the hard limit (`ulimit -Hn`), or \
             choose scenarios by `--only`"
        );
    }
    if current.is_some() {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        setrlimit(Resource::Nofile, raised).context("cannot raise the number of open files")?;
    }
    Ok(())
}

fn build() -> anyhow::Result<Ours> {
    let binaries = binaries::build()?;
    step("the floor (release build)", || {
        let mut command = workspace::cargo();
        command.args(["build", "--release", "-p", "nexus-cli", "--example", "floor"]);
        process::run(&mut command)
    })?;
    Ok(Ours {
        server: binaries.server,
        cli: binaries.cli,
        floor: workspace::target().join("release/examples/floor"),
    })
}

/// Servers that could not be had, and why.
type Missing = Vec<(Peer, String)>;

/// Those that can be had, and the others.
fn get_servers(peers: &[Peer], ours: &Ours) -> anyhow::Result<(Vec<Server>, Missing)> {
    let mut servers = Vec::new();
    let mut missing = Vec::new();
    for peer in peers {
        match Server::find_or_install(*peer, ours) {
            Ok(server) => servers.push(server),
            Err(error) => {
                interrupt::check()?;
                let reason = format!("{error:#}");
                warning(&format!("{} will be missing: {reason}", peer.name()));
                missing.push((*peer, reason));
            }
        }
    }
    Ok((servers, missing))
}

/// All rounds of a scenario. Servers take turns, so that what the machine does besides hits all alike.
fn measure(
    scenario: Scenario,
    servers: &[Server],
    missing: &[(Peer, String)],
    options: &Options,
    ours: &Ours,
    cores: &Cores,
    place: &Place,
) -> anyhow::Result<Section> {
    let variations = scenario.variations(options.pace);
    let mut rows = Vec::new();
    for variation in &variations {
        for peer in options
            .peers
            .iter()
            .filter(|peer| scenario.has(**peer, variation))
        {
            let because = missing
                .iter()
                .find(|(it, _)| it == peer)
                .map(|(_, reason)| reason.clone());
            rows.push(Row {
                peer: *peer,
                label: variation.label,
                runs: Vec::new(),
                failures: because
                    .or_else(|| peer.cannot(scenario).map(str::to_owned))
                    .into_iter()
                    .collect(),
            });
        }
    }
    for round in 1..=options.rounds {
        for variation in &variations {
            for row in rows.iter_mut().filter(|row| row.label == variation.label) {
                let Some(server) = servers.iter().find(|it| it.peer == row.peer) else {
                    continue;
                };
                if row.peer.cannot(scenario).is_some() {
                    continue;
                }
                let at = At {
                    scenario,
                    variation,
                    round,
                };
                at.measure(server, row, ours, cores, place)?;
            }
        }
    }
    Ok(Section { scenario, rows })
}

/// Where in the whole we are.
struct At<'a> {
    scenario: Scenario,
    variation: &'a Variation,
    round: usize,
}

impl At<'_> {
    fn measure(
        &self,
        server: &Server,
        row: &mut Row,
        ours: &Ours,
        cores: &Cores,
        place: &Place,
    ) -> anyhow::Result<()> {
        let slug = self.slug(server.peer);
        let dir = place.for_server(&slug)?;
        let outcome = run::measure(server, self.scenario, self.variation, &ours.cli, cores, &dir);
        interrupt::check()?;
        match outcome {
            Ok(result) => {
                note(&format!("{slug}: {}", self.news(&result)));
                std::fs::write(place.dir.join(format!("{slug}.json")), format!("{result}\n"))?;
                std::fs::remove_dir_all(&dir)?;
                row.runs.push(result);
            }
            Err(error) => {
                let reason = format!("{error:#}");
                note(&format!("{slug}: failed: {reason}; see {}", dir.display()));
                row.failures.push(in_one_line(&reason));
            }
        }
        Ok(())
    }

    fn slug(&self, peer: Peer) -> String {
        let variation = self.variation.label.replace([' ', ','], "");
        let parts = [
            self.scenario.name(),
            &variation,
            peer.slug(),
            &self.round.to_string(),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("-")
    }

    /// What was found, in one line for who watches.
    fn news(&self, result: &serde_json::Value) -> String {
        let runs = std::slice::from_ref(result);
        let numbers = self.scenario.columns().into_iter().map(|column| {
            let cell = column.cell(runs, &[], false);
            format!("{} {cell}", column.head)
        });
        let numbers = numbers
            .filter(|text| !text.ends_with('–'))
            .collect::<Vec<_>>()
            .join(", ");
        match run::faults(result) {
            Some(faults) => format!("{numbers}; {faults}"),
            None => numbers,
        }
    }
}

/// What a note below a table has room for: how a reason begins, and the last that a log says.
fn in_one_line(reason: &str) -> String {
    let reason = &without_commands(reason);
    let mut lines = reason.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("it failed");
    match lines.next_back() {
        Some(last) => format!("{} … {last}", first.split(". The end of").next().unwrap_or(first)),
        None => first.to_owned(),
    }
}

/// The same without the command lines in it, which say more of this machine than of the server.
fn without_commands(reason: &str) -> String {
    let parts = reason.split('`').enumerate();
    parts
        .map(|(place, part)| match place % 2 {
            1 if part.contains(' ') => "the load",
            _ => part,
        })
        .collect()
}

/// Where results and what servers write are kept.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn prepare(machine: &Machine) -> anyhow::Result<Self> {
        let parent = workspace::root().join("target/bench");
        let slug = machine.date_slug();
        // Two runs may begin in the same minute.
        let dir = (1..)
            .map(|number| match number {
                1 => parent.join(&slug),
                _ => parent.join(format!("{slug}-{number}")),
            })
            .find(|dir| !dir.exists())
            .context("every name is taken")?;
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot make {}: see its rights", dir.display()))?;
        Ok(Self { dir })
    }

    fn for_server(&self, slug: &str) -> anyhow::Result<PathBuf> {
        let dir: &Path = &self.dir.join("servers").join(slug);
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir.to_owned())
    }
}

/// Fails when Nexus did what it must never do.
fn judge(sections: &[Section]) -> anyhow::Result<()> {
    let wrongs: Vec<String> = sections
        .iter()
        .flat_map(|section| {
            let rows = section.rows.iter();
            rows.flat_map(|row| row.wrongs_of_nexus())
                .map(move |wrong| format!("{}: {wrong}", section.scenario.name()))
        })
        .collect();
    if wrongs.is_empty() {
        return Ok(());
    }
    bail!("Nexus did not hold what it promises: {}", wrongs.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_note() {
        assert_eq!(in_one_line("refused"), "refused");
        let long = "it ended by itself (exit status: 1). The end of some/log:\n\nstarting\nno such file\n";
        assert_eq!(
            in_one_line(long),
            "it ended by itself (exit status: 1) … no such file"
        );
        let late = "`taskset nexus bench --json` took too long and was ended";
        assert_eq!(in_one_line(late), "the load took too long and was ended");
        assert_eq!(in_one_line("`npm` is not here"), "npm is not here");
        assert_eq!(in_one_line(""), "it failed");
    }
}
