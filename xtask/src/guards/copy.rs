//! A copy of the workspace, to take guards out of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::list::Guard;

/// Where it is, from the workspace's folder.
const PLACE: &str = "target/guards";

/// What is not copied, wherever it is; nor is anything whose name begins with a dot.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];

/// The copy. It stays for the next time, and so does what was built of it.
pub(super) struct Copy {
    source: PathBuf,
    /// The copied workspace.
    pub(super) workspace: PathBuf,
    /// Where it is built.
    pub(super) target: PathBuf,
}

// === impl Copy ===

impl Copy {
    /// Makes the copy, or brings it up to date. A file that is the same stays untouched, so that cargo builds no more than
    /// it must.
    pub(super) fn refresh(source: &Path) -> Result<Self> {
        let place = source.join(PLACE);
        let (workspace, target) = (place.join("workspace"), place.join("target"));
        copy_folder(source, &workspace)
            .with_context(|| format!("copying the workspace to {}", workspace.display()))?;
        Ok(Self { source: source.to_owned(), workspace, target })
    }

    /// Takes a guard out of the copy.
    pub(super) fn take_out(&self, guard: &Guard) -> Result<()> {
        let text = fs::read_to_string(self.source.join(&guard.file))
            .with_context(|| format!("reading {}", guard.file))?;
        let times = text.matches(&guard.text).count();
        ensure!(times == 1, "`{}` is {times} times in {}", guard.name, guard.file);
        let without = text.replacen(&guard.text, &guard.without, 1);
        fs::write(self.workspace.join(&guard.file), without)
            .with_context(|| format!("writing the copy of {}", guard.file))
    }

    /// Puts it back.
    pub(super) fn put_back(&self, guard: &Guard) -> Result<()> {
        let text = fs::read(self.source.join(&guard.file))
            .with_context(|| format!("reading {}", guard.file))?;
        fs::write(self.workspace.join(&guard.file), text)
            .with_context(|| format!("writing the copy of {}", guard.file))
    }
}

/// Makes one folder the same as another.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        if shown.starts_with('.') || LEFT_OUT.contains(&shown.as_ref()) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            let text = fs::read(&from)?;
            if fs::read(&to).ok().as_ref() != Some(&text) {
                fs::write(&to, text)?;
            }
        }
        names.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let path = entry.path();
        if names.contains(&entry.file_name()) {
            continue;
        } else if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_without_what_is_built_and_loses_what_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        let write = |path: &str, text: &str| {
            let path = from.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/a.rs", "one");
        write("src/b.rs", "two");
        write("target/debug/x", "built");
        write(".git/config", "secret");
        copy_folder(&from, &to).unwrap();
        fs::write(to.join("src/a.rs"), "without a guard").unwrap();
        fs::remove_file(from.join("src/b.rs")).unwrap();
        copy_folder(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("src/a.rs")).unwrap(), "one");
        assert!(!to.join("src/b.rs").exists() && !to.join("target").exists());
        assert!(!to.join(".git").exists());
    }
}
