//! What can be measured; each scenario is a file.

mod fanout;

use super::load::Load;
use super::report::Report;
use super::{Args, Scenario};

/// Runs the scenario that was asked for.
pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    match args.scenario {
        Scenario::Fanout => fanout::run(args),
    }
}
