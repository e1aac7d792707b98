//! Where our own programs are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Paths of our own programs, built by whoever starts them.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The node: `$VK_TRITON_BIN`, else beside this program.
    pub vk_triton: PathBuf,
    /// The simulator: `$TRITON_SIM_BIN`, else beside this program.
    pub triton_sim: PathBuf,
}

impl Binaries {
    /// Finds them, without looking whether they are there.
    ///
    /// # Errors
    /// When this program does not know where it is itself.
    pub fn find() -> Result<Self> {
        Ok(Self {
            vk_triton: given_or_built("VK_TRITON_BIN", "vk-triton")?,
            triton_sim: given_or_built("TRITON_SIM_BIN", "triton-sim")?,
        })
    }
}

/// Ends with what to type when a program is not there.
pub(crate) fn check_built(program: &Path) -> Result<()> {
    ensure!(
        program.is_file(),
        "{} is not there: run `cargo build -p vk-triton -p triton-sim-server`, or let `cargo xtask` do it",
        program.display()
    );
    Ok(())
}

/// Cargo's target directory, as found from where this program is: `target/PROFILE/PROGRAM` or
/// `target/PROFILE/deps/TEST`.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(profile_dir()?.parent().context("finding the target directory")?.to_owned())
}

fn given_or_built(variable: &str, name: &str) -> Result<PathBuf> {
    match env::var_os(variable) {
        // Programs are started in directories of their own, where a relative path would lead elsewhere.
        Some(path) => std::path::absolute(path).with_context(|| format!("reading {variable}")),
        None => Ok(profile_dir()?.join(name)),
    }
}

fn profile_dir() -> Result<PathBuf> {
    let exe = env::current_exe().context("finding where this program is")?;
    let mut dir = exe.parent().context("finding where this program is")?;
    if dir.ends_with("deps") {
        dir = dir.parent().context("finding where this program is")?;
    }
    Ok(dir.to_owned())
}
