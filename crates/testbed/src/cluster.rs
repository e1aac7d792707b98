//! A whole control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube_client::{Api, Client};

use crate::apiserver::{Apiserver, NODE_USER};
use crate::assets::Assets;
use crate::assets::version::Release;
use crate::certs::{Identity, Pki};
use crate::etcd::Etcd;
use crate::http::Http;
use crate::kubeconfig::{self, Kubeconfig};
use crate::kubectl::Kubectl;
use crate::process::Process;
use crate::wait::{Seen, until};
use crate::{controller_manager, scheduler};

/// Longest a part may take to answer; measured are 2-16 s on 2 cores, which others may be using.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A running control plane; it ends when this value is dropped.
///
/// Fields are in the order in which they must end: clients before servers.
pub struct Cluster {
    scheduler: Process,
    controller_manager: Process,
    apiserver: Apiserver,
    etcd: Etcd,
    pki: Pki,
    dir: PathBuf,
    kubeconfig: PathBuf,
    assets: Assets,
    client: Client,
}

// === impl Cluster ===

impl Cluster {
    /// Finds or builds the programs, starts them in `dir`, and waits until the API server is ready and the `default`
    /// ServiceAccount exists (without which no pod can be made).
    ///
    /// # Errors
    /// When a program cannot be found, built or started, ends by itself, or is not ready in two minutes.
    pub async fn start(dir: &Path, release: Release) -> Result<Self> {
        Self::start_with(dir, release, &[]).await
    }

    /// The same with more arguments for the API server.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_with(dir: &Path, release: Release, apiserver: &[String]) -> Result<Self> {
        let assets = Assets::find_or_build(&release).await?;
        let dir = std::path::absolute(dir).context("finding the cluster's directory")?;
        let pki = Pki::create(&dir.join("pki"))?;
        let etcd = Etcd::start(&assets.etcd, &dir)?;
        wait_for_etcd(&etcd).await?;
        let apiserver = Apiserver::start(&assets.apiserver, &dir, &pki, &etcd.url, apiserver)?;
        let login = |name: &str, user: &str, groups: &[&str]| {
            let identity = pki.client(name, user, groups)?;
            let path = dir.join(format!("{name}.kubeconfig"));
            Kubeconfig { server: &apiserver.url, ca: &pki.ca(), identity: &identity, user }
                .write(&path)
        };
        let kubeconfig = login("admin", "admin", &["system:masters"])?;
        let for_controllers = login("controller-manager", "system:kube-controller-manager", &[])?;
        let for_scheduler = login("scheduler", "system:kube-scheduler", &[])?;
        let client = kubeconfig::client(&kubeconfig).await?;
        wait_for_apiserver(&apiserver, &client).await?;
        let controller_manager =
            controller_manager::start(&assets.controller_manager, &dir, &pki, &for_controllers)?;
        let scheduler = scheduler::start(&assets.scheduler, &dir, &for_scheduler)?;
        let cluster = Self {
            scheduler,
            controller_manager,
            apiserver,
            etcd,
            pki,
            dir,
            kubeconfig,
            assets,
            client,
        };
        cluster.wait_for_default_service_account().await?;
        Ok(cluster)
    }

    /// Where its files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Client of an administrator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// kubectl as an administrator.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.assets.kubectl, &self.kubeconfig)
    }

    /// Certificates and keys.
    #[must_use]
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// URL of the API server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.apiserver.url
    }

    /// What its API server says it is, e.g. `v1.37.2`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn version(&self) -> Result<String> {
        let version = self
            .client
            .apiserver_version()
            .await
            .context("asking the API server for its version")?;
        Ok(version.git_version)
    }

    /// One JSON object a line: every request of the user `vk-triton` that was answered.
    #[must_use]
    pub fn audit_log(&self) -> &Path {
        &self.apiserver.audit_log
    }

    /// Kubeconfig of the user `vk-triton`, who may only do what a role says.
    ///
    /// # Errors
    /// When its certificate cannot be made or a file cannot be written.
    pub fn node_kubeconfig(&self) -> Result<PathBuf> {
        self.node_kubeconfig_through(NODE_USER, self.url())
    }

    /// The same with another way to the API server, through a proxy for example; `name` names the files.
    ///
    /// # Errors
    /// As [`Cluster::node_kubeconfig`].
    pub fn node_kubeconfig_through(&self, name: &str, server: &str) -> Result<PathBuf> {
        let identity: Identity = self.pki.client(name, NODE_USER, &[])?;
        let path = self.dir.join(format!("{name}.kubeconfig"));
        Kubeconfig { server, ca: &self.pki.ca(), identity: &identity, user: NODE_USER }.write(&path)
    }

    /// The API server's process, to crash it and start it again.
    pub fn apiserver(&mut self) -> &mut Process {
        &mut self.apiserver.process
    }

    /// etcd's process, to crash it and start it again. It does not wait for the disk, and a crash of the process loses
    /// nothing that it has written.
    pub fn etcd(&mut self) -> &mut Process {
        &mut self.etcd.process
    }

    /// Waits until the API server is ready again.
    ///
    /// # Errors
    /// When it has ended, or is not ready in two minutes.
    pub async fn wait_until_ready(&self) -> Result<()> {
        wait_for_etcd(&self.etcd).await?;
        wait_for_apiserver(&self.apiserver, &self.client).await
    }

    /// Starts the scheduler and the controllers again if they have ended: some errors of the API server end them, and
    /// elsewhere a kubelet starts them again. Says how many had.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start_what_ended(&mut self) -> Result<u32> {
        let mut started = 0;
        for process in [&mut self.scheduler, &mut self.controller_manager] {
            if !process.runs() {
                process.start_again()?;
                started += 1;
            }
        }
        Ok(started)
    }

    /// Its programs.
    pub(crate) fn processes(&self) -> [&Process; 4] {
        [&self.apiserver.process, &self.etcd.process, &self.controller_manager, &self.scheduler]
    }

    /// Lets everything run on after this process has ended.
    pub fn leave(self) {
        for process in
            [self.scheduler, self.controller_manager, self.apiserver.process, self.etcd.process]
        {
            process.leave();
        }
    }

    async fn wait_for_default_service_account(&self) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), "default");
        until("the ServiceAccount default", START_LIMIT, || async {
            let found = accounts.get_opt("default").await?;
            Ok(found.map_or(Seen::NotYet("none yet".to_owned()), |_| Seen::Done(())))
        })
        .await
        .and_then(|()| self.controller_manager.check_runs())
        .and_then(|()| self.scheduler.check_runs())
    }
}

/// Waits until it answers, or has ended.
async fn wait_for_etcd(etcd: &Etcd) -> Result<()> {
    let http = Http::new(&etcd.url);
    let answer = until("etcd", START_LIMIT, || async {
        if let Err(ended) = etcd.process.check_runs() {
            return Ok(Seen::Done(Err(ended)));
        }
        http.get("/health").await.map(|_| Seen::Done(Ok(())))
    });
    answer.await?
}

async fn wait_for_apiserver(apiserver: &Apiserver, client: &Client) -> Result<()> {
    let answer = until("kube-apiserver", START_LIMIT, || async {
        if let Err(ended) = apiserver.process.check_runs() {
            return Ok(Seen::Done(Err(ended)));
        }
        let request = ::http::Request::get("/readyz").body(Vec::new())?;
        let answer = client.request_text(request).await?;
        Ok(if answer == "ok" { Seen::Done(Ok(())) } else { Seen::NotYet(answer) })
    });
    answer.await?
}
