//! The account's catalog, from CloudAPI.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use triton_cloudapi::client::Client;
use triton_cloudapi::images::ListImages;
use triton_cloudapi::networks::ListNetworks;
use triton_cloudapi::packages::ListPackages;
use triton_podspec::manifest::SavedCatalog;

/// Asks once, and writes the answers to a file or to standard output.
pub(crate) fn save(output: Option<&Path>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let saved = runtime.context("starting")?.block_on(read())?;
    let mut text = serde_json::to_string_pretty(&saved).context("writing the catalog")?;
    text.push('\n');
    match output {
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("writing the catalog to {}", path.display())),
        None => std::io::stdout().write_all(text.as_bytes()).context("writing the catalog"),
    }
}

async fn read() -> anyhow::Result<SavedCatalog> {
    let client = Client::from_env().await.context("finding CloudAPI")?;
    let packages = client.list_packages(&ListPackages::default()).await;
    let images = client.list_images(&ListImages::default()).await;
    let networks = client.list_networks(&ListNetworks::default()).await;
    Ok(SavedCatalog {
        packages: values(&packages.context("reading packages")?.items)?,
        images: values(&images.context("reading images")?.items)?,
        networks: values(&networks.context("reading networks")?.items)?,
    })
}

fn values<T: Serialize>(items: &[T]) -> anyhow::Result<Vec<Value>> {
    let values = items.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    values.context("writing the catalog")
}
