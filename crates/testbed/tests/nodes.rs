//! Several nodes in one process: each runs its own pods, and one that cannot begin leaves the others alone.
#![cfg(feature = "cluster")]

use std::fs;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube_client::Api;
use serde_json::json;
use testbed::process::Spec;
use testbed::wait::{seen_if, until};
use testbed::{Binaries, Process, Scene, StackOptions, free_port, pod};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn each_of_several_nodes_runs_its_own_pods_and_a_broken_one_hinders_nobody() {
    let options = StackOptions { node: None, ..StackOptions::default() };
    let scene = Scene::start("nodes", &options).await.unwrap();
    let metrics = format!("127.0.0.1:{}", free_port().unwrap());
    let mut settings = "[limits]\nambiguity_window = \"20s\"\n".to_owned();
    for (name, more) in [
        ("east", ""),
        ("west", "[nodes.node]\npods = 7\n"),
        ("broken", "[nodes.cloudapi]\nkey_file = \"/nowhere\"\n"),
    ] {
        let port = free_port().unwrap();
        settings += &format!("[[nodes]]\nname = \"{name}\"\nkubelet_port = {port}\n{more}");
    }
    fs::write(scene.dir().join("nodes.toml"), settings).unwrap();
    let kubeconfig = scene.stack.cluster.as_ref().unwrap().node_kubeconfig().unwrap();
    let program = Binaries::find().unwrap().vk_triton;
    let kubeconfig = kubeconfig.to_string_lossy();
    let args =
        ["--provider-config=nodes.toml", "--metrics-addr", &metrics, "--kubeconfig", &kubeconfig];
    let agent = &scene.stack.agent;
    let spec = Spec::new("vk-nodes", &program, scene.dir(), args)
        .with_env("VKUBELET_POD_IP", "127.0.0.1")
        .with_env("SDC_URL", scene.stack.simulator.url())
        .with_env("SDC_ACCOUNT", scene.stack.simulator.account())
        .with_env("SDC_KEY_ID", agent.md5())
        .with_env("SSH_AUTH_SOCK", agent.socket().to_string_lossy());
    let process = Process::start(spec).unwrap();

    for name in ["east", "west"] {
        let mut pod = pod(&format!("on-{name}"), name, &[]);
        pod["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": name});
        scene.apply(&pod.to_string()).await.unwrap();
    }
    for name in ["east", "west"] {
        process.check_runs().unwrap();
        let pods = scene.until_ready(&format!("app={name}"), 1).await.unwrap();
        assert_eq!(pods[0].spec.as_ref().unwrap().node_name.as_deref(), Some(name));
    }
    let living = scene.until_instances("two instances", |living| living.len() == 2).await.unwrap();
    for instance in &living {
        let (node, pod) =
            (instance.tag("k8s_nodename").unwrap(), instance.tag("k8s_podname").unwrap());
        assert_eq!(pod, format!("on-{node}"));
    }

    let nodes: Api<Node> = Api::all(scene.stack.client());
    let capacity = nodes.get("west").await.unwrap().status.unwrap().capacity.unwrap();
    assert_eq!(capacity["pods"].0, "7");
    assert!(nodes.get_opt("broken").await.unwrap().is_none());
    let leases: Api<Lease> = Api::namespaced(scene.stack.client(), "kube-system");
    for (name, has_lease) in [("east", true), ("west", true), ("broken", false)] {
        let lease = leases.get_opt(&format!("vk-triton-{name}")).await.unwrap();
        assert_eq!(lease.is_some(), has_lease, "{name}");
    }
    let log = fs::read_to_string(scene.dir().join("vk-nodes.log")).unwrap();
    assert!(log.contains("node broken") && log.contains("/nowhere"), "{log}");

    // One of the two is drained of its pod; the other one's stays.
    scene.kubectl().run(&["delete", "pod", "on-east"]).await.unwrap();
    until("one instance to be left", LIMIT, || async {
        let living = scene.fate().living().await?;
        let left: Vec<_> =
            living.iter().filter_map(|instance| instance.tag("k8s_podname")).collect();
        seen_if(left == ["on-west"], format!("{left:?}"))
    })
    .await
    .unwrap();
    process.check_runs().unwrap();
    scene.no_secret_got_out().await.unwrap();
}
