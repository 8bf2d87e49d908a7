//! How many connections a server takes in a second, and what each costs it: from the first packet until it has answered what
//! was asked first.

use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;
use serde_json::json;

use super::{Args, Load, Report};
use crate::bench::load::{IN_FLIGHT, News, PATIENCE};
use crate::bench::report::Clocks;

/// Connections that are open before they are closed again, which is not measured.
const ROUND: usize = 5_000;
/// So long a server may take to close what its client has left.
const CLOSING: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Args) -> anyhow::Result<Report> {
    let round = ROUND.min(args.cycles);
    let mut load = Load::new(args, args.cycles, round + 1)?;
    let mut waits = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?;
    // The first connections of a server pay for what is made once.
    connect(&mut load, round.min(500), &mut waits)?;
    disconnect(&mut load, round.min(500))?;
    waits.reset();

    let (mut done, mut took, mut used) = (0, Duration::ZERO, Clocks::default());
    while done < args.cycles {
        let count = round.min(args.cycles - done);
        let (clocks, began) = (Clocks::read(args), Instant::now());
        connect(&mut load, count, &mut waits)?;
        took += began.elapsed();
        used = used.and(clocks.elapsed(args));
        disconnect(&mut load, count)?;
        done += count;
    }

    let mut report = Report::new(args);
    let per_second = done as f64 / took.as_secs_f64();
    let per_core = used.server().filter(|cpu| !cpu.is_zero());
    let per_core = per_core.map(|cpu| done as f64 / cpu.as_secs_f64());
    report.field("cycles", done);
    report.field("seconds", took.as_secs_f64());
    report.field("connects_per_second", per_second);
    report.field("connects_per_core_second", per_core);
    report.line(format!(
        "{done} connections, {per_second:.0} a second, {IN_FLIGHT} at a time"
    ));
    if let Some(per_core) = per_core {
        report.line(format!(
            "{per_core:.0} connections for each second of a core that the server used"
        ));
    }
    let at = |quantile: f64| waits.value_at_quantile(quantile) as f64 / 1e3;
    let most = waits.max() as f64 / 1e3;
    report.field(
        "connect_ms",
        json!({"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": most}),
    );
    report.line(format!(
        "until the first answer: p50 {:.2} ms, p99 {:.2} ms, at most {most:.2} ms",
        at(0.5),
        at(0.99)
    ));
    report.cost("connect", done as u64, took, used);
    report.memory(args);
    report.faults(&load, "at the end");
    Ok(report)
}

/// Connects so many, some at a time.
fn connect(load: &mut Load<'_>, count: usize, waits: &mut Histogram<u64>) -> anyhow::Result<()> {
    let mut began = Vec::with_capacity(count);
    let mut ready = 0;
    let mut progress = Instant::now();
    while ready < count {
        while began.len() < count && began.len() - ready < IN_FLIGHT {
            let subscriber = began.len();
            began.push(Instant::now());
            load.begin(subscriber)?;
        }
        load.turn(Duration::from_millis(100))?;
        for news in std::mem::take(&mut load.news) {
            match news {
                News::Ready(subscriber) => {
                    ready += 1;
                    progress = Instant::now();
                    waits.saturating_record(began[subscriber].elapsed().as_micros() as u64);
                }
                News::First(_) => {}
                News::Ended(_) => return Err(load.why_ended()),
            }
        }
        ensure!(
            progress.elapsed() < PATIENCE,
            "{} connections had no answer",
            began.len() - ready
        );
    }
    Ok(())
}

/// Leaves them all, and waits until the server has closed them.
fn disconnect(load: &mut Load<'_>, count: usize) -> anyhow::Result<()> {
    for subscriber in 0..count {
        load.leave(subscriber);
    }
    load.turn_until(Instant::now() + CLOSING, |load| load.open() == 0)?;
    for subscriber in 0..count {
        load.hang_up(subscriber);
    }
    load.news.clear();
    load.ended.clear();
    Ok(())
}
