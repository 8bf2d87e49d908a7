//! What was measured, for people and for programs.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Args;
use super::load::Load;
use super::process::{self, Cpu};
use super::publisher::Pace;
use super::tally::Faults;
use crate::failure::Failure;

/// Of a core, in per cent; a load that used more may have been what was measured.
const MOST_OWN_SHARE: f64 = 90.0;

/// The result of a run.
pub(super) struct Report {
    /// The fields of the JSON.
    pub(super) fields: Map<String, Value>,
    /// The same for people.
    pub(super) lines: Vec<String>,
    pub(super) faults: Faults,
    /// Deliveries that had not come at the end of the wait for them: late or lost, which is not known then.
    missing: u64,
    /// For what end was waited.
    patience: &'static str,
    /// Subscribers that the server closed and should not have.
    pub(super) closed: usize,
    warnings: Vec<String>,
}

/// Times of the processor, of the server and of the load itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Clocks {
    server: Option<Cpu>,
    own: Option<Cpu>,
}

impl Clocks {
    pub(super) fn read(args: &Args) -> Self {
        Clocks {
            server: process::cpu_of(&args.pid),
            own: process::own_cpu(),
        }
    }

    /// What was used since.
    pub(super) fn elapsed(self, args: &Args) -> Self {
        let now = Clocks::read(args);
        let since = |now: Option<Cpu>, before: Option<Cpu>| Some(now?.since(before?));
        Clocks {
            server: since(now.server, self.server),
            own: since(now.own, self.own),
        }
    }

    /// What was used here and there together.
    pub(super) fn and(self, other: Clocks) -> Self {
        Clocks {
            server: self.server.map_or(other.server, |it| Some(it.and(other.server?))),
            own: self.own.map_or(other.own, |it| Some(it.and(other.own?))),
        }
    }

    /// What the server used.
    pub(super) fn server(self) -> Option<Duration> {
        self.server.map(Cpu::sum)
    }
}

impl Report {
    /// What is the same of all scenarios.
    pub(super) fn new(args: &Args) -> Self {
        let mut report = Report {
            fields: Map::new(),
            lines: Vec::new(),
            faults: Faults::default(),
            missing: 0,
            patience: "",
            closed: 0,
            warnings: Vec::new(),
        };
        report.field("as", args.tongue.name());
        report.field("scenario", args.scenario.name());
        report.field("subscribers", args.subscribers);
        report.field("topics", args.topics);
        report.field("payload_bytes", args.size);
        report
    }

    /// Adds a field of the JSON.
    pub(super) fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// Adds a line for people.
    pub(super) fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Adds how fast was published.
    pub(super) fn pace(&mut self, args: &Args, pace: Pace) {
        self.field("rate", pace.per_second());
        self.field("window", args.window);
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, warning: &str) {
        self.line(format!("warning: {warning}"));
        self.warnings.push(warning.to_owned());
    }

    /// Adds what was published and delivered in a time, how late, and what it cost.
    pub(super) fn deliveries(&mut self, load: &Load<'_>, published: u64, took: Duration, used: Clocks) {
        let deliveries = load.tally.deliveries;
        let seconds = took.as_secs_f64();
        let per_second = deliveries as f64 / seconds;
        self.field("seconds", seconds);
        self.field("published", published);
        self.field("deliveries", deliveries);
        self.field("deliveries_per_second", per_second);
        self.line(format!(
            "{deliveries} deliveries in {seconds:.1} s ({per_second:.0} a second) to {} subscribers of {} topics, {} bytes each",
            load.args.subscribers, load.args.topics, load.args.size
        ));
        if load.args.deflate {
            let deflated = load.reader.sense.deflated;
            self.field("deflated_frames", deflated);
            self.line(format!("{deflated} frames came compressed"));
        }
        self.latency(load);
        self.cost("delivery", deliveries, took, used);
    }

    fn latency(&mut self, load: &Load<'_>) {
        let latency = &load.tally.latency;
        // What somebody else published does not say when it was due.
        if latency.is_empty() || load.args.listen {
            self.field("latency_ms", Value::Null);
            return;
        }
        let at = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1e6;
        let most = latency.max() as f64 / 1e6;
        let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
        self.field(
            "latency_ms",
            json!({"p50": p50, "p99": p99, "p999": p999, "max": most, "samples": latency.len()}),
        );
        self.line(format!(
            "latency: p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, at most {most:.2} ms"
        ));
    }

    /// Adds what something cost that happened so often: to the server, and to the load.
    pub(super) fn cost(&mut self, what: &str, times: u64, took: Duration, used: Clocks) {
        let each = |cpu: Option<Duration>| {
            let cpu = cpu.filter(|_| times > 0)?;
            Some(cpu.as_secs_f64() * 1e6 / times as f64)
        };
        let share = |cpu: Option<Duration>| Some(cpu?.as_secs_f64() / took.as_secs_f64() * 100.0);
        let (server, own) = (used.server.map(Cpu::sum), used.own.map(Cpu::sum));
        let user = |cpu: Option<Cpu>| each(cpu.map(|cpu| cpu.user));
        self.field(&format!("server_cpu_us_per_{what}"), each(server));
        self.field(&format!("server_user_us_per_{what}"), user(used.server));
        self.field("server_cpu_percent", share(server));
        self.field(&format!("own_cpu_us_per_{what}"), each(own));
        self.field(&format!("own_user_us_per_{what}"), user(used.own));
        self.field("own_cpu_percent", share(own));
        if let (Some(cost), Some(inside), Some(share)) = (each(server), user(used.server), share(server)) {
            self.line(format!(
                "the server used {cost:.2} µs a {what}, {inside:.2} of it in itself and the rest in the kernel; {share:.0} % of a core"
            ));
        }
        if let (Some(cost), Some(inside), Some(share)) = (each(own), user(used.own), share(own)) {
            self.line(format!(
                "this load used {cost:.2} µs a {what}, {inside:.2} of it in itself; {share:.0} % of a core"
            ));
            if share > MOST_OWN_SHARE {
                self.warn("this load was busy all the time: the server may be able to do more");
            }
        }
    }

    /// Adds the memory that the server holds now.
    pub(super) fn memory(&mut self, args: &Args) {
        let memory = process::memory_of(&args.pid);
        self.field("server_memory_bytes", memory.map(|it| it.resident));
        self.field("server_memory_peak_bytes", memory.map(|it| it.peak));
        if let Some(memory) = memory {
            self.line(format!(
                "the server holds {}, and held {} at most",
                mebibytes(memory.resident),
                mebibytes(memory.peak)
            ));
        }
    }

    /// Adds what went wrong. What has not come yet was waited for until then.
    pub(super) fn faults(&mut self, load: &Load<'_>, patience: &'static str) {
        self.faults = load.tally.faults;
        self.missing = load.missing();
        self.patience = patience;
        self.closed = load.ended.len();
        let Faults {
            lost,
            repeated,
            reordered,
        } = self.faults;
        self.field("faults", self.faults.sum() + self.missing);
        self.field("lost", lost + self.missing);
        self.field("repeated", repeated);
        self.field("reordered", reordered);
        self.field("closed", self.closed);
        self.line(format!(
            "{lost} deliveries lost, {repeated} repeated, {reordered} out of order"
        ));
        if self.missing > 0 {
            self.line(format!("{} deliveries had not come {patience}", self.missing));
        }
        if let Some(gone) = load.ended.first() {
            self.line(format!("{} subscribers were cut off: {}", self.closed, gone.why));
        }
    }

    /// Prints it, and fails if anything went wrong.
    pub(super) fn finish(mut self, as_json: bool) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if as_json {
            let warnings = std::mem::take(&mut self.warnings);
            self.field("warnings", warnings);
            writeln!(out, "{}", Value::Object(self.fields))?;
        } else {
            for line in &self.lines {
                writeln!(out, "{line}")?;
            }
        }
        let Faults {
            lost,
            repeated,
            reordered,
        } = self.faults;
        if self.missing > 0 {
            let (missing, patience) = (self.missing, self.patience);
            let late =
                format!("{missing} deliveries had not come {patience}: late or lost, this cannot tell");
            return Err(Failure::Because(match self.faults.sum() {
                0 => late,
                _ => format!("{late}; {lost} were lost, {repeated} repeated, {reordered} out of order"),
            }));
        }
        if self.faults.sum() > 0 {
            return Err(Failure::Because(format!(
                "{lost} deliveries were lost, {repeated} repeated, {reordered} out of order"
            )));
        }
        if self.closed > 0 {
            return Err(Failure::Because(format!(
                "the server cut off {} subscribers",
                self.closed
            )));
        }
        Ok(())
    }
}

/// Bytes, for people.
pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
