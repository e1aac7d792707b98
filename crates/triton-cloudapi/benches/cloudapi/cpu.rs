//! CPU time of a process, to the nanosecond.

use std::time::Duration;

/// What all threads of a process have used, from `/proc/PID/task/TID/schedstat` (proc(5)).
///
/// Threads that have ended are not counted: measure processes whose threads stay.
pub(crate) fn used(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse().ok())
        .map(Duration::from_nanos)
        .sum()
}

/// What this process has used.
pub(crate) fn used_here() -> Duration {
    used(std::process::id())
}

/// Resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
