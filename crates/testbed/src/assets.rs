//! The programs a control plane is made of, and where they come from.
//!
//! Looked for in this order: `$KUBEBUILDER_ASSETS`, `PATH` (right version only), the cache under
//! `$XDG_CACHE_HOME/vk-triton`; what is still missing is built into the cache with the Go toolchain.

pub mod build;
pub mod find;
pub mod version;

use std::path::PathBuf;

use anyhow::{Context, Result};

use self::find::{Places, Search, find_chosen, find_etcd, find_tool};
use self::version::{CHOICE, EtcdRelease, Release};
use crate::progress::say;

/// A Kubernetes program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// The API server.
    Apiserver,
    /// The controllers.
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// The command line client.
    Kubectl,
}

/// Where each program is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Assets {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub apiserver: PathBuf,
    /// kube-controller-manager.
    pub controller_manager: PathBuf,
    /// kube-scheduler.
    pub scheduler: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
}

// === impl Tool ===

impl Tool {
    /// Every one, in the order of a start.
    pub const ALL: [Self; 4] =
        [Self::Apiserver, Self::ControllerManager, Self::Scheduler, Self::Kubectl];

    /// Name of its program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Apiserver => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
        }
    }

    /// Go package that builds it.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Apiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::ControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Scheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        }
    }

    /// Arguments that make it print its version and nothing else.
    #[must_use]
    pub fn version_args(self) -> &'static [&'static str] {
        match self {
            Self::Kubectl => &["version", "--client"],
            _ => &["--version"],
        }
    }
}

// === impl Assets ===

impl Assets {
    /// Finds every program, and builds what is missing.
    ///
    /// The first build takes minutes; it says so as it goes.
    ///
    /// # Errors
    /// When something must be built and there is no Go toolchain, or the build fails.
    pub async fn find_or_build(release: &Release) -> Result<Self> {
        let places = Places::from_env()?;
        let etcd = match find_etcd(&places).await {
            Search { found: Some(etcd), .. } => etcd,
            search => {
                say_passed_over("etcd", &search);
                build::etcd(&places.cache, &EtcdRelease::V3_6).await.context("building etcd")?
            }
        };
        // Who names a version wants that one, whatever is in a folder.
        let is_named = std::env::var_os(CHOICE).is_some();
        let chosen = if is_named { None } else { find_chosen(&places).await };
        let [apiserver, controller_manager, scheduler, kubectl] = match chosen {
            Some(chosen) => chosen,
            None => find_or_build(&places, release, Tool::ALL).await?,
        };
        Ok(Self { etcd, apiserver, controller_manager, scheduler, kubectl })
    }

    /// Finds kubectl alone (for a cluster somebody else runs), and builds it when there is none.
    ///
    /// # Errors
    /// As [`Assets::find_or_build`].
    pub async fn kubectl(release: &Release) -> Result<PathBuf> {
        let places = Places::from_env()?;
        let [kubectl] = find_or_build(&places, release, [Tool::Kubectl]).await?;
        Ok(kubectl)
    }
}

/// Finds these programs; builds, in one go, those that are missing.
async fn find_or_build<const N: usize>(
    places: &Places,
    release: &Release,
    tools: [Tool; N],
) -> Result<[PathBuf; N]> {
    let mut paths = tools.map(|tool| places.kubernetes(release).join(tool.program()));
    let mut missing = Vec::new();
    for (tool, path) in tools.into_iter().zip(&mut paths) {
        match find_tool(places, release, tool).await {
            Search { found: Some(found), .. } => *path = found,
            search => {
                say_passed_over(tool.program(), &search);
                missing.push(tool);
            }
        }
    }
    if !missing.is_empty() {
        build::kubernetes(&places.cache, release, &missing).await.context("building Kubernetes")?;
    }
    Ok(paths)
}

/// Says which programs of another version are passed over, so that nobody wonders why theirs is not used.
fn say_passed_over(name: &str, search: &Search) {
    for (program, version) in &search.passed_over {
        let version =
            version.map_or_else(|| "says no version".to_owned(), |version| format!("is {version}"));
        say(format_args!("not using {} for {name}: it {version}", program.display()));
    }
}
