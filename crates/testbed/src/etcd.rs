//! etcd: one member, on loopback, without TLS, without waiting for the disk.

use std::path::Path;

use anyhow::Result;

use crate::ports::free_port;
use crate::process::{Process, Spec};

/// A running etcd.
#[derive(Debug)]
pub(crate) struct Etcd {
    pub(crate) process: Process,
    /// URL for clients.
    pub(crate) url: String,
}

// === impl Etcd ===

impl Etcd {
    pub(crate) fn start(program: &Path, dir: &Path) -> Result<Self> {
        let url = format!("http://127.0.0.1:{}", free_port()?);
        let peer = format!("http://127.0.0.1:{}", free_port()?);
        let args = [
            format!("--data-dir={}", dir.join("etcd-data").display()),
            "--name=testbed".to_owned(),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=testbed={peer}"),
            // Nothing here outlives a power cut.
            "--unsafe-no-fsync".to_owned(),
        ];
        let process = Process::start(Spec::new("etcd", program, dir, args))?;
        Ok(Self { process, url })
    }
}
