//! Builds a test program in the copy, runs some of its tests, and reads what came of each.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::copy::Copy;

/// How long the tests of a suite may take: without a guard, one may wait for ever.
const TESTS_MAX: Duration = Duration::from_secs(150);

/// How much of what a compiler says is shown.
const SAID_MAX: usize = 4000;

/// Some tests of one crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Suite {
    /// Cargo's name of the crate.
    pub(super) package: String,
    /// A file of its folder `tests`; `None` for its own tests.
    pub(super) target: Option<String>,
    /// Only those whose name contains one of these; all of them if there is none.
    pub(super) tests: Vec<String>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It does not compile, which says nothing about a guard.
    NotBuilt(String),
    /// They ended otherwise than tests do.
    Odd(String),
    /// They ran.
    Ran {
        /// The names of those that failed, or did not end.
        failed: Vec<String>,
        /// How many passed.
        passed: usize,
    },
}

/// Runs a suite in the copy.
pub(super) async fn run(copy: &Copy, suite: &Suite) -> Result<Came> {
    let program = match build(copy, suite).await? {
        Ok(program) => program,
        Err(said) => return Ok(Came::NotBuilt(said)),
    };
    let mut command = Command::new(program.path);
    command
        .args(&suite.tests)
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("running {suite}"))?;
    let mut stdout = child.stdout.take().context("reading what the tests print")?;
    let mut printed = Vec::new();
    let ending = async {
        stdout.read_to_end(&mut printed).await?;
        child.wait().await
    };
    let ended = tokio::time::timeout(TESTS_MAX, ending).await;
    let how = match ended {
        Ok(status) => {
            let status = status.with_context(|| format!("running {suite}"))?;
            if status.success() { End::Success } else { End::Failure }
        }
        Err(_) => End::Endless,
    };
    Ok(read(&String::from_utf8_lossy(&printed), how))
}

/// How a test program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Success,
    Failure,
    /// It did not.
    Endless,
}

/// A test program.
struct Program {
    path: PathBuf,
    /// The folder of its crate.
    folder: PathBuf,
}

/// The program, or what the compiler said.
async fn build(copy: &Copy, suite: &Suite) -> Result<Result<Program, String>> {
    // Set by cargo for whatever it runs: the same cargo, of the same toolchain.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--no-run", "--message-format=json", "-p", &suite.package]);
    match &suite.target {
        Some(target) => command.args(["--test", target]),
        None => command.arg("--lib"),
    };
    command
        .current_dir(&copy.workspace)
        .env("CARGO_TARGET_DIR", &copy.target)
        // One crate changes by a line, again and again.
        .env("CARGO_INCREMENTAL", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("building {suite}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let messages =
        || said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    if !output.status.success() {
        let errors = messages().filter_map(|message| {
            let is_error = message["message"]["level"] == "error";
            message["message"]["rendered"].as_str().filter(|_| is_error).map(str::to_owned)
        });
        let mut errors: String = errors.collect();
        if errors.is_empty() {
            errors = String::from_utf8_lossy(&output.stderr).into_owned();
        }
        return Ok(Err(errors.chars().take(SAID_MAX).collect()));
    }
    let program = messages().find_map(|message| {
        let path = message["executable"].as_str()?.into();
        let manifest = PathBuf::from(message["manifest_path"].as_str()?);
        Some(Program { path, folder: manifest.parent()?.to_owned() })
    });
    program.map(Ok).with_context(|| format!("finding the program of {suite}"))
}

/// Reads what the test program printed: a line for each test, and one for each that takes longer than a minute.
fn read(printed: &str, end: End) -> Came {
    let name = |test: &str| test.split(" - ").next().unwrap_or(test).to_owned();
    let tests = || printed.lines().filter_map(|line| line.strip_prefix("test "));
    let ended = |how: &str| {
        tests().filter_map(|line| line.strip_suffix(how)).map(name).collect::<Vec<String>>()
    };
    let (mut failed, passed) = (ended(" ... FAILED"), ended(" ... ok"));
    if end == End::Endless {
        let slow = ended(" has been running for over 60 seconds");
        let endless =
            slow.into_iter().filter(|test| !passed.contains(test) && !failed.contains(test));
        let endless: Vec<String> = endless.collect();
        failed.extend(endless);
    }
    if (end == End::Success) == failed.is_empty() {
        Came::Ran { failed, passed: passed.len() }
    } else {
        // A stack that overflowed, an abort: a test program always says which tests failed.
        Came::Odd(printed.lines().rev().take(5).collect::<Vec<_>>().join("\n"))
    }
}

// === impl Suite ===

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo test -p {}", self.package)?;
        match &self.target {
            Some(target) => write!(f, " --test {target}")?,
            None => f.write_str(" --lib")?,
        }
        match self.tests.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " {one}"),
            several => write!(f, " -- {}", several.join(" ")),
        }
    }
}

// === impl Came ===

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(said) => write!(f, "it does not compile:\n{said}"),
            Self::Odd(printed) => write!(f, "the tests ended oddly:\n{printed}"),
            Self::Ran { failed, passed } => write!(f, "{} failed, {passed} passed", failed.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_read_from_the_lines_of_a_test_program() {
        let printed = "\nrunning 3 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\
                       test a::d - should panic ... FAILED\n\nfailures:\n    a::c\n";
        let failed = vec!["a::c".to_owned(), "a::d".to_owned()];
        assert_eq!(read(printed, End::Failure), Came::Ran { failed, passed: 1 });
        let nothing = Came::Ran { failed: Vec::new(), passed: 1 };
        assert_eq!(read("test a ... ok\n", End::Success), nothing);
        let odd = read("test a ... ok\nfatal runtime error\n", End::Failure);
        assert!(matches!(odd, Came::Odd(_)));
    }

    #[test]
    fn a_test_that_does_not_end_has_failed_and_one_that_is_slow_has_not() {
        let printed = "test slow has been running for over 60 seconds\n\
                       test hangs has been running for over 60 seconds\ntest slow ... ok\n";
        let failed = vec!["hangs".to_owned()];
        assert_eq!(read(printed, End::Endless), Came::Ran { failed, passed: 1 });
        assert!(matches!(read("test a ... ok\n", End::Endless), Came::Odd(_)));
    }

    #[test]
    fn a_suite_is_shown_as_the_line_that_runs_it() {
        let suite = |target: Option<&str>, tests: &[&str]| Suite {
            package: "p".to_owned(),
            target: target.map(str::to_owned),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
        };
        assert_eq!(suite(None, &["a"]).to_string(), "cargo test -p p --lib a");
        assert_eq!(suite(Some("t"), &[]).to_string(), "cargo test -p p --test t");
        assert_eq!(suite(None, &["a", "b"]).to_string(), "cargo test -p p --lib -- a b");
    }
}
