//! What a process has used of the processor, where the system says (Linux).

use std::time::Duration;

/// Ticks of `/proc/PID/stat` in a second; 100 on every Linux that we know.
const TICKS: u64 = 100;

/// The time that a process has spent computing, in itself and in the kernel for it.
pub(super) fn used_by(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may have anything in it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS))
}

/// The memory that a process holds, in bytes.
pub(super) fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        assert!(used_by(std::process::id()).is_some());
        assert!(memory_of(std::process::id()) > Some(1 << 16));
        assert_eq!(used_by(u32::MAX), None);
    }
}
