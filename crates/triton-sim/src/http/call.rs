//! One call: who asks for what, and the world that answers.

use jiff::Timestamp;
use uuid::Uuid;

use super::Params;
use crate::clock::add;
use crate::faults::{FaultKind, Faults, Strike, Trouble};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{Account, Caller, Fate, Instance, World};

/// What an endpoint's handler works with.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) faults: &'a mut Faults,
    /// Whose resources.
    pub(crate) account: Uuid,
    pub(crate) caller: Caller,
    pub(crate) params: Params,
    pub(crate) version: ApiVersion,
    pub(crate) now: Timestamp,
    /// What faults make of this call.
    pub(crate) trouble: Trouble,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The `Host` header: how the caller reached us.
    pub(crate) host: String,
    /// The caller prefers `text/plain`.
    pub(crate) wants_text: bool,
    pub(crate) is_delete: bool,
    /// What the call is about, as role tags name it; a create says here what it made.
    pub(crate) resource: String,
    /// The roles it acts in, when it needed any.
    pub(crate) active_roles: Option<Vec<Uuid>>,
    /// Names in the `role-tag` header.
    pub(crate) role_tag: Option<Vec<String>>,
    /// The fault that hides that this call was carried out.
    pub(crate) caught: Option<Strike>,
}

// === impl Call ===

impl Call<'_> {
    pub(crate) fn account(&self) -> Result<&Account, Refusal> {
        self.world.account(self.account)
    }

    /// The account as reads of keys, sub-users, roles and policies see it: the directory's copy, which follows changes after
    /// [`Delays::replication`](crate::Delays::replication).
    ///
    /// # Errors
    /// As [`Call::account`].
    pub(crate) fn account_as_read(&self) -> Result<&Account, Refusal> {
        match self.world.directory.get(self.account) {
            Some(account) => Ok(account),
            None => self.account(),
        }
    }

    /// The instance a path names; it was loaded before the handler ran.
    ///
    /// # Errors
    /// 404, or 500 when the parameters lost it: a JSON array as body takes the place of the path's.
    pub(crate) fn instance(&self) -> Result<&Instance, Refusal> {
        let id = self.instance_id()?;
        let instance = self.world.instances.get(&id);
        let instance = instance
            .filter(|instance| instance.owner == self.account && instance.is_visible(self.now));
        instance.ok_or_else(|| Refusal::not_found("VM not found"))
    }

    pub(crate) fn instance_id(&self) -> Result<Uuid, Refusal> {
        let id = self.params.str("machine").and_then(|text| text.parse().ok());
        id.ok_or_else(|| Refusal::internal("Internal Error"))
    }

    /// Whether a fault strikes this call.
    pub(crate) fn strikes(&mut self, kind: FaultKind) -> Option<Strike> {
        self.faults.strikes(kind, &mut self.trouble, self.now)
    }

    /// What faults have in store for a new instance.
    pub(crate) fn fate(&mut self) -> Fate {
        Fate {
            provision_fails: self.strikes(FaultKind::CreateAcceptedThenFailed).is_some(),
            provision_sticks: self.strikes(FaultKind::StuckProvisioning).is_some(),
            delete_sticks: false,
            hidden_until: self
                .strikes(FaultKind::CreateInvisible)
                .map(|strike| add(self.now, strike.delay)),
        }
    }

    /// How this call's version and parameters show an instance.
    pub(crate) fn instance_json(&self, instance: &Instance) -> serde_json::Value {
        instance.to_json(self.params.is_truthy("credentials"), self.version >= ApiVersion(8, 0, 0))
    }
}
