//! What others wrote, for the tests with it: brought by npm and Go, exactly as their lock files say.
//!
//! Clients of CloudAPI, against the simulator; and the suite by which virtual kubelets are judged, against the mock
//! provider of `virtual-node` and a real control plane.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use testbed::assets::find::Places;
use tokio::process::Command;

use crate::build::{cargo, workspace};
use crate::screen::print;

/// Where the lock files are, from the workspace's folder.
const NPM: &str = "bins/triton-sim/tests/npm";
const GO: &str = "bins/triton-sim/tests/go";
const SUITE: &str = "crates/virtual-node/tests/e2e";

/// The node that the suite judges, an example of `virtual-node`.
const MOCK: &str = "mock_provider";

/// Brings what others wrote, then runs the tests with it.
pub(crate) async fn test(only: Option<&str>) -> Result<()> {
    let env: [(&str, OsString); 2] =
        [("VK_TRITON_NPM", npm().await?.into()), ("VK_TRITON_GO", go().await?.into())];
    let mut line =
        vec!["test", "-p", "triton-sim-server", "--features", "foreign", "--test", "foreign"];
    if let Some(only) = only {
        line.extend(["--", only]);
    }
    cargo(&line, &env).await?;

    let env: [(&str, OsString); 2] =
        [("VK_E2E_SUITE", suite().await?.into()), ("MOCK_PROVIDER_BIN", mock().await?.into())];
    let mut line =
        vec!["test", "-p", "virtual-node", "--features", "foreign", "--test", "foreign", "--"];
    line.extend(only);
    line.push("--nocapture");
    cargo(&line, &env).await
}

/// The suite of the Go package `virtual-kubelet`, as a test program.
async fn suite() -> Result<PathBuf> {
    let program = go_folder()?.join("virtual-kubelet-e2e");
    let output = program.to_string_lossy().into_owned();
    run("go", &["test", "-c", "-mod=readonly", "-o", &output, "."], &workspace().join(SUITE))
        .await?;
    Ok(program)
}

/// The mock provider, built where the other programs are.
async fn mock() -> Result<PathBuf> {
    cargo(&["build", "-p", "virtual-node", "--example", MOCK], &[]).await?;
    let here = std::env::current_exe().context("finding where this program is")?;
    let folder = here.parent().context("finding the folder of the programs")?;
    Ok(folder.join("examples").join(MOCK))
}

/// The folder that holds `node_modules`, outside the workspace, one for each lock file.
async fn npm() -> Result<PathBuf> {
    let source = workspace().join(NPM);
    let lock =
        std::fs::read(source.join("package-lock.json")).context("reading npm's lock file")?;
    let mut hash = DefaultHasher::new();
    lock.hash(&mut hash);
    let target = Places::from_env()?.cache.join("npm").join(format!("{:016x}", hash.finish()));
    if target.is_dir() {
        return Ok(target);
    }
    print("installing the triton CLI and its kin with npm ci");
    // To a name of its own and then renamed: an installation cut short is none.
    let parent = target.parent().context("finding the cache's folder")?;
    std::fs::create_dir_all(parent).context("making the cache's folder")?;
    let building = parent.join(format!("building-{}", std::process::id()));
    std::fs::create_dir_all(&building).context("making a folder for npm")?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), building.join(file))
            .with_context(|| format!("copying {file}"))?;
    }
    // No install scripts: the only one builds an optional probe that needs a compiler.
    run(
        "npm",
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        &building,
    )
    .await?;
    std::fs::rename(&building, &target).context("keeping what npm installed")?;
    Ok(target)
}

/// The program of ours that drives triton-go.
async fn go() -> Result<PathBuf> {
    let program = go_folder()?.join("triton-go-lives");
    let output = program.to_string_lossy().into_owned();
    run("go", &["build", "-mod=readonly", "-o", &output, "."], &workspace().join(GO)).await?;
    Ok(program)
}

/// Where Go programs are kept, outside the workspace.
fn go_folder() -> Result<PathBuf> {
    let folder = Places::from_env()?.cache.join("go");
    std::fs::create_dir_all(&folder).context("making the cache's folder")?;
    Ok(folder)
}

async fn run(program: &str, args: &[&str], dir: &Path) -> Result<()> {
    let line = format!("{program} {}", args.join(" "));
    let status = Command::new(program)
        .args(args)
        .current_dir(dir)
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("starting {line}: cargo xtask check says what is missing"))?;
    ensure!(status.success(), "{line} ended with {status}");
    Ok(())
}
