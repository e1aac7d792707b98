//! ListMachines' filters and the query they become.

use std::collections::BTreeMap;

use super::{Brand, InstanceKind};
use crate::ids::ImageId;
use crate::page::check_limit;
use crate::request::RequestError;
use crate::target::Target;

/// Filters of ListMachines (manual, "ListMachines"). All of them must match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListInstances {
    /// Every one of these tags must match; `*` in a value stands for anything. `true`, `false` and numerals match a tag
    /// of their type as well as text.
    pub tags: BTreeMap<String, String>,
    /// Name *prefix* (the manual says exact; the server does not).
    pub name_prefix: Option<String>,
    /// Made of this image; one that does not exist is a 404.
    pub image: Option<ImageId>,
    /// In this state.
    pub state: Option<StateFilter>,
    /// With exactly this memory, in MiB.
    pub memory_mib: Option<u64>,
    /// Of this brand.
    pub brand: Option<Brand>,
    /// Zones or hardware virtual machines.
    pub kind: Option<InstanceKind>,
    /// Made through the Docker API, or not.
    pub docker: Option<bool>,
    /// Include failed and destroyed instances.
    pub tombstones: bool,
    /// Include the passwords that the server made for the guests: see [`super::Metadata::credentials`].
    pub credentials: bool,
    /// Page size, 1-1000; the server's default and maximum is 1000.
    pub limit: Option<u32>,
    /// Instances to skip.
    pub offset: Option<u32>,
}

/// States that the server can filter by; for others list all and look.
///
/// Its words `provisioning`, `stopping` and `active` all mean every living instance, so they are not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateFilter {
    /// Running.
    Running,
    /// Stopped.
    Stopped,
    /// Destroyed, as far as the server remembers.
    Destroyed,
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

    pub(super) fn target(&self) -> Result<Target, RequestError> {
        check_limit(self.limit)?;
        let mut target = Target::new("/machines");
        for (name, value) in &self.tags {
            check_tag(name, value)?;
            target = target.query(&format!("tag.{name}"), value);
        }
        if let Some(kind @ InstanceKind::Other(_)) = &self.kind {
            return Err(RequestError::invalid(
                "type",
                kind,
                "instances are of type smartmachine or virtualmachine",
            ));
        }
        // Any text at all means yes to the server, `false` too: so nothing is sent for no.
        Ok(target
            .query_if("name", self.name_prefix.as_ref())
            .query_if("image", self.image)
            .query_if("state", self.state.map(StateFilter::as_str))
            .query_if("memory", self.memory_mib)
            .query_if("brand", self.brand.as_ref())
            .query_if("type", self.kind.as_ref())
            .query_if("docker", self.docker)
            .query_if("tombstone", self.tombstones.then_some("true"))
            .query_if("credentials", self.credentials.then_some("true"))
            .query_if("limit", self.limit)
            .query_if("offset", self.offset))
    }
}

// === impl StateFilter ===

impl StateFilter {
    /// The wire text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Destroyed => "destroyed",
        }
    }
}

/// A filter that matches nothing by mistake is as bad as one that matches everything: who deletes by tag would know.
fn check_tag(name: &str, value: &str) -> Result<(), RequestError> {
    const EXPECTED: &str = "the server cannot match = ( ) or \\ in a filter by tag";
    let is_lost = |text: &str| text.contains(['=', '(', ')', '\\']);
    if name.is_empty() {
        return Err(RequestError::Empty { what: "the name of a tag to filter by" });
    }
    if value.is_empty() {
        return Err(RequestError::invalid(
            format!("the filter by tag {name}"),
            value,
            "a value must match at least one character; * matches any",
        ));
    }
    for text in [name, value] {
        if is_lost(text) {
            return Err(RequestError::invalid("a filter by tag", text, EXPECTED));
        }
    }
    Ok(())
}
