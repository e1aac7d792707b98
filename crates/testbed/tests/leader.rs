//! Who acts for a node when there are two processes: killed, stopped, asked to go, and updated one after the other.
//!
//! Each process asks CloudAPI through a proxy of its own, which notes what it asks: so it is known who sent what.
#![cfg(feature = "cluster")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on panics; times are told"
)]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube_client::Api;
use nix::sys::signal::{Signal, kill};
use testbed::process::Spec;
use testbed::proxy::{Proxy, Wire};
use testbed::wait::{Seen, seen_if, until};
use testbed::{Binaries, Luck, NodeOptions, Process, Scene, StackOptions, deployment, free_port};
use tokio::time::Instant;

const NODE: &str = "vk-triton";
/// Longest anything may take that has no promise of its own.
const LIMIT: Duration = Duration::from_secs(120);
/// A standby takes over within this from a holder that does not go by itself.
const TAKEOVER: Duration = Duration::from_secs(20);
/// And within this from one that was killed on the same machine, or that gives the lease back.
const HANDOVER: Duration = Duration::from_secs(3);

/// One vk-triton for the node, of possibly several.
struct Member {
    name: &'static str,
    process: Process,
    proxy: Proxy,
}

impl Member {
    async fn start(scene: &Scene, name: &'static str) -> Self {
        let dir = scene.dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("triton.toml"), NodeOptions::default().config).unwrap();
        let cloud = scene.stack.simulator.url().trim_start_matches("http://");
        let cloud: SocketAddr = cloud.parse().unwrap();
        let proxy = Proxy::start(cloud, Wire::Http, Luck::new(1)).await.unwrap();
        let kubeconfig = scene.stack.cluster.as_ref().unwrap().node_kubeconfig().unwrap();
        let metrics = format!("127.0.0.1:{}", free_port().unwrap());
        let args = [
            "--log-level=debug",
            "--provider-config=triton.toml",
            "--nodename",
            NODE,
            "--metrics-addr",
            &metrics,
            "--kubeconfig",
            &kubeconfig.to_string_lossy(),
        ];
        let agent = &scene.stack.agent;
        let program = Binaries::find().unwrap().vk_triton;
        let spec = Spec::new("vk-triton", &program, &dir, args)
            .with_env("KUBELET_PORT", free_port().unwrap().to_string())
            .with_env("VKUBELET_POD_IP", "127.0.0.1")
            .with_env("SDC_URL", format!("http://{}", proxy.address()))
            .with_env("SDC_ACCOUNT", scene.stack.simulator.account())
            .with_env("SDC_KEY_ID", agent.md5())
            .with_env("SSH_AUTH_SOCK", agent.socket().to_string_lossy());
        Self { name, process: Process::start(spec).unwrap(), proxy }
    }

    fn signal(&self, signal: Signal) {
        kill(self.process.pid(), signal).unwrap();
    }

    fn log(&self) -> String {
        let path = self.process.spec().dir.join("vk-triton.log");
        fs::read_to_string(path).unwrap_or_default()
    }

    /// Changes that it asked CloudAPI for since the last time this was asked.
    fn changes(&self) -> Vec<String> {
        let asked = self.proxy.take_requests().into_iter().filter(|asked| asked.head.is_change());
        asked
            .map(|asked| format!("{} {} {}", asked.at, asked.head.method, asked.head.path))
            .collect()
    }

    /// Whether the Lease names this very process.
    fn holds(&self, holder: &str) -> bool {
        holder.split('/').nth(3) == Some(self.process.pid().to_string().as_str())
    }

    /// Waits until it holds the Lease, and says how long that took.
    async fn until_it_acts(&self, scene: &Scene, limit: Duration) -> Duration {
        let begun = Instant::now();
        let what = format!("{} to hold the lease", self.name);
        until(&what, limit, || async {
            self.process.check_runs()?;
            let holder = holder(scene).await?;
            seen_if(self.holds(&holder), holder)
        })
        .await
        .unwrap();
        begun.elapsed()
    }

    async fn until_it_stands_by(&self, times: usize) {
        let what = format!("{} to stand by", self.name);
        until(&what, LIMIT, || async {
            self.process.check_runs()?;
            let found = self.log().matches("standing by: another process acts").count();
            seen_if(found >= times, format!("{found} times"))
        })
        .await
        .unwrap();
    }
}

async fn holder(scene: &Scene) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(scene.stack.client(), "kube-system");
    let lease = leases.get_opt("vk-triton-vk-triton").await?;
    let holder = lease.and_then(|lease| lease.spec?.holder_identity);
    Ok(holder.unwrap_or_default())
}

async fn scale(scene: &Scene, replicas: usize) {
    let replicas = format!("--replicas={replicas}");
    scene.kubectl().run(&["scale", &replicas, "deployment", "web"]).await.unwrap();
}

/// One living instance for each pod, and none that was ever made twice.
async fn nothing_was_doubled(scene: &Scene, pods: &[Pod], ever: usize) {
    let living =
        scene.until_instances("an instance a pod", |living| living.len() == pods.len()).await;
    let held: BTreeSet<String> = living
        .unwrap()
        .iter()
        .map(|instance| instance.tag("k8s_uid").unwrap().to_owned())
        .collect();
    let wanted: BTreeSet<String> = pods.iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
    assert_eq!(held, wanted);
    let all = scene.fate().instances().await.unwrap();
    assert_eq!(all.len(), ever, "an instance was made twice, or lost and made again");
}

async fn a_killed_leader_is_replaced_while_it_works(scene: &Scene, a: Member, b: &Member) {
    scale(scene, 8).await;
    let some = |living: &[testbed::SimInstance]| living.len() >= 4;
    scene.until_instances("the first new instance", some).await.unwrap();
    a.process.crash().unwrap();
    let took = b.until_it_acts(scene, HANDOVER).await;
    println!("killed: replaced after {took:?}");
    let pods = scene.until_ready("app=web", 8).await.unwrap();
    nothing_was_doubled(scene, &pods, 8).await;
}

async fn a_stopped_leader_is_replaced_and_sends_nothing_when_it_wakes(
    scene: &Scene,
    b: &Member,
    c: &Member,
) {
    c.until_it_stands_by(1).await;
    scale(scene, 12).await;
    let some = |living: &[testbed::SimInstance]| living.len() >= 9;
    scene.until_instances("the first new instance", some).await.unwrap();
    b.signal(Signal::SIGSTOP);
    let took = c.until_it_acts(scene, TAKEOVER).await;
    println!("stopped: replaced after {took:?}");
    let pods = scene.until_ready("app=web", 12).await.unwrap();
    // There is work that the one that wakes believes to be its own.
    scale(scene, 6).await;
    let fewer = |living: &[testbed::SimInstance]| living.len() == 6;
    scene.until_instances("the new leader to delete", fewer).await.unwrap();
    scale(scene, 10).await;
    let _ = b.changes();
    b.signal(Signal::SIGCONT);
    b.until_it_stands_by(1).await;
    let pods_now = scene.until_ready("app=web", 10).await.unwrap();
    assert_eq!(b.changes(), Vec::<String>::new(), "changes by the one that woke up");
    assert!(c.holds(&holder(scene).await.unwrap()));
    assert_eq!(pods.len(), 12);
    nothing_was_doubled(scene, &pods_now, 16).await;
}

async fn a_leader_that_is_asked_to_go_hands_over_at_once(scene: &Scene, b: &Member, c: Member) {
    let before = scene.until_ready("app=web", 10).await.unwrap();
    c.signal(Signal::SIGTERM);
    let took = b.until_it_acts(scene, HANDOVER).await;
    println!("asked to go: replaced after {took:?}");
    let log = until("the old leader to end well", LIMIT, || async {
        let log = c.log();
        Ok(if log.contains("stopped; instances run on") {
            Seen::Done(log)
        } else {
            Seen::NotYet("running".to_owned())
        })
    });
    assert!(log.await.unwrap().contains("gave the lease back"));
    let after = scene.until_ready("app=web", 10).await.unwrap();
    let uids = |pods: &[Pod]| {
        pods.iter().filter_map(|pod| pod.metadata.uid.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(uids(&before), uids(&after));
    nothing_was_doubled(scene, &after, 16).await;
}

/// As a Deployment of vk-triton is updated: the new process is there before the old one goes, twice, in the midst of it.
async fn a_rolling_update_while_scaling_up_doubles_nothing(scene: &Scene, b: Member) {
    scale(scene, 30).await;
    let at_least = |count: usize| move |living: &[testbed::SimInstance]| living.len() >= count;
    scene.until_instances("some new instances", at_least(13)).await.unwrap();
    let d = Member::start(scene, "d").await;
    d.until_it_stands_by(1).await;
    b.signal(Signal::SIGTERM);
    d.until_it_acts(scene, TAKEOVER).await;
    scene.until_instances("some more", at_least(20)).await.unwrap();
    let e = Member::start(scene, "e").await;
    e.until_it_stands_by(1).await;
    d.signal(Signal::SIGTERM);
    e.until_it_acts(scene, TAKEOVER).await;
    let pods = scene.until_ready("app=web", 30).await.unwrap();
    nothing_was_doubled(scene, &pods, 36).await;
    scale(scene, 0).await;
    scene.until_instances("nothing", |living| living.is_empty()).await.unwrap();
    assert_no_right_was_missing(scene.stack.cluster.as_ref().unwrap().audit_log());
}

fn assert_no_right_was_missing(audit: &Path) {
    let log = fs::read_to_string(audit).unwrap();
    let forbidden: Vec<&str> = log.lines().filter(|line| line.contains("\"code\":403")).collect();
    assert!(log.contains("\"leases\"") && forbidden.is_empty(), "{forbidden:#?}");
}

/// One control plane for all of it: each starts in ten seconds and holds half a GiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_processes_for_one_node_one_acts() {
    let options = StackOptions { node: None, ..StackOptions::default() };
    let scene = Scene::start("leader", &options).await.unwrap();
    let a = Member::start(&scene, "a").await;
    a.until_it_acts(&scene, LIMIT).await;
    let b = Member::start(&scene, "b").await;
    b.until_it_stands_by(1).await;
    scene.apply(&deployment("web", 3).to_string()).await.unwrap();
    scene.until_ready("app=web", 3).await.unwrap();
    assert_eq!(b.changes(), Vec::<String>::new(), "changes by the one that stands by");

    a_killed_leader_is_replaced_while_it_works(&scene, a, &b).await;
    let c = Member::start(&scene, "c").await;
    a_stopped_leader_is_replaced_and_sends_nothing_when_it_wakes(&scene, &b, &c).await;
    a_leader_that_is_asked_to_go_hands_over_at_once(&scene, &b, c).await;
    a_rolling_update_while_scaling_up_doubles_nothing(&scene, b).await;
    scene.no_secret_got_out().await.unwrap();
}
