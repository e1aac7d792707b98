//! A control plane, the mock provider as a process, and what the suite expects to find.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube_client::Api;
use kube_client::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use testbed::process::Spec;
use testbed::wait::{Seen, until};
use testbed::{Cluster, Process, Release, Scratch, free_port};
use tokio::process::Command;

use crate::tunnel::Tunnel;

/// The node.
const NODE: &str = "vkubelet-mock-0";

/// Where the node says it is: an address for documentation (RFC 5737), which nobody has.
const ADDRESS: &str = "192.0.2.10";

/// Longest until the node is there.
const LIMIT: Duration = Duration::from_secs(60);

/// Everything, ended when dropped.
pub(crate) struct Stage {
    _mock: Process,
    cluster: Cluster,
    _tunnel: Tunnel,
    _scratch: Scratch,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let scratch = Scratch::create("virtual-kubelet-e2e").await.unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
        let tunnel = Tunnel::open(scratch.path(), listen);
        let arguments = [tunnel.argument()];
        let cluster =
            Cluster::start_with(scratch.path(), Release::NEWEST, &arguments).await.unwrap();
        let kubeconfig = allowed(&cluster).await;
        let args = [NODE, "--listen", &listen.to_string(), "--address", ADDRESS, "--open"]
            .map(str::to_owned);
        let mock = Process::start(
            Spec::new("mock-provider", &program("MOCK_PROVIDER_BIN"), scratch.path(), args)
                .with_env("KUBECONFIG", kubeconfig.to_string_lossy())
                .with_env("RUST_LOG", "info"),
        )
        .unwrap();
        let stage = Self { _mock: mock, cluster, _tunnel: tunnel, _scratch: scratch };
        stage.wait_for_node().await;
        stage.stand_in().await;
        stage
    }

    /// Runs the suite and says what it told; panics if it failed.
    pub(crate) async fn run_suite(&self) -> String {
        let suite = Command::new(program("VK_E2E_SUITE"))
            .args(["-test.v", "-test.timeout=100s"])
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("E2E_NAMESPACE", "default")
            .env("E2E_NODE", NODE)
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&suite.stdout).into_owned();
        let also = String::from_utf8_lossy(&suite.stderr);
        assert!(suite.status.success(), "the suite ended with {}\n{told}\n{also}", suite.status);
        told
    }

    /// What the suite does not ask for: init containers and sidecars, a pod that completes, and the logs of each.
    pub(crate) async fn kubectl_sees_every_container(&self) {
        let kubectl = self.cluster.kubectl();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "several" },
            "spec": {
                "nodeName": NODE, "restartPolicy": "Never",
                "initContainers": [
                    { "name": "prepare", "image": "x", "command": ["sleep", "1"] },
                    { "name": "beside", "image": "x", "restartPolicy": "Always" },
                ],
                "containers": [
                    { "name": "work", "image": "x", "command": ["sleep", "2"] },
                    { "name": "more", "image": "x", "command": ["sleep", "3"] },
                ],
            },
        });
        kubectl.run_with(&["apply", "-f", "-"], &pod.to_string()).await.unwrap();
        let over = "--for=jsonpath={.status.phase}=Succeeded";
        kubectl.run(&["wait", "pod/several", over, "--timeout=60s"]).await.unwrap();
        for container in ["prepare", "beside", "work", "more"] {
            let told = kubectl.run(&["logs", "several", "-c", container, "--follow"]).await;
            assert_eq!(told.unwrap(), format!("{container} begins\n"));
        }
        let states = "jsonpath={.status.initContainerStatuses[*].state.terminated.reason} \
                      {.status.containerStatuses[*].state.terminated.reason}";
        let told = kubectl.run(&["get", "pod", "several", "-o", states]).await.unwrap();
        assert_eq!(told, "Completed Completed Completed Completed");

        let image = "--image=x";
        kubectl.run(&["run", "runs", image, &node_name()]).await.unwrap();
        kubectl.run(&["wait", "pod/runs", "--for=condition=Ready", "--timeout=60s"]).await.unwrap();
        let told = kubectl.run(&["logs", "runs"]).await.unwrap();
        assert_eq!(told, "runs begins\n");
        let told = kubectl.run(&["logs", "runs", "--timestamps", "--tail=1"]).await.unwrap();
        assert!(told.ends_with("Z runs begins\n"), "{told}");
        assert_eq!(kubectl.run(&["logs", "runs", "--tail=0"]).await.unwrap(), "");
        let refused = kubectl.run(&["logs", "runs", "--previous"]).await.unwrap_err().to_string();
        assert!(refused.contains("previous terminated container"), "{refused}");

        let said = kubectl.run(&["exec", "runs", "--", "echo", "hello", "there"]).await.unwrap();
        assert_eq!(said, "hello there\n");
        let copied = kubectl.run_with(&["exec", "-i", "runs", "--", "cat"], "typed").await.unwrap();
        assert_eq!(copied, "typed");
        let failed =
            kubectl.run(&["exec", "runs", "--", "exit", "42"]).await.unwrap_err().to_string();
        assert!(failed.contains("exit code 42"), "{failed}");
        let failed = kubectl.run(&["exec", "runs", "--", "vi"]).await.unwrap_err().to_string();
        assert!(failed.contains("vi: not found") && failed.contains("127"), "{failed}");
    }

    async fn wait_for_node(&self) {
        let nodes: Api<Node> = Api::all(self.cluster.client());
        until("the node to be ready", LIMIT, || async {
            let node = nodes.get_opt(NODE).await?;
            let ready = node.as_ref().and_then(testbed::ready_condition);
            let holds = ready.as_ref().is_some_and(|(status, _)| status == "True");
            Ok(if holds { Seen::Done(()) } else { Seen::NotYet(format!("{ready:?}")) })
        })
        .await
        .unwrap();
    }

    /// The suite asks for statistics at port 10250 of a pod that is called as the node: it expects virtual kubelets to
    /// run in a pod. Here is a pod for it, which is never scheduled and has the node's address.
    async fn stand_in(&self) {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client(), "default");
        let pod = json!({
            "metadata": { "name": NODE },
            "spec": {
                "containers": [{ "name": "virtual-kubelet", "image": "none" }],
                "schedulingGates": [{ "name": "example.com/stands-in" }],
            },
        });
        let pod = serde_json::from_value(pod).unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
        let address = json!({ "status": { "podIP": ADDRESS, "podIPs": [{ "ip": ADDRESS }] } });
        pods.patch_status(NODE, &PatchParams::default(), &Patch::Strategic(address)).await.unwrap();
    }
}

/// Lets the node do what the crate's role says, and read what pods' environments refer to.
async fn allowed(cluster: &Cluster) -> PathBuf {
    let kubectl = cluster.kubectl();
    kubectl.run_with(&["apply", "-f", "-"], include_str!("../../rbac.yaml")).await.unwrap();
    let user = "--user=vk-triton";
    for line in [
        "create clusterrole mock-reader --verb=get --resource=configmaps,secrets",
        "create clusterrolebinding mock-reader --clusterrole=mock-reader",
        "create clusterrolebinding virtual-node --clusterrole=virtual-node",
        "create rolebinding virtual-node -n kube-node-lease --role=virtual-node",
        "create rolebinding virtual-node -n kube-system --role=virtual-node",
    ] {
        let mut args: Vec<&str> = line.split(' ').collect();
        if line.contains("binding") {
            args.push(user);
        }
        kubectl.run(&args).await.unwrap();
    }
    cluster.node_kubeconfig().unwrap()
}

/// Binds a pod that `kubectl run` makes to the node.
fn node_name() -> String {
    format!("--overrides={}", json!({ "spec": { "nodeName": NODE } }))
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os(name);
    path.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test --foreign`")).into()
}
