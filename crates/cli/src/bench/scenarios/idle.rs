//! What connections cost that are subscribed and hear nothing: memory of the server, memory of the kernel, and whether a
//! burst of messages leaves something behind.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Args, Held, Load, Report, growth, signed_kib};
use crate::bench::load::PATIENCE;
use crate::bench::publisher::Pace;

/// What is published on each topic in the burst.
const BURST: u64 = 100;
/// A server that has just done something may be about to give memory back.
const REST: Duration = Duration::from_secs(3);

pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    let mut load = Load::new(args, args.subscribers + 1, args.subscribers + 1)?;
    load.open_publisher()?;
    let before = Held::after_rest(&mut load, REST)?;
    let connects_per_second = load.subscribe_all()?;
    let idle = Held::after_rest(&mut load, REST)?;
    load.settle()?;
    let pace = Pace::Window(args.window);
    load.start(pace);
    let most = load.published() + BURST * args.topics as u64;
    load.drive(pace, Instant::now() + PATIENCE * 4, most)?;
    load.turn_until(Instant::now() + PATIENCE, |load| load.missing() == 0)?;
    let burst = Held::now(args);
    let after = Held::after_rest(&mut load, REST)?;

    let mut report = Report::new(args);
    let each = |held: &Held, of: fn(&Held) -> Option<u64>| {
        Some(growth(of(&before), of(held))? as f64 / args.subscribers as f64)
    };
    let kernel = |held: &Held| held.kernel;
    let stages = [("idle", &idle), ("burst", &burst), ("after_burst", &after)];
    for (name, held) in stages {
        let resident = each(held, Held::resident);
        report.field(
            name,
            json!({
                "memory_bytes": held.resident(),
                "memory_bytes_per_connection": resident,
                "proportional_bytes_per_connection": each(held, Held::proportional),
                "kernel_bytes_per_connection": each(held, kernel),
            }),
        );
        if let (Some(resident), Some(kernel)) = (resident, each(held, kernel)) {
            let when = match name {
                "idle" => "each idle connection holds",
                "burst" => "right after a burst of messages",
                _ => "after some seconds of rest",
            };
            report.line(format!(
                "{when}: {} in the server, {} in the kernel for both ends",
                signed_kib(resident as i64),
                signed_kib(kernel as i64)
            ));
        }
    }
    report.field("memory_before_bytes", before.resident());
    report.field("burst_messages", BURST);
    report.field("connects_per_second", connects_per_second);
    report.memory(args);
    report.faults(&load, "30 s after the last was published");
    Ok(report)
}
