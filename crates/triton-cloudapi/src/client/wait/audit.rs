//! Waiting for what only the audit tells: whether an action that was accepted was also carried out.
//!
//! CloudAPI accepts a start, a stop or a reboot in any state (202), and the job behind it fails in the wrong one. The
//! audit has an entry for each action that ended. Which of them is ours is told by a mark made before the action: the
//! entries that were there already.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Verdict, Wait, WaitError};
use crate::client::{Client, Error};
use crate::ids::InstanceId;
use crate::instances::AuditEntry;
use crate::request::Request;

/// The audit's names of actions.
pub mod actions {
    /// CreateMachine.
    pub const PROVISION: &str = "provision";
    /// StartMachine.
    pub const START: &str = "start";
    /// StopMachine.
    pub const STOP: &str = "stop";
    /// RebootMachine.
    pub const REBOOT: &str = "reboot";
    /// ResizeMachine.
    pub const RESIZE: &str = "resize";
    /// RenameMachine.
    pub const RENAME: &str = "rename";
    /// DeleteMachine.
    pub const DESTROY: &str = "destroy";
}

/// The entries that an instance's audit had at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditMark {
    id: InstanceId,
    entries: Entries,
}

/// How often each action ended at each time.
type Entries = BTreeMap<(String, Option<Timestamp>), usize>;

// === impl Client ===

impl Client {
    /// Notes which actions have ended, to tell those that end later from them.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn mark_audit(&self, id: InstanceId) -> Result<AuditMark, Error> {
        let page = self.list_instance_audit(id).await?;
        Ok(AuditMark { id, entries: entries(&page.items) })
    }

    /// Waits for an action to end that had not when the mark was made: one of [`actions`], or another name that the
    /// audit uses. One that failed is a [`WaitError::Never`].
    pub fn wait_for_action(&self, mark: AuditMark, action: &str) -> Wait<AuditEntry> {
        let what = format!("{action} of instance {}", mark.id);
        let (client, mark, action) = (self.clone(), Arc::new(mark), action.to_owned());
        Wait::new(what, move || {
            let (client, mark, action) = (client.clone(), Arc::clone(&mark), action.clone());
            async move {
                match client.list_instance_audit(mark.id).await {
                    Ok(page) => Ok(mark.decide(&page.items, &action)),
                    Err(error) if error.is_not_found() => Ok(Verdict::Gone),
                    Err(error) => Err(error),
                }
            }
        })
    }

    /// Sends a request that starts an action, and waits until the audit says that it was carried out.
    ///
    /// ```no_run
    /// use triton_cloudapi::client::wait::actions;
    /// use triton_cloudapi::client::{Client, WaitError};
    /// use triton_cloudapi::{InstanceId, instances};
    ///
    /// # async fn example(client: &Client, id: InstanceId) -> Result<(), WaitError> {
    /// let reboot = instances::reboot(id).map_err(triton_cloudapi::client::Error::from)?;
    /// client.send_and_confirm(reboot, id, actions::REBOOT).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::Never`] when the action was accepted and failed, [`WaitError::Call`] when it was not accepted.
    pub async fn send_and_confirm<T>(
        &self,
        request: Request<T>,
        id: InstanceId,
        action: &str,
    ) -> Result<AuditEntry, WaitError> {
        let mark = self.mark_audit(id).await?;
        self.send(request).await?;
        self.wait_for_action(mark, action).await
    }
}

// === impl AuditMark ===

impl AuditMark {
    /// What the audit says now about an action that had not ended then.
    fn decide(&self, audit: &[AuditEntry], action: &str) -> Verdict<AuditEntry> {
        let mut known = self.entries.clone();
        // Newest first, as the server sorts them: from the other end come first those that were there already, and
        // then, of those that were not, the one that was waited for.
        let fresh: Vec<&AuditEntry> = audit
            .iter()
            .rev()
            .filter(|entry| match known.get_mut(&key(entry)) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            })
            .collect();
        match fresh.iter().find(|entry| entry.action == action) {
            Some(entry) if entry.is_success() => Verdict::Done((*entry).clone()),
            Some(_) => Verdict::Never(
                "it was accepted and then failed (was the instance in the wrong state for it?)"
                    .to_owned(),
            ),
            None => Verdict::NotYet(format!("{} other actions ended", fresh.len())),
        }
    }
}

fn entries(audit: &[AuditEntry]) -> Entries {
    let mut entries = Entries::new();
    for entry in audit {
        *entries.entry(key(entry)).or_default() += 1;
    }
    entries
}

fn key(entry: &AuditEntry) -> (String, Option<Timestamp>) {
    (entry.action.clone(), entry.time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `stop 1 yes`: an action, the second it ended at, and how.
    fn audit(rows: &[&str]) -> Vec<AuditEntry> {
        let entry = |row: &&str| {
            let [action, second, success] = row.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let time = format!("2026-01-01T00:00:0{second}.000Z");
            let entry = json!({"action": action, "success": success, "time": time});
            serde_json::from_value(entry).unwrap()
        };
        rows.iter().map(entry).collect()
    }

    #[track_caller]
    fn check(before: &[&str], now: &[&str], expected: &str) {
        let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let mark = AuditMark { id, entries: entries(&audit(before)) };
        let found = match mark.decide(&audit(now), "stop") {
            Verdict::Done(entry) => format!("done {}", entry.time.unwrap().as_second() % 10),
            Verdict::NotYet(_) => "not yet".to_owned(),
            Verdict::Never(_) => "never".to_owned(),
            Verdict::Gone => "gone".to_owned(),
        };
        assert_eq!(found, expected, "{before:?} {now:?}");
    }

    #[test]
    fn only_an_entry_that_was_not_there_before_counts() {
        check(&[], &[], "not yet");
        check(&[], &["stop 1 yes"], "done 1");
        check(&["stop 1 yes"], &["stop 1 yes"], "not yet");
        check(&["stop 1 yes"], &["stop 2 yes", "stop 1 yes"], "done 2");
        check(&["stop 1 yes"], &["start 2 yes", "stop 1 yes"], "not yet");
        check(&["stop 1 no"], &["stop 2 yes", "stop 1 no"], "done 2");
    }

    #[test]
    fn two_that_ended_in_the_same_instant_are_told_apart_by_number() {
        check(&["stop 1 yes"], &["stop 1 yes", "stop 1 yes"], "done 1");
        check(&["stop 1 yes"], &["stop 1 no", "stop 1 yes"], "never");
    }

    #[test]
    fn an_action_that_failed_is_not_waited_for_any_longer() {
        check(&["stop 1 yes"], &["stop 2 no", "stop 1 yes"], "never");
        check(&[], &["stop 3 yes", "stop 2 no"], "never");
    }
}
