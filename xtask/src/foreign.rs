//! Clients that others wrote, for the tests against them: brought by npm and Go, exactly as their lock files say.

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

/// Brings the clients, then runs the tests with them.
pub(crate) async fn test(only: Option<&str>) -> Result<()> {
    let env: [(&str, OsString); 2] =
        [("VK_TRITON_NPM", npm().await?.into()), ("VK_TRITON_GO", go().await?.into())];
    let mut line =
        vec!["test", "-p", "triton-sim-server", "--features", "foreign", "--test", "foreign"];
    if let Some(only) = only {
        line.extend(["--", only]);
    }
    cargo(&line, &env).await
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
    let target = Places::from_env()?.cache.join("go");
    std::fs::create_dir_all(&target).context("making the cache's folder")?;
    let program = target.join("triton-go-lives");
    let output = program.to_string_lossy().into_owned();
    run("go", &["build", "-mod=readonly", "-o", &output, "."], &workspace().join(GO)).await?;
    Ok(program)
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
