//! What processes and the kernel use, where the system says (Linux).

use std::fs::read_to_string;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` in a second; 100 on every Linux that we know.
const TICKS: u64 = 100;
/// Bytes of a page, in which the kernel counts the memory of sockets.
const PAGE: u64 = 4096;

/// Time that was spent computing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Cpu {
    /// In the process itself.
    pub(super) user: Duration,
    /// In the kernel for it.
    pub(super) system: Duration,
    /// Both, of the threads that are still there, and to the nanosecond.
    exact: Duration,
}

impl Cpu {
    /// All of it. The ticks are too few for what is short, and the exact times lack threads that have ended.
    pub(super) fn sum(self) -> Duration {
        self.exact.max(self.user + self.system)
    }

    /// Both together.
    pub(super) fn and(self, other: Cpu) -> Cpu {
        Cpu {
            user: self.user + other.user,
            system: self.system + other.system,
            exact: self.exact + other.exact,
        }
    }

    /// What came since an earlier look.
    pub(super) fn since(self, before: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            exact: self.exact.saturating_sub(before.exact),
        }
    }
}

/// The memory of processes, in bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Memory {
    /// What is in memory now.
    pub(super) resident: u64,
    /// The same, shared pages divided among those who share them.
    pub(super) proportional: u64,
    /// The most that ever was.
    pub(super) peak: u64,
}

/// What these processes have used of the processor together.
pub(super) fn cpu_of(pids: &[u32]) -> Option<Cpu> {
    let all = pids.iter().map(|pid| {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may have anything in it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| {
            Some(Duration::from_millis(
                fields.get(at)?.parse::<u64>().ok()? * 1000 / TICKS,
            ))
        };
        Some(Cpu {
            user: ticks(11)?,
            system: ticks(12)?,
            exact: threads_of(*pid).unwrap_or_default(),
        })
    });
    sum(all, Cpu::and)
}

/// What the threads of a process have used that are still there.
fn threads_of(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanos = threads.flatten().filter_map(|thread| {
        let text = read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanos.sum()))
}

/// What this process has used.
pub(super) fn own_cpu() -> Option<Cpu> {
    cpu_of(&[std::process::id()])
}

/// The memory of these processes together.
pub(super) fn memory_of(pids: &[u32]) -> Option<Memory> {
    let all = pids.iter().map(|pid| {
        let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
        let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let resident = kib_after(&status, "VmRSS:")?;
        Some(Memory {
            resident,
            proportional: kib_after(&rollup, "Pss:").unwrap_or(resident),
            peak: kib_after(&status, "VmHWM:").unwrap_or(resident),
        })
    });
    sum(all, |a, b| Memory {
        resident: a.resident + b.resident,
        proportional: a.proportional + b.proportional,
        peak: a.peak + b.peak,
    })
}

/// How many descriptors these processes hold together.
pub(super) fn files_of(pids: &[u32]) -> Option<u64> {
    let all = pids
        .iter()
        .map(|pid| Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64));
    sum(all, |a, b| a + b)
}

/// What the kernel holds: its objects, and the contents of sockets. It is that of the whole machine, both ends of each
/// connection included.
pub(super) fn kernel_memory() -> Option<u64> {
    let memory = read_to_string("/proc/meminfo").ok()?;
    let sockets = read_to_string("/proc/net/sockstat").ok()?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"))?;
    let pages = tcp.split_whitespace().skip_while(|word| *word != "mem").nth(1);
    Some(kib_after(&memory, "Slab:")? + pages?.parse::<u64>().ok()? * PAGE)
}

fn kib_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The sum of all, if there are any and each is known.
fn sum<T>(all: impl Iterator<Item = Option<T>>, add: impl Fn(T, T) -> T) -> Option<T> {
    let all: Option<Vec<T>> = all.collect();
    all?.into_iter().reduce(add)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(own_cpu().is_some());
        let memory = memory_of(&[pid]).unwrap();
        assert!(memory.resident > 1 << 16 && memory.peak >= memory.resident);
        assert!(memory_of(&[pid, pid]).unwrap().resident > memory.resident);
        assert!(files_of(&[pid]) > Some(2));
        assert!(kernel_memory() > Some(1 << 16));
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        assert_eq!(cpu_of(&[]), None);
        assert_eq!(cpu_of(&[u32::MAX]), None);
        assert_eq!(memory_of(&[std::process::id(), u32::MAX]), None);
    }
}
