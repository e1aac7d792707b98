//! What the node wrote to the API server, by the API server's own audit log.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Verbs that write.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
/// Verbs' resources that only ask a question, although by POST.
const QUESTIONS: [&str; 2] = ["tokenreviews", "subjectaccessreviews"];

/// Numbers of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// To pods and their status.
    pub(crate) pods: u64,
    /// Events.
    pub(crate) events: u64,
    /// Node, lease, journal.
    pub(crate) other: u64,
}

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
    pub(crate) fn since(self, earlier: &Self) -> Self {
        Self {
            pods: self.pods - earlier.pods,
            events: self.events - earlier.events,
            other: self.other - earlier.other,
        }
    }

    /// One JSON object a line; a last line that is still being written is left out.
    fn count(text: &str) -> Self {
        let mut writes = Self::default();
        for entry in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let resource = entry["objectRef"]["resource"].as_str().unwrap_or_default();
            let is_write = entry["verb"].as_str().is_some_and(|verb| WRITES.contains(&verb));
            if !is_write || QUESTIONS.contains(&resource) {
                continue;
            }
            match resource {
                "pods" => writes.pods += 1,
                "events" => writes.events += 1,
                _ => writes.other += 1,
            }
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(verb: &str, resource: &str) -> String {
        format!(r#"{{"verb":"{verb}","objectRef":{{"resource":"{resource}"}}}}"#)
    }

    #[test]
    fn only_writes_are_counted_each_under_its_name() {
        let log = [
            entry("get", "pods"),
            entry("watch", "pods"),
            entry("patch", "pods"),
            entry("delete", "pods"),
            entry("create", "events"),
            entry("update", "leases"),
            entry("create", "subjectaccessreviews"),
            r#"{"verb":"patch","objec"#.to_owned(),
        ];
        assert_eq!(Writes::count(&log.join("\n")), Writes { pods: 2, events: 1, other: 1 });
    }

    #[test]
    fn a_log_that_is_not_there_yet_holds_nothing() {
        assert_eq!(Writes::read(Path::new("/nonexistent/audit.log")).unwrap(), Writes::default());
    }
}
