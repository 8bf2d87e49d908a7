//! Subscribers that read nothing: what they do to the others and to the server's memory.

use std::time::{Duration, Instant};

use super::{Args, Held, Load, Report, growth};
use crate::bench::process;
use crate::bench::publisher::Pace;
use crate::bench::report::{Clocks, mebibytes};

/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Without a delivery for so long, nothing more is to come.
const STALL: Duration = Duration::from_secs(20);

pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    let mut load = Load::new(args, args.subscribers + 1, args.subscribers + 1)?;
    load.subscribe_all()?;
    load.open_publisher()?;
    load.settle()?;
    let mut dead = 0;
    for subscriber in 0..args.subscribers {
        let dead_before = |subscriber: usize| (subscriber as f64 * args.dead / 100.0) as usize;
        if dead_before(subscriber + 1) > dead_before(subscriber) {
            load.play_dead(subscriber)?;
            dead += 1;
        }
    }
    let messages = (args.bytes / args.size as u64).max(1);
    let before = Held::now(args);
    load.measure();
    let pace = Pace::of(args, 0.0);
    load.start(pace);
    let most = load.published() + messages;
    let (clocks, began) = (Clocks::read(args), Instant::now());
    let mut peak = before.resident();
    let (mut reached, mut progress) = (0, Instant::now());
    while load.published() < most || load.missing() > 0 {
        if load.published() < most {
            load.drive(pace, Instant::now() + LOOK, most)?;
        } else {
            load.turn_until(Instant::now() + LOOK, |load| load.missing() == 0)?;
        }
        peak = peak.max(process::resident_of(&args.pid));
        if load.tally.deliveries > reached {
            (reached, progress) = (load.tally.deliveries, Instant::now());
        } else if progress.elapsed() > STALL {
            break;
        }
    }
    let (took, used) = (began.elapsed(), clocks.elapsed(args));
    let after = Held::now(args);

    let mut report = Report::new(args);
    report.pace(args, pace);
    report.field("dead", dead);
    report.field("bytes", messages * args.size as u64);
    report.line(format!(
        "{messages} messages of {} bytes, {} in all; {dead} of {} subscribers read nothing",
        args.size,
        mebibytes(messages * args.size as u64),
        args.subscribers
    ));
    report.deliveries(&load, messages, took, used);
    let grown = growth(before.resident(), peak);
    report.field("memory_before_bytes", before.resident());
    report.field("memory_peak_bytes", peak);
    report.field("memory_growth_bytes", grown);
    report.field("files_before", before.files);
    report.field("files_after", after.files);
    if let Some(grown) = grown {
        report.line(format!(
            "the server's memory grew by {}",
            mebibytes(grown.max(0).cast_unsigned())
        ));
    }
    if let Some(cut_off) = growth(after.files, before.files) {
        report.line(format!("it cut off {} connections", cut_off.max(0)));
    }
    report.memory(args);
    report.faults(&load, "although nothing had come for 20 s");
    Ok(report)
}
