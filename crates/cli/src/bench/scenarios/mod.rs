//! What can be measured; each scenario is a file.

mod churn;
mod connect;
mod fanout;
mod idle;
mod slow;

use std::time::{Duration, Instant};

use super::load::Load;
use super::process::{self, Memory};
use super::report::Report;
use super::{Args, Scenario};

/// Runs the scenario that was asked for.
pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    match args.scenario {
        Scenario::Fanout => fanout::run(args),
        Scenario::Idle => idle::run(args),
        Scenario::Connect => connect::run(args),
        Scenario::Churn => churn::run(args),
        Scenario::Slow => slow::run(args),
    }
}

/// What a server holds at a moment.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory: Option<Memory>,
    kernel: Option<u64>,
    files: Option<u64>,
}

impl Held {
    /// What it holds after it had nothing to do for a while. Pings are answered meanwhile.
    fn after_rest(load: &mut Load<'_>, rest: Duration) -> anyhow::Result<Self> {
        load.turn_until(Instant::now() + rest, |_| false)?;
        Ok(Held::now(load.args))
    }

    fn now(args: &Args) -> Self {
        Held {
            memory: process::memory_of(&args.pid),
            kernel: (!args.pid.is_empty()).then(process::kernel_memory).flatten(),
            files: process::files_of(&args.pid),
        }
    }

    fn resident(&self) -> Option<u64> {
        Some(self.memory?.resident)
    }

    fn proportional(&self) -> Option<u64> {
        Some(self.memory?.proportional)
    }
}

/// How much more it is, or less.
fn growth(before: Option<u64>, after: Option<u64>) -> Option<i64> {
    Some(after?.cast_signed() - before?.cast_signed())
}

/// Bytes that may have become fewer, for people.
fn signed_kib(bytes: i64) -> String {
    format!("{:+.1} KiB", bytes as f64 / 1024.0)
}
