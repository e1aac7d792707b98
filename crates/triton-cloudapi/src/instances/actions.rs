//! UpdateMachine, one function for each action.
//!
//! All are jobs: the answer (202, empty) says that CloudAPI took the job, not that it is done or can be done. The state
//! is looked at when the job runs, so starting what runs is accepted too, and only the audit tells that it failed.

use super::{create, path};
use crate::answer::nothing;
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::request::{Request, RequestError};

pub(super) const START: Endpoint = Endpoint::once("StartMachine", Group::Machines);
pub(super) const STOP: Endpoint = Endpoint::once("StopMachine", Group::Machines);
pub(super) const REBOOT: Endpoint = Endpoint::once("RebootMachine", Group::Machines);
pub(super) const RESIZE: Endpoint = Endpoint::set("ResizeMachine", Group::Machines);
pub(super) const RENAME: Endpoint = Endpoint::set("RenameMachine", Group::Machines);
pub(super) const ENABLE_FIREWALL: Endpoint =
    Endpoint::set("EnableMachineFirewall", Group::Machines);
pub(super) const DISABLE_FIREWALL: Endpoint =
    Endpoint::set("DisableMachineFirewall", Group::Machines);
pub(super) const ENABLE_DELETION_PROTECTION: Endpoint =
    Endpoint::set("EnableMachineDeletionProtection", Group::Machines);
pub(super) const DISABLE_DELETION_PROTECTION: Endpoint =
    Endpoint::set("DisableMachineDeletionProtection", Group::Machines);

/// StartMachine. Accepted (202) in any state; only the audit tells whether it was any use.
///
/// # Errors
///
/// [`RequestError`].
pub fn start(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(START, id, "start")
}

/// StopMachine. Accepted (202) in any state. The guest gets 60 s (zones) or 180 s (hardware virtual machines) to stop.
///
/// # Errors
///
/// [`RequestError`].
pub fn stop(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(STOP, id, "stop")
}

/// RebootMachine.
///
/// # Errors
///
/// [`RequestError`].
pub fn reboot(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(REBOOT, id, "reboot")
}

/// ResizeMachine, to a package by UUID or name. kvm cannot be resized (409), bhyve only while stopped.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn resize(id: InstanceId, package: &str) -> Result<Request<()>, RequestError> {
    if package.is_empty() {
        return Err(RequestError::Empty { what: "the package's name" });
    }
    let target = path(id).query("action", "resize").query("package", package);
    RESIZE.post_nothing(&target, nothing)
}

/// RenameMachine.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a name that no instance can have.
pub fn rename(id: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    create::check_name(name)?;
    let target = path(id).query("action", "rename").query("name", name);
    RENAME.post_nothing(&target, nothing)
}

/// EnableMachineFirewall.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable_firewall(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(ENABLE_FIREWALL, id, "enable_firewall")
}

/// DisableMachineFirewall.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable_firewall(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(DISABLE_FIREWALL, id, "disable_firewall")
}

/// EnableMachineDeletionProtection.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable_deletion_protection(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(ENABLE_DELETION_PROTECTION, id, "enable_deletion_protection")
}

/// DisableMachineDeletionProtection.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable_deletion_protection(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(DISABLE_DELETION_PROTECTION, id, "disable_deletion_protection")
}

fn action(endpoint: Endpoint, id: InstanceId, action: &str) -> Result<Request<()>, RequestError> {
    endpoint.post_nothing(&path(id).query("action", action), nothing)
}
