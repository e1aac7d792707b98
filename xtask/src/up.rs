//! `cargo xtask up`: starts everything and leaves it running.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use testbed::{Stack, StackOptions, end_recorded, recorded, shell_quote};

use crate::build::binaries;
use crate::down::default_dir;
use crate::screen::print;
use crate::steps::Steps;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out a part; its command is written to NAME.cmd.
    #[arg(long, value_name = "NAME")]
    without: Vec<Part>,
    /// Where `env`, NAME.pid, NAME.log and NAME.cmd go.
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Processes of the node; one acts, the others stand by: vk-triton, vk-triton-2, …
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5), conflicts_with = "without")]
    processes: u8,
    /// Build and run with optimization.
    #[arg(long)]
    release: bool,
}

/// A part that can be left out.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    VkTriton,
}

/// Starts everything and prints what to type next.
pub(crate) async fn run(args: Args) -> Result<()> {
    let dir = std::path::absolute(args.dir.unwrap_or_else(default_dir))
        .context("finding the directory")?;
    make_room(&dir).await?;
    let without_node = args.without.contains(&Part::VkTriton);
    let steps = Steps::new();
    let built = binaries(args.release).await?;
    steps.came_up("programs built");
    let standbys = usize::from(args.processes.saturating_sub(1));
    let mut options = StackOptions { standbys, ..StackOptions::default() };
    if without_node {
        options.node = None;
    }
    let stack = Stack::start(&dir, &built, &options, |part| steps.came_up(part)).await?;
    let env = dir.join("env");
    fs::write(&env, exports(&stack)).with_context(|| format!("writing {}", env.display()))?;
    stack.leave();

    let quoted = |path: &Path| shell_quote(&path.to_string_lossy());
    print("\nEverything runs. Next:");
    print(format_args!("  . {}", quoted(&env)));
    if without_node {
        print(format_args!("  sh {}", quoted(&dir.join("vk-triton.cmd"))));
    }
    print("  kubectl get nodes");
    print("  kubectl apply -f fixtures/walkthrough/deployment.yml");
    print("  kubectl get pods -o wide --watch");
    print("  triton ls          # npm install -g triton");
    let pki = |name: &str| quoted(&dir.join("pki").join(name));
    print(format_args!(
        "  curl -k --cert {} --key {} $KUBELET_URL/pods",
        pki("admin.crt"),
        pki("admin.key")
    ));
    print(format_args!("  less {}", quoted(&dir.join("vk-triton.log"))));
    for number in 2..=args.processes {
        print(format_args!(
            "  less {}    # stands by",
            quoted(&dir.join(format!("vk-triton-{number}.log")))
        ));
    }
    print(format_args!("  cargo xtask down --dir {}", quoted(&dir)));
    Ok(())
}

/// An empty directory, or one in which nothing runs any more: what is left of the last run goes.
async fn make_room(dir: &Path) -> Result<()> {
    // The first thing a start writes, so that what a failed one left is known as ours, too.
    if dir.join("ssh-agent.cmd").is_file() {
        if let Some(pid) = recorded(dir, "kube-apiserver") {
            bail!(
                "it is up already in {} (kube-apiserver is {pid}): `cargo xtask down` first, or use another --dir",
                dir.display()
            );
        }
        end_recorded(dir).await?;
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    } else if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty, and nothing of ours: use another --dir", dir.display());
    }
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))
}

/// Lines after which kubectl, triton and vk-triton work as they are.
fn exports(stack: &Stack) -> String {
    let mut text = String::new();
    let mut export = |name: &str, value: &str| {
        let _ = writeln!(text, "export {name}={}", shell_quote(value));
    };
    export("KUBECONFIG", &stack.kubeconfig().to_string_lossy());
    export("SSH_AUTH_SOCK", &stack.agent.socket().to_string_lossy());
    for prefix in ["SDC", "TRITON"] {
        export(&format!("{prefix}_URL"), stack.simulator.url());
        export(&format!("{prefix}_ACCOUNT"), stack.simulator.account());
        export(&format!("{prefix}_KEY_ID"), stack.agent.md5());
    }
    // Else a profile of the developer's would win over these variables.
    export("TRITON_PROFILE", "env");
    export("METRICS_URL", stack.metrics_url());
    export("KUBELET_URL", stack.kubelet_url());
    text.push_str("# The triton CLI looks into ~/.ssh even when the key is in the agent, and fails when it is not there.\n");
    text.push_str("[ -d ~/.ssh ] || mkdir -m 700 ~/.ssh\n");
    if let Some(folder) = stack.kubectl().program().parent() {
        let _ = writeln!(text, "export PATH={}:\"$PATH\"", shell_quote(&folder.to_string_lossy()));
    }
    text
}
