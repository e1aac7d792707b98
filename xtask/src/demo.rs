//! `cargo xtask demo`: the walkthrough of the first Triton provider, on one machine.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::wait::{Seen, until};
use testbed::{Kubectl, NodeOptions, Scratch, SimInstance, Stack, StackOptions, instance_table};

use crate::build::{binaries, workspace};
use crate::clock::now;
use crate::screen::print;
use crate::steps::Steps;

/// Longest any step may take: provisioning 2 s, the probe's delay 10 s, and a slow machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Taint of the demo's node in a cluster that is not its own, so that no pod of others comes to it.
const TAINT: &str = "vk-triton-demo";
/// The manifest, word for word as its author wrote it.
const MANIFEST: &str = "fixtures/walkthrough/deployment.yml";
/// What the manifest's Deployment is called.
const DEPLOYMENT: &str = "ubuntu";

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use this cluster instead of starting a control plane. Nothing in it needs to reach this machine. The demo adds
    /// a Node and works in a namespace of its own, and removes both.
    #[arg(long, value_name = "F")]
    kubeconfig: Option<PathBuf>,
    /// Build and run with optimization.
    #[arg(long)]
    release: bool,
}

/// One demo under way.
struct Demo {
    stack: Stack,
    kubectl: Kubectl,
    manifest: PathBuf,
}

/// Runs every step; the first that does not hold is the error.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut scratch = Scratch::create("demo").await?;
    let shown = walk(&args, &scratch).await;
    if shown.is_err() {
        scratch.keep();
    }
    shown
}

async fn walk(args: &Args, scratch: &Scratch) -> Result<()> {
    let mut steps = Steps::new();
    print("vk-triton demo: a Deployment becomes Triton instances\n");
    let mut built = None;
    steps
        .step("build vk-triton and the simulator", async {
            built = Some(binaries(args.release).await?);
            Ok(String::new())
        })
        .await?;
    let built = built.context("building")?;

    let theirs = args.kubeconfig.is_some();
    let namespace = if theirs {
        format!("vk-triton-demo-{}", std::process::id())
    } else {
        "default".to_owned()
    };
    let name = if theirs { namespace.clone() } else { NodeOptions::default().name };
    let options = StackOptions {
        kubeconfig: args.kubeconfig.clone(),
        node: Some(NodeOptions {
            name: name.clone(),
            taint_key: theirs.then(|| TAINT.to_owned()),
            ..NodeOptions::default()
        }),
        ..StackOptions::default()
    };
    let mut stack = None;
    let what = if theirs {
        "start the simulator and vk-triton"
    } else {
        "start a control plane, the simulator and vk-triton"
    };
    steps
        .step(what, async {
            let tell = |part: &str| print(format_args!("               {part}"));
            stack = Some(Stack::start(scratch.path(), &built, &options, tell).await?);
            Ok("everything runs".to_owned())
        })
        .await?;
    let stack = stack.context("starting")?;
    let mut manifest = workspace().join(MANIFEST);
    if theirs {
        let text = fs::read_to_string(&manifest).context("reading the manifest")?;
        manifest = scratch.path().join("deployment.yml");
        fs::write(&manifest, pinned(&text, &name)?).context("writing the manifest")?;
        print(
            "               the manifest is pinned to the demo's own node, which keeps other pods away",
        );
    }
    let demo = Demo { kubectl: stack.kubectl().in_namespace(&namespace), stack, manifest };

    if theirs {
        demo.stack.kubectl().run(&["create", "namespace", &namespace]).await?;
    }
    let walked = demo.walk(&mut steps).await;
    let admin = demo.stack.kubectl().in_namespace("kube-system");
    // The node first: while it runs it would make its Node anew.
    drop(demo);
    if theirs {
        let journal = format!("configmap/vk-triton-{name}");
        for left in [format!("namespace/{namespace}"), format!("node/{name}"), journal] {
            admin.run(&["delete", &left, "--ignore-not-found", "--wait=false"]).await?;
        }
    }
    walked?;
    steps.finish("every step held");
    Ok(())
}

/// The manifest with nothing changed but where its pods go: to this node, whatever other virtual kubelets there are.
fn pinned(manifest: &str, node: &str) -> Result<String> {
    let (selector, toleration) =
        ("        type: virtual-kubelet\n", "key: virtual-kubelet.io/provider");
    ensure!(
        manifest.contains(selector) && manifest.contains(toleration),
        "the manifest has no node selector or toleration to pin"
    );
    let here = format!("{selector}        kubernetes.io/hostname: {node}\n");
    Ok(manifest.replace(selector, &here).replace(toleration, &format!("key: {TAINT}")))
}

// === impl Demo ===

impl Demo {
    async fn walk(&self, steps: &mut Steps) -> Result<()> {
        let manifest = self.manifest.to_string_lossy();
        steps.step("kubectl get nodes", self.shown(&["get", "nodes"])).await?;
        let apply = ["apply", "-f", &*manifest];
        steps.step(&format!("kubectl apply -f {MANIFEST}"), self.shown(&apply)).await?;
        steps
            .step("the pod is Ready: its instance runs and answers on port 22", self.ready(1))
            .await?;
        let scale = ["scale", "--replicas=3", "deployment", DEPLOYMENT];
        steps.step(&format!("kubectl {}", scale.join(" ")), self.shown(&scale)).await?;
        steps.step("all three pods are Ready", self.ready(3)).await?;
        let describe = ["describe", "deployment", DEPLOYMENT];
        steps.step(&format!("kubectl {}", describe.join(" ")), self.shown(&describe)).await?;
        steps.step("triton ls", self.table(3)).await?;
        steps
            .step(
                "an instance is destroyed behind our back; another takes its place",
                self.replaced(3),
            )
            .await?;
        steps.step("triton ls", self.table(3)).await?;
        let delete = ["delete", "deployment", DEPLOYMENT];
        steps.step(&format!("kubectl {}", delete.join(" ")), self.shown(&delete)).await?;
        steps.step("no pod, no instance and no firewall rule is left", self.nothing_left()).await
    }

    /// What kubectl prints; a table begins on a line of its own, so that its columns stay in line.
    async fn shown(&self, args: &[&str]) -> Result<String> {
        let printed = self.kubectl.run(args).await?;
        Ok(if printed.trim_end().contains('\n') { format!("\n{printed}") } else { printed })
    }

    /// Waits until the Deployment has exactly `wanted` ready pods, each with a running instance.
    async fn ready(&self, wanted: usize) -> Result<String> {
        until(&format!("{wanted} ready pods"), LIMIT, || async {
            let deployment = self.kubectl.json(&["get", "deployment", DEPLOYMENT]).await?;
            let ready = deployment["status"]["readyReplicas"].as_u64().unwrap_or(0);
            let all = deployment["status"]["replicas"].as_u64().unwrap_or(0);
            let running = self.running().await?.len();
            let holds = ready == wanted as u64 && all == wanted as u64 && running == wanted;
            Ok(if holds {
                Seen::Done(())
            } else {
                Seen::NotYet(format!("{all} pods, {ready} ready, {running} running instances"))
            })
        })
        .await?;
        let pods = self.kubectl.run(&["get", "pods", "-o", "wide"]).await?;
        Ok(format!("{wanted} of {wanted}\n{pods}"))
    }

    async fn running(&self) -> Result<Vec<SimInstance>> {
        let mut living = self.stack.simulator.control().living().await?;
        living.retain(|instance| instance.state == "running");
        Ok(living)
    }

    async fn table(&self, wanted: usize) -> Result<String> {
        let instances = self.stack.cloud().instances().await?;
        ensure!(instances.len() == wanted, "there are {} instances, not {wanted}", instances.len());
        let images = self.stack.cloud().image_names().await?;
        Ok(format!("\n{}", instance_table(&instances, &images, now())))
    }

    async fn replaced(&self, wanted: usize) -> Result<String> {
        let running = self.running().await?;
        let victim = running.first().context("finding an instance to destroy")?;
        self.stack.simulator.control().behind_our_back(&victim.id, "destroy").await?;
        until("the destroyed instance to be replaced", LIMIT, || async {
            let running = self.running().await?;
            let replaced =
                running.len() == wanted && running.iter().all(|instance| instance.id != victim.id);
            Ok(if replaced {
                Seen::Done(())
            } else {
                Seen::NotYet(format!("{} running instances", running.len()))
            })
        })
        .await?;
        self.ready(wanted).await?;
        Ok(format!("{} was destroyed, and {wanted} are Ready again", victim.id))
    }

    async fn nothing_left(&self) -> Result<String> {
        let control = self.stack.simulator.control();
        let label = format!("app={DEPLOYMENT}");
        until("everything to be gone", LIMIT, || async {
            let pods = self.kubectl.json(&["get", "pods", "-l", &label]).await?;
            let pods = pods["items"].as_array().map_or(0, Vec::len);
            let instances = control.living().await?.len();
            let rules = self.stack.cloud().firewall_rules().await?.len();
            let seen = format!("{pods} pods, {instances} instances, {rules} firewall rules");
            Ok(if pods + instances + rules == 0 { Seen::Done(seen) } else { Seen::NotYet(seen) })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_cluster_of_others_pods_go_to_the_demos_node_only() {
        let manifest = fs::read_to_string(workspace().join(MANIFEST)).unwrap();
        let pinned = pinned(&manifest, "demo-1").unwrap();
        assert!(pinned.contains("        kubernetes.io/hostname: demo-1\n"));
        assert!(pinned.contains("key: vk-triton-demo\n"));
        assert_eq!(pinned.lines().count(), manifest.lines().count() + 1);
    }
}
