//! Building what is missing with the Go toolchain, from module files that pin every module.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

use super::Tool;
use super::find::{etcd_dir, kubernetes_dir};
use super::version::{EtcdRelease, Release, Version};
use crate::progress::say;

/// How often a running build says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(15);
/// Lines of Go's output that are shown when a build fails.
const LINES_SHOWN: usize = 30;
/// Packages whose variables tell a Kubernetes program its version. Without them the API server calls itself v0.0.0
/// and clients misbehave.
const VERSION_PACKAGES: [&str; 2] =
    ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];

/// One run of `go build`.
struct Build<'a> {
    what: String,
    go_mod: &'a str,
    go_sum: &'a str,
    ldflags: String,
    packages: Vec<&'a str>,
    /// Where the programs end up.
    target: PathBuf,
    /// What Go calls each program (the last element of its package's path, without a version), and what we do.
    renames: Vec<(&'a str, &'a str)>,
}

/// Builds Kubernetes programs into the cache.
///
/// # Errors
/// When there is no Go toolchain, or the build fails.
pub async fn kubernetes(cache: &Path, release: &Release, tools: &[Tool]) -> Result<()> {
    let names: Vec<&str> = tools.iter().map(|tool| tool.program()).collect();
    let build = Build {
        what: format!(
            "{} {} (about 8 minutes on 2 cores, once)",
            names.join(", "),
            release.version
        ),
        go_mod: release.go_mod,
        go_sum: release.go_sum,
        ldflags: kubernetes_ldflags(release.version),
        packages: tools.iter().map(|tool| tool.package()).collect(),
        target: kubernetes_dir(cache, release),
        renames: names.iter().map(|name| (*name, *name)).collect(),
    };
    build.run().await
}

/// Builds etcd into the cache and returns where it is.
///
/// # Errors
/// As [`kubernetes`].
pub(crate) async fn etcd(cache: &Path, release: &EtcdRelease) -> Result<PathBuf> {
    let target = etcd_dir(cache, release);
    let build = Build {
        what: format!(
            "etcd {} (about a minute on 2 cores, once; Debian's etcd-server does too)",
            release.version
        ),
        go_mod: release.go_mod,
        go_sum: release.go_sum,
        ldflags: "-s -w".to_owned(),
        packages: vec!["go.etcd.io/etcd/server/v3"],
        target: target.clone(),
        renames: vec![("server", "etcd")],
    };
    build.run().await?;
    Ok(target.join("etcd"))
}

fn kubernetes_ldflags(version: Version) -> String {
    let mut flags = "-s -w".to_owned();
    for package in VERSION_PACKAGES {
        let set = [
            ("gitVersion", format!("v{version}")),
            ("gitMajor", version.major.to_string()),
            ("gitMinor", version.minor.to_string()),
            ("gitTreeState", "clean".to_owned()),
        ];
        for (name, value) in set {
            flags.push_str(&format!(" -X {package}.{name}={value}"));
        }
    }
    flags
}

// === impl Build ===

impl Build<'_> {
    /// Builds to temporary names and renames, so that a build cut short leaves no half program in the cache.
    async fn run(&self) -> Result<()> {
        check_go().await?;
        let parent = self.target.parent().context("finding the cache's folder")?;
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        let _lock = lock(with_suffix(&self.target, ".lock")).await?;
        if self.is_done() {
            return Ok(());
        }
        let work = with_suffix(&self.target, ".tmp");
        let out = work.join("bin");
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        fs::write(work.join("go.mod"), self.go_mod).context("writing go.mod")?;
        fs::write(work.join("go.sum"), self.go_sum).context("writing go.sum")?;
        self.go_build(&work, &out).await?;
        fs::create_dir_all(&self.target)
            .with_context(|| format!("creating {}", self.target.display()))?;
        for (built, name) in &self.renames {
            let (from, to) = (out.join(built), self.target.join(name));
            fs::rename(&from, &to)
                .with_context(|| format!("moving {} to {}", from.display(), to.display()))?;
        }
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
    }

    /// Whether somebody else built it while we waited for the lock.
    fn is_done(&self) -> bool {
        self.renames.iter().all(|(_, name)| self.target.join(name).is_file())
    }

    async fn go_build(&self, work: &Path, out: &Path) -> Result<()> {
        let begun = Instant::now();
        say(format_args!("building {}", self.what));
        let mut child = Command::new("go")
            .args(["build", "-v", "-trimpath", "-ldflags", &self.ldflags, "-o"])
            .arg(format!("{}/", out.display()))
            .args(&self.packages)
            .current_dir(work)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting go build")?;
        let stderr = child.stderr.take().context("reading what go build says")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut ticks = tokio::time::interval_at(begun + SAY_EVERY, SAY_EVERY);
        let mut last: Vec<String> = Vec::new();
        let (mut downloads, mut packages) = (0_usize, 0_usize);
        loop {
            tokio::select! {
                line = lines.next_line() => {
                    let Some(line) = line.context("reading what go build says")? else { break };
                    if line.starts_with("go: downloading") { downloads += 1 } else { packages += 1 }
                    if last.len() == LINES_SHOWN { last.remove(0); }
                    last.push(line);
                }
                _ = ticks.tick() => say(format_args!(
                    "  {:>4} s: {downloads} modules fetched, {packages} packages compiled",
                    begun.elapsed().as_secs(),
                )),
            }
        }
        let status = child.wait().await.context("waiting for go build")?;
        ensure!(status.success(), "go build ended with {status}:\n{}", last.join("\n"));
        say(format_args!("  built in {} s", begun.elapsed().as_secs()));
        Ok(())
    }
}

/// Says what to install when there is no Go toolchain. An older one than wanted fetches the right one itself.
async fn check_go() -> Result<()> {
    match Command::new("go").args(["env", "GOVERSION"]).output().await {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let version = Version::in_output(&text).ok().context("reading the version of go")?;
            ensure!(
                version >= Version::new(1, 21, 0),
                "go {version} is too old: install Go 1.21 or newer (https://go.dev/dl/); it fetches the toolchain it needs"
            );
            Ok(())
        }
        Ok(output) => bail!("go env GOVERSION ended with {}", output.status),
        Err(error) => Err(error).context(
            "no Go toolchain on PATH, and the control plane must be built: install Go 1.21 or newer \
             (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a folder with the programs",
        ),
    }
}

/// Waits for the lock that only one build holds; it is let go when the file is dropped.
async fn lock(path: PathBuf) -> Result<File> {
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    say("another build is under way: waiting for it");
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked
        .context("waiting for another build")?
        .with_context(|| format!("locking {}", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_variable_is_set_in_both_packages() {
        let flags = kubernetes_ldflags(Version::new(1, 37, 2));
        for package in VERSION_PACKAGES {
            assert!(flags.contains(&format!("-X {package}.gitVersion=v1.37.2")), "{flags}");
            assert!(flags.contains(&format!("-X {package}.gitMinor=37")), "{flags}");
        }
    }

    #[tokio::test]
    async fn the_second_of_two_builds_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.lock");
        let first = lock(path.clone()).await.unwrap();
        let second = tokio::spawn(lock(path));
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }
}
