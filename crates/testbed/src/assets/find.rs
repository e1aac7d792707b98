//! Looking for a program that is already on the machine.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::time::timeout;

use super::version::{EtcdRelease, Release, Version};
use super::{Tool, say_passed_over};

/// A program that takes longer to say its version is not asked again.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// Programs that were passed over aloud already: once is enough.
static PASSED_OVER: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// `$KUBEBUILDER_ASSETS`, envtest's convention.
    pub kubebuilder_assets: Option<PathBuf>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// Our own cache.
    pub cache: PathBuf,
}

// === impl Places ===

impl Places {
    /// Reads `KUBEBUILDER_ASSETS`, `PATH`, `XDG_CACHE_HOME` and `HOME`.
    ///
    /// # Errors
    /// When neither `XDG_CACHE_HOME` nor `HOME` is set: there is no place for a cache.
    pub fn from_env() -> Result<Self> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            // The XDG base directory specification: a relative path is to be ignored.
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
            .context("finding a cache directory: neither XDG_CACHE_HOME nor HOME is set")?;
        Ok(Self {
            kubebuilder_assets: set("KUBEBUILDER_ASSETS").map(PathBuf::from),
            path: set("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
            cache: cache.join("vk-triton"),
        })
    }

    /// Folder of the cache for a Kubernetes release.
    #[must_use]
    pub fn kubernetes(&self, release: &Release) -> PathBuf {
        kubernetes_dir(&self.cache, release)
    }
}

/// Folder of the cache for a Kubernetes release.
pub(crate) fn kubernetes_dir(cache: &Path, release: &Release) -> PathBuf {
    cache.join("kubernetes").join(release.version.to_string())
}

/// Folder of the cache for an etcd release.
pub(crate) fn etcd_dir(cache: &Path, release: &EtcdRelease) -> PathBuf {
    cache.join("etcd").join(release.version.to_string())
}

/// Finds a Kubernetes program that fits `release`.
///
/// In `$KUBEBUILDER_ASSETS` and on `PATH` its minor must be the release's: a control plane whose parts are of
/// different minors is none that Kubernetes supports. The cache is sorted by version.
pub async fn find_tool(places: &Places, release: &Release, tool: Tool) -> Option<PathBuf> {
    for program in given(places, tool.program()) {
        match version_of(&program, tool.version_args()).await {
            Some(version) if release.accepts(version) => return Some(program),
            found => pass_over(
                &program,
                found,
                &format!("{}.{}", release.version.major, release.version.minor),
            ),
        }
    }
    Some(places.kubernetes(release).join(tool.program())).filter(|path| path.is_file())
}

/// Finds etcd 3.4 or newer.
pub async fn find_etcd(places: &Places) -> Option<PathBuf> {
    for program in given(places, "etcd") {
        match version_of(&program, &["--version"]).await {
            Some(version) if version.major == 3 && version >= EtcdRelease::OLDEST => {
                return Some(program);
            }
            found => pass_over(&program, found, "3.4 or newer"),
        }
    }
    Some(etcd_dir(&places.cache, &EtcdRelease::V3_6).join("etcd")).filter(|path| path.is_file())
}

/// Programs of that name outside the cache, best place first.
fn given(places: &Places, program: &str) -> Vec<PathBuf> {
    let folders = places.kubebuilder_assets.iter().chain(&places.path);
    folders.map(|folder| folder.join(program)).filter(|path| path.is_file()).collect()
}

fn pass_over(program: &Path, found: Option<Version>, wanted: &str) {
    if PASSED_OVER.lock().unwrap_or_else(PoisonError::into_inner).insert(program.to_owned()) {
        let found =
            found.map_or_else(|| "of an unknown version".to_owned(), |version| version.to_string());
        say_passed_over(program, &found, wanted);
    }
}

/// Asks a program for its version; `None` when it cannot be run, hangs or says nothing that is one.
pub(crate) async fn version_of(program: &Path, args: &[&str]) -> Option<Version> {
    let asked = Command::new(program).args(args).kill_on_drop(true).output();
    let output = timeout(VERSION_LIMIT, asked).await.ok()?.ok()?;
    Version::in_output(&String::from_utf8_lossy(&output.stdout)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A shell script that says it is `says`.
    fn program(folder: &Path, name: &str, says: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    struct Machine {
        dir: tempfile::TempDir,
        places: Places,
    }

    fn machine() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            kubebuilder_assets: Some(dir.path().join("assets")),
            path: vec![dir.path().join("bin"), dir.path().join("usr-bin")],
            cache: dir.path().join("cache"),
        };
        Machine { dir, places }
    }

    async fn scheduler(machine: &Machine) -> Option<PathBuf> {
        find_tool(&machine.places, &Release::V1_37, Tool::Scheduler).await
    }

    #[tokio::test]
    async fn the_places_are_asked_in_their_order() {
        let machine = machine();
        assert_eq!(scheduler(&machine).await, None);
        let cached = program(&machine.places.kubernetes(&Release::V1_37), "kube-scheduler", "");
        assert_eq!(scheduler(&machine).await, Some(cached));
        let on_path =
            program(&machine.dir.path().join("usr-bin"), "kube-scheduler", "Kubernetes v1.37.0");
        assert_eq!(scheduler(&machine).await, Some(on_path));
        let given =
            program(&machine.dir.path().join("assets"), "kube-scheduler", "Kubernetes v1.37.1");
        assert_eq!(scheduler(&machine).await, Some(given));
    }

    #[tokio::test]
    async fn a_program_of_another_minor_is_passed_over_wherever_it_is() {
        let machine = machine();
        program(&machine.dir.path().join("assets"), "kube-scheduler", "Kubernetes v1.36.3");
        program(&machine.dir.path().join("bin"), "kube-scheduler", "usage: nothing");
        assert_eq!(scheduler(&machine).await, None);
        let right =
            program(&machine.dir.path().join("usr-bin"), "kube-scheduler", "Kubernetes v1.37.2");
        assert_eq!(scheduler(&machine).await, Some(right));
    }

    #[tokio::test]
    async fn debians_etcd_is_new_enough_but_its_predecessors_are_not() {
        let machine = machine();
        program(&machine.dir.path().join("bin"), "etcd", "etcd Version: 3.3.25");
        assert_eq!(find_etcd(&machine.places).await, None);
        let debians = program(&machine.dir.path().join("usr-bin"), "etcd", "etcd Version: 3.4.23");
        assert_eq!(find_etcd(&machine.places).await, Some(debians));
    }
}
