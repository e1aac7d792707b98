//! Which instances ListMachines shows.

use serde_json::Value;
use uuid::Uuid;

use super::tags::text_of;
use super::{Brand, Instance, InstanceState};

/// Filters of ListMachines; all of them must match.
#[derive(Debug, Clone, Default)]
pub(crate) struct InstanceFilter {
    pub(crate) name_prefix: Option<String>,
    pub(crate) image: Option<Uuid>,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) brand: Option<String>,
    pub(crate) hvm: Option<bool>,
    pub(crate) docker: Option<bool>,
    pub(crate) state: StateFilter,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) any_tag: bool,
}

/// Which states are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum StateFilter {
    /// Neither deleted nor failed.
    #[default]
    Active,
    /// Everything, once.
    Tombstones,
    Exactly(InstanceState),
}

// === impl InstanceFilter ===

impl InstanceFilter {
    /// Whether an instance is listed.
    pub(crate) fn matches(&self, instance: &Instance) -> bool {
        if self.any_tag {
            return instance.state.is_active() && !instance.tags.is_empty();
        }
        let state = match self.state {
            StateFilter::Active => instance.state.is_active(),
            StateFilter::Tombstones => true,
            StateFilter::Exactly(state) => instance.state == state,
        };
        state
            && self.name_prefix.as_ref().is_none_or(|prefix| instance.name.starts_with(prefix))
            && self.image.is_none_or(|image| instance.image == image)
            && self.memory_mib.is_none_or(|memory| instance.memory_mib == memory)
            && self.brand.as_ref().is_none_or(|brand| instance.brand.as_str() == brand)
            && self.hvm.is_none_or(|hvm| Brand::is_hvm(instance.brand) == hvm)
            // There are no Docker instances here: only the Docker API makes them.
            && self.docker != Some(true)
            && self.tags.iter().all(|(key, wanted)| has_tag(instance, key, wanted))
    }
}

impl InstanceFilter {
    /// Whether everything it lets through is neither deleted nor failed.
    pub(super) fn is_about_active(&self) -> bool {
        self.any_tag || self.state.is_about_active()
    }

    /// A tag that an index can look up: its key, and its text if that is to match exactly.
    pub(super) fn indexed_tag(&self) -> Option<(&str, Option<&str>)> {
        if self.any_tag {
            return None;
        }
        let exact = self.tags.iter().find(|(_, text)| !text.contains('*'));
        let exact = exact.map(|(key, text)| (key.as_str(), Some(text.as_str())));
        exact.or_else(|| self.tags.first().map(|(key, _)| (key.as_str(), None)))
    }
}

fn has_tag(instance: &Instance, key: &str, wanted: &str) -> bool {
    // VMAPI keeps tags in one searchable string, in which these cannot be found again.
    let lost = |text: &str| text.contains(['=', '(', ')', '\\']);
    if lost(key) || lost(wanted) {
        return false;
    }
    instance.tags.get(key).is_some_and(|value: &Value| wildcard_matches(wanted, &text_of(value)))
}

/// `*` stands for any text.
pub(crate) fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tagged(key: &str, wanted: &str) -> InstanceFilter {
        InstanceFilter {
            tags: vec![(key.to_owned(), wanted.to_owned())],
            ..InstanceFilter::default()
        }
    }

    #[track_caller]
    fn check(filter: &InstanceFilter, expected: bool) {
        let mut instance = Instance::sample("web-0");
        instance.tags = json!({ "role": "web", "replica": 3, "canary": true, "odd(": "x" })
            .as_object()
            .unwrap()
            .clone();
        assert_eq!(filter.matches(&instance), expected, "{filter:?}");
    }

    #[test]
    fn filters_are_anded_and_names_match_by_prefix() {
        let name = |prefix: &str| InstanceFilter {
            name_prefix: Some(prefix.to_owned()),
            ..InstanceFilter::default()
        };
        check(&InstanceFilter::default(), true);
        check(&name("web"), true);
        check(&name("web-00"), false);
        check(&InstanceFilter { memory_mib: Some(1024), ..name("web") }, true);
        check(&InstanceFilter { memory_mib: Some(512), ..name("web") }, false);
        check(
            &InstanceFilter { docker: Some(false), hvm: Some(false), ..InstanceFilter::default() },
            true,
        );
        check(&InstanceFilter { docker: Some(true), ..InstanceFilter::default() }, false);
    }

    #[test]
    fn tags_compare_by_text_with_wildcards() {
        check(&tagged("role", "web"), true);
        check(&tagged("role", "w*"), true);
        check(&tagged("role", "*"), true);
        check(&tagged("role", "*b"), true);
        check(&tagged("role", "db"), false);
        check(&tagged("replica", "3"), true);
        check(&tagged("canary", "true"), true);
        check(&tagged("odd(", "x"), false);
        check(&tagged("absent", "*"), false);
    }

    #[test]
    fn deleted_and_failed_are_hidden_unless_asked_for() {
        let mut instance = Instance::sample("web-0");
        instance.state = InstanceState::Failed;
        let with = |state| InstanceFilter { state, ..InstanceFilter::default() };
        assert!(!with(StateFilter::Active).matches(&instance));
        assert!(with(StateFilter::Tombstones).matches(&instance));
        assert!(!with(StateFilter::Exactly(InstanceState::Deleted)).matches(&instance));
    }

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abd", false),
            ("a", "ab", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(wildcard_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
