//! All of it: control plane, ssh-agent, simulator, node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube_client::Client;

use crate::assets::Assets;
use crate::assets::version::Release;
use crate::binaries::Binaries;
use crate::cloud::Cloud;
use crate::cluster::Cluster;
use crate::kubeconfig;
use crate::kubectl::Kubectl;
use crate::node::{Node, NodeOptions, PreparedNode};
use crate::process;
use crate::simulator::{Simulator, SimulatorOptions, port_22_trouble};
use crate::ssh_agent::{KeyKind, SshAgent};

/// What the node may do in the cluster.
pub(crate) const RBAC: &str = include_str!("../../../fixtures/deploy/rbac.yml");

/// What is started, and how.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Kubernetes release of the control plane; `None` for [`Release::chosen`].
    pub release: Option<Release>,
    /// A cluster somebody else runs, instead of a control plane of our own. The node comes as this file's user.
    pub kubeconfig: Option<PathBuf>,
    /// Kind of the account's key.
    pub key: KeyKind,
    /// The simulator.
    pub simulator: SimulatorOptions,
    /// The node, unless it is started by hand.
    pub node: Option<NodeOptions>,
    /// Processes of the node that stand by while another one acts.
    pub standbys: usize,
}

/// Everything, running; it ends when this value is dropped.
///
/// Fields are in the order in which they must end: clients before servers.
pub struct Stack {
    /// The node, if it was asked for.
    pub node: Option<Node>,
    /// More processes of the same node, which stand by.
    pub standbys: Vec<Node>,
    /// The simulator.
    pub simulator: Simulator,
    /// The agent with the account's key.
    pub agent: SshAgent,
    /// The control plane, unless it is somebody else's.
    pub cluster: Option<Cluster>,
    kubectl: Kubectl,
    kubeconfig: PathBuf,
    client: Client,
    metrics_url: String,
    kubelet_url: String,
    cloud: Cloud,
    dir: PathBuf,
    program: PathBuf,
    node_kubeconfig: PathBuf,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            release: None,
            kubeconfig: None,
            key: KeyKind::default(),
            simulator: SimulatorOptions::default(),
            node: Some(NodeOptions::default()),
            standbys: 0,
        }
    }
}

// === impl Stack ===

impl Stack {
    /// Starts everything in `dir`, and waits until the node is Ready. `started` hears of each part as it is up.
    ///
    /// # Errors
    /// When a part cannot be started or does not get ready.
    pub async fn start(
        dir: &Path,
        binaries: &Binaries,
        options: &StackOptions,
        mut started: impl FnMut(&str),
    ) -> Result<Self> {
        let trouble = port_22_trouble();
        ensure!(trouble.is_none(), trouble.unwrap_or_default());
        let release = options.release.map_or_else(Release::chosen, Ok)?;
        let dir = std::path::absolute(dir).context("finding the directory")?;

        let agent = SshAgent::start(&dir, options.key).await?;
        started(&format!("ssh-agent with a fresh key, {}", agent.md5()));

        let simulator =
            Simulator::start(&binaries.triton_sim, &dir, &agent, &options.simulator).await?;
        started(&format!("simulator, CloudAPI at {}", simulator.url()));

        let cloud = Cloud::new(simulator.url(), simulator.account(), &agent).await?;

        let mut cluster = None;
        let (client, kubectl, kubeconfig, for_node) = match &options.kubeconfig {
            Some(theirs) => {
                let theirs = std::path::absolute(theirs).context("finding the kubeconfig")?;
                let kubectl = Kubectl::new(&Assets::kubectl(&release).await?, &theirs);
                (kubeconfig::client(&theirs).await?, kubectl, theirs.clone(), theirs)
            }
            None => {
                let ours = cluster.insert(Cluster::start(&dir, release).await?);
                let applied = ours.kubectl().run_with(&["apply", "-f", "-"], RBAC).await;
                applied.context("granting the node its rights")?;
                (
                    ours.client(),
                    ours.kubectl(),
                    ours.kubeconfig().to_owned(),
                    ours.node_kubeconfig()?,
                )
            }
        };
        match &cluster {
            Some(cluster) => started(&format!(
                "control plane, Kubernetes {} at {}",
                cluster.version().await?,
                cluster.url()
            )),
            None => started(&format!("the cluster of {}", kubeconfig.display())),
        }

        let settings = options.node.clone().unwrap_or_default();
        let prepared =
            Node::prepare(&binaries.vk_triton, &dir, &for_node, &simulator, &agent, &settings)?;
        let metrics_url = prepared.metrics_url();
        let kubelet_url = prepared.kubelet_url().to_owned();
        let mut node = None;
        if options.node.is_some() {
            let starting = node.insert(Node::start(prepared)?);
            starting.wait_until_ready(client.clone()).await?;
            started(&format!("vk-triton, node {} is Ready", starting.name()));
        }
        let mut stack = Self {
            node,
            standbys: Vec::new(),
            simulator,
            agent,
            cluster,
            kubectl,
            kubeconfig,
            client,
            metrics_url,
            kubelet_url,
            cloud,
            dir,
            program: binaries.vk_triton.clone(),
            node_kubeconfig: for_node,
        };
        for number in 2..2 + options.standbys {
            let files = format!("{}-{number}", settings.files);
            let standby = NodeOptions { files: files.clone(), ..settings.clone() };
            stack.standbys.push(Node::start(stack.prepare_node(&standby, None)?)?);
            started(&format!("{files}, which stands by"));
        }
        Ok(stack)
    }

    /// Prepares one more process of a node: a standby, or one that goes through proxies.
    ///
    /// # Errors
    /// As [`Node::prepare`].
    pub fn prepare_node(
        &self,
        options: &NodeOptions,
        kubeconfig: Option<&Path>,
    ) -> Result<PreparedNode> {
        let kubeconfig = kubeconfig.unwrap_or(&self.node_kubeconfig);
        Node::prepare(&self.program, &self.dir, kubeconfig, &self.simulator, &self.agent, options)
    }

    /// CloudAPI as the account's owner sees it.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// kubectl as an administrator.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
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

    /// A client that is the node's user, with its rights and a connection of its own.
    ///
    /// # Errors
    /// When the node's kubeconfig cannot be read.
    pub async fn node_client(&self) -> Result<Client> {
        kubeconfig::client(&self.node_kubeconfig).await
    }

    /// URL of the node's kubelet port, whether it was started here or is yet to be.
    #[must_use]
    pub fn kubelet_url(&self) -> &str {
        &self.kubelet_url
    }

    /// URL of the node's metrics, whether it was started here or is yet to be.
    #[must_use]
    pub fn metrics_url(&self) -> &str {
        &self.metrics_url
    }

    /// The node that was asked for.
    ///
    /// # Errors
    /// When it was not.
    pub fn node(&mut self) -> Result<&mut Node> {
        self.node.as_mut().context("finding the node: this stack was started without")
    }

    /// Processor time that each program has used, by its name, and this one, to a hundredth of a second.
    ///
    /// # Errors
    /// When one does not run.
    pub fn cpu_times(&self) -> Result<Vec<(String, Duration)>> {
        let nodes = self.node.iter().chain(&self.standbys).map(Node::runs);
        let cluster = self.cluster.iter().flat_map(Cluster::processes);
        let processes = nodes.chain([self.simulator.process()]).chain(cluster);
        let mut times = processes
            .map(|process| Ok((process.spec().name.clone(), process.cpu_time()?)))
            .collect::<Result<Vec<_>>>()?;
        times.push(("this program".to_owned(), process::cpu_time("/proc/self/stat")?));
        Ok(times)
    }

    /// Lets everything run on after this process has ended.
    pub fn leave(self) {
        for node in self.node.into_iter().chain(self.standbys) {
            node.leave();
        }
        self.simulator.leave();
        self.agent.leave();
        if let Some(cluster) = self.cluster {
            cluster.leave();
        }
    }
}
