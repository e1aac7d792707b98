//! The node binary, as the first provider's walkthrough starts it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube_client::{Api, Client};

use crate::binaries::check_built;
use crate::http::Http;
use crate::ports::free_port;
use crate::process::{Process, Spec};
use crate::simulator::Simulator;
use crate::ssh_agent::SshAgent;
use crate::wait::{Seen, until};

/// Longest the node may take to be Ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// Name of the Node.
    pub name: String,
    /// Text of `triton.toml`; an empty one works.
    pub config: String,
    /// Key of its taint, if it is not to be a virtual kubelet's usual one.
    pub taint_key: Option<String>,
    /// How much it tells in its log: writing it down takes time of its own.
    pub log_level: String,
    /// Names the files of this process; each of several for one Node has its own.
    pub files: String,
    /// Another way to CloudAPI, through a proxy for example.
    pub cloud_url: Option<String>,
}

/// The one setting that suits the simulator better than a datacenter: it stores a create before it answers, so one that
/// was cut off either came true at once or never will, and a pod in doubt need not wait for three minutes.
pub(crate) const SETTINGS: &str = "[limits]\nambiguity_window = \"20s\"\n";

/// A node that can be started.
#[derive(Clone, Debug)]
pub struct PreparedNode {
    spec: Spec,
    metrics: String,
    kubelet: String,
    name: String,
}

/// A running node; it ends when this value is dropped.
#[derive(Debug)]
pub struct Node {
    process: Process,
    metrics: Http,
    name: String,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            name: "vk-triton".to_owned(),
            config: SETTINGS.to_owned(),
            taint_key: None,
            log_level: "debug".to_owned(),
            files: "vk-triton".to_owned(),
            cloud_url: None,
        }
    }
}

// === impl PreparedNode, Node ===

impl PreparedNode {
    /// URL of its kubelet port.
    #[must_use]
    pub fn kubelet_url(&self) -> &str {
        &self.kubelet
    }

    /// URL of its metrics.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", self.metrics)
    }
}

impl Node {
    /// Writes `triton.toml` and `vk-triton.cmd`, so that the node can be started: here, or by hand.
    ///
    /// # Errors
    /// When no port is free or a file cannot be written.
    pub fn prepare(
        program: &Path,
        dir: &Path,
        kubeconfig: &Path,
        cloud: &Simulator,
        agent: &SshAgent,
        options: &NodeOptions,
    ) -> Result<PreparedNode> {
        fs::write(dir.join("triton.toml"), &options.config).context("writing triton.toml")?;
        let cloud_url = options.cloud_url.as_deref().unwrap_or_else(|| cloud.url());
        let metrics = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port()?);
        let args = [
            "--log-level",
            &options.log_level,
            "--provider",
            "triton",
            "--provider-config",
            "./triton.toml",
            "--nodename",
            &options.name,
            "--metrics-addr",
            &metrics.to_string(),
            "--kubeconfig",
            &kubeconfig.to_string_lossy(),
        ];
        let kubelet = free_port()?;
        let mut spec = Spec::new(&options.files, program, dir, args)
            .with_env("KUBELET_PORT", kubelet.to_string())
            .with_env("VKUBELET_POD_IP", "127.0.0.1")
            .with_env("SDC_URL", cloud_url)
            .with_env("SDC_ACCOUNT", cloud.account())
            .with_env("SDC_KEY_ID", agent.md5())
            .with_env("SSH_AUTH_SOCK", agent.socket().to_string_lossy());
        if let Some(key) = &options.taint_key {
            spec = spec.with_env("VKUBELET_TAINT_KEY", key);
        }
        spec.write_command()?;
        Ok(PreparedNode {
            spec,
            metrics: format!("http://{metrics}"),
            kubelet: format!("https://127.0.0.1:{kubelet}"),
            name: options.name.clone(),
        })
    }

    /// Starts it, without waiting for anything.
    ///
    /// # Errors
    /// When the program is not built or cannot be started.
    pub fn start(prepared: PreparedNode) -> Result<Self> {
        check_built(&prepared.spec.program)?;
        let process = Process::start(prepared.spec)?;
        Ok(Self { process, metrics: Http::new(&prepared.metrics), name: prepared.name })
    }

    /// Waits until Kubernetes says the node is Ready.
    ///
    /// # Errors
    /// When it ends by itself, or is not Ready in a minute.
    pub async fn wait_until_ready(&self, client: Client) -> Result<()> {
        let nodes: Api<KubeNode> = Api::all(client);
        let what = format!("node {} to be Ready", self.name);
        let ready = until(&what, READY_LIMIT, || async {
            if let Err(ended) = self.process.check_runs() {
                return Ok(Seen::Done(Err(ended)));
            }
            let Some(node) = nodes.get_opt(&self.name).await? else {
                return Ok(Seen::NotYet("no such node".to_owned()));
            };
            Ok(match ready_condition(&node) {
                Some((status, _)) if status == "True" => Seen::Done(Ok(())),
                Some((status, message)) => Seen::NotYet(format!("Ready={status}: {message}")),
                None => Seen::NotYet("no condition Ready".to_owned()),
            })
        });
        ready.await?
    }

    /// Its process, to look at.
    #[must_use]
    pub fn runs(&self) -> &Process {
        &self.process
    }

    /// Its process, to crash it and start it again.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Name of the Node.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its metrics, in the text form.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        self.metrics.get("/metrics").await
    }

    /// Memory it holds, in KiB (`VmRSS` in proc_pid_status(5)).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resident_kib(&self) -> Result<u64> {
        self.status_kib("VmRSS:")
    }

    /// How much of its resident memory are pages of files, in KiB (`RssFile`): the program itself and its libraries. They
    /// are shared with other processes of the same program, and the kernel may drop them.
    ///
    /// # Errors
    /// When it does not run.
    pub fn program_kib(&self) -> Result<u64> {
        self.status_kib("RssFile:")
    }

    /// The most memory it has ever held, in KiB (`VmHWM`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn peak_kib(&self) -> Result<u64> {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, field: &str) -> Result<u64> {
        let path = PathBuf::from(format!("/proc/{}/status", self.process.pid()));
        let status =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next());
        let number = number.with_context(|| format!("finding {field} in {}", path.display()))?;
        number.parse().with_context(|| format!("reading {field} in {}", path.display()))
    }

    /// Lets it run on after this process has ended.
    pub fn leave(self) {
        self.process.leave();
    }
}

/// Status and message of the condition Ready.
#[must_use]
pub fn ready_condition(node: &KubeNode) -> Option<(String, String)> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some((ready.status.clone(), ready.message.clone().unwrap_or_default()))
}
