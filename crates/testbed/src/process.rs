//! A program that runs in the background, and that ends when its value is dropped.
//!
//! Each runs in a process group of its own (so that Ctrl-C in a terminal reaches us, and we end them in order), with
//! an environment that is only what it was given, and leaves three files in its directory: `NAME.log` (all it says),
//! `NAME.pid`, and `NAME.cmd`, a shell line that starts just that program again.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::signals;

/// How long a program may take to end after SIGTERM; then it is killed.
pub const GRACE: Duration = Duration::from_secs(5);
/// Clock ticks in a second, as Linux tells them to programs on every architecture it runs on here (`USER_HZ`).
const TICKS: u64 = 100;
/// Lines of a log that are shown when a program ends unasked.
const LOG_LINES: usize = 15;

/// What to run.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Names its files; no slashes.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment, beside `PATH` and `HOME`.
    pub env: Vec<(String, String)>,
    /// Where it runs, and where its files are.
    pub dir: PathBuf,
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    pid: Pid,
    exit: Arc<Exit>,
    ends_with_us: bool,
}

/// How a child ended, once it has.
#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<Result<ExitStatus, String>>>,
    changed: Condvar,
}

// === impl Spec ===

impl Spec {
    /// A program with its arguments and no environment.
    pub fn new<I, S>(name: &str, program: &Path, dir: &Path, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            dir: dir.to_owned(),
        }
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// `DIR/NAME.EXTENSION`.
    #[must_use]
    pub fn file(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.name))
    }

    /// The environment it runs with. `HOME` is its directory: no file of the developer's may change what it does.
    fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        let mut env =
            vec![("PATH".to_owned(), path), ("HOME".to_owned(), self.dir.display().to_string())];
        env.extend(self.env.iter().cloned());
        env
    }

    /// The program and its arguments, quoted for a shell.
    #[must_use]
    pub fn quoted_command(&self) -> String {
        let mut line = quote(&self.program.to_string_lossy());
        for arg in &self.args {
            line.push(' ');
            line.push_str(&quote(arg));
        }
        line
    }

    /// Writes `NAME.cmd`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_command(&self) -> Result<()> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("creating {}", self.dir.display()))?;
        fs::write(self.file("cmd"), self.shell_line())
            .with_context(|| format!("writing {}.cmd", self.name))
    }

    /// A line for `sh` that starts the program again in the background as it was started here, and returns when
    /// `NAME.pid` names the new one.
    #[must_use]
    pub fn shell_line(&self) -> String {
        let (pid, log) = (self.file("pid"), self.file("log"));
        let (pid, log) = (quote(&pid.to_string_lossy()), quote(&log.to_string_lossy()));
        let dir = quote(&self.dir.to_string_lossy());
        let mut env = String::new();
        for (name, value) in self.environment() {
            let _ = write!(env, " {}", quote(&format!("{name}={value}")));
        }
        let command = self.quoted_command();
        format!(
            "rm -f {pid}; (cd {dir} && exec setsid sh -c 'echo $$ >\"$0\"; exec \"$@\"' {pid} env -i{env} {command} \
             >>{log} 2>&1 </dev/null) & until [ -s {pid} ]; do sleep 0.05; done\n"
        )
    }
}

// === impl Process ===

impl Process {
    /// Starts a program and writes its `NAME.pid` and `NAME.cmd`; `NAME.log` is appended to.
    ///
    /// # Errors
    /// When a file cannot be written or the program cannot be started.
    pub fn start(spec: Spec) -> Result<Self> {
        signals::watch();
        spec.write_command()?;
        let log = OpenOptions::new().create(true).append(true).open(spec.file("log"));
        let log = log.with_context(|| format!("opening {}.log", spec.name))?;
        let errors = log.try_clone().with_context(|| format!("opening {}.log", spec.name))?;
        let child = Command::new(&spec.program)
            .args(&spec.args)
            .env_clear()
            .envs(spec.environment())
            .current_dir(&spec.dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", spec.program.display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("reading a process id")?);
        signals::add(pid);
        let exit = Arc::new(Exit::default());
        let process = Self { spec, pid, exit: Arc::clone(&exit), ends_with_us: true };
        std::thread::spawn(move || reap(child, pid, &exit));
        fs::write(process.spec.file("pid"), format!("{pid}\n"))
            .with_context(|| format!("writing {}.pid", process.spec.name))?;
        Ok(process)
    }

    /// What was started.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Processor time it has used, in user mode and in the kernel, to a hundredth of a second.
    ///
    /// # Errors
    /// When it does not run.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&format!("/proc/{}/stat", self.pid))
    }

    /// Ends with an error when the program has ended, with the last lines of its log.
    ///
    /// # Errors
    /// As said.
    pub fn check_runs(&self) -> Result<()> {
        let status = self.exit.status.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(status) = status.as_ref() else { return Ok(()) };
        let how = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.clone(),
        };
        let log = fs::read_to_string(self.spec.file("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        bail!(
            "{} ended by itself ({how}); the end of {}:\n{last}",
            self.spec.name,
            self.spec.file("log").display()
        );
    }

    /// Kills it at once (SIGKILL), as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go.
    pub fn crash(&self) -> Result<()> {
        signal(self.pid, Signal::SIGKILL);
        self.exit.wait(GRACE).with_context(|| format!("{} does not go", self.spec.name))
    }

    /// Stops it where it is (SIGSTOP), as a machine that hangs would, until [`Process::resume`].
    pub fn pause(&self) {
        signal(self.pid, Signal::SIGSTOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        signal(self.pid, Signal::SIGCONT);
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.exit.status.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Starts it again after it has ended, as it was started before.
    ///
    /// # Errors
    /// When it still runs, or as [`Process::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.runs() {
            bail!("{} still runs", self.spec.name);
        }
        *self = Self::start(self.spec.clone())?;
        Ok(())
    }

    /// Ends it: SIGTERM, and SIGKILL after [`GRACE`].
    pub fn end(&self) {
        signal(self.pid, Signal::SIGTERM);
        // One that is paused hears nothing until it goes on.
        signal(self.pid, Signal::SIGCONT);
        if self.exit.wait(GRACE).is_none() {
            signal(self.pid, Signal::SIGKILL);
            // What even SIGKILL does not end hangs in the kernel; nobody can do more.
            let _ = self.exit.wait(GRACE);
        }
    }

    /// Lets it run on after this process has ended.
    pub fn leave(mut self) {
        self.ends_with_us = false;
        signals::remove(self.pid);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ends_with_us {
            self.end();
        }
    }
}

// === impl Exit ===

impl Exit {
    /// Waits until the child has ended; `None` when it has not in time.
    fn wait(&self, limit: Duration) -> Option<()> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, _) = self
            .changed
            .wait_timeout_while(status, limit, |status| status.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        status.is_some().then_some(())
    }
}

/// Waits for a child in a thread of its own, so that it never stays a zombie and its end is known at once.
fn reap(mut child: Child, pid: Pid, exit: &Exit) {
    let status = child.wait().map_err(|error| error.to_string());
    signals::remove(pid);
    *exit.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    exit.changed.notify_all();
}

/// Signals a child's whole group. One that is gone already is no error.
fn signal(pid: Pid, signal: Signal) {
    let _ = killpg(pid, signal);
}

/// Processor time as fields 14 and 15 of proc_pid_stat(5) tell it, of the process whose `stat` this is.
///
/// # Errors
/// When there is no such file.
pub(crate) fn cpu_time(path: &str) -> Result<Duration> {
    let stat = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    // The program's name, in parentheses, is the only field that may hold blanks.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: Option<u64> =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok()).sum();
    let ticks = ticks.with_context(|| format!("reading {path}"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// One word for a POSIX shell, quoted where it must be.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "process/tests.rs"]
mod tests;
