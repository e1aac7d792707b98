//! Who holds a Lease: a name that tells one process from every other, and whether it still runs.

use std::fmt;

/// Between the parts of an identity. Host names do not hold it.
const SEPARATOR: char = '/';

/// The holder identity of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    text: String,
}

/// A process of one machine that cannot be mistaken for another one.
///
/// Written `HOST/BOOT-ID/PID-NAMESPACE/PID/START`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The host's name, for people; machines that were cloned may share everything else.
    pub host: String,
    /// `/proc/sys/kernel/random/boot_id`: one run of one kernel.
    pub boot: String,
    /// The inode of `/proc/self/ns/pid`: in which namespace the next number means something.
    pub namespace: String,
    /// The process.
    pub pid: u32,
    /// When it started, in clock ticks after the boot (`proc_pid_stat(5)`, field 22): a number may be used again.
    pub started: u64,
}

// === impl Identity ===

impl Identity {
    /// An identity that says nothing about a process. It must be nobody else's.
    #[must_use]
    pub fn named(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// As it is written into a Lease.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&ProcessIdentity> for Identity {
    fn from(process: &ProcessIdentity) -> Self {
        Self { text: process.to_string() }
    }
}

// === impl ProcessIdentity ===

impl ProcessIdentity {
    /// Reads a holder identity; `None` for one that names no process in this way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(SEPARATOR).collect();
        let [host, boot, namespace, pid, started] = parts[..] else { return None };
        if [host, boot, namespace].contains(&"") {
            return None;
        }
        Some(Self {
            host: host.to_owned(),
            boot: boot.to_owned(),
            namespace: namespace.to_owned(),
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }
}

impl fmt::Display for ProcessIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, boot, namespace, pid, started } = self;
        let s = SEPARATOR;
        write!(f, "{host}{s}{boot}{s}{namespace}{s}{pid}{s}{started}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        let process = ProcessIdentity {
            host: "node-1.example.com".to_owned(),
            boot: "0a4f".to_owned(),
            namespace: "4026531836".to_owned(),
            pid: 17,
            started: 99_123,
        };
        let text = process.to_string();
        assert_eq!(text, "node-1.example.com/0a4f/4026531836/17/99123");
        assert_eq!(ProcessIdentity::parse(&text), Some(process));
        for other in
            ["", "vk-triton-6d5f_2c1e", "a/b/c/17", "a/b/c/17/9/9", "a/b/c/x/9", "a//c/17/9"]
        {
            assert_eq!(ProcessIdentity::parse(other), None, "{other}");
        }
    }
}
