//! The processes of one node, each with its own lines to both worlds, so that it can be told who asked what.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube_client::{Api, Client};

use crate::luck::Luck;
use crate::node::{Node, NodeOptions};
use crate::proxy::{Asked, Proxy, ProxyFault, Wire};
use crate::stack::Stack;

/// Longest a look at the Lease may take.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// One process with its lines.
#[derive(Debug)]
pub struct Member {
    /// The process. It is the first field: it ends before its lines do.
    pub node: Node,
    /// To CloudAPI.
    pub cloud: Proxy,
    /// To the API server.
    pub cluster: Proxy,
    /// How often it ended without being told to.
    pub ended_by_itself: u32,
}

/// All processes of a node; one of them acts.
#[derive(Debug)]
pub struct Crew {
    members: Vec<Member>,
    lease: String,
}

// === impl Member ===

impl Member {
    /// Starts the process again after it has ended.
    ///
    /// # Errors
    /// When it still runs or cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        self.node.process().start_again()?;
        self.name();
        Ok(())
    }

    /// Connections from now on are the present process's.
    fn name(&self) {
        self.cloud.name_client(&self.node.runs().pid().to_string());
    }
}

// === impl Crew ===

impl Crew {
    /// Starts `count` processes for one node and waits until it is Ready.
    ///
    /// # Errors
    /// When one cannot be started, or the node is not Ready in time.
    pub async fn start(
        stack: &Stack,
        options: &NodeOptions,
        count: usize,
        luck: Luck,
    ) -> Result<Self> {
        let cluster = stack.cluster.as_ref().context("finding the control plane")?;
        let mut members: Vec<Member> = Vec::new();
        for number in 0..count {
            let luck = luck.of(number as u64);
            let cloud_address = address_of(stack.simulator.url())?;
            let cloud = Proxy::start(cloud_address, Wire::Http, luck.named("cloud")).await?;
            let line =
                Proxy::start(address_of(cluster.url())?, Wire::Opaque, luck.named("cluster"))
                    .await?;
            let files = format!("{}-{}", options.files, number + 1);
            let server = format!("https://{}", line.address());
            let kubeconfig = cluster.node_kubeconfig_through(&files, &server)?;
            let options = NodeOptions {
                files,
                cloud_url: Some(format!("http://{}", cloud.address())),
                ..options.clone()
            };
            let node = Node::start(stack.prepare_node(&options, Some(&kubeconfig))?)?;
            let member = Member { node, cloud, cluster: line, ended_by_itself: 0 };
            member.name();
            members.push(member);
            if let [first] = members.as_slice() {
                first.node.wait_until_ready(stack.client()).await?;
            }
        }
        Ok(Self { members, lease: format!("vk-triton-{}", options.name) })
    }

    /// All of them.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// The process that holds the election's Lease; the first when nobody can say.
    ///
    /// The holder is written as `HOST/BOOT/NAMESPACE/PID/START`.
    pub async fn acting(&self, client: Client) -> usize {
        let leases: Api<Lease> = Api::namespaced(client, "kube-system");
        let lease = tokio::time::timeout(LOOK_LIMIT, leases.get_opt(&self.lease)).await;
        let holder = lease.ok().and_then(Result::ok).flatten();
        let holder = holder.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default();
        let pid = holder.split('/').nth(3).unwrap_or_default();
        let is = |member: &Member| member.node.runs().pid().to_string() == pid;
        self.members.iter().position(is).unwrap_or_default()
    }

    /// Kills one and starts it again at once.
    ///
    /// # Errors
    /// When it does not go or cannot be started.
    pub fn kill(&mut self, number: usize) -> Result<()> {
        let member = &mut self.members[number];
        if member.node.runs().runs() {
            member.node.runs().crash()?;
        }
        member.start_again()
    }

    /// Starts again what has ended without being told to; says how many.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start_what_ended(&mut self) -> Result<u32> {
        let mut started = 0;
        for member in &mut self.members {
            if !member.node.runs().runs() {
                member.ended_by_itself += 1;
                member.start_again()?;
                started += 1;
            }
        }
        Ok(started)
    }

    /// The same fault on the line of each to CloudAPI; `None` ends it.
    pub fn set_cloud_lines(&self, fault: Option<ProxyFault>) {
        self.members.iter().for_each(|member| set(&member.cloud, fault));
    }

    /// The same fault on the line of each to the API server; `None` ends it.
    pub fn set_cluster_lines(&self, fault: Option<ProxyFault>) {
        self.members.iter().for_each(|member| set(&member.cluster, fault));
    }

    /// What each has asked of CloudAPI since the last time this was asked.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Asked> {
        self.members.iter().flat_map(|member| member.cloud.take_requests()).collect()
    }
}

fn set(proxy: &Proxy, fault: Option<ProxyFault>) {
    match fault {
        Some(fault) => proxy.set(fault),
        None => proxy.heal(),
    }
}

fn address_of(url: &str) -> Result<SocketAddr> {
    let address = url.rsplit_once('/').map_or(url, |(_, address)| address);
    address.parse().with_context(|| format!("finding the address in {url}"))
}
