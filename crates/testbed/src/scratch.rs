//! A directory for one run, under the target directory, that is gone when all went well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::binaries::target_dir;
use crate::progress::say;
use crate::sweep::end_recorded;

/// Directories of failed runs that are kept to be read; older ones go.
const KEPT: usize = 5;
/// Holds the id of the process whose directory it is.
const OWNER: &str = "owner";

/// The directory. Removed on drop, unless the thread panics or [`Scratch::keep`] was called.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    keep: bool,
}

// === impl Scratch ===

impl Scratch {
    /// Makes a fresh directory `target/testbed/NAME-PID-RANDOM`, and ends what dead runs left beside it.
    ///
    /// # Errors
    /// When a directory cannot be made, or a leftover process does not go.
    pub async fn create(name: &str) -> Result<Self> {
        let base = target_dir()?.join("testbed");
        fs::create_dir_all(&base).with_context(|| format!("creating {}", base.display()))?;
        sweep(&base).await.context("ending what earlier runs left")?;
        let pid = std::process::id();
        let dir = tempfile::Builder::new().prefix(&format!("{name}-{pid}-")).tempdir_in(&base);
        let path =
            dir.with_context(|| format!("creating a directory in {}", base.display()))?.keep();
        fs::write(path.join(OWNER), pid.to_string()).context("writing whose directory it is")?;
        Ok(Self { path, keep: false })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to be read after this value is gone.
    pub fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keep || std::thread::panicking() {
            say(format_args!("logs are in {}", self.path.display()));
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            say(format_args!("removing {}: {error}", self.path.display()));
        }
    }
}

/// Ends processes of runs whose owner is dead, and removes all but the youngest of their directories.
async fn sweep(base: &Path) -> Result<()> {
    let mut dead: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(base).with_context(|| format!("reading {}", base.display()))? {
        let path = entry.with_context(|| format!("reading {}", base.display()))?.path();
        // A directory without an owner is being made right now, or being removed.
        let Ok(owner) = fs::read_to_string(path.join(OWNER)) else { continue };
        if is_alive(&owner) {
            continue;
        }
        for ended in end_recorded(&path).await? {
            if ended.was_running {
                say(format_args!(
                    "ended {}, left by an earlier run in {}",
                    ended.name,
                    path.display()
                ));
            }
        }
        if let Ok(modified) = fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            dead.push((modified, path));
        }
    }
    dead.sort();
    let surplus = dead.len().saturating_sub(KEPT);
    for (_, path) in dead.into_iter().take(surplus) {
        // Another run may sweep at the same time: that it was faster is fine.
        let _ = fs::remove_dir_all(path);
    }
    Ok(())
}

fn is_alive(owner: &str) -> bool {
    owner.trim().parse().is_ok_and(|pid| kill(Pid::from_raw(pid), None).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(base: &Path, name: &str, owner: u32) -> PathBuf {
        let path = base.join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join(OWNER), owner.to_string()).unwrap();
        path
    }

    #[tokio::test]
    async fn only_directories_of_the_dead_are_swept_and_the_youngest_stay() {
        let base = tempfile::tempdir().unwrap();
        let mine = run_of(base.path(), "mine", std::process::id());
        // Beyond the largest process id Linux gives.
        let dead: Vec<PathBuf> =
            (0..8).map(|n| run_of(base.path(), &format!("dead-{n}"), 2_000_000_000)).collect();
        sweep(base.path()).await.unwrap();
        assert!(mine.exists());
        assert_eq!(dead.iter().filter(|path| path.exists()).count(), KEPT);
    }

    #[tokio::test]
    async fn a_scratch_directory_goes_when_all_went_well_and_stays_when_asked() {
        let scratch = Scratch::create("unit").await.unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir());
        drop(scratch);
        assert!(!path.exists());

        let mut scratch = Scratch::create("unit").await.unwrap();
        let path = scratch.path().to_owned();
        scratch.keep();
        drop(scratch);
        assert!(path.exists());
        fs::remove_dir_all(path).unwrap();
    }
}
