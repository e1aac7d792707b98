//! ConfigMaps and Secrets among the manifests: what pods of the same input refer to.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::tree::{Content, Node};
use super::workload::Object;
use crate::sources::{Reference, SourceKind, Sources};

/// By namespace.
pub(crate) type ByNamespace = HashMap<String, Sources>;

/// Adds the object if it is a ConfigMap or a Secret.
pub(crate) fn add(object: &Object<'_, '_>, namespace: &str, sources: &mut ByNamespace) {
    let kind = match object.kind {
        "ConfigMap" => SourceKind::ConfigMap,
        "Secret" => SourceKind::Secret,
        _ => return,
    };
    let Some(name) = object.name else { return };
    let mut contents = BTreeMap::new();
    let (plain, encoded) = match kind {
        SourceKind::ConfigMap => ("data", "binaryData"),
        SourceKind::Secret => ("stringData", "data"),
    };
    for (key, text) in entries(object.node, encoded) {
        // What is no base64 is the API server's to refuse; the key is there all the same.
        let letters: String = text.split_ascii_whitespace().collect();
        contents.insert(key.to_owned(), BASE64_STANDARD.decode(letters).unwrap_or_default());
    }
    for (key, text) in entries(object.node, plain) {
        contents.insert(key.to_owned(), text.as_bytes().to_vec());
    }
    let reference = Reference { kind, name: name.to_owned() };
    sources.entry(namespace.to_owned()).or_default().0.insert(reference, Some(contents));
}

fn entries<'a>(node: &'a Node<'_>, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let entries = match node.get(field).map(|node| &node.content) {
        Some(Content::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|(key, value)| (&*key.name, value.text().unwrap_or_default()))
}
