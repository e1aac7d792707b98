//! What distinguishes a call from others, before its parameters.

use http::Method;
use serde_json::Value;

use crate::answer::{Answer, AnswerError, nothing_or_gone};
use crate::request::{Request, RequestError};
use crate::target::Target;

/// A call of CloudAPI, as the manual lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The manual's name, `CreateMachine`.
    pub name: &'static str,
    /// Which calls share the server's rate limit with it.
    pub group: Group,
    /// Whether it may be sent again.
    pub idempotency: Idempotency,
    /// Who goes first when calls must wait.
    pub priority: Priority,
    /// Where its path begins.
    pub scope: Scope,
}

/// Calls that share one token bucket on the server (sdc-cloudapi, `lib/throttles.js` and where routes are mounted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Instances with their tags, metadata, audit, snapshots, disks, migrations and consoles; firewall rules.
    Machines,
    /// Images.
    Images,
    /// Packages.
    Packages,
    /// Networks, their addresses, fabrics.
    Networks,
    /// NICs of instances.
    Nics,
    /// Volumes.
    Volumes,
    /// The account and its provisioning limits.
    Account,
    /// The account's configuration.
    Config,
    /// SSH keys, of sub-users too.
    Keys,
    /// Access keys, of sub-users too.
    AccessKeys,
    /// Sub-users.
    Users,
    /// Roles.
    Roles,
    /// Policies.
    Policies,
    /// Role tags.
    Resources,
    /// Datacenters.
    Datacenters,
    /// Services.
    Services,
    /// The changefeed.
    Changefeed,
    /// Not limited.
    Unlimited,
}

/// Whether a request may be sent again when it is not known whether the first one worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// Changes nothing.
    Read,
    /// Changes to the same state, however often it is sent.
    Idempotent,
    /// Would act twice: look before sending again.
    Never,
}

/// Who goes first when calls must wait for the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Deletes, and reads that confirm them.
    Delete,
    /// Creates and changes.
    Create,
    /// Lists and everything else that can be late.
    List,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/ACCOUNT/…`
    Account,
    /// `/…`, without authentication.
    Root,
}

// === impl Group ===

impl Group {
    /// Every group that has a bucket.
    pub const LIMITED: [Self; 17] = [
        Self::Machines,
        Self::Images,
        Self::Packages,
        Self::Networks,
        Self::Nics,
        Self::Volumes,
        Self::Account,
        Self::Config,
        Self::Keys,
        Self::AccessKeys,
        Self::Users,
        Self::Roles,
        Self::Policies,
        Self::Resources,
        Self::Datacenters,
        Self::Services,
        Self::Changefeed,
    ];
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) const fn new(
        name: &'static str,
        group: Group,
        idempotency: Idempotency,
        priority: Priority,
    ) -> Self {
        Self { name, group, idempotency, priority, scope: Scope::Account }
    }

    /// Changes nothing.
    pub(crate) const fn read(name: &'static str, group: Group) -> Self {
        Self::new(name, group, Idempotency::Read, Priority::List)
    }

    /// Makes something or does something, once for each time it is sent.
    pub(crate) const fn once(name: &'static str, group: Group) -> Self {
        Self::new(name, group, Idempotency::Never, Priority::Create)
    }

    /// Sets something to what is asked for, however often it is sent.
    pub(crate) const fn set(name: &'static str, group: Group) -> Self {
        Self::new(name, group, Idempotency::Idempotent, Priority::Create)
    }

    /// Removes something.
    pub(crate) const fn remove(name: &'static str, group: Group) -> Self {
        Self::new(name, group, Idempotency::Idempotent, Priority::Delete)
    }

    pub(crate) fn get<T>(
        self,
        target: &Target,
        read: impl Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync + 'static,
    ) -> Result<Request<T>, RequestError> {
        Request::build(self, Method::GET, target, None, read)
    }

    pub(crate) fn post<T>(
        self,
        target: &Target,
        body: &Value,
        read: impl Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync + 'static,
    ) -> Result<Request<T>, RequestError> {
        Request::build(self, Method::POST, target, Some(body), read)
    }

    /// A POST that says everything in its path and query.
    pub(crate) fn post_nothing<T>(
        self,
        target: &Target,
        read: impl Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync + 'static,
    ) -> Result<Request<T>, RequestError> {
        Request::build(self, Method::POST, target, None, read)
    }

    pub(crate) fn put<T>(
        self,
        target: &Target,
        body: &Value,
        read: impl Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync + 'static,
    ) -> Result<Request<T>, RequestError> {
        Request::build(self, Method::PUT, target, Some(body), read)
    }

    /// A DELETE, for which it is success that there is nothing to delete.
    pub(crate) fn delete(self, target: &Target) -> Result<Request<()>, RequestError> {
        Request::build(self, Method::DELETE, target, None, nothing_or_gone)
    }
}

/// Every call that this crate can make, as the manual names them: for metrics, for permissions (`CAN listmachines` is the
/// name in small letters), for a look at what there is.
pub fn endpoints() -> impl Iterator<Item = Endpoint> {
    let sections: [&[Endpoint]; 25] = [
        crate::ping::ENDPOINTS,
        crate::account::ENDPOINTS,
        crate::config::ENDPOINTS,
        crate::limits::ENDPOINTS,
        crate::keys::ENDPOINTS,
        crate::access_keys::ENDPOINTS,
        crate::users::ENDPOINTS,
        crate::roles::ENDPOINTS,
        crate::policies::ENDPOINTS,
        crate::role_tags::ENDPOINTS,
        crate::datacenters::ENDPOINTS,
        crate::services::ENDPOINTS,
        crate::images::ENDPOINTS,
        crate::packages::ENDPOINTS,
        crate::instances::ENDPOINTS,
        crate::snapshots::ENDPOINTS,
        crate::nics::ENDPOINTS,
        crate::disks::ENDPOINTS,
        crate::migrations::ENDPOINTS,
        crate::firewall_rules::ENDPOINTS,
        crate::networks::ENDPOINTS,
        crate::network_ips::ENDPOINTS,
        crate::fabrics::ENDPOINTS,
        crate::volumes::ENDPOINTS,
        crate::changefeed::ENDPOINTS,
    ];
    sections.into_iter().flatten().copied()
}
