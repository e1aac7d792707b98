use std::path::Path;

use nix::sys::signal::kill;

use super::*;
use crate::wait::{Seen, seen_if, until};

const LIMIT: Duration = Duration::from_secs(20);

fn shell(dir: &Path, script: &str) -> Spec {
    Spec::new("it", Path::new("/bin/sh"), dir, ["-c", script])
}

fn is_alive(pid: Pid) -> bool {
    kill(pid, None).is_ok()
}

async fn said(dir: &Path, text: &str) {
    until(text, LIMIT, || async {
        let log = fs::read_to_string(dir.join("it.log"))?;
        seen_if(log.contains(text), log)
    })
    .await
    .unwrap();
}

fn recorded_pid(dir: &Path) -> Pid {
    Pid::from_raw(fs::read_to_string(dir.join("it.pid")).unwrap().trim().parse().unwrap())
}

#[track_caller]
fn check_quote(word: &str, expected: &str) {
    assert_eq!(quote(word), expected);
}

#[test]
fn words_are_quoted_for_the_shell_only_where_they_must_be() {
    check_quote("--listen=127.0.0.1:80", "--listen=127.0.0.1:80");
    check_quote("a b", "'a b'");
    check_quote("it's", r"'it'\''s'");
    check_quote("$HOME", "'$HOME'");
    check_quote("", "''");
}

#[tokio::test]
async fn dropping_it_ends_it_and_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(shell(dir.path(), "sleep 1000 & echo child $!; wait")).unwrap();
    said(dir.path(), "child").await;
    let log = fs::read_to_string(dir.path().join("it.log")).unwrap();
    let child: i32 = log.trim().strip_prefix("child ").unwrap().parse().unwrap();
    let pid = process.pid();
    assert!(is_alive(pid) && is_alive(Pid::from_raw(child)));
    drop(process);
    assert!(!is_alive(pid));
    // The child is init's to reap, which may take a moment, or forever where there is no init: dead is enough.
    until("the child to end", LIMIT, || async move {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        seen_if(stat.is_empty() || stat.contains(") Z "), stat)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let process =
        Process::start(shell(dir.path(), "trap '' TERM; echo ready; while :; do sleep 1; done"))
            .unwrap();
    said(dir.path(), "ready").await;
    let pid = process.pid();
    drop(process);
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn an_end_by_itself_is_told_with_the_end_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(shell(dir.path(), "echo no such flag >&2; exit 3")).unwrap();
    let error = until("its end", LIMIT, || async {
        Ok(process.check_runs().err().map_or(Seen::NotYet("it runs".to_owned()), Seen::Done))
    })
    .await
    .unwrap();
    let text = error.to_string();
    assert!(
        text.contains("it ended by itself (exit status: 3)") && text.contains("no such flag"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_of_our_environment_reaches_it() {
    let dir = tempfile::tempdir().unwrap();
    let spec = shell(dir.path(), "env; echo end").with_env("GIVEN", "a b");
    let _process = Process::start(spec).unwrap();
    said(dir.path(), "end").await;
    let log = fs::read_to_string(dir.path().join("it.log")).unwrap();
    assert!(log.contains("GIVEN=a b"), "{log}");
    assert!(!log.contains("CARGO"), "{log}");
    assert!(log.contains(&format!("HOME={}", dir.path().display())), "{log}");
}

#[tokio::test]
async fn it_can_crash_and_be_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(shell(dir.path(), "echo up; sleep 1000")).unwrap();
    let first = process.pid();
    assert!(process.start_again().is_err(), "it still runs");
    process.crash().unwrap();
    assert!(!is_alive(first));
    process.start_again().unwrap();
    assert_ne!(process.pid(), first);
    assert_eq!(recorded_pid(dir.path()), process.pid());
}

#[tokio::test]
async fn the_shell_line_starts_it_again_and_names_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let spec =
        shell(dir.path(), "echo \"$GREETING\"; sleep 1000; true").with_env("GREETING", "it's me");
    let process = Process::start(spec.clone()).unwrap();
    said(dir.path(), "it's me").await;
    process.crash().unwrap();
    fs::remove_file(dir.path().join("it.log")).unwrap();

    let status = Command::new("sh").arg(dir.path().join("it.cmd")).status().unwrap();
    assert!(status.success());
    said(dir.path(), "it's me").await;
    let pid = recorded_pid(dir.path());
    assert_ne!(pid, process.pid());
    assert!(is_alive(pid));

    let ended = crate::sweep::end_recorded(dir.path()).await.unwrap();
    assert_eq!(ended, [crate::sweep::Ended { name: "it".to_owned(), was_running: true }]);
}
