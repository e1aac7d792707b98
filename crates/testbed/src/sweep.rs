//! Ending processes that an earlier run left, by the files they left.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::process::{GRACE, quote};
use crate::wait::{seen_if, until};

/// One program that `NAME.pid` named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// Whether it still ran.
    pub was_running: bool,
}

/// Ends every program that a `NAME.pid` in `dir` names, last started first, and removes the file.
///
/// A process id may belong to somebody else by now: only a process whose command line is the one in `NAME.cmd` is
/// ended.
///
/// # Errors
/// When the directory cannot be read, or a process does not go.
pub async fn end_recorded(dir: &Path) -> Result<Vec<Ended>> {
    let mut ended = Vec::new();
    for (name, pid_file) in pid_files(dir)? {
        let was_running = match living(dir, &name) {
            Some(pid) => end(&name, pid).await.map(|()| true)?,
            None => false,
        };
        match fs::remove_file(&pid_file) {
            // Another run that sweeps at the same time was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed.with_context(|| format!("removing {}", pid_file.display()))?,
        }
        ended.push(Ended { name, was_running });
    }
    Ok(ended)
}

/// The process id in `NAME.pid`, if that program still runs.
#[must_use]
pub fn recorded(dir: &Path, name: &str) -> Option<i32> {
    living(dir, name).map(Pid::as_raw)
}

/// Names and files, youngest first: dependents end before what they depend on.
fn pid_files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".pid"))
        else {
            continue;
        };
        let Ok(modified) = fs::metadata(&path).and_then(|metadata| metadata.modified()) else {
            continue;
        };
        files.push((modified, name.to_owned(), path));
    }
    files.sort();
    Ok(files.into_iter().rev().map(|(_, name, path)| (name, path)).collect())
}

fn living(dir: &Path, name: &str) -> Option<Pid> {
    let pid: i32 = fs::read_to_string(dir.join(format!("{name}.pid"))).ok()?.trim().parse().ok()?;
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = fs::read_to_string(dir.join(format!("{name}.cmd"))).ok()?;
    // Zero and one are groups and init; nothing of ours has them.
    (pid > 1 && is_what_the_line_starts(&cmdline, &line)).then(|| Pid::from_raw(pid))
}

/// Whether `/proc/PID/cmdline` is the command in a `NAME.cmd`.
fn is_what_the_line_starts(cmdline: &[u8], line: &str) -> bool {
    let words: Vec<String> = cmdline
        .split(|byte| *byte == 0)
        .map(|word| quote(&String::from_utf8_lossy(word)))
        .collect();
    // The kernel ends the list with a zero byte, so the last word is an empty one.
    let [words @ .., _] = words.as_slice() else { return false };
    !words.is_empty() && line.contains(&format!(" {} ", words.join(" ")))
}

async fn end(name: &str, pid: Pid) -> Result<()> {
    let gone = || async move {
        seen_if(kill(pid, None) == Err(Errno::ESRCH) || is_zombie(pid), "it runs")
    };
    // The group, as it was started as the leader of one; a process that is none gets the signal alone.
    let signal = |signal| killpg(pid, signal).or_else(|_| kill(pid, signal));
    let _ = signal(Signal::SIGTERM);
    if until(&format!("{name} to end"), GRACE, gone).await.is_err() {
        let _ = signal(Signal::SIGKILL);
        until(&format!("{name} to end after SIGKILL"), GRACE, gone).await?;
    }
    Ok(())
}

/// A zombie has ended; that nobody has asked how is not our affair.
fn is_zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cmdline: &str, line: &str, expected: bool) {
        assert_eq!(is_what_the_line_starts(cmdline.as_bytes(), line), expected);
    }

    #[test]
    fn only_the_recorded_command_is_recognised() {
        let line = "rm -f p; (cd d && exec setsid sh -c '…' p env -i A=b /bin/etcd --name t 'a b' >>l 2>&1) &";
        check("/bin/etcd\0--name\0t\0a b\0", line, true);
        check("/bin/etcd\0--name\0t\0", line, true);
        check("/bin/etcd\0--name\0other\0", line, false);
        check("vi\0", line, false);
        check("", line, false);
    }

    #[tokio::test]
    async fn a_process_id_that_is_somebody_elses_now_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("it.pid"), format!("{}\n", std::process::id())).unwrap();
        fs::write(dir.path().join("it.cmd"), "env -i /bin/etcd >>log").unwrap();
        let ended = end_recorded(dir.path()).await.unwrap();
        assert_eq!(ended, [Ended { name: "it".to_owned(), was_running: false }]);
        assert!(!dir.path().join("it.pid").exists());
    }
}
