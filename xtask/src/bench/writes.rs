//! What the node wrote to the API server, by the API server's own audit log.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Verbs that write.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
/// Verbs' resources that only ask a question, although by POST.
const QUESTIONS: [&str; 2] = ["tokenreviews", "subjectaccessreviews"];

/// Numbers of writes, by verb and resource, such as `patch pods/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes(BTreeMap<String, u64>);

// === impl Writes ===

impl Writes {
    /// Counts the whole log. One that is not there yet holds nothing.
    pub(crate) fn read(audit_log: &Path) -> Result<Self> {
        match fs::read_to_string(audit_log) {
            Ok(text) => Ok(Self::count(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", audit_log.display())),
        }
    }

    /// What came on top of an earlier count.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |what: &str| earlier.0.get(what).copied().unwrap_or_default();
        let more = self.0.iter().map(|(what, count)| (what.clone(), count - before(what)));
        Self(more.filter(|(_, count)| *count > 0).collect())
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those to a resource and what is below it, such as a pod's status.
    pub(crate) fn to(&self, resource: &str) -> u64 {
        let is_to = |what: &str| what.split([' ', '/']).nth(1) == Some(resource);
        self.0.iter().filter(|(what, _)| is_to(what)).map(|(_, count)| count).sum()
    }

    /// Each with its number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(what, count)| (what.as_str(), *count))
    }

    /// One JSON object a line; a last line that is still being written is left out.
    fn count(text: &str) -> Self {
        let mut writes = Self::default();
        for entry in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let object = &entry["objectRef"];
            let resource = object["resource"].as_str().unwrap_or_default();
            let verb = entry["verb"].as_str().unwrap_or_default();
            if !WRITES.contains(&verb) || QUESTIONS.contains(&resource) {
                continue;
            }
            let mut what = format!("{verb} {resource}");
            if let Some(part) = object["subresource"].as_str() {
                what.push('/');
                what.push_str(part);
            }
            *writes.0.entry(what).or_default() += 1;
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(verb: &str, resource: &str, part: &str) -> String {
        let part =
            if part.is_empty() { String::new() } else { format!(r#","subresource":"{part}""#) };
        format!(r#"{{"verb":"{verb}","objectRef":{{"resource":"{resource}"{part}}}}}"#)
    }

    #[test]
    fn only_writes_are_counted_each_under_its_name() {
        let log = [
            entry("get", "pods", ""),
            entry("watch", "pods", ""),
            entry("patch", "pods", "status"),
            entry("patch", "pods", "status"),
            entry("delete", "pods", ""),
            entry("create", "events", ""),
            entry("update", "leases", ""),
            entry("create", "subjectaccessreviews", ""),
            r#"{"verb":"patch","objec"#.to_owned(),
        ];
        let writes = Writes::count(&log.join("\n"));
        let expected = [
            ("create events", 1),
            ("delete pods", 1),
            ("patch pods/status", 2),
            ("update leases", 1),
        ];
        assert_eq!(writes.iter().collect::<Vec<_>>(), expected);
        assert_eq!(
            (writes.total(), writes.to("pods"), writes.to("leases"), writes.to("nodes")),
            (5, 3, 1, 0)
        );
        let earlier = Writes::count(&log[..3].join("\n"));
        assert_eq!(writes.since(&earlier).to("pods"), 2);
        assert_eq!(writes.since(&writes), Writes::default());
    }

    #[test]
    fn a_log_that_is_not_there_yet_holds_nothing() {
        assert_eq!(Writes::read(Path::new("/nonexistent/audit.log")).unwrap(), Writes::default());
    }
}
