//! The guards, as `xtask/guards/*.toml` lists them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::suite::Suite;

/// Where the lists are, from the workspace's folder.
const LISTS: &str = "xtask/guards";

/// One list: the guards of one matter.
#[derive(Debug)]
pub(super) struct Chapter {
    /// Its headline.
    pub(super) title: String,
    pub(super) guards: Vec<Guard>,
}

/// Something in the code that keeps a promise.
#[derive(Debug)]
pub(super) struct Guard {
    /// What it is, as a sentence.
    pub(super) name: String,
    /// The file, from the workspace's folder.
    pub(super) file: String,
    /// The text that is the guard; it occurs once.
    pub(super) text: String,
    /// What stands there without it.
    pub(super) without: String,
    /// The tests that are run without it.
    pub(super) suite: Suite,
    /// Tests that must fail without it.
    pub(super) held_by: Vec<String>,
}

/// A list as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    /// Cargo's name of the crate.
    package: String,
    /// The crate's folder, from the workspace's.
    folder: String,
    /// Which of its tests, unless a guard says otherwise.
    tests: Vec<String>,
    guard: Vec<WrittenGuard>,
}

/// A guard as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGuard {
    name: String,
    /// From the crate's folder.
    file: String,
    text: String,
    #[serde(default)]
    without: String,
    /// The test target: the crate's own tests unless it names a file of `tests/`.
    target: Option<String>,
    tests: Option<Vec<String>>,
    held_by: Vec<String>,
}

/// All lists, in the order of their files' names.
pub(super) fn read(workspace: &Path) -> Result<Vec<Chapter>> {
    let folder = workspace.join(LISTS);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<Chapter> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let written: Written =
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok(Chapter::from(written))
}

// === impl Chapter ===

impl From<Written> for Chapter {
    fn from(written: Written) -> Self {
        let Written { title, package, folder, tests, guard: guards } = written;
        let guards = guards.into_iter().map(|guard| Guard {
            name: guard.name,
            file: format!("{folder}/{}", guard.file),
            text: guard.text,
            without: guard.without,
            suite: Suite {
                package: package.clone(),
                target: guard.target,
                tests: guard.tests.unwrap_or_else(|| tests.clone()),
            },
            held_by: guard.held_by,
        });
        Self { title, guards: guards.collect() }
    }
}
