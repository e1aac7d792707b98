//! Threads, and the CPU time and memory that they take.

use std::time::Duration;

/// Runs something on a thread of its own with a single-threaded runtime, so that its CPU time is that of the thread.
pub(crate) fn alone<T: Send + 'static, F>(make: impl FnOnce() -> F + Send + 'static) -> T
where
    F: Future<Output = T>,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(make())
    };
    std::thread::spawn(run).join().unwrap()
}

/// CPU time of this thread, from `/proc/thread-self/schedstat` (proc(5)).
pub(crate) fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap()
}
