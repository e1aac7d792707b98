//! `up` leaves everything running, in a shape that a shell can use; `down` ends it.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use testbed::wait::{seen_if, until};
use testbed::{recorded, shell_quote};

const PROGRAMS: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "ssh-agent",
    "triton-sim",
    "vk-triton",
    "vk-triton-2",
];
const LIMIT: Duration = Duration::from_secs(90);

/// Ends what `up` left even when the test fails halfway.
struct EndedAnyway(PathBuf);

impl Drop for EndedAnyway {
    fn drop(&mut self) {
        xtask(&["down"], &self.0);
    }
}

fn xtask(task: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(task).arg("--dir").arg(dir).output().unwrap()
}

/// What a person's shell says after `. D/env`.
fn after_env(dir: &Path, line: &str) -> Output {
    let script = format!(". {}; {line}", shell_quote(&dir.join("env").to_string_lossy()));
    Command::new("sh").args(["-c", &script]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn up_leaves_everything_running_and_down_ends_it() {
    let base = tempfile::tempdir().unwrap();
    // A name that must be quoted.
    let dir = base.path().join("it's up");
    let _ended = EndedAnyway(dir.clone());
    let up = xtask(&["up", "--processes", "2"], &dir);
    assert!(up.status.success(), "{}{}", text(&up.stdout), text(&up.stderr));
    for program in PROGRAMS {
        assert!(recorded(&dir, program).is_some(), "{program} does not run");
        assert!(dir.join(format!("{program}.log")).is_file(), "{program} has no log");
    }
    let node = after_env(&dir, "kubectl wait --for=condition=Ready node/vk-triton --timeout=60s");
    assert!(node.status.success(), "{}", text(&node.stderr));
    let env = after_env(
        &dir,
        "echo $TRITON_URL $SDC_URL $TRITON_KEY_ID $SDC_KEY_ID $METRICS_URL; ssh-add -l",
    );
    assert!(env.status.success(), "{}", text(&env.stderr));
    let words = text(&env.stdout);
    let words: Vec<&str> = words.lines().next().unwrap().split(' ').collect();
    assert!(words[0].starts_with("http://127.0.0.1:") && words[0] == words[1], "{words:?}");
    assert!(words[2] == words[3] && words[2].split(':').count() == 16, "{words:?}");
    assert!(words[4].ends_with("/metrics"), "{words:?}");

    // A second `up` in the same directory must not start over what runs.
    let second = xtask(&["up", "--processes", "2"], &dir);
    assert!(
        !second.status.success() && text(&second.stderr).contains("up already"),
        "{}",
        text(&second.stderr)
    );

    // NAME.cmd starts just that program again.
    let first = recorded(&dir, "vk-triton").unwrap();
    assert!(Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
    until("vk-triton to be gone", LIMIT, || async {
        seen_if(recorded(&dir, "vk-triton").is_none(), "it runs")
    })
    .await
    .unwrap();
    assert!(Command::new("sh").arg(dir.join("vk-triton.cmd")).status().unwrap().success());
    until("vk-triton to run again", LIMIT, || async {
        let again = recorded(&dir, "vk-triton");
        seen_if(again.is_some_and(|pid| pid != first), format!("{again:?}"))
    })
    .await
    .unwrap();

    let down = xtask(&["down"], &dir);
    assert!(down.status.success(), "{}", text(&down.stderr));
    for program in PROGRAMS {
        assert_eq!(recorded(&dir, program), None, "{program} still runs");
    }
}
