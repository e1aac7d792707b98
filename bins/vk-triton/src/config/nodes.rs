//! Several nodes in one process: `[[nodes]]`, each with sections of its own over those that are for all.

use std::path::Path;

use anyhow::{Context, anyhow};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};

use super::{CloudApiSection, Config, ENV_PREFIX, explain};
use crate::nearest::nearest;

/// The list of nodes.
const NODES: &str = "nodes";

/// What an entry may hold.
const KEYS: [&str; 7] =
    ["name", "kubelet_port", "node", "defaults", "cloudapi", "kubelet", "limits"];

/// All that the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// What is for all nodes.
    pub(crate) config: Config,
    /// The nodes, if they are listed; else there is one, and the flags name it.
    pub(crate) nodes: Vec<NodeEntry>,
}

/// One of several nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeEntry {
    /// Its name.
    pub(crate) name: String,
    /// Port of its kubelet API; the flag's where it says nothing.
    pub(crate) kubelet_port: Option<u16>,
    /// What the entry itself says of CloudAPI.
    pub(crate) own_cloudapi: CloudApiSection,
    /// Its settings: what is for all, and the entry's own over it.
    pub(crate) config: Config,
}

// === impl Loaded ===

impl Loaded {
    /// Reads the settings. `file` must exist if it is given.
    ///
    /// # Errors
    /// Names the file, the node, the key, what was found and what would be right.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(anyhow!(
                    "--provider-config {}: no such file (an empty one is fine)",
                    file.display()
                ));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        // Only what names a section: other tools may have variables of this prefix too.
        let ours = Env::prefixed(ENV_PREFIX).filter(|name| name.as_str().contains("__"));
        Self::of(&figment.merge(ours.split("__"))).context("reading the settings")
    }

    /// Reads settings from text, for tests.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> anyhow::Result<Self> {
        Self::of(&Figment::from(Toml::string(text)))
    }

    fn of(figment: &Figment) -> anyhow::Result<Self> {
        let config: Config = figment.extract().map_err(|error| explain(&error))?;
        let entries = match figment.find_value(NODES) {
            Err(_) => Vec::new(),
            Ok(Value::Array(_, entries)) => entries,
            Ok(_) => return Err(anyhow!("`nodes` is no list: begin each node with `[[nodes]]`")),
        };
        let nodes = entries.into_iter().enumerate();
        let nodes: anyhow::Result<_> =
            nodes.map(|(index, entry)| NodeEntry::of(figment, index, entry)).collect();
        Ok(Self { config, nodes: nodes? })
    }
}

// === impl NodeEntry ===

impl NodeEntry {
    /// Reads one entry over what is for all.
    fn of(shared: &Figment, index: usize, entry: Value) -> anyhow::Result<Self> {
        let mut entry = entry.into_dict().with_context(|| {
            format!("`nodes[{index}]` is no table: begin each node with `[[nodes]]`")
        })?;
        let name = match entry.remove("name").map(Value::into_string) {
            Some(Some(name)) if !name.is_empty() => name,
            _ => return Err(anyhow!("`nodes[{index}].name` is missing: what is the node called?")),
        };
        Self::named(shared, name.clone(), entry).with_context(|| format!("[[nodes]] {name}"))
    }

    fn named(shared: &Figment, name: String, mut entry: Dict) -> anyhow::Result<Self> {
        let kubelet_port = match entry.remove("kubelet_port") {
            None => None,
            Some(port) => match port.deserialize::<u16>().ok() {
                Some(port) if port > 0 => Some(port),
                _ => {
                    return Err(anyhow!(
                        "`kubelet_port` is no port: write a number from 1 to 65535"
                    ));
                }
            },
        };
        if let Some(unknown) = entry.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = match nearest(unknown, &KEYS) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known are: {}", KEYS.join(", ")),
            };
            return Err(anyhow!("unknown key `{unknown}`; {hint}"));
        }
        let own = Figment::from(Serialized::defaults(&entry));
        let alone: Config = own.extract().map_err(|error| explain(&error))?;
        let config = shared.clone().merge(Serialized::defaults(entry)).extract();
        let config = config.map_err(|error| explain(&error))?;
        Ok(Self { name, kubelet_port, own_cloudapi: alone.cloudapi, config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Loaded {
        Loaded::of_text(text).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, words: &[&str]) {
        let message = format!("{:#}", Loaded::of_text(text).unwrap_err());
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }

    #[test]
    fn an_entry_goes_over_what_is_for_all_key_by_key() {
        let loaded = load(
            "[node]\npods = 7\ncpu = 8\n[limits]\nlist_idle = '30s'\n[cloudapi]\naccount = 'all'\n\
             [[nodes]]\nname = 'a'\nkubelet_port = 10251\n[nodes.node]\npods = 9\n\
             [nodes.cloudapi]\nurl = 'https://a.example.com'\n[nodes.defaults]\nnetworks = ['x']\n\
             [[nodes]]\nname = 'b'",
        );
        let [a, b] = &loaded.nodes[..] else { panic!("{loaded:?}") };
        assert_eq!((a.name.as_str(), a.kubelet_port), ("a", Some(10251)));
        assert_eq!((a.config.node.pods, a.config.node.cpu.as_str()), (9, "8"));
        assert_eq!(a.config.limits.list_idle.as_secs(), 30);
        assert_eq!(a.config.defaults.networks, ["x"]);
        assert_eq!(a.config.cloudapi.account.as_deref(), Some("all"));
        assert_eq!(a.own_cloudapi.url.as_deref(), Some("https://a.example.com"));
        assert_eq!(a.own_cloudapi.account, None);
        assert_eq!((b.name.as_str(), b.kubelet_port), ("b", None));
        assert_eq!(b.config, loaded.config);
        assert_eq!(b.own_cloudapi, CloudApiSection::default());
    }

    #[test]
    fn without_a_list_there_is_no_entry() {
        assert_eq!(load(""), Loaded::default());
    }

    #[test]
    fn what_is_wrong_with_an_entry_names_node_and_key() {
        refused("[nodes]\npods = 7", &["`nodes` is no list", "[[nodes]]"]);
        refused("nodes = [7]", &["`nodes[0]`", "[[nodes]]"]);
        refused(
            "[[nodes]]\nname = 'a'\n[[nodes]]\nkubelet_port = 1",
            &["nodes[1].name", "missing"],
        );
        refused("[[nodes]]\nname = 'a'\nkubelet_port = 70000", &["[[nodes]] a", "kubelet_port"]);
        refused(
            "[[nodes]]\nname = 'a'\nkubelet_prot = 7",
            &["[[nodes]] a", "did you mean `kubelet_port`?"],
        );
        refused(
            "[[nodes]]\nname = 'a'\n[nodes.node]\npod = 7",
            &["[[nodes]] a", "unknown key `node.pod`", "did you mean `pods`?"],
        );
        refused(
            "[[nodes]]\nname = 'a'\n[nodes.limits]\nlist_idle = '5 parsecs'",
            &["[[nodes]] a", "limits.list_idle", "`90s`"],
        );
    }
}
