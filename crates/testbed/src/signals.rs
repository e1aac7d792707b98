//! Ending what we started when a signal ends us: a `Drop` does not run then.

use std::collections::BTreeSet;
use std::sync::{Mutex, Once, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::process::GRACE;
use crate::progress::say;

/// Leaders of the process groups that must not outlive us.
static RUNNING: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());
static WATCHED: Once = Once::new();
/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;
/// How often is looked whether all have gone.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(50);

/// Remembers a process group.
pub(crate) fn add(pid: Pid) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
}

/// Forgets a process group: it has gone, or may stay.
pub(crate) fn remove(pid: Pid) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
}

/// From now on SIGINT, SIGTERM and SIGHUP end everything that is remembered, and then this process.
///
/// In a thread of its own with a runtime of its own: whoever started a process may be blocked, or have no runtime.
pub(crate) fn watch() {
    WATCHED.call_once(|| {
        let watching = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(wait_and_end()),
                Err(error) => say(format_args!(
                    "Ctrl-C will leave processes behind: starting a runtime: {error}"
                )),
            }
        });
        if let Err(error) = watching {
            say(format_args!("Ctrl-C will leave processes behind: starting a thread: {error}"));
        }
    });
}

async fn wait_and_end() {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        say("Ctrl-C will leave processes behind: signals cannot be watched");
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    if !running().is_empty() {
        say("stopping what was started");
    }
    end_all(Signal::SIGTERM);
    let _ = tokio::time::timeout(GRACE, async {
        while !running().is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
    end_all(Signal::SIGKILL);
    std::process::exit(INTERRUPTED);
}

fn running() -> BTreeSet<Pid> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn end_all(signal: Signal) {
    for pid in running() {
        // One that has gone in the meantime is no error.
        let _ = killpg(pid, signal);
    }
}
