//! ConfigMaps and Secrets that a pod's environment refers to.

use std::collections::BTreeMap;
use std::fmt;

/// One object a pod refers to, in its own namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// ConfigMap or Secret.
    pub kind: SourceKind,
    /// Name.
    pub name: String,
}

/// What kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// ConfigMap.
    ConfigMap,
    /// Secret.
    Secret,
}

/// The contents of what a pod refers to. `None` is an object that a live read said does not exist; an object that
/// was not read must not be listed at all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sources(pub BTreeMap<Reference, Option<BTreeMap<String, Vec<u8>>>>);

// === impl Sources ===

impl fmt::Debug for Sources {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
