//! ListMachines' filters and the query they become.

use std::collections::BTreeMap;

use crate::target::Target;

/// Instances on a page: the most the server gives, and its default.
pub const PAGE_MAX: u32 = 1000;

/// Filters of ListMachines (manual, "ListMachines").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListInstances {
    /// Every one of these tags must match.
    pub tags: BTreeMap<String, String>,
    /// Name *prefix* (the manual says exact; the server does not).
    pub name_prefix: Option<String>,
    /// Include failed and destroyed instances.
    pub tombstones: bool,
    /// Page size, 1-1000; the server's default and maximum is 1000.
    pub limit: Option<u32>,
    /// Instances to skip.
    pub offset: Option<u32>,
}

// === impl ListInstances ===

impl ListInstances {
    /// Only instances with this tag; `*` in the value stands for anything.
    #[must_use]
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Failed and destroyed instances too.
    #[must_use]
    pub fn with_tombstones(mut self) -> Self {
        self.tombstones = true;
        self
    }

    pub(super) fn target(&self) -> Target {
        let mut target = Target::new("/machines");
        for (name, value) in &self.tags {
            target = target.query(&format!("tag.{name}"), value);
        }
        // Any text at all means yes to the server, `false` too: so nothing is sent for no.
        target
            .query_if("name", self.name_prefix.as_ref())
            .query_if("tombstone", self.tombstones.then_some("true"))
            .query_if("limit", self.limit)
            .query_if("offset", self.offset)
    }
}
