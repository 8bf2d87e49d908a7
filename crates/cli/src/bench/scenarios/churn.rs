//! Connections that come, hear one message and go, again and again: what is left behind of them.

use std::time::{Duration, Instant};

use super::{Args, Held, Load, Report, growth};
use crate::bench::load::{IN_FLIGHT, News, PATIENCE};
use crate::bench::publisher::Pace;
use crate::bench::report::Clocks;

/// Messages a second, where nobody says.
const RATE: f64 = 200.0;
/// Of the cycles, this part comes before anything is looked at: memory that is used again is no leak.
const WARM_UP: usize = 5;
/// A server may be slow to give back what it does not need.
const REST: Duration = Duration::from_secs(3);
/// So many descriptors may come and go with what else a server does.
const SOME_FILES: i64 = 16;

pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    let warm_up = (args.cycles / WARM_UP).max(1);
    let mut load = Load::new(args, args.cycles + warm_up, IN_FLIGHT + 2)?;
    load.open_publisher()?;
    let pace = match Pace::of(args, RATE) {
        Pace::Rate(per_second) => Pace::Rate(per_second),
        Pace::Window(_) => Pace::Rate(RATE),
    };
    load.start(pace);
    cycle(&mut load, pace, warm_up)?;
    let before = Held::after_rest(&mut load, REST)?;
    load.start(pace);
    let (clocks, began) = (Clocks::read(args), Instant::now());
    cycle(&mut load, pace, args.cycles)?;
    let (took, used) = (began.elapsed(), clocks.elapsed(args));
    let after = Held::after_rest(&mut load, REST)?;

    let mut report = Report::new(args);
    report.pace(args, pace);
    report.field("cycles", args.cycles);
    report.field("seconds", took.as_secs_f64());
    let per_second = args.cycles as f64 / took.as_secs_f64();
    report.field("cycles_per_second", per_second);
    report.line(format!(
        "{} times connected, subscribed, received and closed, {per_second:.0} a second",
        args.cycles
    ));
    report.cost("cycle", args.cycles as u64, took, used);
    let grown = growth(before.resident(), after.resident());
    let files = growth(before.files, after.files);
    report.field("memory_before_bytes", before.resident());
    report.field("memory_after_bytes", after.resident());
    report.field("memory_growth_bytes", grown);
    report.field(
        "memory_growth_bytes_per_cycle",
        grown.map(|it| it as f64 / args.cycles as f64),
    );
    report.field("kernel_growth_bytes", growth(before.kernel, after.kernel));
    report.field("files_before", before.files);
    report.field("files_after", after.files);
    if let (Some(grown), Some(files)) = (grown, files) {
        report.line(format!(
            "the server's memory changed by {}, {:+.1} bytes a cycle; its descriptors by {files:+}",
            super::signed_kib(grown),
            grown as f64 / args.cycles as f64
        ));
        if files > SOME_FILES {
            report.warn("the server keeps descriptors of connections that have ended");
        }
    }
    report.memory(args);
    report.faults(&load, "at the end");
    Ok(report)
}

/// Goes through so many lives, some at a time.
fn cycle(load: &mut Load<'_>, pace: Pace, count: usize) -> anyhow::Result<()> {
    let (mut begun, mut done) = (0, 0);
    let mut is_leaving = [false; IN_FLIGHT];
    let mut progress = Instant::now();
    for subscriber in 0..IN_FLIGHT.min(count) {
        load.begin(subscriber)?;
        begun += 1;
    }
    while done < count {
        load.drive_once(pace)?;
        for news in std::mem::take(&mut load.news) {
            match news {
                News::Ready(_) => {}
                News::First(subscriber) => {
                    is_leaving[subscriber] = true;
                    load.leave(subscriber);
                }
                News::Ended(subscriber) => {
                    if !is_leaving[subscriber] {
                        return Err(load.why_ended());
                    }
                    is_leaving[subscriber] = false;
                    load.ended.clear();
                    done += 1;
                    progress = Instant::now();
                    if begun < count {
                        load.begin(subscriber)?;
                        begun += 1;
                    }
                }
            }
        }
        if progress.elapsed() > PATIENCE {
            let waiting = begun - done;
            let leaving = is_leaving.iter().filter(|it| **it).count();
            anyhow::bail!(
                "{leaving} of {waiting} connections were not closed by the server, and the others heard nothing"
            );
        }
    }
    Ok(())
}
