//! What a reader must know of the machine to make sense of numbers from it.

use std::process::Command;
use std::time::Duration;

use crate::{interrupt, process};

/// How long it takes to see whether somebody else is at work.
const LOOK: Duration = Duration::from_secs(1);

/// The machine, as far as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) memory_gib: u64,
    /// When, in UTC: `2026-11-21 16:20`.
    pub(super) date: String,
}

impl Machine {
    pub(super) fn look() -> Self {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let kernel = file("/proc/sys/kernel/osrelease").trim().to_owned();
        let date = process::answer(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]));
        Self {
            processor: processor_in(&file("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: if kernel.is_empty() {
                "an unknown kernel".to_owned()
            } else {
                format!("Linux {kernel}")
            },
            memory_gib: memory_in(&file("/proc/meminfo")),
            date: date.unwrap_or_default().trim().to_owned(),
        }
    }

    /// What else the machine does, as a share of all its processors: who measures beside others measures them too.
    pub(super) fn busy() -> Option<f64> {
        let times = || times_in(&std::fs::read_to_string("/proc/stat").ok()?);
        let before = times()?;
        interrupt::pause(LOOK);
        let after = times()?;
        let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let idle = after.idle.saturating_sub(before.idle);
        Some(1.0 - idle as f64 / all as f64)
    }

    /// The date as the name of a directory.
    pub(super) fn date_slug(&self) -> String {
        self.date.replace(':', "").replace(' ', "-")
    }
}

/// Ticks of all processors since the machine started.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    idle: u64,
    all: u64,
}

/// The first line of `/proc/stat`: `cpu  user nice system idle iowait irq softirq steal …`; guests are in user already.
fn times_in(stat: &str) -> Option<Times> {
    let numbers: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .take(8)
        .map_while(|word| word.parse().ok())
        .collect();
    let [_, _, _, idle, waiting, ..] = numbers[..] else {
        return None;
    };
    Some(Times {
        idle: idle + waiting,
        all: numbers.iter().sum(),
    })
}

fn processor_in(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or_else(
            || format!("a processor of {}", std::env::consts::ARCH),
            |(_, model)| model.trim().to_owned(),
        )
}

fn memory_in(meminfo: &str) -> u64 {
    let kib: u64 = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    // Some of it is the kernel's own.
    kib.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_the_processors_are_read() {
        let stat = "cpu  10 1 20 300 9 1 2 3 50 0\ncpu0 1 1 1 1\n";
        assert_eq!(times_in(stat), Some(Times { idle: 309, all: 346 }));
        assert_eq!(times_in("cpu  1 2\n"), None);
        assert_eq!(times_in(""), None);
    }

    #[test]
    fn the_machine_is_read_from_what_the_system_says() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast 9000 @ 3 GHz\nmodel name\t: other\n";
        assert_eq!(processor_in(cpuinfo), "Fast 9000 @ 3 GHz");
        assert!(processor_in("").starts_with("a processor of "));
        assert_eq!(memory_in("MemFree: 1 kB\nMemTotal:       16303000 kB\n"), 16);
        assert_eq!(memory_in(""), 0);
    }
}
