//! Looking for a program that is already on the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::time::timeout;

use super::Tool;
use super::version::{EtcdRelease, Release, Version};

/// A program that takes longer to say its version is not asked again.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

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

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// The program.
    pub found: Option<PathBuf>,
    /// Programs of that name that are of another version, or of none that they say.
    pub passed_over: Vec<(PathBuf, Option<Version>)>,
}

/// The four Kubernetes programs in `$KUBEBUILDER_ASSETS`, if all are there and of one minor, whichever it is: who
/// fills that folder has chosen a version. With fewer (envtest brings no controllers) each must fit like any other.
pub async fn find_chosen(places: &Places) -> Option<[PathBuf; 4]> {
    let folder = places.kubebuilder_assets.as_ref()?;
    let programs = Tool::ALL.map(|tool| folder.join(tool.program()));
    let mut minors = Vec::new();
    for (tool, program) in Tool::ALL.into_iter().zip(&programs) {
        let version = version_of(program, tool.version_args()).await?;
        minors.push((version.major, version.minor));
    }
    minors.windows(2).all(|pair| pair[0] == pair[1]).then_some(programs)
}

/// Finds a Kubernetes program that fits `release`.
///
/// In `$KUBEBUILDER_ASSETS` and on `PATH` its minor must be the release's: a control plane whose parts are of
/// different minors is none that Kubernetes supports. The cache is sorted by version.
pub async fn find_tool(places: &Places, release: &Release, tool: Tool) -> Search {
    let cached = places.kubernetes(release).join(tool.program());
    search(places, tool.program(), tool.version_args(), |version| release.accepts(version), cached)
        .await
}

/// Finds etcd 3.4 or newer.
pub async fn find_etcd(places: &Places) -> Search {
    let cached = etcd_dir(&places.cache, &EtcdRelease::V3_6).join("etcd");
    let fits = |version: Version| version.major == 3 && version >= EtcdRelease::OLDEST;
    search(places, "etcd", &["--version"], fits, cached).await
}

async fn search(
    places: &Places,
    name: &str,
    version_args: &[&str],
    fits: impl Fn(Version) -> bool,
    cached: PathBuf,
) -> Search {
    let mut search = Search::default();
    let folders = places.kubebuilder_assets.iter().chain(&places.path);
    for program in folders.map(|folder| folder.join(name)).filter(|path| path.is_file()) {
        match version_of(&program, version_args).await {
            Some(version) if fits(version) => {
                search.found = Some(program);
                return search;
            }
            version => search.passed_over.push((program, version)),
        }
    }
    search.found = Some(cached).filter(|path| path.is_file());
    search
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
        find_tool(&machine.places, &Release::V1_37, Tool::Scheduler).await.found
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
        let older =
            program(&machine.dir.path().join("assets"), "kube-scheduler", "Kubernetes v1.36.3");
        let silent = program(&machine.dir.path().join("bin"), "kube-scheduler", "usage: nothing");
        let search = find_tool(&machine.places, &Release::V1_37, Tool::Scheduler).await;
        assert_eq!(search.found, None);
        assert_eq!(search.passed_over, [(older, Some(Version::new(1, 36, 3))), (silent, None)]);
        let right =
            program(&machine.dir.path().join("usr-bin"), "kube-scheduler", "Kubernetes v1.37.2");
        assert_eq!(scheduler(&machine).await, Some(right));
    }

    #[tokio::test]
    async fn a_folder_with_all_four_of_one_minor_is_a_choice_of_version() {
        let machine = machine();
        let folder = machine.dir.path().join("assets");
        for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            program(&folder, name, "Kubernetes v1.36.3");
        }
        assert_eq!(find_chosen(&machine.places).await, None, "kubectl is missing");
        program(&folder, "kubectl", "Client Version: v1.35.4");
        assert_eq!(find_chosen(&machine.places).await, None, "kubectl is of another minor");
        program(&folder, "kubectl", "Client Version: v1.36.0");
        assert!(find_chosen(&machine.places).await.is_some());
    }

    #[tokio::test]
    async fn debians_etcd_is_new_enough_but_its_predecessors_are_not() {
        let machine = machine();
        program(&machine.dir.path().join("bin"), "etcd", "etcd Version: 3.3.25");
        assert_eq!(find_etcd(&machine.places).await.found, None);
        let debians = program(&machine.dir.path().join("usr-bin"), "etcd", "etcd Version: 3.4.23");
        assert_eq!(find_etcd(&machine.places).await.found, Some(debians));
    }
}
