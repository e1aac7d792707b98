//! Waiting for an instance: a state, something of its own, or its end.

use std::sync::{Arc, Mutex, PoisonError};

use super::share::Waiting;
use super::{Verdict, Wait};
use crate::client::Client;
use crate::ids::InstanceId;
use crate::instances::{Instance, InstanceState, Presence};

/// How often in a row an instance is not found before it is taken for gone.
const NOT_FOUND_MAX: u32 = 2;

/// The same for one that was never seen: its creation may not have come through to all of CloudAPI.
const NEVER_FOUND_MAX: u32 = 5;

/// An instance to wait for; say for what.
#[must_use = "say what is waited for"]
#[derive(Debug)]
pub struct InstanceWait {
    client: Client,
    id: InstanceId,
}

/// What was seen of an instance so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Memory {
    was_seen: bool,
    was_provisioning: bool,
    not_found: u32,
}

// === impl Client ===

impl Client {
    /// Waits for an instance.
    ///
    /// ```no_run
    /// use triton_cloudapi::InstanceId;
    /// use triton_cloudapi::client::{Client, WaitError};
    /// use triton_cloudapi::instances::InstanceState;
    ///
    /// # async fn example(client: &Client, id: InstanceId) -> Result<(), WaitError> {
    /// let instance = client
    ///     .wait_for_instance(id)
    ///     .until_state(InstanceState::Running)
    ///     .within(std::time::Duration::from_secs(300))
    ///     .on_progress(|progress| println!("{}: {}", progress.what, progress.seen))
    ///     .await?;
    /// println!("{:?}", instance.primary_ip);
    /// client.delete_instance(id).await?;
    /// client.wait_for_instance(id).until_gone().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_instance(&self, id: InstanceId) -> InstanceWait {
        InstanceWait { client: self.clone(), id }
    }
}

// === impl InstanceWait ===

impl InstanceWait {
    /// Until it is in that state. A failed one never will be, unless that is what is waited for.
    pub fn until_state(self, wanted: InstanceState) -> Wait<Instance> {
        let what = format!("instance {} {}", self.id, wanted.as_str());
        self.wait(what, move |memory, presence| memory.decide(presence, |i| i.state == wanted))
    }

    /// Until something is so of it: its name, its tags, its package. `what` says what, in a few words.
    pub fn until(
        self,
        what: &str,
        is_so: impl Fn(&Instance) -> bool + Send + Sync + 'static,
    ) -> Wait<Instance> {
        let what = format!("instance {} {what}", self.id);
        self.wait(what, move |memory, presence| memory.decide(presence, &is_so))
    }

    /// Until it is gone: destroyed, or not found twice in a row. One that is deleted while it is provisioning ends as
    /// failed, and counts as gone.
    pub fn until_gone(self) -> Wait<()> {
        let what = format!("instance {} gone", self.id);
        self.wait(what, Memory::decide_gone)
    }

    fn wait<T: Send + 'static>(
        self,
        what: String,
        decide: impl Fn(&mut Memory, Presence) -> Verdict<T> + Send + Sync + 'static,
    ) -> Wait<T> {
        let id = self.id;
        let waiting = Arc::new(Waiting::new(&self.client));
        let memory = Arc::new(Mutex::new(Memory::default()));
        let decide = Arc::new(decide);
        Wait::new(what, move || {
            let (waiting, memory) = (Arc::clone(&waiting), Arc::clone(&memory));
            let decide = Arc::clone(&decide);
            async move {
                let presence = waiting.look(id).await?;
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(decide(&mut memory, presence))
            }
        })
    }
}

// === impl Memory ===

impl Memory {
    fn decide(
        &mut self,
        presence: Presence,
        is_so: impl Fn(&Instance) -> bool,
    ) -> Verdict<Instance> {
        match presence {
            Presence::Present(instance) => {
                self.saw(&instance);
                if is_so(&instance) {
                    return Verdict::Done(*instance);
                }
                match instance.state {
                    InstanceState::Failed => Verdict::Never("it has failed".to_owned()),
                    InstanceState::Deleted => Verdict::Gone,
                    state => Verdict::NotYet(state.as_str().to_owned()),
                }
            }
            Presence::Destroyed(instance) if is_so(&instance) => Verdict::Done(*instance),
            Presence::Destroyed(_) => Verdict::Gone,
            Presence::NotFound => self.not_found(|| Verdict::Gone),
        }
    }

    fn decide_gone(&mut self, presence: Presence) -> Verdict<()> {
        match presence {
            Presence::Present(instance) => {
                self.saw(&instance);
                match instance.state {
                    InstanceState::Deleted => Verdict::Done(()),
                    InstanceState::Failed if self.was_provisioning => Verdict::Done(()),
                    state => Verdict::NotYet(state.as_str().to_owned()),
                }
            }
            Presence::Destroyed(_) => Verdict::Done(()),
            Presence::NotFound => {
                // Gone is what is waited for, so it need not have been seen.
                self.was_seen = true;
                self.not_found(|| Verdict::Done(()))
            }
        }
    }

    fn saw(&mut self, instance: &Instance) {
        self.was_seen = true;
        self.not_found = 0;
        self.was_provisioning |= instance.state == InstanceState::Provisioning;
    }

    /// Not found once is not gone: the server that answered may not know of it yet.
    fn not_found<T>(&mut self, gone: impl FnOnce() -> Verdict<T>) -> Verdict<T> {
        self.not_found += 1;
        let max = if self.was_seen { NOT_FOUND_MAX } else { NEVER_FOUND_MAX };
        if self.not_found >= max { gone() } else { Verdict::NotYet("not found".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    fn presence(what: &str) -> Presence {
        match what {
            "404" => Presence::NotFound,
            "410" => Presence::Destroyed(Box::new(Instance::destroyed(ID.parse().unwrap()))),
            state => {
                let instance = json!({"id": ID, "name": "x", "state": state, "tags": {}});
                Presence::Present(serde_json::from_value(instance).unwrap())
            }
        }
    }

    fn name<T>(verdict: &Verdict<T>) -> &'static str {
        match verdict {
            Verdict::Done(_) => "done",
            Verdict::NotYet(_) => "not yet",
            Verdict::Never(_) => "never",
            Verdict::Gone => "gone",
        }
    }

    /// The verdict over the last of these looks.
    #[track_caller]
    fn check_running(looks: &[&str], expected: &str) {
        let mut memory = Memory::default();
        let is_running = |instance: &Instance| instance.state == InstanceState::Running;
        let mut last = "";
        for look in looks {
            last = name(&memory.decide(presence(look), is_running));
        }
        assert_eq!(last, expected, "{looks:?}");
    }

    #[track_caller]
    fn check_gone(looks: &[&str], expected: &str) {
        let mut memory = Memory::default();
        let mut last = "";
        for look in looks {
            last = name(&memory.decide_gone(presence(look)));
        }
        assert_eq!(last, expected, "{looks:?}");
    }

    #[test]
    fn a_state_is_waited_for_until_it_is_there_or_cannot_be() {
        check_running(&["provisioning"], "not yet");
        check_running(&["provisioning", "running"], "done");
        check_running(&["provisioning", "failed"], "never");
        check_running(&["410"], "gone");
        check_running(&["deleted"], "gone");
        check_running(&["running-ish"], "not yet");
    }

    #[test]
    fn not_found_is_believed_only_when_it_is_said_again() {
        check_running(&["provisioning", "404"], "not yet");
        check_running(&["provisioning", "404", "404"], "gone");
        check_running(&["provisioning", "404", "provisioning", "404"], "not yet");
        check_running(&["404", "404", "404", "404"], "not yet");
        check_running(&["404", "404", "404", "404", "404"], "gone");
        check_running(&["404", "404", "running"], "done");
    }

    #[test]
    fn gone_is_destroyed_or_not_found_twice_or_failed_before_it_ever_ran() {
        check_gone(&["running"], "not yet");
        check_gone(&["running", "410"], "done");
        check_gone(&["stopping", "404"], "not yet");
        check_gone(&["404", "404"], "done");
        check_gone(&["404", "running", "404"], "not yet");
        check_gone(&["failed"], "not yet");
        check_gone(&["provisioning", "failed"], "done");
        check_gone(&["deleted"], "done");
    }
}
