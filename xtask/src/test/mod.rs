//! `cargo xtask test`: every suite, each by name with its time, and one honest count at the end.
//!
//! Numbers come from the runners' closing lines alone. A suite that could not run, ended without a failed test although
//! its runner failed, or ran no test at all counts as one failure.

mod suites;

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::closing_line::Tally;
use crate::interrupt;
use crate::step::{self, span};

pub(crate) use suites::{Suite, end_to_end};

/// How a suite or another check ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) elapsed: Duration,
    pub(crate) tally: Tally,
    /// What went wrong beside failed tests, or why the tests could not run.
    pub(crate) problem: Option<String>,
}

/// Runs the suites one after the other, all of them even when one fails.
pub(crate) fn run(suites: &[Suite]) -> anyhow::Result<()> {
    let mut outcomes = Vec::new();
    for suite in suites {
        outcomes.push(run_suite(*suite));
        interrupt::check()?;
    }
    conclude(&outcomes)
}

/// Runs one suite and judges it.
pub(crate) fn run_suite(suite: Suite) -> Outcome {
    let started = Instant::now();
    let mut tally = Tally::default();
    let ran = step::step(&format!("tests: {}", suite.name()), || suite.run(&mut tally));
    let problem = match ran {
        Err(error) if tally.failed == 0 => Some(format!("{error:#}")),
        Ok(()) if tally.passed + tally.failed == 0 => {
            Some("not one test ran: a suite that proves nothing does not pass".to_owned())
        }
        Ok(()) | Err(_) => None,
    };
    Outcome {
        name: format!("tests: {}", suite.name()),
        elapsed: started.elapsed(),
        tally,
        problem,
    }
}

/// Prints what was done and the closing line; fails when anything failed.
pub(crate) fn conclude(outcomes: &[Outcome]) -> anyhow::Result<()> {
    println!("\n{}", summary(outcomes));
    let total = total(outcomes);
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        bail!("something failed: the list above says what, its output stands further up");
    }
    Ok(())
}

fn summary(outcomes: &[Outcome]) -> String {
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.chars().count())
        .max()
        .unwrap_or(0);
    let lines = outcomes.iter().map(
        |Outcome {
             name,
             elapsed,
             tally,
             problem,
         }| {
            let verdict = if problem.is_some() || tally.failed > 0 {
                "FAILED"
            } else {
                "ok"
            };
            let mut line = format!("{verdict:6}  {name:width$}  {:>12}", span(*elapsed));
            if *tally != Tally::default() {
                line += &format!("  {} passed, {} failed", tally.passed, tally.failed);
            }
            if tally.ignored > 0 {
                line += &format!(", {} ignored", tally.ignored);
            }
            if let Some(problem) = problem {
                line += &format!("  {problem}");
            }
            line
        },
    );
    lines.collect::<Vec<_>>().join("\n")
}

fn total(outcomes: &[Outcome]) -> Tally {
    let mut total = Tally::default();
    for outcome in outcomes {
        total += outcome.tally;
        total.failed += u64::from(outcome.problem.is_some());
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: u64, failed: u64, problem: Option<&str>) -> Outcome {
        Outcome {
            name: "tests: unit".to_owned(),
            elapsed: Duration::from_secs(3),
            tally: Tally {
                passed,
                failed,
                ignored: 0,
            },
            problem: problem.map(str::to_owned),
        }
    }

    #[test]
    fn failed_tests_and_suites_that_could_not_run_both_count() {
        let total = total(&[
            outcome(3, 0, None),
            outcome(2, 1, None),
            outcome(0, 0, Some("does not compile")),
        ]);
        assert_eq!((total.passed, total.failed), (5, 2));
    }

    #[test]
    fn all_green_concludes_well_and_anything_else_does_not() {
        assert!(conclude(&[outcome(1, 0, None)]).is_ok());
        assert!(conclude(&[outcome(1, 1, None)]).is_err());
        assert!(conclude(&[outcome(1, 0, Some("crashed"))]).is_err());
    }

    #[test]
    fn the_summary_names_each_suite_and_its_verdict() {
        let text = summary(&[outcome(3, 0, None), outcome(0, 0, Some("does not compile"))]);
        assert!(text.contains("ok      tests: unit"), "{text}");
        assert!(text.contains("3 passed, 0 failed"), "{text}");
        assert!(
            text.contains("FAILED  tests: unit") && text.contains("does not compile"),
            "{text}"
        );
    }
}
