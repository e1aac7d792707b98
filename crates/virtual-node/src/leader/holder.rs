//! Whether the holder of a Lease is a process of this machine that is gone for good.
//!
//! Only what is certain counts. The kernel that the holder ran on must be the one we run on, the namespace that its
//! number belongs to must be ours, and the kernel must say that no process of this number exists, that it is another one
//! by now, or that all that is left is a zombie for its parent to collect. A process that was stopped is alive.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::decide::Life;
use super::identity::{Identity, ProcessIdentity};

/// What the kernel said about one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighted {
    /// No process has it (`kill(2)` with signal 0: ESRCH, which no mount option of /proc can fake).
    Nobody,
    /// Some process has it.
    Somebody {
        /// What `/proc/PID/stat` says, if it could be read.
        stat: Option<Stat>,
    },
    /// It would not say.
    Unknown,
}

/// What `proc_pid_stat(5)` says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `T` (stopped), `Z` (zombie), …
    pub state: char,
    /// Field 20.
    pub threads: u64,
    /// Field 22, in clock ticks after the boot.
    pub started: u64,
}

/// Whether the process can still act.
#[must_use]
pub fn judge(holder: &ProcessIdentity, us: &ProcessIdentity, sighted: &Sighted) -> Life {
    let is_here =
        (&holder.host, &holder.boot, &holder.namespace) == (&us.host, &us.boot, &us.namespace);
    if !is_here {
        return Life::Possible;
    }
    match sighted {
        Sighted::Nobody => Life::Over,
        Sighted::Somebody { stat: Some(stat) } if stat.started != holder.started => Life::Over,
        // The first thread may end before the others; a process is over when there are no others.
        Sighted::Somebody { stat: Some(Stat { state: 'Z' | 'X', threads: 0 | 1, .. }) } => {
            Life::Over
        }
        Sighted::Somebody { .. } | Sighted::Unknown => Life::Possible,
    }
}

/// Who we are; `None` where there is no /proc that speaks of us (another system, a foreign mount).
#[must_use]
pub fn this_process() -> Option<ProcessIdentity> {
    let pid = std::process::id();
    let seen_as = fs::read_link("/proc/self").ok()?;
    if seen_as.to_str()?.parse() != Ok(pid) {
        return None;
    }
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let namespace = namespace.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.to_owned();
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let host = line("/proc/sys/kernel/hostname").filter(|host| !host.is_empty())?;
    let boot = line("/proc/sys/kernel/random/boot_id").filter(|boot| !boot.is_empty())?;
    let started = Stat::parse(&line("/proc/self/stat")?)?.started;
    Some(ProcessIdentity { host, boot, namespace, pid, started })
}

/// Looks at the holder that a Lease names. Reads a few files of /proc.
#[must_use]
pub fn look(holder: &Identity) -> Life {
    let (Some(us), Some(holder)) = (this_process(), ProcessIdentity::parse(holder.as_str())) else {
        return Life::Possible;
    };
    judge(&holder, &us, &sight(holder.pid))
}

fn sight(pid: u32) -> Sighted {
    // Zero and below would name groups of processes.
    let Some(number) = i32::try_from(pid).ok().filter(|number| *number > 0) else {
        return Sighted::Unknown;
    };
    match kill(Pid::from_raw(number), None) {
        Err(Errno::ESRCH) => Sighted::Nobody,
        Ok(()) | Err(Errno::EPERM) => {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
            Sighted::Somebody { stat: stat.as_deref().and_then(Stat::parse) }
        }
        Err(_) => Sighted::Unknown,
    }
}

// === impl Stat ===

impl Stat {
    /// Reads `/proc/PID/stat`. The second field is the program's name in parentheses, which may hold anything.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.rsplit_once(')')?.1;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let threads = fields.nth(16)?.parse().ok()?;
        let started = fields.nth(1)?.parse().ok()?;
        Some(Self { state, threads, started })
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn process(boot: &str, namespace: &str, started: u64) -> ProcessIdentity {
        ProcessIdentity {
            host: "h".to_owned(),
            boot: boot.to_owned(),
            namespace: namespace.to_owned(),
            pid: 17,
            started,
        }
    }

    fn somebody(state: char, threads: u64, started: u64) -> Sighted {
        Sighted::Somebody { stat: Some(Stat { state, threads, started }) }
    }

    #[track_caller]
    fn check(holder: &ProcessIdentity, sighted: &Sighted, life: Life) {
        assert_eq!(judge(holder, &process("b", "n", 1), sighted), life, "{sighted:?}");
    }

    #[test]
    fn only_a_process_of_this_kernel_and_namespace_can_be_known_to_be_dead() {
        check(&process("b", "n", 5), &Sighted::Nobody, Life::Over);
        check(&process("other", "n", 5), &Sighted::Nobody, Life::Possible);
        check(&process("b", "other", 5), &Sighted::Nobody, Life::Possible);
        let elsewhere = ProcessIdentity { host: "clone".to_owned(), ..process("b", "n", 5) };
        check(&elsewhere, &Sighted::Nobody, Life::Possible);
    }

    #[test]
    fn a_number_that_was_given_away_again_and_a_zombie_are_dead() {
        let holder = process("b", "n", 5);
        check(&holder, &somebody('R', 4, 6), Life::Over);
        check(&holder, &somebody('Z', 1, 5), Life::Over);
        check(&holder, &somebody('Z', 0, 5), Life::Over);
    }

    #[test]
    fn whatever_else_may_live() {
        let holder = process("b", "n", 5);
        for state in ['R', 'S', 'D', 'T', 't', 'I'] {
            check(&holder, &somebody(state, 1, 5), Life::Possible);
        }
        // The first thread has ended, others have not.
        check(&holder, &somebody('Z', 3, 5), Life::Possible);
        check(&holder, &Sighted::Somebody { stat: None }, Life::Possible);
        check(&holder, &Sighted::Unknown, Life::Possible);
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_is_no_trouble() {
        let text = "17 (a) b (c)) T 1 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 99123 1000 2000";
        assert_eq!(Stat::parse(text), Some(Stat { state: 'T', threads: 3, started: 99_123 }));
        assert_eq!(Stat::parse("17 (a"), None);
        assert_eq!(Stat::parse("17 (a) T 1"), None);
    }

    /// A real process: it lives, also when it is stopped; it is dead as a zombie, and when it is collected.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_real_process_is_seen_to_live_stop_and_die() {
        use nix::sys::signal::Signal;

        let us = this_process().unwrap();
        assert_eq!(look(&Identity::from(&us)), Life::Possible, "we live");
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let started = Stat::parse(&stat).unwrap().started;
        let holder = Identity::from(&ProcessIdentity { pid: child.id(), started, ..us });
        assert_eq!(look(&holder), Life::Possible);
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, Signal::SIGSTOP).unwrap();
        assert_eq!(look(&holder), Life::Possible, "stopped is not dead");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(look(&holder), Life::Over);
    }
}
