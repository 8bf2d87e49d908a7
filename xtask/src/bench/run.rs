//! One measurement: a fresh server, the load against it, and what the load said.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::cores::Cores;
use super::scenario::{Scenario, Variation};
use super::servers::{Running, Server};
use crate::process;

/// No measurement takes longer.
const LIMIT: Duration = Duration::from_secs(240);
/// What Nexus is asked to carry it on; its namespace is set up for that.
const CHANNEL: &str = "bench:topic";

/// Measures once. `dir` is for what the server writes.
pub(super) fn measure(
    server: &Server,
    scenario: Scenario,
    variation: &Variation,
    cli: &Path,
    cores: &Cores,
    dir: &Path,
) -> anyhow::Result<Value> {
    let mut running = server.start(dir, cores, scenario.compression())?;
    let log = dir.join("load.log");
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = cores.for_load(load(server, &running, variation, cli));
    let said = process::listen_to(&mut command, file, LIMIT)?;
    let result = read(&said.text);
    // Whoever found faults says so by failing, and has measured all the same.
    if result.is_none() || said.outcome.is_err() {
        running.check_alive()?;
    }
    match (result, said.outcome) {
        (Some(result), _) => Ok(result),
        (None, Err(error)) => bail!(reason(&std::fs::read_to_string(&log).unwrap_or_default(), &error)),
        (None, Ok(())) => bail!("the load said nothing"),
    }
}

fn load(server: &Server, running: &Running, variation: &Variation, cli: &Path) -> Command {
    let mut command = Command::new(cli);
    command
        .args([
            "bench",
            "--json",
            "--as",
            server.peer.tongue(),
            "--server",
            &running.url,
        ])
        .args(["--channel", CHANNEL, "--pid", &running.pid.to_string()])
        .args(&variation.load);
    if let Some(token) = &running.token {
        command.env("NEXUS_TOKEN", token);
    } else {
        command.env_remove("NEXUS_TOKEN");
    }
    command
}

/// The last line that is a JSON object.
fn read(text: &str) -> Option<Value> {
    text.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(Value::is_object)
}

/// Why there is no result, in one line: its last error on standard error, or just the last that it wrote there.
fn reason(log: &str, error: &anyhow::Error) -> String {
    let lines = || log.lines().rev().filter(|line| !line.trim().is_empty());
    match lines()
        .find(|line| line.starts_with("error: "))
        .or_else(|| lines().next())
    {
        Some(line) => line.trim().trim_start_matches("error: ").to_owned(),
        None => format!("{error:#}"),
    }
}

/// What went wrong with deliveries, in words; nothing if nothing did.
pub(super) fn faults(result: &Value) -> Option<String> {
    let words = ["lost", "repeated", "reordered"].map(|what| (what, count(result, what)));
    let closed = count(result, "closed");
    let mut parts: Vec<String> = words
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(what, number)| format!("deliveries {what}: {number}"))
        .collect();
    if parts.is_empty() && count(result, "faults") > 0 {
        parts.push(format!(
            "deliveries lost, repeated or reordered: {}",
            count(result, "faults")
        ));
    }
    if closed > 0 {
        parts.push(format!("healthy subscribers cut off: {closed}"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What the load itself warns of.
pub(super) fn warnings(result: &Value) -> Vec<String> {
    let all = result["warnings"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    all.iter()
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

fn count(result: &Value, name: &str) -> u64 {
    result[name].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_result_is_the_last_line_that_is_one() {
        assert_eq!(
            read("connecting\n{\"a\":1}\n{\"a\":2}\nbye\n"),
            Some(json!({"a": 2}))
        );
        assert_eq!(read("3\n[]\n"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn the_reason_is_what_the_load_said_last() {
        let error = anyhow::anyhow!("it failed with exit code 1");
        assert_eq!(
            reason("one\nerror: it was refused\n\nSee help\n", &error),
            "it was refused"
        );
        assert_eq!(reason("one\ntwo\n", &error), "two");
        assert_eq!(reason("", &error), "it failed with exit code 1");
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (json!({"faults": 0, "lost": 0, "closed": 0}), None),
            (json!({}), None),
            (
                json!({"faults": 3}),
                Some("deliveries lost, repeated or reordered: 3"),
            ),
            (
                json!({"faults": 3, "lost": 2, "reordered": 1, "closed": 4}),
                Some("deliveries lost: 2, deliveries reordered: 1, healthy subscribers cut off: 4"),
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(faults(&result).as_deref(), expected);
        }
        assert_eq!(warnings(&json!({"warnings": ["busy"]})), ["busy"]);
        assert!(warnings(&json!({})).is_empty());
    }
}
