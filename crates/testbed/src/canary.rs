//! A secret that every pod of a test carries, and a search for it in all the places where no secret belongs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, Pod, Secret};
use kube_client::api::{ListParams, PostParams};
use kube_client::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::stack::Stack;
use crate::wait::{Seen, until};

/// What the Secret is called, in the namespace `default`.
pub(crate) const CANARY: &str = "canary";
/// Its key.
pub(crate) const CANARY_KEY: &str = "value";
/// Files of a run that are searched, by their ending.
const SEARCHED: [&str; 3] = [".log", ".history", ".env"];

/// Longest that a process may take to serve its metrics.
const METRICS_LIMIT: Duration = Duration::from_secs(30);

/// The secret.
#[derive(Clone)]
pub struct Canary {
    value: String,
}

/// A text in which the secret was, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which text.
    pub name: String,
    /// Bytes that were searched.
    pub size: usize,
    /// Whether it was there, in the clear or in base64.
    pub is_hit: bool,
}

// === impl Canary ===

impl Canary {
    /// Puts a fresh one into the cluster.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn release(client: Client) -> Result<Self> {
        let value = format!("canary-{:032x}", rand::random::<u128>());
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": CANARY}, "stringData": {CANARY_KEY: value},
        }))
        .context("making the canary")?;
        let api: Api<Secret> = Api::namespaced(client, "default");
        api.create(&PostParams::default(), &secret).await.context("releasing the canary")?;
        Ok(Self { value })
    }

    /// Searches logs, events, pods, nodes, Leases, ConfigMaps, tags, firewall rules, metrics, the simulator's journals
    /// and what the node wrote to the API server.
    ///
    /// # Errors
    /// When one of these cannot be read.
    pub async fn search(&self, dir: &Path, stack: &Stack) -> Result<Vec<Place>> {
        let mut places = self.search_files(dir)?;
        let client = stack.client();
        places.push(self.look("pods", &all::<Pod>(&client).await?));
        places.push(self.look("nodes", &all::<Node>(&client).await?));
        places.push(self.look("events", &all::<Event>(&client).await?));
        places.push(self.look("configmaps", &all::<ConfigMap>(&client).await?));
        places.push(self.look("leases", &all::<Lease>(&client).await?));
        let control = stack.simulator.control();
        for path in ["/--sim/instances", "/--sim/requests", "/--sim/changes", "/--sim/cns"] {
            places.push(self.look(path, &control.text(path).await?));
        }
        places.push(self.look("firewall rules", &format!("{:?}", stack.cloud().rules().await?)));
        if let Some(node) = stack.node.as_ref().filter(|node| node.runs().runs()) {
            // A process that was started a moment ago does not serve them yet.
            let metrics = until("the node's metrics", METRICS_LIMIT, || async {
                node.metrics().await.map(Seen::Done)
            });
            places.push(self.look("metrics", &metrics.await?));
        }
        Ok(places)
    }

    /// Ends with an error that names every place where the secret was found.
    ///
    /// # Errors
    /// As said, and as [`Canary::search`].
    pub async fn search_or_fail(&self, dir: &Path, stack: &Stack) -> Result<Vec<Place>> {
        let places = self.search(dir, stack).await?;
        let hits: Vec<&str> =
            places.iter().filter(|place| place.is_hit).map(|place| place.name.as_str()).collect();
        ensure!(hits.is_empty(), "the canary Secret was found in: {}", hits.join(", "));
        Ok(places)
    }

    /// Searches one more text.
    #[must_use]
    pub fn search_text(&self, name: &str, text: &str) -> Place {
        self.look(name, text)
    }

    /// How many of the account's instances carry it where it belongs, in their metadata.
    ///
    /// # Errors
    /// When CloudAPI does not answer.
    pub async fn carried(&self, stack: &Stack) -> Result<usize> {
        let instances = stack.cloud().instances().await?;
        let user_data = instances.iter().filter_map(|one| one.metadata.text("user-data"));
        Ok(user_data.filter(|text| text.contains(&self.value)).count())
    }

    /// Files of a run, those in its folders too: each process of a test may have one of its own.
    fn search_files(&self, dir: &Path) -> Result<Vec<Place>> {
        let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
        let mut places = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // The API server and its store hold Secrets by trade.
            if name.starts_with("etcd") || name.starts_with("kube-") {
                continue;
            }
            if path.is_dir() {
                places.extend(self.search_files(&path)?);
            } else if SEARCHED.iter().any(|ending| name.ends_with(ending)) {
                let bytes =
                    fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                places.push(self.look(&path.to_string_lossy(), &String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(places)
    }

    fn look(&self, name: &str, text: &str) -> Place {
        let encoded = STANDARD.encode(&self.value);
        let is_hit = text.contains(&self.value) || text.contains(encoded.trim_end_matches('='));
        Place { name: name.to_owned(), size: text.len(), is_hit }
    }
}

/// Everything of a kind as one text.
async fn all<K>(client: &Client) -> Result<String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    let list = list.with_context(|| format!("listing {}", K::plural(&())))?;
    serde_json::to_string(&list.items).with_context(|| format!("writing {}", K::plural(&())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_the_clear_and_in_base64() {
        let canary = Canary { value: "canary-0123456789abcdef".to_owned() };
        assert!(canary.look("log", "env FOO=canary-0123456789abcdef done").is_hit);
        assert!(canary.look("log", &STANDARD.encode("canary-0123456789abcdef")).is_hit);
        assert!(!canary.look("log", "canary-").is_hit);
    }

    #[test]
    fn logs_are_searched_and_what_holds_secrets_by_trade_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let canary = Canary { value: "canary-0123456789abcdef".to_owned() };
        fs::create_dir(dir.path().join("second")).unwrap();
        let own = "second/vk-triton.log";
        for name in ["vk-triton.log", own, "audit.log", "etcd.log", "kube-apiserver.log", "core"] {
            fs::write(dir.path().join(name), "canary-0123456789abcdef").unwrap();
        }
        let mut places = canary.search_files(dir.path()).unwrap();
        places.sort_by(|one, other| one.name.cmp(&other.name));
        let found: Vec<&str> = places
            .iter()
            .filter(|place| place.is_hit)
            .filter_map(|place| Path::new(&place.name).strip_prefix(dir.path()).ok()?.to_str())
            .collect();
        assert_eq!(found, ["audit.log", own, "vk-triton.log"]);
    }
}
