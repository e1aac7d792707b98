//! A cluster in memory, for tests of this crate.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use triton_podspec::{Reference, SourceKind};

use crate::cluster::{Cluster, ClusterError, Stored, Values};

/// Configuration objects and a journal in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryCluster {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<(String, Reference), Values>,
    text: Option<String>,
    version: u64,
    writes: usize,
    failing: bool,
    way: Duration,
}

// === impl MemoryCluster ===

impl MemoryCluster {
    pub(crate) fn journal_text(&self) -> String {
        self.state.lock().unwrap().text.clone().unwrap_or_default()
    }

    pub(crate) fn journal_writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    /// The UIDs with a note in the journal.
    pub(crate) fn noted(&self) -> Vec<String> {
        let document: serde_json::Value =
            serde_json::from_str(&self.journal_text()).unwrap_or_default();
        document["intents"].as_object().into_iter().flatten().map(|(uid, _)| uid.clone()).collect()
    }

    /// Writes a ConfigMap or Secret; namespaces are `default`.
    pub(crate) fn put(&self, kind: SourceKind, name: &str, values: &[(&str, &str)]) {
        let reference = Reference { kind, name: name.to_owned() };
        let values = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect();
        self.state.lock().unwrap().values.insert(("default".to_owned(), reference), values);
    }

    /// From now on a write of the journal takes this long on its way there, and as long on its way back.
    pub(crate) fn slow_journal(&self, way: Duration) {
        self.state.lock().unwrap().way = way;
    }

    async fn travel(&self) {
        let way = self.state.lock().unwrap().way;
        if !way.is_zero() {
            tokio::time::sleep(way).await;
        }
    }

    /// Deletes the journal, as somebody with kubectl does.
    pub(crate) fn delete_journal(&self) {
        let mut state = self.state.lock().unwrap();
        state.text = None;
        state.version = 0;
    }

    /// Writes something else into the journal.
    pub(crate) fn edit_journal(&self, text: &str) {
        let mut state = self.state.lock().unwrap();
        state.text = Some(text.to_owned());
        state.version += 1;
    }

    pub(crate) fn fail_journal(&self, failing: bool) {
        self.state.lock().unwrap().failing = failing;
    }
}

impl Cluster for MemoryCluster {
    async fn values(
        &self,
        namespace: &str,
        reference: &Reference,
    ) -> Result<Option<Values>, ClusterError> {
        let state = self.state.lock().unwrap();
        Ok(state.values.get(&(namespace.to_owned(), reference.clone())).cloned())
    }

    async fn load_journal(&self) -> Result<Stored, ClusterError> {
        let state = self.state.lock().unwrap();
        let version = (state.version > 0).then(|| state.version.to_string());
        Ok(Stored { version, text: state.text.clone() })
    }

    async fn save_journal(
        &self,
        version: Option<String>,
        text: String,
    ) -> Result<String, ClusterError> {
        self.travel().await;
        let result = self.save(version, text);
        self.travel().await;
        result
    }
}

impl MemoryCluster {
    fn save(&self, version: Option<String>, text: String) -> Result<String, ClusterError> {
        let mut state = self.state.lock().unwrap();
        if state.failing {
            return Err(ClusterError::Request {
                verb: "write",
                what: "journal".to_owned(),
                source: kube_client::Error::LinesCodecMaxLineLengthExceeded,
            });
        }
        if version != (state.version > 0).then(|| state.version.to_string()) {
            return Err(ClusterError::Conflict);
        }
        state.version += 1;
        state.writes += 1;
        state.text = Some(text);
        Ok(state.version.to_string())
    }
}
