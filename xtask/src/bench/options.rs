//! The options of `cargo xtask bench`.

use anyhow::{Context, bail};

use super::peer::Peer;
use super::scenario::Scenario;

/// What to measure, and how thoroughly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(super) scenarios: Vec<Scenario>,
    /// The floor is always among them.
    pub(super) peers: Vec<Peer>,
    pub(super) pace: Pace,
    /// How often each is measured.
    pub(super) rounds: usize,
    pub(super) readme: Readme,
}

/// How long each measurement takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As long as numbers to be published need.
    Thorough,
    /// Half of that.
    Quick,
}

/// Whether README.md gets the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readme {
    /// It stays as it is.
    Left,
    /// The table goes between its markers.
    Written,
}

const MOST_ROUNDS: usize = 100;

impl Options {
    /// Reads the words after `cargo xtask bench`.
    pub(crate) fn parse(words: &[&str]) -> anyhow::Result<Self> {
        let mut scenarios = Vec::new();
        let mut peers = Vec::new();
        let mut options = Options {
            scenarios: Scenario::ALL.to_vec(),
            peers: Peer::ALL.to_vec(),
            pace: Pace::Thorough,
            rounds: 1,
            readme: Readme::Left,
        };
        let mut words = words.iter().flat_map(|word| match word.split_once('=') {
            Some((name, value)) => vec![name, value],
            None => vec![*word],
        });
        while let Some(word) = words.next() {
            match word {
                "--only" => scenarios.push(scenario(words.next())?),
                "--peer" => peers.extend(named(words.next())?),
                "--quick" => options.pace = Pace::Quick,
                "--repeat" => {
                    options.rounds = words
                        .next()
                        .and_then(|word| word.parse().ok())
                        .filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))
                        .with_context(|| format!("--repeat takes a number from 1 to {MOST_ROUNDS}"))?;
                }
                "--readme" => options.readme = Readme::Written,
                unknown => bail!("bench has no option `{unknown}`: `cargo xtask help` lists them"),
            }
        }
        if !scenarios.is_empty() {
            options.scenarios.retain(|it| scenarios.contains(it));
        }
        if !peers.is_empty() {
            options.peers.retain(|it| it.is_floor() || peers.contains(it));
        }
        Ok(options)
    }
}

fn scenario(word: Option<&str>) -> anyhow::Result<Scenario> {
    Scenario::ALL
        .into_iter()
        .find(|it| Some(it.name()) == word)
        .with_context(|| {
            format!(
                "--only takes one of {}",
                Scenario::ALL.map(Scenario::name).join(", ")
            )
        })
}

/// The peers of this name; there are two floors.
fn named(word: Option<&str>) -> anyhow::Result<Vec<Peer>> {
    let found: Vec<Peer> = Peer::ALL
        .into_iter()
        .filter(|it| Some(it.name()) == word)
        .collect();
    if found.is_empty() {
        let mut names = Peer::ALL.map(Peer::name).to_vec();
        names.dedup();
        bail!("--peer takes one of {}", names.join(", "));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Options::parse(&words).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn everything_is_measured_unless_told_otherwise() {
        let all = read("").unwrap();
        assert_eq!(all.scenarios, Scenario::ALL);
        assert_eq!(all.peers, Peer::ALL);
        assert_eq!(
            (all.pace, all.rounds, all.readme),
            (Pace::Thorough, 1, Readme::Left)
        );
    }

    #[test]
    fn some_can_be_chosen_and_the_floor_is_always_beside_them() {
        let some = read("--only churn --only=idle --peer nats --quick --repeat 3 --readme").unwrap();
        assert_eq!(some.scenarios, [Scenario::Idle, Scenario::Churn]);
        assert_eq!(
            some.peers,
            [Peer::FloorByWakeup, Peer::FloorByMessage, Peer::Nats]
        );
        assert_eq!(
            (some.pace, some.rounds, some.readme),
            (Pace::Quick, 3, Readme::Written)
        );
    }

    #[test]
    fn nonsense_is_refused_with_what_to_do() {
        let cases = [
            ("--only fast", "--only takes one of fanout,"),
            ("--only", "--only takes one of"),
            ("--peer redis", "--peer takes one of floor, nexus,"),
            ("--repeat 0", "from 1 to 100"),
            ("--repeat many", "from 1 to 100"),
            ("--slow", "no option `--slow`"),
        ];
        for (line, because) in cases {
            let error = read(line).expect_err(line);
            assert!(error.contains(because), "{line}: {error}");
        }
    }
}
