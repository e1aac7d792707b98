//! Building our own programs.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use testbed::Binaries;
use tokio::process::Command;

/// Packages of the programs that are started.
const PACKAGES: [&str; 4] = ["-p", "vk-triton", "-p", "triton-sim-server"];

/// Builds vk-triton and triton-sim, and says where they are.
///
/// Programs that `VK_TRITON_BIN` and `TRITON_SIM_BIN` name are taken as they are.
pub(crate) async fn binaries(release: bool) -> Result<Binaries> {
    let mut binaries = Binaries::find()?;
    let given = |name: &str| std::env::var_os(name).is_some();
    if given("VK_TRITON_BIN") && given("TRITON_SIM_BIN") {
        return Ok(binaries);
    }
    let mut args = vec!["build"];
    args.extend(PACKAGES);
    if release {
        args.push("--release");
    }
    cargo(&args, &[]).await?;
    if release {
        for (name, path) in [
            ("VK_TRITON_BIN", &mut binaries.vk_triton),
            ("TRITON_SIM_BIN", &mut binaries.triton_sim),
        ] {
            if !given(name) {
                *path = beside_debug(path)?;
            }
        }
    }
    Ok(binaries)
}

/// Runs cargo in the workspace, its output on the screen.
pub(crate) async fn cargo(args: &[&str], env: &[(&str, OsString)]) -> Result<()> {
    // Set by cargo for whatever it runs: the same cargo, of the same toolchain.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let line = format!("cargo {}", args.join(" "));
    let status = Command::new(cargo)
        .args(args)
        .envs(env.iter().map(|(name, value)| (*name, value)))
        .current_dir(workspace())
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("starting {line}"))?;
    ensure!(status.success(), "{line} ended with {status}");
    Ok(())
}

/// The folder of the workspace: above this package's.
pub(crate) fn workspace() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// `target/release/NAME` for `target/debug/NAME`.
fn beside_debug(path: &std::path::Path) -> Result<PathBuf> {
    let name = path.file_name().context("finding a program's name")?;
    let target =
        path.parent().and_then(std::path::Path::parent).context("finding the target directory")?;
    Ok(target.join("release").join(name))
}
