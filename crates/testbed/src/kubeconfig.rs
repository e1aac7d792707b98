//! Kubeconfig files, and clients made from them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kube_client::config::{KubeConfigOptions, Kubeconfig as Parsed};
use kube_client::{Client, Config};
use serde_json::json;

use crate::certs::Identity;

/// A way to one cluster as one user, written to a file.
#[derive(Debug)]
pub struct Kubeconfig<'a> {
    /// URL of the API server.
    pub server: &'a str,
    /// Certificate of the authority that signed its certificate.
    pub ca: &'a Path,
    /// Who we are.
    pub identity: &'a Identity,
    /// What the file calls us.
    pub user: &'a str,
}

// === impl Kubeconfig ===

impl Kubeconfig<'_> {
    /// Writes the file. It names the certificates by path, and is JSON, which is YAML too.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<PathBuf> {
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": {
                "server": self.server,
                "certificate-authority": self.ca,
            }}],
            "users": [{"name": self.user, "user": {
                "client-certificate": self.identity.cert,
                "client-key": self.identity.key,
            }}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": self.user}}],
        });
        let text = serde_json::to_string_pretty(&content).context("writing a kubeconfig")?;
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path.to_owned())
    }
}

/// A client for the current context of a kubeconfig.
///
/// # Errors
/// When the file cannot be read, or names certificates that cannot.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let parsed = Parsed::read_from(kubeconfig)
        .with_context(|| format!("reading {}", kubeconfig.display()))?;
    let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await;
    let config = config.with_context(|| format!("reading {}", kubeconfig.display()))?;
    // The client's TLS asks for the process's default; that it was set before is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(config).context("making a Kubernetes client")
}
