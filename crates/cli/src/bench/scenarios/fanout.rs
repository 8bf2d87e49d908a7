//! How many messages a server delivers, how late, and what that costs it.

use std::time::{Duration, Instant};

use super::{Args, Load, Report};
use crate::bench::publisher::Pace;
use crate::bench::report::Clocks;

/// Messages a second, where nobody says.
const RATE: f64 = 50.0;
/// So long it runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// So long the last deliveries may take.
const DRAIN: Duration = Duration::from_secs(20);

pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    let mut load = Load::new(args, args.subscribers + 1, args.subscribers + 1)?;
    let connects_per_second = load.subscribe_all()?;
    if !args.listen {
        load.open_publisher()?;
        load.settle()?;
    }
    let pace = Pace::of(args, RATE);
    load.start(pace);
    load.drive(pace, Instant::now() + WARM_UP, u64::MAX)?;

    load.measure();
    let published_before = load.published();
    let clocks = Clocks::read(args);
    let began = Instant::now();
    load.drive(pace, began + args.time, u64::MAX)?;
    let took = began.elapsed();
    let used = clocks.elapsed(args);

    let mut report = Report::new(args);
    report.pace(args, pace);
    let published = load.published() - published_before;
    report.deliveries(&load, published, took, used);
    report.memory(args);
    load.turn_until(Instant::now() + DRAIN, |load| load.missing() == 0)?;
    report.faults(&load, "20 s after the last was published");
    report.field("connects_per_second", connects_per_second);
    report.line(format!("connecting: {connects_per_second:.0} a second"));
    Ok(report)
}
