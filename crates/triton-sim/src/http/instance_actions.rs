//! `POST /:account/machines/:machine?action=…`: accepted at once, carried out later.

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::world::{Brand, InstanceState, JobKind, check_name, duplicate};

pub(super) const ROUTES: &[Route] =
    &[Route::post("/:account/machines/:machine", "UpdateMachine", "machines", update)];

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let action = call.params.str("action").ok_or_else(|| Refusal::missing_parameter("action"))?;
    let kind = match action {
        "start" => JobKind::Start,
        "stop" => JobKind::Stop,
        "reboot" => JobKind::Reboot,
        "rename" => rename(call)?,
        "resize" => resize(call)?,
        "enable_firewall" => JobKind::SetFirewall(true),
        "disable_firewall" => JobKind::SetFirewall(false),
        "enable_deletion_protection" => JobKind::SetDeletionProtection(true),
        "disable_deletion_protection" => JobKind::SetDeletionProtection(false),
        other => return Err(Refusal::invalid_argument(format!("{other} is not a valid action"))),
    };
    let instance = call.instance()?;
    if instance.state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    let id = instance.id;
    call.world.submit(id, kind, call.caller.clone(), call.now);
    Ok(Answer::empty(202))
}

fn rename(call: &Call<'_>) -> Result<JobKind, Refusal> {
    let name = call.params.str("name").ok_or_else(|| Refusal::missing_parameter("name"))?;
    check_name(name, call.account()?.cns_enabled)?;
    if call.world.is_name_taken(call.account, name, Some(call.instance()?.id)) {
        return Err(duplicate());
    }
    Ok(JobKind::Rename(name.to_owned()))
}

/// Resizing fits no kernel-based virtual machine, and a bhyve one only when it is stopped.
fn resize(call: &Call<'_>) -> Result<JobKind, Refusal> {
    let wanted = call.params.str("package").ok_or_else(|| Refusal::missing_parameter("package"))?;
    let package = call.world.catalog.find_package(wanted);
    let package = package.ok_or_else(|| Refusal::not_found("package not found"))?;
    let instance = call.instance()?;
    match instance.brand {
        Brand::Kvm => {
            return Err(Refusal::invalid_argument("resizing is not supported for KVM machines"));
        }
        Brand::Bhyve if instance.state != InstanceState::Stopped => {
            return Err(Refusal::new(409, "VmNotStopped", "machine must be stopped"));
        }
        Brand::Bhyve if !package.flexible_disk || !instance.flexible_disk => {
            return Err(Refusal::invalid_argument("resizing needs packages with flexible disks"));
        }
        _ => {}
    }
    if package.brand.is_some_and(|brand| brand != instance.brand) {
        return Err(Refusal::invalid_argument("package is for another brand"));
    }
    Ok(JobKind::Resize {
        name: package.name.clone(),
        memory_mib: package.memory_mib,
        disk_mib: package.disk_mib,
    })
}
