//! What a reader must know of the machine to make sense of numbers from it.

use std::process::Command;

use crate::process;

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

    /// The date as the name of a directory.
    pub(super) fn date_slug(&self) -> String {
        self.date.replace(':', "").replace(' ', "-")
    }
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
    fn the_machine_is_read_from_what_the_system_says() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast 9000 @ 3 GHz\nmodel name\t: other\n";
        assert_eq!(processor_in(cpuinfo), "Fast 9000 @ 3 GHz");
        assert!(processor_in("").starts_with("a processor of "));
        assert_eq!(memory_in("MemFree: 1 kB\nMemTotal:       16303000 kB\n"), 16);
        assert_eq!(memory_in(""), 0);
    }
}
