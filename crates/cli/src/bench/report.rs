//! What was measured, for people and for programs.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::load::Measured;
use crate::failure::Failure;

/// Prints the result.
pub(super) fn print(measured: &Measured, as_json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let seconds = measured.took.as_secs_f64();
    let per_second = measured.deliveries as f64 / seconds;
    let cost = |cpu: Option<Duration>| {
        let cpu = cpu.filter(|_| measured.deliveries > 0)?;
        Some(cpu.as_secs_f64() * 1e6 / measured.deliveries as f64)
    };
    let share = |cpu: Option<Duration>| cpu.map(|cpu| cpu.as_secs_f64() / seconds * 100.0);
    let latency = |quantile: f64| measured.latency.value_at_quantile(quantile) as f64 / 1_000.0;
    if as_json {
        let line = json!({
            "subscribers": measured.subscribers,
            "topics": measured.topics,
            "payload_bytes": measured.size,
            "seconds": seconds,
            "published": measured.published,
            "deliveries": measured.deliveries,
            "deliveries_per_second": per_second,
            "faults": measured.faults,
            "latency_ms": {"p50": latency(0.5), "p99": latency(0.99), "p999": latency(0.999), "samples": measured.latency.len()},
            "server_cpu_us_per_delivery": cost(measured.server_cpu),
            "server_cpu_percent": share(measured.server_cpu),
            "server_memory_bytes": measured.server_memory,
            "own_cpu_percent": share(measured.own_cpu),
            "connects_per_second": measured.connects_per_second,
        });
        return Ok(writeln!(out, "{line}")?);
    }
    writeln!(
        out,
        "{} deliveries in {seconds:.1} s ({per_second:.0} a second) to {} subscribers of {} channels, {} bytes each",
        measured.deliveries, measured.subscribers, measured.topics, measured.size
    )?;
    writeln!(out, "lost, repeated or out of order: {}", measured.faults)?;
    if !measured.latency.is_empty() {
        writeln!(
            out,
            "latency: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            latency(0.5),
            latency(0.99),
            latency(0.999)
        )?;
    }
    if let (Some(cost), Some(share)) = (cost(measured.server_cpu), share(measured.server_cpu)) {
        writeln!(
            out,
            "the server used {cost:.2} µs a delivery, {share:.0} % of a core"
        )?;
    }
    if let Some(memory) = measured.server_memory {
        writeln!(
            out,
            "the server holds {:.1} MiB",
            memory as f64 / f64::from(1 << 20)
        )?;
    }
    if let Some(share) = share(measured.own_cpu) {
        writeln!(out, "this load used {share:.0} % of a core")?;
    }
    writeln!(out, "connecting: {:.0} a second", measured.connects_per_second)?;
    Ok(())
}
