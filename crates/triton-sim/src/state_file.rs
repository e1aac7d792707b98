//! The state file: what a simulator starts from, and what it leaves behind.
//!
//! A file that was saved has a `world`; one that is written by hand has what to `add` to it, or both.
//! What cannot be read is never written over: the simulator does not start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seeds::Seeds;
use crate::sim::Sim;
use crate::world::World;

/// What a state file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    /// Checked before the rest is read.
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default, rename = "saved_at")]
    _saved_at: Option<Timestamp>,
    /// The datacenter as it was left.
    #[serde(default)]
    pub(crate) world: Option<Box<World>>,
    /// What is made when the simulator starts.
    #[serde(default)]
    pub(crate) add: Seeds,
}

#[derive(Serialize)]
struct Saved<'a> {
    version: u32,
    saved_at: Timestamp,
    world: &'a World,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// The state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no state file: none was named when the simulator was built.
    #[error("saving the state: the simulator has no state file")]
    NoFile,
    /// It cannot be read.
    #[error("reading state file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("reading state file {}: it is damaged or was not written for this, and is left as it is", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// It was written by another version of this program.
    #[error("reading state file {}: it is of version {version}, and this program knows version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// It cannot be written; the one that was there before is still there.
    #[error("writing state file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The form of state files.
const VERSION: u32 = 1;

// === impl StateFile ===

impl StateFile {
    /// Reads a state file; `None` when there is none yet.
    ///
    /// # Errors
    /// [`StateError::Read`], [`StateError::Damaged`], [`StateError::Version`].
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, StateError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Read { path: path.to_owned(), source }),
        };
        let damaged = |source| StateError::Damaged { path: path.to_owned(), source };
        let VersionOnly { version } = serde_json::from_str(&text).map_err(damaged)?;
        if version != VERSION {
            return Err(StateError::Version { path: path.to_owned(), version });
        }
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }
}

// === impl Sim ===

impl Sim {
    /// Writes the state to the file that [`SimBuilder::state_file`](crate::SimBuilder::state_file) named: instances, jobs
    /// that are due, accounts, catalog and firewall rules, but neither faults nor journals.
    ///
    /// The file appears at once or not at all, and only its owner can read it: metadata may hold secrets.
    ///
    /// # Errors
    /// [`StateError::NoFile`], [`StateError::Write`].
    pub fn save_state(&self) -> Result<(), StateError> {
        let path = self.state_path().ok_or(StateError::NoFile)?;
        let written = self.state_json().and_then(|json| replace(path, &json));
        written.map_err(|source| StateError::Write { path: path.to_owned(), source })
    }

    fn state_json(&self) -> io::Result<Vec<u8>> {
        self.with(|state, saved_at| {
            state.world.draw_luck();
            let saved = Saved { version: VERSION, saved_at, world: &state.world };
            Ok(serde_json::to_vec_pretty(&saved)?)
        })
    }
}

/// Puts a file in the place of another, with no moment at which there is half of either.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = write_new(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it is of no use; the error that matters is the one at hand.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File =
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
